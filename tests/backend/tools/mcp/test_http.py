"""Servers behind an address: headers stay with it, answers are bounded, and a loss is told."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator

import pytest

from chatterm.backend.tools.mcp.servers import McpServers
from chatterm.backend.tools.mcp.values import McpState
from chatterm.config.model import McpServerSettings
from chatterm.core.errors import ToolError
from tests.backend.tools.mcp.conftest import World, called, settled, status
from tests.backend.tools.mcp.http_double import HttpDouble, Request, http_double, reply, result_of

pytestmark = pytest.mark.xdist_group("mcp")

TOKEN = "canary-token-1"


@pytest.fixture
async def double() -> AsyncIterator[HttpDouble]:
    async with http_double() as double:
        yield double


def servers_at(world: World, double: HttpDouble) -> McpServers:
    headers = {"Authorization": "Bearer ${MY_TOKEN}"}
    return world.servers(s=McpServerSettings(url=double.url, headers=headers))


@pytest.fixture
def servers(world: World, double: HttpDouble, monkeypatch: pytest.MonkeyPatch) -> McpServers:
    monkeypatch.setenv("MY_TOKEN", TOKEN)
    return servers_at(world, double)


async def test_a_server_behind_an_address(servers: McpServers, world: World, double: HttpDouble) -> None:
    await settled(servers)
    assert status(servers).state is McpState.READY
    assert (await called(servers)).text == "over HTTP"
    await servers.ping("s")
    assert {each.headers["authorization"] for each in double.requests} == {f"Bearer {TOKEN}"}
    assert {each.headers["accept-encoding"] for each in double.requests} == {"identity"}
    (request,) = world.asked
    assert (request.url, request.headers) == (double.url, ("Authorization",))
    assert TOKEN not in repr(request.lines())


async def test_no_request_and_no_header_goes_to_another_origin(
    servers: McpServers, double: HttpDouble
) -> None:
    async with http_double() as other:
        double.answer = lambda _: reply(
            b"", status="307 Temporary Redirect", headers=f"Location: {other.url}\r\n"
        )
        await settled(servers)
        assert status(servers).state is McpState.DOWN
        assert other.requests == []


@pytest.mark.parametrize(
    ("code", "words"),
    [("401 Unauthorized", "401; it wants a token: set mcp.s.headers"), ("500 Oh", "status 500")],
)
async def test_a_refusal_is_told_with_what_to_do(
    servers: McpServers, double: HttpDouble, code: str, words: str
) -> None:
    double.answer = lambda _: reply({"error": "no"}, status=code)
    await settled(servers)
    assert words in status(servers).reason


async def test_an_address_where_nobody_is_is_told(servers: McpServers, world: World) -> None:
    nobody = world.servers(s=McpServerSettings(url="http://127.0.0.1:1/mcp"))
    await settled(nobody)
    assert (status(nobody).state, "ConnectError" in status(nobody).reason) == (McpState.DOWN, True)


def large(request: Request) -> bytes:
    number = request.body.get("id")
    body = json.dumps({"jsonrpc": "2.0", "id": number, "result": {"content": [], "x": "x" * 5_000_000}})
    return reply(body.encode()) if request.body.get("method") == "tools/call" else result_of(request)


def zipped(request: Request) -> bytes:
    if request.body.get("method") != "tools/call":
        return result_of(request)
    content = [{"type": "text", "text": "small, but it could be a bomb"}]
    message = {"jsonrpc": "2.0", "id": request.body["id"], "result": {"content": content}}
    data = gzip.compress(json.dumps(message).encode())
    return reply(data, headers="Content-Encoding: gzip\r\n")


def one_event(request: Request) -> bytes:
    if request.body.get("method") != "tools/call":
        return result_of(request)
    return reply(b"data: " + b"x" * 5_000_000 + b"\n\n", kind="text/event-stream")


@pytest.mark.parametrize("answer", [large, zipped, one_event])
async def test_too_large_an_answer_costs_the_call(
    servers: McpServers, double: HttpDouble, answer: object
) -> None:
    await settled(servers)
    assert callable(answer)
    double.answer = answer
    with pytest.raises(ToolError):
        await called(servers)


async def test_a_stream_that_ends_at_once_is_not_opened_in_circles(
    servers: McpServers, double: HttpDouble
) -> None:
    opened = asyncio.Event()

    def answer(request: Request) -> bytes:
        if request.method != "GET":
            return result_of(request)
        opened.set()
        return reply(b"retry: 0\n\n", kind="text/event-stream")

    double.answer = answer
    await settled(servers)
    await opened.wait()
    for _ in range(5):
        await servers.ping("s")
    assert [each.method for each in double.requests].count("GET") == 1


async def test_a_server_that_was_lost_is_tried_again_later_and_by_the_user(
    servers: McpServers, double: HttpDouble
) -> None:
    await settled(servers)

    double.answer = lambda _: b"HTTP/9 nonsense\r\n\r\n"
    with pytest.raises(ToolError):
        await called(servers)
    await asyncio.wait_for(_down(servers), 10)
    servers.start()
    assert status(servers).state is McpState.DOWN  # not at once
    double.answer = result_of
    await servers.restart("s")
    await servers.settled(10)
    assert (await called(servers)).text == "over HTTP"


async def _down(servers: McpServers) -> None:
    while status(servers).state is not McpState.DOWN:  # noqa: ASYNC110  # a state, which tells nobody
        await asyncio.sleep(0.005)
