"""One TCP connection, plain or under TLS, that stamps what it reads when it comes in."""

from __future__ import annotations

import asyncio
import select
import ssl
import time
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpcore

MOST_WAITING_BYTES = 256 * 1024
"""When so much waits to be taken, the server is let wait as well."""


async def connect(address: str, port: int, options: list[httpcore.SOCKET_OPTION]) -> Connection:
    """A connection to an address. Raises `OSError`."""
    loop = asyncio.get_running_loop()
    transport, connection = await loop.create_connection(Connection, address, port)
    transport.pause_reading()  # what comes before it is asked for may be for TLS to read
    for option in options:
        transport.get_extra_info("socket").setsockopt(*option)
    return connection


class Connection(asyncio.Protocol, httpcore.AsyncNetworkStream):
    """A connection for httpcore's pool; see `connect`.

    Its extra info `arrived_at` is when the bytes that `read` gave last came in, in monotonic seconds. It is noted as
    the loop takes them from the system, before any task runs: of many replies each would else wait for the others.
    """

    def __init__(self) -> None:
        self._arrived_at = 0.0
        self._waiting: deque[tuple[float, bytes]] = deque()
        self._size = 0
        self._is_paused = True
        self._is_secured = False
        self._is_over = False
        self._error: Exception | None = None
        self._news = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()

    # ---- for the loop ------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(1, 0)  # at 0 TLS pauses for an empty buffer, and for good

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        self._waiting.append((time.monotonic(), data))
        self._size += len(data)
        if self._size > MOST_WAITING_BYTES and not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()
        self._news.set()

    def eof_received(self) -> bool:
        """See `asyncio.Protocol`. The connection stays until it is closed here, except under TLS."""
        self._is_over = True
        self._news.set()
        return not self._is_secured

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._error = exc
        self._is_over = True
        self._news.set()
        self._writable.set()

    def pause_writing(self) -> None:
        """See `asyncio.Protocol`."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """See `asyncio.Protocol`."""
        self._writable.set()

    # ---- for the pool ------------------------------------------------------------------------

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """At most `max_bytes`; empty at the end."""
        self._take_more()
        if not (self._waiting or self._is_over):
            self._news.clear()
            async with _limited(timeout, httpcore.ReadTimeout):
                await self._news.wait()
        if not self._waiting:
            if self._error is not None:
                raise httpcore.ReadError(str(self._error)) from self._error
            return b""
        self._arrived_at, data = self._waiting.popleft()
        if len(data) > max_bytes:
            self._waiting.appendleft((self._arrived_at, data[max_bytes:]))
            data = data[:max_bytes]
        self._size -= len(data)
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Returns once the system has taken the bytes."""
        self._take_more()  # an answer, and the close behind it, may come before all of a request is out
        if buffer and not self._transport.is_closing():
            self._transport.write(buffer)
            await asyncio.sleep(0)  # in which TLS hears of a failure, and the loop comes to its other work
            async with _limited(timeout, httpcore.WriteTimeout):
                await self._writable.wait()
        if self._transport.is_closing():
            raise httpcore.WriteError(str(self._error or "the connection is closed")) from self._error

    async def aclose(self) -> None:
        """Closes the socket at once."""
        self._transport.abort()
        await asyncio.sleep(0)  # in which the loop closes it

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> Connection:
        """The same connection under TLS; closed if the handshake fails."""
        loop = asyncio.get_running_loop()
        try:
            if self._waiting:  # it would be read later as what TLS had secured
                raise ssl.SSLError("bytes came before the TLS handshake")
            if self._is_secured:
                _mend(self._transport)
            self._is_secured = True
            async with _limited(timeout, httpcore.ConnectTimeout):
                secured = await loop.start_tls(
                    self._transport, self, ssl_context, server_hostname=server_hostname
                )
        except OSError as error:
            self._transport.abort()
            raise httpcore.ConnectError(str(error)) from error
        assert secured is not None
        self.connection_made(secured)
        self._is_paused = False
        return self

    def get_extra_info(self, info: str) -> Any:
        """The pool asks for `ssl_object`, and for `is_readable`: whether anything came, or the end."""
        if info == "arrived_at":
            return self._arrived_at
        if info == "is_readable":
            return bool(self._waiting) or self._is_over or self._transport.is_closing() or self._has_news()
        return self._transport.get_extra_info(info)

    def _take_more(self) -> None:
        if self._is_paused and self._size < MOST_WAITING_BYTES:
            self._is_paused = False
            self._transport.resume_reading()

    def _has_news(self) -> bool:
        """Whether the system has something that the loop did not come to yet."""
        poll = select.poll()
        poll.register(self._transport.get_extra_info("socket").fileno(), select.POLLIN)
        return bool(poll.poll(0))


def _mend(outer: asyncio.Transport) -> None:
    """TLS within TLS ends a failed connection by a method of the outer one, which fails itself in Python 3.11."""

    def force_close(error: Exception) -> None:
        outer.abort()

    vars(outer)["_force_close"] = force_close


@asynccontextmanager
async def _limited(seconds: float | None, late: type[httpcore.TimeoutException]) -> AsyncGenerator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise late(str(error)) from error
