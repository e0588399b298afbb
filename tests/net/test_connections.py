"""Connections: kept, counted, closed when the user stops, and warm for the next turn."""

from __future__ import annotations

import asyncio
import logging
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from chatterm.backend.net.client import HttpClients
from chatterm.backend.net.sockets import StagedBackend
from chatterm.config.model import NetworkSettings
from chatterm.core.errors import ConfigError, ConnectionFailedError, RequestTimeoutError
from chatterm.core.turn import Stage
from tests.doubles import server_replies as replies
from tests.doubles.server import ScriptedServer
from tests.doubles.server_replies import Hang, Send, WaitFor
from tests.net.asking import BODY, KEY, Answer, ask, ask_body, deaf_port, wire

STOP_SECONDS = 1.0
"""Tells at once from later on a busy machine; how fast it is, is for the benchmark."""


@asynccontextmanager
async def clients_with(look_up: Callable[[str, int], list[str]] | None = None, **settings: float):
    clients = HttpClients(replace(NetworkSettings(), **settings), look_up=look_up)
    try:
        yield clients
    finally:
        await clients.aclose()


# ---- what is sent, and when -------------------------------------------------------------------


async def test_the_request_as_the_server_sees_it(server: ScriptedServer, clients: HttpClients) -> None:
    await ask(clients, wire(server.base_url("openai")))
    request = server.requests[0]
    assert (request.method, request.path, request.body) == ("POST", "/v1/chat/completions", BODY)
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["content-length"] == str(len(BODY)) and "transfer-encoding" not in request.headers
    assert request.headers["accept-encoding"] == "identity"
    assert request.headers["user-agent"].startswith("chatterm/")


async def test_a_large_body_arrives_whole(server: ScriptedServer, clients: HttpClients) -> None:
    request = wire(server.base_url("openai"))
    body = bytes(range(256)) * 20_000
    answer = await ask(
        clients,
        replace(request, body=body),
    )
    assert answer.error is None and server.requests[0].body == body


async def test_stages_and_stamps_are_in_order(server: ScriptedServer, clients: HttpClients) -> None:
    before = time.monotonic()
    answer = await ask(clients, wire(server.base_url("openai")))
    assert answer.stage_names == ["resolving", "connecting", "sending", "waiting"]
    times = [
        before,
        *(at for _, at in answer.stages),
        answer.headers_at,
        *(frame.at for frame in answer.frames),
    ]
    assert times == sorted(times) and times[-1] <= time.monotonic()
    again = await ask(clients, wire(server.base_url("openai")))
    assert again.stage_names == ["sending", "waiting"]


async def test_no_cookie_is_kept(server: ScriptedServer, clients: HttpClients) -> None:
    server.reply_status(200, {}, Set_Cookie="visit=1; Path=/")
    await ask(clients, wire(server.base_url("openai")))
    await ask(clients, wire(server.base_url("openai")))
    assert "cookie" not in server.requests[1].headers


async def test_the_http_client_logs_neither_key_nor_address(
    server: ScriptedServer, clients: HttpClients, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        await ask(clients, wire(server.base_url("openai"), path="/chat/completions?key=canary"))
    assert server.requests
    assert not [record for record in caplog.records if record.name.startswith(("httpx", "httpcore"))]


# ---- kept connections -------------------------------------------------------------------------


def test_the_defaults_keep_connections_for_minutes() -> None:
    settings = NetworkSettings()
    assert (settings.keepalive_seconds, settings.pool_maxsize, settings.pool_connections) == (300.0, 100, 20)


@pytest.mark.parametrize(("keepalive_seconds", "connections"), [(300.0, [0, 0]), (0.02, [0, 1])])
async def test_a_connection_is_kept_as_long_as_the_setting_says(
    server: ScriptedServer, keepalive_seconds: float, connections: list[int]
) -> None:
    async with clients_with(keepalive_seconds=keepalive_seconds) as clients:
        await ask(clients, wire(server.base_url("openai")))
        await asyncio.sleep(0.05)
        await ask(clients, wire(server.base_url("openai")))
    assert [request.connection for request in server.requests] == connections


async def test_two_turns_with_a_long_pause_between_share_a_connection(
    server: ScriptedServer, clients: HttpClients
) -> None:
    await ask(clients, wire(server.base_url("openai")))
    await asyncio.sleep(5.2)  # the HTTP client's own default is to keep a connection for 5 s
    await ask(clients, wire(server.base_url("openai")))
    assert [request.connection for request in server.requests] == [0, 0]


async def test_a_model_list_warms_the_connection_for_a_chat(
    server: ScriptedServer, clients: HttpClients
) -> None:
    base_url = server.base_url("openai")
    assert b"scripted-model" in await ask_body(clients, wire(base_url, path="/models", framing=None))
    await ask(clients, wire(base_url))
    assert [request.connection for request in server.requests] == [0, 0]


async def test_endpoints_do_not_share_connections(server: ScriptedServer, clients: HttpClients) -> None:
    await ask(clients, wire(server.base_url("openai")))
    await ask(clients, wire(server.base_url("ollama"), path="/api/chat", framing="ndjson"))
    assert [request.connection for request in server.requests] == [0, 1]


async def test_connections_at_the_same_time_are_limited(server: ScriptedServer) -> None:
    server.reply(Hang())
    async with clients_with(pool_maxsize=1, pool_connections=1) as clients:
        first = asyncio.ensure_future(ask(clients, wire(server.base_url("openai"))))
        await server.until(lambda: server.requests)
        second = await ask(clients, wire(server.base_url("openai"), connect_seconds=0.05))
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
    assert type(second.error) is RequestTimeoutError and "all connections" in second.error.message


async def test_surplus_connections_are_closed_between_turns(server: ScriptedServer) -> None:
    for _ in range(2):
        server.reply(WaitFor("both"), *replies.whole({}))
    async with clients_with(pool_connections=1) as clients:
        asking = [asyncio.ensure_future(ask(clients, wire(server.base_url("openai")))) for _ in range(2)]
        await server.until(lambda: len(server.requests) == 2)
        server.release("both")
        await asyncio.gather(*asking)
        await server.until(lambda: [seen.closed_at is None for seen in server.connections].count(True) == 1)


async def test_a_dead_peer_is_noticed_by_the_system(server: ScriptedServer) -> None:
    stream = await StagedBackend().connect_tcp("127.0.0.1", server.port)
    connection = stream.get_extra_info("socket")
    assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    if hasattr(socket, "TCP_KEEPIDLE"):
        names = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
        idle, interval, count = (connection.getsockopt(socket.IPPROTO_TCP, name) for name in names)
        assert idle + interval * count <= 60
    await stream.aclose()


async def test_closing_is_quick_and_leaves_nothing_open(server: ScriptedServer) -> None:
    clients = HttpClients(NetworkSettings())
    await ask(clients, wire(server.base_url("openai")))
    start = time.monotonic()
    await clients.aclose()
    assert time.monotonic() - start < STOP_SECONDS
    await server.until(lambda: server.connections[0].closed_at)


# ---- stopping ---------------------------------------------------------------------------------


async def stop(asking: asyncio.Task[Answer]) -> float:
    """Cancel, and give the time it was asked for; the task must be over at once."""
    at = time.monotonic()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert time.monotonic() - at < STOP_SECONDS
    return at


async def seen_close(server: ScriptedServer, at: float) -> None:
    """The server saw the close of its one connection soon after."""
    await server.until(lambda: server.connections[0].closed_at)
    closed_at = server.connections[0].closed_at
    assert closed_at is not None and closed_at - at < STOP_SECONDS


async def test_stop_while_connecting() -> None:
    answer = Answer()
    with deaf_port() as port:
        async with clients_with() as clients:
            asking = asyncio.ensure_future(ask(clients, wire(f"http://127.0.0.1:{port}"), answer))
            await answer.stage_event(Stage.CONNECTING).wait()
            await stop(asking)


async def test_stop_during_the_handshake(clients: HttpClients) -> None:
    answer = Answer()
    async with ScriptedServer(on_connect=[Hang()]) as server:
        base_url = f"https://127.0.0.1:{server.port}"
        asking = asyncio.ensure_future(ask(clients, wire(base_url), answer))
        await answer.stage_event(Stage.SECURING).wait()
        await server.until(lambda: server.connections and server.connections[0].received_bytes)
        await seen_close(server, await stop(asking))
        assert server.requests == []


async def test_stop_while_sending(clients: HttpClients) -> None:
    answer = Answer()
    async with ScriptedServer(accepts=False) as server:
        request = wire(server.base_url("openai"))
        large = replace(request, body=bytes(64 << 20))
        asking = asyncio.ensure_future(ask(clients, large, answer))
        await answer.stage_event(Stage.SENDING).wait()
        await asyncio.sleep(0.05)
        assert answer.stage_names[-1] == "sending"
        await stop(asking)


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param([Hang()], id="waiting"),
        pytest.param([Send(replies.head("text/event-stream")), Hang()], id="first event"),
        pytest.param(
            [Send(replies.head("text/event-stream") + replies.chunk(b"data: {")), Hang()], id="in an event"
        ),
        pytest.param([Send(b"HTTP/1.1 200 OK\r\nContent-Type: text"), Hang()], id="in the headers"),
    ],
)
async def test_stop_before_an_event(
    server: ScriptedServer, clients: HttpClients, steps: list[replies.Step]
) -> None:
    server.reply(*steps)
    answer = Answer()
    asking = asyncio.ensure_future(ask(clients, wire(server.base_url("openai")), answer))
    await server.until(lambda: server.requests and len(server.requests[0].sent_at) == len(steps) - 1)
    await answer.stage_event(Stage.WAITING).wait()
    await seen_close(server, await stop(asking))


async def test_stop_in_the_middle_of_the_text(server: ScriptedServer, clients: HttpClients) -> None:
    server.reply_text("one two three", gates={3: "never"})
    answer = Answer()
    asking = asyncio.ensure_future(ask(clients, wire(server.base_url("openai")), answer))
    await answer.arrived.wait()
    await seen_close(server, await stop(asking))
    assert answer.frames


async def test_leaving_an_unfinished_response_closes_it(server: ScriptedServer, clients: HttpClients) -> None:
    server.reply_text("one two three", gates={3: "never"})
    async with clients.open_stream(wire(server.base_url("openai")), lambda *_: None) as stream:
        async for _ in stream.frames():
            break
        left_at = time.monotonic()
    await seen_close(server, left_at)
    assert (await ask(clients, wire(server.base_url("openai")))).error is None


async def test_a_stopped_turn_does_not_block_the_next_one(server: ScriptedServer) -> None:
    async with clients_with(pool_maxsize=1, pool_connections=1) as clients:
        for _ in range(3):
            server.reply(Hang())
            asking = asyncio.ensure_future(ask(clients, wire(server.base_url("openai"))))
            seen = len(server.requests)
            await server.until(lambda seen=seen: len(server.requests) > seen)
            await stop(asking)
        assert (await ask(clients, wire(server.base_url("openai")))).error is None


# ---- look-up ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "message", "retryable"),
    [
        (socket.gaierror(socket.EAI_NONAME, "unknown"), "cannot find api.example: no such host", False),
        (socket.gaierror(socket.EAI_AGAIN, "later"), "cannot find api.example: the name service", True),
        (UnicodeError("label too long"), "cannot find api.example: no such host", False),
    ],
)
async def test_a_host_that_is_not_found(error: Exception, message: str, retryable: bool) -> None:
    def look_up(host: str, port: int) -> list[str]:
        raise error

    async with clients_with(look_up) as clients:
        answer = await ask(clients, wire("http://api.example", is_local=False))
    assert type(answer.error) is ConnectionFailedError
    assert message in answer.error.message and answer.error.retryable is retryable
    assert answer.stage_names == ["resolving"]


async def test_a_look_up_that_takes_too_long() -> None:
    async with _hanging_look_up() as (clients, _):
        answer = await ask(clients, wire("http://api.example", connect_seconds=0.05))
    assert type(answer.error) is RequestTimeoutError
    assert "cannot find api.example: the look-up took longer than 0.05 s" in answer.error.message


async def test_stop_during_the_look_up() -> None:
    answer = Answer()
    async with _hanging_look_up() as (clients, started):
        asking = asyncio.ensure_future(ask(clients, wire("http://api.example"), answer))
        await started()
        await stop(asking)
    assert answer.stage_names == ["resolving"]


@asynccontextmanager
async def _hanging_look_up() -> AsyncIterator[tuple[HttpClients, Callable[[], Awaitable[bool]]]]:
    started, released = threading.Event(), threading.Event()

    def look_up(host: str, port: int) -> list[str]:
        started.set()
        released.wait(30)
        return ["127.0.0.1"]

    async with clients_with(look_up) as clients:
        try:
            yield clients, lambda: asyncio.to_thread(started.wait, 5)
        finally:
            released.set()


HANGING_PROGRAM = """
import asyncio, sys, time
from chatterm.backend.net.client import HttpClients, preload
from chatterm.config.model import NetworkSettings
from tests.net.asking import Answer, ask, wire
from chatterm.core.turn import Stage

async def main():
    preload()
    clients = HttpClients(NetworkSettings(), look_up=lambda host, port: time.sleep(12) or [])
    answer = Answer()
    asking = asyncio.ensure_future(ask(clients, wire("http://api.example"), answer))
    await answer.stage_event(Stage.RESOLVING).wait()
    await asyncio.sleep(0.05)
    print("quit", flush=True)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await clients.aclose()

asyncio.run(main())
"""


def test_a_hanging_look_up_does_not_hold_up_the_exit() -> None:
    program = subprocess.Popen([sys.executable, "-c", HANGING_PROGRAM], stdout=subprocess.PIPE)
    assert program.stdout is not None
    with program.stdout:
        assert program.stdout.readline() == b"quit\n"
        quit_at = time.monotonic()
        assert program.wait(10) == 0
    assert time.monotonic() - quit_at < 1.0


async def test_every_address_of_a_host_is_tried(server: ScriptedServer) -> None:
    with deaf_port("127.0.0.2", server.port):
        # refused, silent, then the right one
        addresses = ["127.0.0.3", "127.0.0.2", "127.0.0.1"]
        async with clients_with(lambda host, port: addresses) as clients:
            answer = await ask(clients, wire(f"http://api.example:{server.port}/v1", is_local=True))
    assert answer.error is None and answer.frames
    assert answer.stage_names == ["resolving", "connecting", "sending", "waiting"]
    assert server.requests[0].headers["host"] == f"api.example:{server.port}"


# ---- requests that cannot be sent, and imports ------------------------------------------------


@pytest.mark.parametrize("key", [f"{KEY}\nX-Evil: 1", f"{KEY}é"])
async def test_a_key_with_characters_that_http_does_not_allow(
    server: ScriptedServer, clients: HttpClients, key: str
) -> None:
    request = wire(server.base_url("openai"))
    broken = replace(request, headers={"Authorization": key})
    answer = await ask(clients, broken)
    assert type(answer.error) is ConfigError and "a header holds a character" in answer.error.message
    assert KEY not in str(answer.error) and server.requests == []


@pytest.mark.parametrize("base_url", ["ftp://api.example", "http://", "api"])
async def test_an_address_that_cannot_be_asked(clients: HttpClients, base_url: str) -> None:
    answer = await ask(clients, wire(base_url))
    assert type(answer.error) is ConfigError and "base_url" in answer.error.hint


def test_importing_net_does_not_import_the_http_client() -> None:
    program = (
        "import sys, chatterm.backend.net.client, chatterm.backend.net.framing\n"
        "assert not {'httpx', 'httpcore', 'anyio', 'h11'} & set(sys.modules), sorted(sys.modules)\n"
        "chatterm.backend.net.client.preload()\n"
        "assert {'httpx', 'httpcore'} <= set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
