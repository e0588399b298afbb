"""An MCP server behind an address: the client that the SDK is given, bound to one origin and bounded.

This module imports the SDK and its HTTP client, so it is imported on use.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.request import getproxies, proxy_bypass

import httpx2
from mcp.client.streamable_http import streamable_http_client

from chatterm import __version__
from chatterm.backend.daemon_thread import in_daemon_thread
from chatterm.backend.tools.mcp.intake import Filtered, Intake
from chatterm.backend.tools.mcp.transport import MOST_MESSAGE_BYTES
from chatterm.backend.tools.mcp.values import McpServerSpec
from chatterm.config.urls import is_loopback

CONNECT_SECONDS = 5.0
WRITE_SECONDS = 30.0
QUIET_SECONDS = 300.0
"""How long a stream of a server may be silent; it is opened again then."""
REOPENED_SECONDS = 5.0
"""Least time between two openings of its stream of notifications, whatever it asks for."""


@asynccontextmanager
async def over_http(spec: McpServerSpec, intake: Intake) -> AsyncGenerator[tuple[Filtered, Any]]:
    """The streams to and from the server. Raises what the SDK's client raises."""
    url = httpx2.URL(spec.request.url)
    headers = {"User-Agent": f"chatterm/{__version__}", **spec.headers, "Accept-Encoding": "identity"}
    limits = httpx2.Timeout(CONNECT_SECONDS, read=QUIET_SECONDS, write=WRITE_SECONDS)
    transport = await in_daemon_thread(lambda: _Bounded(url, intake), "mcp-certificates")
    client = httpx2.AsyncClient(
        headers=headers, timeout=limits, transport=transport, trust_env=False, max_redirects=3
    )
    streams = streamable_http_client(str(url), http_client=client, max_sse_event_size=MOST_MESSAGE_BYTES)
    async with client, streams as (read, write):
        yield Filtered(read, intake), write


class _Bounded(httpx2.AsyncBaseTransport):
    """Talks to one origin alone, reads so much of an answer and no more, and never reopens in a hurry.

    Blocks when it is made, while certificates are read.
    """

    def __init__(self, origin: httpx2.URL, intake: Intake) -> None:
        self._origin, self._intake = origin, intake
        self._inner = httpx2.AsyncHTTPTransport(proxy=_proxy(origin))
        self._opened: float | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send the request; headers and session belong to the origin, and go nowhere else."""
        there, origin = request.url, self._origin
        if (there.scheme, there.host, there.port) != (origin.scheme, origin.host, origin.port):
            raise httpx2.UnsupportedProtocol("it sends us to another address", request=request)
        if request.method == "GET":
            await self._take_time()
        response = await self._inner.handle_async_request(request)
        self._intake.status = response.status_code
        coding = response.headers.get("content-encoding", "").strip().lower()
        if coding not in ("", "identity"):
            await response.aclose()
            raise httpx2.DecodingError(f"it compresses unasked, as {coding[:40]}", request=request)
        is_stream = response.headers.get("content-type", "").lower().startswith("text/event-stream")
        if not is_stream and isinstance(response.stream, httpx2.AsyncByteStream):
            response.stream = _Body(response.stream)
        return response

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()

    async def _take_time(self) -> None:
        """A server that closes its stream at once, or asks for no pause, must not have us run in circles."""
        clock = asyncio.get_running_loop().time
        if self._opened is not None:
            await asyncio.sleep(max(0.0, self._opened + REOPENED_SECONDS - clock()))
        self._opened = clock()


class _Body(httpx2.AsyncByteStream):
    """The body of an answer, of which so much is read; in a stream of events the SDK bounds each."""

    def __init__(self, inner: httpx2.AsyncByteStream) -> None:
        self._inner = inner

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for part in self._inner:
            size += len(part)
            if size > MOST_MESSAGE_BYTES:
                raise httpx2.StreamError(f"it sent a message of more than {MOST_MESSAGE_BYTES // 1024**2} MB")
            yield part

    async def aclose(self) -> None:
        await self._inner.aclose()


def _proxy(origin: httpx2.URL) -> str | None:
    """The proxy that the environment names for this host; none for this machine."""
    if is_loopback(origin.host) or proxy_bypass(origin.host):
        return None
    proxies = getproxies()
    return proxies.get(origin.scheme) or proxies.get("all")
