"""Connections made before they are needed: looked up, connected and secured while somebody still types.

A spare is handed out once, to the next request to its host; one that nobody took in time is closed.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import httpcore

SPARE_SECONDS = 30.0
"""How long a spare waits. Servers close connections on which nothing is asked after 30 to 60 s."""

Connect = Callable[[str, int], Awaitable[httpcore.AsyncNetworkStream]]
"""Look-up and connect. Raises `OSError`, `UnicodeError` and httpcore's errors."""


class Spares:
    """At most one spare connection for each host and port."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._making: dict[tuple[str, int], asyncio.Task[None]] = {}
        self._ready: dict[tuple[str, int], SpareStream] = {}
        self._expiries: dict[tuple[str, int], asyncio.TimerHandle] = {}
        self._closing: set[asyncio.Future[None]] = set()

    async def prepare(self, host: str, port: int, trust: ssl.SSLContext | None, seconds: float) -> None:
        """Have a spare, under TLS with `trust`; without one where that fails: the request will tell why."""
        place = (host, port)
        if place in self._ready:
            return
        if place not in self._making:
            self._making[place] = asyncio.ensure_future(self._prepare(place, trust, seconds))
        await asyncio.wait({self._making[place]})

    def is_ready(self, host: str, port: int) -> bool:
        """Whether there is a spare for this place that can be used now."""
        return (host, port) in self._ready

    async def take(self, host: str, port: int) -> SpareStream | None:
        """The spare for this place, awaited if it is in the making; None where there is none that can be used."""
        place = (host, port)
        if (making := self._making.get(place)) is not None:
            await asyncio.wait({making})
        if (timer := self._expiries.pop(place, None)) is not None:
            timer.cancel()
        spare = self._ready.pop(place, None)
        if spare is None:
            return None
        if spare.is_usable:
            try:
                await spare.release()
            except asyncio.CancelledError:  # nobody else would close it
                await spare.aclose()
                raise
            return spare
        await spare.aclose()
        return None

    async def aclose(self) -> None:
        """Close what nobody took, and end what is in the making."""
        for timer in self._expiries.values():
            timer.cancel()
        self._expiries.clear()
        making = list(self._making.values())
        for task in making:
            task.cancel()
        await asyncio.gather(*making, return_exceptions=True)
        while self._ready:
            await self._ready.popitem()[1].aclose()

    async def _prepare(self, place: tuple[str, int], trust: ssl.SSLContext | None, seconds: float) -> None:
        host, port = place
        try:
            async with asyncio.timeout(seconds):
                stream = await self._connect(host, port)
                if trust is not None:
                    trust.set_alpn_protocols(["http/1.1"])  # what the pool will set as well
                    stream = SpareStream(stream, await stream.start_tls(trust, host))
                else:
                    stream = SpareStream(stream, None)
        except (OSError, UnicodeError, httpcore.ConnectError, httpcore.TimeoutException):
            return  # a TimeoutError is an OSError
        finally:
            del self._making[place]
        self._ready[place] = stream
        stream.on_news(lambda: self._expire(place, stream))
        self._expiries[place] = asyncio.get_running_loop().call_later(
            SPARE_SECONDS, self._expire, place, stream
        )

    def _expire(self, place: tuple[str, int], spare: SpareStream) -> None:
        if self._ready.get(place) is spare:
            del self._ready[place]
            self._expiries.pop(place).cancel()
            closing = asyncio.ensure_future(spare.aclose())
            self._closing.add(closing)  # the loop itself keeps only weak references
            closing.add_done_callback(self._closing.discard)


class SpareStream(httpcore.AsyncNetworkStream):
    """A connection whose TLS handshake, if it has one, is over before it is asked for.

    Until it is taken it is read from: before a request nothing comes but the server's close, and under TLS 1.3
    tickets, which would else look like an answer.
    """

    def __init__(
        self, plain: httpcore.AsyncNetworkStream, secured: httpcore.AsyncNetworkStream | None
    ) -> None:
        self._plain = plain
        self._secured = secured
        self._watch = asyncio.ensure_future(self._stream.read(1))

    @property
    def is_usable(self) -> bool:
        """Whether nothing came in: neither a close nor bytes that answer nothing."""
        return not self._watch.done()

    def on_news(self, call: Callable[[], object]) -> None:
        """Call this when something came in, and the spare is of no use any more."""

        def told(watch: asyncio.Future[bytes]) -> None:
            if not watch.cancelled():
                watch.exception()  # it was looked at, whatever it is
                call()

        self._watch.add_done_callback(told)

    async def release(self) -> None:
        """Stop reading: a request is going to be sent."""
        self._watch.cancel()
        await asyncio.gather(self._watch, return_exceptions=True)

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """At most `max_bytes`; empty at the end."""
        return await self._stream.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Returns once the system has taken the bytes."""
        await self._stream.write(buffer, timeout)

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """The connection under TLS, at once where the handshake was made."""
        if self._secured is not None:
            return self._secured
        return await self._plain.start_tls(ssl_context, server_hostname, timeout)

    async def aclose(self) -> None:
        """Closes the socket at once."""
        try:
            await self.release()
        finally:
            with suppress(OSError):
                await self._stream.aclose()

    def get_extra_info(self, info: str) -> Any:
        """Passed on; the pool asks for `ssl_object` and `is_readable`."""
        return self._stream.get_extra_info(info)

    @property
    def _stream(self) -> httpcore.AsyncNetworkStream:
        return self._secured or self._plain
