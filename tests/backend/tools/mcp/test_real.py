"""Servers that others wrote, where they are on the PATH: mcp-server-time, -everything and -filesystem."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from chatterm.backend.tools.mcp.servers import McpServers
from chatterm.backend.tools.mcp.values import McpState
from chatterm.config.model import McpServerSettings
from tests.backend.tools.mcp.conftest import LONGEST, World, settled, status, tool

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("mcp")]


async def running(world: World, program: str, *arguments: str) -> McpServers:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not on the PATH")
    servers = await settled(world.servers(s=McpServerSettings(command=(program, *arguments))))
    assert status(servers).state is McpState.READY, status(servers)
    return servers


async def result(servers: McpServers, name: str, tells: list[str] | None = None, **arguments: object) -> str:
    prepared = await tool(servers, f"s__{name}").prepare(arguments)
    async with asyncio.timeout(LONGEST):
        return (await prepared.run((tells if tells is not None else []).append)).text


async def test_time(world: World) -> None:
    servers = await running(world, "mcp-server-time")
    assert '"timezone": "Europe/Paris"' in await result(servers, "get_current_time", timezone="Europe/Paris")


async def test_everything(world: World) -> None:
    servers = await running(world, "mcp-server-everything")
    assert "hello" in await result(servers, "echo", message="hello")
    assert "42" in await result(servers, "get-sum", a=40, b=2)
    assert "image/png" in await result(servers, "get-tiny-image")
    told: list[str] = []
    await result(servers, "trigger-long-running-operation", told, duration=0.3, steps=3)
    assert len(told) >= 3
    prompt = next(each for each in servers.prompts() if not each.arguments)
    assert await servers.prompt_text(prompt, {})
    contents = await servers.read_resource(servers.resources()[0])
    assert contents[0].data
    await servers.ping("s")
    assert status(servers).left_out == ()


async def test_filesystem(world: World, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("inside")
    servers = await running(world, "mcp-server-filesystem", str(tmp_path))
    assert await result(servers, "read_text_file", path=str(tmp_path / "a.txt")) == "inside"
    assert "denied" in (await result(servers, "read_text_file", path="/etc/passwd")).lower()
