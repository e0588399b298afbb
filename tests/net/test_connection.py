"""A connection beneath the pool: when its bytes came in, and what waits to be read."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time

import httpcore
import pytest
import trustme

from chatterm.backend.net.client import HttpClients
from chatterm.backend.net.connection import MOST_WAITING_BYTES, Connection, connect
from tests.doubles.server import ScriptedServer
from tests.doubles.server_replies import stream
from tests.net.asking import wire


class StillTransport(asyncio.Transport):
    """A transport on which nothing happens; notes whether it is read from."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[bool] = []

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Nothing is written."""

    def pause_reading(self) -> None:
        """The connection wants no more."""
        self.reads.append(False)

    def resume_reading(self) -> None:
        """The connection wants more."""
        self.reads.append(True)


@pytest.fixture
def trust() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """For a client and for a server on 127.0.0.1."""
    authority = trustme.CA()
    client, server = ssl.create_default_context(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.configure_trust(client)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    return client, server


def made() -> tuple[Connection, StillTransport]:
    """A connection and its transport."""
    connection, transport = Connection(), StillTransport()
    connection.connection_made(transport)
    return connection, transport


async def test_bytes_are_stamped_as_they_come_in_and_not_as_they_are_read() -> None:
    connection, _ = made()
    stamps: list[float] = []
    for data in (b"first", b"second"):
        before = time.monotonic()
        connection.data_received(data)
        stamps += [before, time.monotonic()]
    assert await connection.read(3) + await connection.read(64) == b"first"
    assert stamps[0] <= connection.get_extra_info("arrived_at") <= stamps[1]
    assert await connection.read(64) == b"second"
    assert stamps[2] <= connection.get_extra_info("arrived_at") <= stamps[3]


async def test_a_server_that_is_faster_than_its_reader_is_let_wait() -> None:
    connection, transport = made()
    connection.data_received(b"x")
    assert await connection.read(64) == b"x" and transport.reads == [True]
    connection.data_received(bytes(MOST_WAITING_BYTES + 1))
    assert transport.reads == [True, False]
    while len(transport.reads) < 3:
        assert await connection.read(1024)
    assert transport.reads == [True, False, True]


async def test_what_came_before_the_end_is_read_first() -> None:
    connection, _ = made()
    connection.data_received(b"x")
    connection.connection_lost(None)
    assert await connection.read(64) == b"x"
    assert await connection.read(64) == b""


async def test_nothing_is_read_before_it_is_asked_for() -> None:
    sent, closed = asyncio.Event(), asyncio.Event()

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"for TLS to read")
        await writer.drain()
        sent.set()
        await reader.read()
        writer.close()
        closed.set()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as listening:
        connection = await connect("127.0.0.1", listening.sockets[0].getsockname()[1], [])
        await sent.wait()
        assert connection.get_extra_info("is_readable")
        assert await connection.read(64) == b"for TLS to read"
        await connection.aclose()
        await closed.wait()


async def test_a_frame_has_the_time_of_its_bytes(
    monkeypatch: pytest.MonkeyPatch, server: ScriptedServer, clients: HttpClients
) -> None:
    came: list[float] = []
    received = Connection.data_received

    def noted(connection: Connection, data: bytes) -> None:
        received(connection, data)
        came.append(time.monotonic())

    monkeypatch.setattr(Connection, "data_received", noted)
    server.reply(*stream([b'data: {"a": 1}\n\n']))
    async with clients.open_stream(wire(server.base_url("openai")), lambda stage, at: None) as response:
        frames = [frame async for frame in response.frames()]
    assert frames and response.headers_at <= frames[0].at <= came[-1]


async def test_bytes_before_tls_never_pass_for_what_it_secured(
    trust: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    closed = asyncio.Event()

    async def inject(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"a way through, and more")
        with contextlib.suppress(ConnectionResetError):  # for there is more that nobody took
            await reader.read()
        writer.transport.abort()
        closed.set()

    async with await asyncio.start_server(inject, "127.0.0.1", 0) as listening:
        connection = await connect("127.0.0.1", listening.sockets[0].getsockname()[1], [])
        assert await connection.read(13) == b"a way through"
        with pytest.raises(httpcore.ConnectError):
            await connection.start_tls(trust[0], "127.0.0.1", 5)
        await connection.aclose()
        await closed.wait()


async def test_a_server_that_leaves_with_the_last_word_of_the_handshake(
    trust: tuple[ssl.SSLContext, ssl.SSLContext], caplog: pytest.LogCaptureFixture
) -> None:
    trust[1].maximum_version = ssl.TLSVersion.TLSv1_2  # in which the server has that word

    closed = asyncio.Event()

    async def leave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        secured = trust[1].wrap_bio(incoming, outgoing, server_side=True)
        for step in (secured.do_handshake, secured.do_handshake, secured.do_handshake, secured.unwrap):
            with contextlib.suppress(ssl.SSLWantReadError):
                step()
                continue
            writer.write(outgoing.read())
            incoming.write(await reader.read(65536))
        writer.write(outgoing.read())
        await reader.read()
        writer.transport.abort()
        closed.set()

    async with await asyncio.start_server(leave, "127.0.0.1", 0) as listening:
        connection = await connect("127.0.0.1", listening.sockets[0].getsockname()[1], [])
        await connection.start_tls(trust[0], "127.0.0.1", 5)
        assert await connection.read(64, 5) == b""
        await connection.aclose()
        await closed.wait()
    assert caplog.records == []


async def test_a_write_lets_the_loop_come_to_its_other_work(server: ScriptedServer) -> None:
    connection = await connect("127.0.0.1", server.port, [])
    worked = asyncio.Event()
    asyncio.get_running_loop().call_soon(worked.set)
    await connection.write(b"x")
    assert worked.is_set()
    await connection.aclose()


async def test_an_answer_is_read_though_the_server_left_in_the_middle_of_the_request() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"too much")
        await writer.drain()
        writer.transport.abort()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as listening:
        connection = await connect("127.0.0.1", listening.sockets[0].getsockname()[1], [])
        with pytest.raises(httpcore.WriteError):
            await connection.write(bytes(50_000_000), 5)
        assert await connection.read(64, 5) == b"too much"
        await connection.aclose()
