"""One HTTP client per endpoint, made on first use and kept: a later turn finds its connection open."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from chatterm.backend.daemon_thread import in_daemon_thread
from chatterm.backend.providers.base import Endpoint, FrameStream, OnStage, WireRequest
from chatterm.config.model import NetworkSettings

if TYPE_CHECKING:
    import httpx

    from chatterm.backend.net.sockets import LookUp
    from chatterm.backend.net.transport import PoolTransport

CLOSE_SECONDS = 0.5
"""Longest that closing may take: quitting must not wait for a server."""


def preload() -> None:
    """Import the HTTP client, about 150 ms of work, in an idle moment before the first request."""
    importlib.import_module("chatterm.backend.net.stream")


class HttpClients:
    """All connections of the program. `open_stream` is an `OpenStream`.

    Two requests to one endpoint share a client, hence its kept connections. `look_up` replaces the system's
    name look-up; it may block, and runs on a thread that the exit does not wait for.
    """

    def __init__(self, settings: NetworkSettings, *, look_up: LookUp | None = None) -> None:
        self._settings = settings
        self._look_up = look_up
        self._clients: dict[tuple[str, str | None, str | None], tuple[httpx.AsyncClient, PoolTransport]] = {}
        self._making = asyncio.Lock()

    @asynccontextmanager
    async def open_stream(self, request: WireRequest, on_stage: OnStage) -> AsyncGenerator[FrameStream]:
        """Sends a request; see `OpenStream`. Read the frames to their end to keep the connection.

        Raises `ConfigError` too, where `base_url`, `ca_file`, or a variable with certificates or a proxy cannot
        be used.
        """
        client, _ = await self._client(request.endpoint)
        from chatterm.backend.net.stream import open_response

        async with open_response(client, request, on_stage) as stream:
            yield stream

    async def warm(self, endpoint: Endpoint, seconds: float) -> None:
        """Have a connection to the endpoint ready for the next request, looked up, connected and secured.

        Gives up after this time and tells nobody: the request will find out why. A connection that is kept from
        before is as good. Raises `ConfigError` as `open_stream` does.
        """
        _, transport = await self._client(endpoint)
        await transport.warm(endpoint.base_url, seconds)

    async def aclose(self) -> None:
        """Closes every connection, in bounded time. The object may be used again afterwards."""
        clients = [client for client, _ in self._clients.values()]
        self._clients.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await asyncio.gather(*(client.aclose() for client in clients), return_exceptions=True)

    async def _client(self, endpoint: Endpoint) -> tuple[httpx.AsyncClient, PoolTransport]:
        key = (endpoint.base_url, endpoint.api_key, endpoint.ca_file)
        if (made := self._clients.get(key)) is not None:
            return made
        async with self._making:
            if key not in self._clients:
                # importing httpx and reading certificates would hold up the screen
                self._clients[key] = await in_daemon_thread(partial(self._made, endpoint), "chatterm-client")
            return self._clients[key]

    def _made(self, endpoint: Endpoint) -> tuple[httpx.AsyncClient, PoolTransport]:
        preload()
        from chatterm.backend.net.sockets import look_up_addresses
        from chatterm.backend.net.transport import new_client

        return new_client(endpoint, self._settings, self._look_up or look_up_addresses)
