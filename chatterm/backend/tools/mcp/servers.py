"""All MCP servers of the settings: started together in the background, when they are first needed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

from chatterm.backend.tools.mcp.memory import McpMemory
from chatterm.backend.tools.mcp.server import MayStart, McpServer
from chatterm.backend.tools.mcp.tools import MOST_TOOLS, McpTool
from chatterm.backend.tools.mcp.values import (
    McpChange,
    McpContent,
    McpPrompt,
    McpResource,
    McpServerSpec,
    McpState,
    McpStatus,
)
from chatterm.backend.tools.programs.processes import Processes
from chatterm.core.errors import ToolError

AGAIN_SECONDS = 30.0
"""How long a server behind an address that was lost is left alone before it is tried again."""


class McpServers:
    """The servers by name, run among `processes`. `changed` is called when the state of one changes."""

    def __init__(
        self,
        specs: Iterable[McpServerSpec],
        memory: McpMemory,
        may_start: MayStart,
        changed: Callable[[], None] = lambda: None,
        *,
        processes: Processes,
    ) -> None:
        self._servers = {spec.name: McpServer(spec, processes, memory, may_start, changed) for spec in specs}
        self._tried: dict[str, float] = {}

    def start(self) -> None:
        """Start all that were not tried yet, and those behind an address that were lost; returns at once.

        Meant to be called before every turn. One that went down otherwise, or that the user refused, is left alone.
        """
        now = time.monotonic()
        for name, server in self._servers.items():
            tried = self._tried.get(name)
            is_lost = server.was_ready and server.state is McpState.DOWN and bool(server.spec.request.url)
            if tried is None or (is_lost and now - tried >= AGAIN_SECONDS):
                self._tried[name] = now
                server.start()

    async def settled(self, seconds: float) -> None:
        """Wait until each that was started is ready, off or down, at most so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                for name in tuple(self._tried):
                    await self._servers[name].settled()

    def tools(self) -> tuple[McpTool, ...]:
        """The tools of all servers that are ready, at most 128; of two with the same name, the first."""
        found: dict[str, McpTool] = {}
        for server in self._servers.values():
            for tool in server.tools:
                found.setdefault(tool.spec.name, tool)
        return tuple(found.values())[:MOST_TOOLS]

    def prompts(self) -> tuple[McpPrompt, ...]:
        """The prompts of all servers that are ready."""
        return tuple(prompt for server in self._servers.values() for prompt in server.prompts)

    def resources(self) -> tuple[McpResource, ...]:
        """The resources of all servers that are ready."""
        return tuple(resource for server in self._servers.values() for resource in server.resources)

    def statuses(self) -> tuple[McpStatus, ...]:
        """How each server is, in the order of the settings."""
        return tuple(server.status for server in self._servers.values())

    def changes(self) -> tuple[McpChange, ...]:
        """What differs from the tools that the user knows, for each server where something does."""
        return tuple(server.change for server in self._servers.values() if server.change is not None)

    async def accept_change(self, name: str) -> None:
        """The user has seen what differs of this server."""
        await self._named(name).accept_change()

    async def prompt_text(self, prompt: McpPrompt, arguments: Mapping[str, str]) -> str:
        """The text of a prompt with these arguments. Raises `ToolError`."""
        return await self._named(prompt.server).prompt(prompt, arguments)

    async def read_resource(self, resource: McpResource) -> tuple[McpContent, ...]:
        """The contents of a resource. Raises `ToolError`."""
        return await self._named(resource.server).read(resource)

    async def ping(self, name: str) -> None:
        """Measure how long a server takes to answer; `statuses` has it then. Raises `ToolError`."""
        await self._named(name).ping()

    async def restart(self, name: str) -> None:
        """End a server and start it again in the background; also one that was refused: it is asked for again."""
        self._tried[name] = time.monotonic()
        await self._named(name).restart()

    async def aclose(self) -> None:
        """End all servers, together, within 1 s."""
        await asyncio.gather(*(server.aclose() for server in self._servers.values()))

    def kill(self) -> None:
        """End all processes at once; for an exit that cannot wait."""
        for server in self._servers.values():
            server.kill()

    def _named(self, name: str) -> McpServer:
        if name not in self._servers:
            known = ", ".join(self._servers) or "none"
            raise ToolError(f"There is no server {name!r}; the settings have: {known}.")
        return self._servers[name]
