"""Servers of our own that do wrong, what asks for them, and what is remembered of them."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path

import pytest

from chatterm.backend.tools.base import ToolOutput
from chatterm.backend.tools.mcp.memory import McpMemory
from chatterm.backend.tools.mcp.servers import McpServers
from chatterm.backend.tools.mcp.specs import server_spec
from chatterm.backend.tools.mcp.tools import McpTool
from chatterm.backend.tools.mcp.values import McpStartRequest, McpStatus
from chatterm.backend.tools.programs.processes import Processes
from chatterm.config.model import McpServerSettings

SERVER = Path(__file__).with_name("hostile_server.py")
LONGEST = 20.0


class World:
    """Servers with a memory and a user who says `answer` to every question."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kept: Mapping[str, object] = {}
        self.asked: list[McpStartRequest] = []
        self.answer: Callable[[], Awaitable[bool]] = self._yes
        self.processes = Processes()
        self._open: list[McpServers] = []

    def command(self, *modes: str) -> tuple[str, ...]:
        """The command of a server that does what the modes say."""
        return (sys.executable, "-I", "-S", str(SERVER), str(self.folder), *modes)

    def servers(self, **settings: McpServerSettings) -> McpServers:
        """Servers with these settings, not started."""
        specs = [server_spec(name, each, str(self.folder), os.environ) for name, each in settings.items()]
        servers = McpServers(
            specs, McpMemory(self._load, self._save), self._may_start, processes=self.processes
        )
        self._open.append(servers)
        return servers

    async def started(self, *modes: str, timeout: float | None = None) -> McpServers:
        """One server, named `s`, that has settled."""
        settings = McpServerSettings(command=self.command(*modes), timeout_seconds=timeout)
        return await settled(self.servers(s=settings))

    async def close(self) -> None:
        """End all servers."""
        for servers in self._open:
            await servers.aclose()
        await self.processes.aclose()

    def marked(self, name: str) -> bool:
        """Whether a server left this marker."""
        return (self.folder / name).exists()

    async def _yes(self) -> bool:
        return True

    async def _may_start(self, request: McpStartRequest) -> bool:
        self.asked.append(request)
        return await self.answer()

    async def _load(self) -> Mapping[str, object]:
        return self.kept

    async def _save(self, value: Mapping[str, object]) -> None:
        self.kept = value


async def settled(servers: McpServers) -> McpServers:
    """The servers, started, once each is ready, off or down."""
    servers.start()
    await servers.settled(LONGEST)
    return servers


def status(servers: McpServers) -> McpStatus:
    """How the only server is."""
    (only,) = servers.statuses()
    return only


def tool(servers: McpServers, name: str = "s__echo") -> McpTool:
    """The tool of this name."""
    return next(each for each in servers.tools() if each.spec.name == name)


async def called(
    servers: McpServers, text: str = "hi", tell: Callable[[str], None] = lambda _: None
) -> ToolOutput:
    """What the tool echo answers."""
    prepared = await tool(servers).prepare({"text": text})
    async with asyncio.timeout(LONGEST):
        return await prepared.run(tell)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    if importlib.util.find_spec("mcp") is None:
        pytest.skip("the extra mcp is not installed")
    world = World(tmp_path)
    yield world
    await world.close()
