"""What is remembered of MCP servers between runs: which commands were allowed, and what their tools said then."""

from __future__ import annotations

import asyncio
import difflib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, cast

from chatterm.backend.tools.base import Tool, pin_of
from chatterm.backend.tools.mcp.values import McpChange, McpStartRequest
from chatterm.core.errors import StoreError

MOST_SAID = 4000
"""Characters kept of what a tool says of itself, to show what differs; its hash covers all of it."""
MOST_LINES = 400

LoadMemory = Callable[[], Awaitable[Mapping[str, object]]]
SaveMemory = Callable[[Mapping[str, object]], Awaitable[None]]
"""Read and write one mapping of JSON values. `StoreError` stands for nothing remembered."""


class McpMemory:
    """Consents to servers by the hash of their command, and pins of their tools."""

    def __init__(self, load: LoadMemory, save: SaveMemory) -> None:
        self._load, self._save = load, save
        self._lock = asyncio.Lock()

    async def allows(self, request: McpStartRequest) -> bool:
        """Whether exactly this was allowed before."""
        return (await self._read("allowed")).get(request.server) == request.digest

    async def allow(self, request: McpStartRequest) -> None:
        """Remember that this was allowed; any other command of that name is asked for again."""
        await self._put("allowed", request.server, request.digest)

    async def forbid(self, server: str) -> None:
        """Forget that it was allowed."""
        await self._put("allowed", server, None)

    async def compare(self, server: str, tools: Sequence[Tool]) -> McpChange | None:
        """What differs between these tools and those accepted before; None where nothing does.

        The tools that a server lists first are accepted: nothing was allowed of it yet.
        """
        known = (await self._read("tools")).get(server)
        if not isinstance(known, dict):
            await self.accept(server, tools)
            return None
        return _change(server, cast("dict[str, Any]", known), _pinned(tools))

    async def accept(self, server: str, tools: Sequence[Tool]) -> None:
        """Remember these tools as those that the user knows."""
        await self._put("tools", server, _pinned(tools))

    async def _read(self, part: str) -> dict[str, Any]:
        try:
            found = (await self._load()).get(part)
        except StoreError:
            return {}
        return cast("dict[str, Any]", found) if isinstance(found, dict) else {}

    async def _put(self, part: str, server: str, value: object) -> None:
        async with self._lock:
            try:
                kept = dict(await self._load())
                inner = kept.get(part)
                own = dict(cast("dict[str, object]", inner)) if isinstance(inner, dict) else {}
                own.pop(server, None)
                await self._save({**kept, part: own if value is None else {**own, server: value}})
            except StoreError:
                return  # it is asked again the next time


def _pinned(tools: Sequence[Tool]) -> dict[str, Any]:
    return {tool.spec.name: {"pin": pin_of(tool), "said": _said(tool)} for tool in tools}


def _said(tool: Tool) -> str:
    """What a tool says of itself, as lines to compare."""
    schema = json.dumps(tool.spec.parameters, ensure_ascii=False, indent=1, sort_keys=True)
    text = f"{tool.spec.description}\n{schema}"
    return text if len(text) <= MOST_SAID else f"{text[:MOST_SAID]}\n(and more)"


def _change(server: str, before: dict[str, Any], now: dict[str, Any]) -> McpChange | None:
    changed = [name for name in now if name in before and _part(before, name, "pin") != now[name]["pin"]]
    change = McpChange(
        server=server,
        added=tuple(sorted(set(now) - set(before))),
        removed=tuple(sorted(set(before) - set(now))),
        changed=tuple(sorted(changed)),
        difference=_difference(before, now, sorted({*changed, *(set(now) - set(before))})),
    )
    return change if change.added or change.removed or change.changed else None


def _difference(before: dict[str, Any], now: dict[str, Any], names: Sequence[str]) -> str:
    lines: list[str] = []
    for name in names:
        old, new = _part(before, name, "said").splitlines(), _part(now, name, "said").splitlines()
        found = list(difflib.unified_diff(old, new, f"{name} (known)", f"{name} (now)", lineterm=""))
        lines += found or [f"{name} differs in what is too long to be shown"]
    if (more := len(lines) - MOST_LINES) > 0:
        lines[MOST_LINES:] = [f"(and {more:,} lines more)"]
    return "\n".join(lines)


def _part(tools: dict[str, Any], name: str, part: str) -> str:
    """A part of what is remembered of a tool, whatever the store holds."""
    found = tools.get(name)
    value = cast("dict[str, object]", found).get(part) if isinstance(found, dict) else None
    return value if isinstance(value, str) else ""
