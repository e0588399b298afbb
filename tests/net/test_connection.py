"""A connection beneath the pool: when its bytes came in, and what waits to be read."""

from __future__ import annotations

import asyncio
import time

import pytest

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
