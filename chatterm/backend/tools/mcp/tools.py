"""Tools of MCP servers as tools that a model may call."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from chatterm.backend.tools.base import PreparedCall, TellProgress, ToolOutput
from chatterm.backend.tools.mcp.schema import check_arguments, usable_schema
from chatterm.backend.tools.mcp.values import McpPrompt, McpToolEntry
from chatterm.core.clean import well_formed
from chatterm.core.errors import InvalidCallError
from chatterm.core.tools import Access
from chatterm.core.turn import ToolSpec

MOST_TOOLS = 128
"""Of one server, and of all together."""
MOST_DESCRIPTION = 4000

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")

CallServer = Callable[["McpTool", Mapping[str, object], TellProgress], Awaitable[ToolOutput]]
"""Calls a tool of a server, if the server still has exactly this one. Raises `ToolError`."""


class LeaveOut(Protocol):
    """Takes the name of what is not used, and why."""

    def __call__(self, name: str, reason: str) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class McpTool:
    """A tool of a server. What the server says of its harmlessness loosens nothing: each call is asked for."""

    server: str
    own_name: str
    spec: ToolSpec
    call: CallServer
    timeout_seconds: float | None = None

    @property
    def source(self) -> str:
        """Whose tool it is."""
        return f"mcp:{self.server}"

    @property
    def is_pure(self) -> bool:
        """Never: nobody knows what a server does."""
        return False

    async def prepare(self, arguments: Mapping[str, object]) -> PreparedCall:
        """Check the arguments by the schema, and ask for exactly this call of this tool of this server."""
        check_arguments(self.spec.parameters, arguments)
        said = [self.server, self.own_name, arguments]
        try:
            target = msgspec.json.encode(said, order="deterministic").decode()
        except (ValueError, TypeError, RecursionError):
            raise InvalidCallError("The arguments cannot be written as JSON.") from None

        async def run(tell: TellProgress) -> ToolOutput:
            return await self.call(self, arguments, tell)

        lines = (f"Server: {self.server}", f"Tool: {self.own_name}", *_shown(arguments))
        return PreparedCall(access=Access(kind="call", target=target, lines=lines), run=run)


def tools_of(
    server: str,
    entries: Sequence[McpToolEntry],
    call: CallServer,
    leave_out: LeaveOut,
    timeout_seconds: float | None = None,
) -> tuple[McpTool, ...]:
    """The tools that can be used, at most 128, named `SERVER__TOOL`; the others are told to `leave_out`."""
    counts: dict[str, int] = {}
    for entry in entries:
        counts[entry.name] = counts.get(entry.name, 0) + 1
    tools: dict[str, McpTool] = {}
    for entry in entries:
        name = f"{server}__{entry.name}"
        if not _NAME.fullmatch(name):
            leave_out(entry.name, "as SERVER__TOOL its name must be at most 64 of A-Z, a-z, 0-9, _ and -")
        elif counts[entry.name] > 1:
            leave_out(entry.name, "the server has several tools of this name")
        elif len(tools) >= MOST_TOOLS:
            leave_out(entry.name, f"there are more than {MOST_TOOLS} tools")
        else:
            try:
                parameters = usable_schema(entry.schema)
            except ValueError as error:
                leave_out(entry.name, str(error))
                continue
            description = well_formed(entry.description)[:MOST_DESCRIPTION]
            spec = ToolSpec(name=name, description=description, parameters=parameters)
            tools[name] = McpTool(
                server=server, own_name=entry.name, spec=spec, call=call, timeout_seconds=timeout_seconds
            )
    return tuple(tools.values())


def usable_prompts(prompts: Sequence[McpPrompt], leave_out: LeaveOut) -> tuple[McpPrompt, ...]:
    """The prompts whose names can be slash commands; the others are told to `leave_out`."""
    found: dict[str, McpPrompt] = {}
    for prompt in prompts:
        if not _NAME.fullmatch(prompt.command):
            leave_out(prompt.name, "as SERVER__PROMPT its name must be at most 64 of A-Z, a-z, 0-9, _ and -")
        elif prompt.command in found:
            leave_out(prompt.name, "the server has several prompts of this name")
        else:
            found[prompt.command] = prompt
    return tuple(found.values())


def _shown(arguments: Mapping[str, Any]) -> tuple[str, ...]:
    """Each argument on a line of its own: outside text, whole."""
    return tuple(f"{name}: {msgspec.json.encode(value).decode()}" for name, value in arguments.items())
