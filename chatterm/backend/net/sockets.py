"""Look-up, connect and TLS beneath the HTTP client: each timed apart, each cancelled at once."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import httpcore

from chatterm.backend.daemon_thread import in_daemon_thread
from chatterm.backend.net.connection import connect
from chatterm.backend.net.exchange import current_exchange
from chatterm.backend.net.spares import Spares
from chatterm.core.turn import Stage

NEXT_ADDRESS_SECONDS = 0.25
"""How long one address may take before the next is tried beside it (RFC 8305, section 8)."""

LookUp = Callable[[str, int], list[str]]
"""Blocking: the addresses of a host, best first. Raises `OSError` or `UnicodeError`."""


def look_up_addresses(host: str, port: int) -> list[str]:
    """The system's look-up; see `LookUp`."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class NotPublicError(OSError):
    """A host has an address that must not be connected to."""


def only_allowed(look_up: LookUp, is_allowed: Callable[[str], bool]) -> LookUp:
    """The look-up, such that it gives a host's addresses only if all of them are allowed.

    It raises `NotPublicError` otherwise. What it returns is what is connected to, so a name service that answers
    differently the next time gains nothing.
    """

    def checked(host: str, port: int) -> list[str]:
        addresses = look_up(host, port)
        if not all(is_allowed(address) for address in addresses):
            raise NotPublicError(f"{host} has an address that is not public")
        return addresses

    return checked


async def look_up_in_thread(look_up: LookUp, host: str, port: int) -> list[str]:
    """Run a look-up, which cannot be broken off, such that neither cancelling nor exiting waits for it."""
    return await in_daemon_thread(lambda: look_up(host, port), "chatterm-look-up")


class StagedBackend(httpcore.AsyncNetworkBackend):
    """Connections for httpcore's pool, which report their stages to the current exchange."""

    def __init__(self, look_up: LookUp = look_up_addresses) -> None:
        self._look_up = look_up
        self.spares = Spares(self._open)
        """Connections that were made before they are needed."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """The spare for this host, else a connection to the first of its addresses that answers.

        `timeout` covers the look-up too.
        """
        exchange = current_exchange.get()
        try:
            async with asyncio.timeout(timeout):
                is_new = not self.spares.is_ready(host, port)
                if exchange is not None and is_new:
                    exchange.peer_host, exchange.peer_port = host, port
                    exchange.enter(Stage.RESOLVING)
                return await self.spares.take(host, port) or await self._open(host, port)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(str(error)) from error
        except (httpcore.ConnectError, OSError, UnicodeError) as error:
            if exchange is not None:
                exchange.note_fault(error)
            raise httpcore.ConnectError(str(error)) from error

    async def sleep(self, seconds: float) -> None:
        """Required by the pool."""
        await asyncio.sleep(seconds)

    async def _open(self, host: str, port: int) -> httpcore.AsyncNetworkStream:
        addresses = await look_up_in_thread(self._look_up, host, port)
        _enter(Stage.CONNECTING)
        return StagedStream(await self._connect_any(addresses, port))

    async def _connect_any(self, addresses: list[str], port: int) -> httpcore.AsyncNetworkStream:
        waiting = deque(addresses)
        running: set[asyncio.Task[httpcore.AsyncNetworkStream]] = set()
        failure: BaseException = OSError("the look-up found no address")
        try:
            while waiting or running:
                if waiting:
                    running.add(asyncio.ensure_future(self._connect(waiting.popleft(), port)))
                done, _ = await asyncio.wait(
                    running,
                    timeout=NEXT_ADDRESS_SECONDS if waiting else None,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                for task in done:
                    running.discard(task)
                    if (error := task.exception()) is None:
                        running |= done - {task}  # a second winner is closed with the rest
                        return task.result()
                    failure = error
            raise failure
        finally:
            await _close_all(running)

    async def _connect(self, address: str, port: int) -> httpcore.AsyncNetworkStream:
        return await connect(address, port, _keep_alive_options())


class StagedStream(httpcore.AsyncNetworkStream):
    """A connection that reports TLS as a stage of its own and notes the first byte of an answer."""

    def __init__(self, inner: httpcore.AsyncNetworkStream) -> None:
        self._inner = inner

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """At most `max_bytes`; empty at the end."""
        data = await self._inner.read(max_bytes, timeout)
        if data and (exchange := current_exchange.get()) is not None:
            exchange.received = True
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Returns once the system has taken the bytes."""
        await self._inner.write(buffer, timeout)

    async def aclose(self) -> None:
        """Closes the socket at once."""
        await self._inner.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """The same connection under TLS; closed if the handshake fails or is cancelled."""
        _enter(Stage.SECURING)
        try:
            return StagedStream(await self._inner.start_tls(ssl_context, server_hostname, timeout))
        except BaseException as error:  # cancelling too: the server must see the close now
            if (exchange := current_exchange.get()) is not None:
                exchange.note_fault(error)
            await self._inner.aclose()
            raise

    def get_extra_info(self, info: str) -> Any:
        """Passed on; the pool asks for `ssl_object` and `is_readable`."""
        return self._inner.get_extra_info(info)


def _enter(stage: Stage) -> None:
    if (exchange := current_exchange.get()) is not None:
        exchange.enter(stage)


async def _close_all(tasks: set[asyncio.Task[httpcore.AsyncNetworkStream]]) -> None:
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if not isinstance(result, BaseException):
            await result.aclose()


def _keep_alive_options() -> list[httpcore.SOCKET_OPTION]:
    """A dead peer is noticed within a minute: after 30 s of silence three questions, 10 s apart."""
    options: list[httpcore.SOCKET_OPTION] = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    for name, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)):
        if (number := getattr(socket, name, None)) is not None:
            options.append((socket.IPPROTO_TCP, number, value))
    return options
