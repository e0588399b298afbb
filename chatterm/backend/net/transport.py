"""An httpx client over a pool of our own connections. Imports httpx; import this module on use only."""

from __future__ import annotations

import logging
import os
import ssl
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import httpcore
import httpx

from chatterm import __version__
from chatterm.backend.net.exchange import Exchange
from chatterm.backend.net.proxies import ProxyAddress, proxy_for
from chatterm.backend.net.sockets import LookUp, StagedBackend
from chatterm.backend.net.spares import Spares
from chatterm.backend.providers.base import Endpoint
from chatterm.config.model import NetworkSettings
from chatterm.core.clean import clean_line
from chatterm.core.errors import ConfigError
from chatterm.core.turn import Stage

DEFAULT_HEADERS = {"User-Agent": f"chatterm/{__version__}", "Accept-Encoding": "identity"}


def new_client(
    endpoint: Endpoint, settings: NetworkSettings, look_up: LookUp
) -> tuple[httpx.AsyncClient, PoolTransport]:
    """A client for one endpoint, with no connection yet, and its transport. Blocks while certificates are read.

    Redirects are not followed, since they would carry key and prompt to another host. Raises `ConfigError`
    for a `ca_file`, or a variable with certificates or a proxy, that cannot be used.
    """
    for name in ("httpx", "httpcore"):  # both would log whole addresses and headers
        logging.getLogger(name).setLevel(logging.WARNING)
    proxy = None if endpoint.is_local else proxy_for(endpoint.base_url, os.environ)
    is_tls = urlsplit(endpoint.base_url).scheme == "https"
    trust = authorities_for(endpoint) if is_tls or (proxy is not None and proxy.is_tls) else None
    backend = StagedBackend(look_up)
    pool = httpcore.AsyncConnectionPool(
        ssl_context=trust,
        proxy=_pool_proxy(proxy, trust) if proxy is not None else None,
        max_connections=settings.pool_maxsize,
        max_keepalive_connections=settings.pool_connections,
        keepalive_expiry=settings.keepalive_seconds,
        network_backend=backend,
    )
    # Through a proxy there is a tunnel to be asked for first, which only the pool can do.
    transport = PoolTransport(pool, None if proxy is not None else backend.spares, trust)
    client = httpx.AsyncClient(
        transport=transport, headers=DEFAULT_HEADERS, follow_redirects=False, trust_env=False
    )
    return client, transport


def authorities_for(endpoint: Endpoint) -> ssl.SSLContext:
    """Who may vouch for the endpoint's certificate. Blocks; raises `ConfigError` as `new_client` does."""
    _check_folder()
    try:
        context = httpx.create_ssl_context()
        context.load_default_certs()  # authorities that the owner of this machine added
    except OSError as error:  # SSLError, for a file without certificates, is an OSError too
        raise _no_authorities(error) from None
    if endpoint.ca_file:
        try:
            context.load_verify_locations(cafile=endpoint.ca_file)
        except (OSError, ValueError) as error:  # ValueError for a NUL in the name
            raise ConfigError(
                f"{clean_line(endpoint.ca_file)} holds no certificate that can be used ({type(error).__name__})",
                f"Set ca_file in [providers.{endpoint.provider}] to a PEM file.",
                path=endpoint.ca_file,
                key=f"providers.{endpoint.provider}.ca_file",
            ) from None
    return context


def _check_folder() -> None:
    """Refuse an SSL_CERT_DIR without anything in it: to OpenSSL that is no error, and nobody is trusted."""
    places = os.environ.get("SSL_CERT_DIR", "")
    if not places or os.environ.get("SSL_CERT_FILE"):  # which httpx reads first
        return
    if not any(_has_files(place) for place in places.split(os.pathsep)):
        raise ConfigError(
            f"SSL_CERT_DIR names {clean_line(places)}, which is no folder with certificates",
            "Set SSL_CERT_DIR to a folder that c_rehash has prepared, or unset it.",
            path=places,
            key="SSL_CERT_DIR",
        )


def _has_files(folder: str) -> bool:
    try:
        with os.scandir(folder) as entries:
            return any(entries)
    except (OSError, ValueError):  # ValueError for a NUL in the name
        return False


def _no_authorities(error: OSError) -> ConfigError:
    reason = type(error).__name__
    if place := os.environ.get("SSL_CERT_FILE"):  # which httpx reads
        return ConfigError(
            f"SSL_CERT_FILE names {clean_line(place)}, which holds no certificate that can be used ({reason})",
            "Set SSL_CERT_FILE to a PEM file, or unset it.",
            path=place,
            key="SSL_CERT_FILE",
        )
    return ConfigError(
        f"the certificate authorities of the package certifi cannot be read ({reason})",
        "Install chatterm again, or set SSL_CERT_FILE to a PEM file.",
    )


def _pool_proxy(proxy: ProxyAddress, trust: ssl.SSLContext | None) -> httpcore.Proxy:
    return httpcore.Proxy(
        proxy.url,
        auth=(proxy.user, proxy.password) if proxy.user else None,
        ssl_context=trust if proxy.is_tls else None,
    )


class PoolTransport(httpx.AsyncBaseTransport):
    """Hands requests to a pool, and lets the pool's errors through as they are."""

    def __init__(
        self, pool: httpcore.AsyncConnectionPool, spares: Spares | None, trust: ssl.SSLContext | None
    ) -> None:
        self._pool = pool
        self._spares = spares
        self._trust = trust

    async def warm(self, url: str, seconds: float) -> None:
        """Have a connection that the next request to this address can use at once; raises nothing."""
        if self._spares is None or any(
            connection.is_available() and not connection.has_expired()
            for connection in self._pool.connections
        ):
            return
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        await self._spares.prepare(parts.hostname or "", port, self._trust, seconds)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Returns once the headers are there."""
        url = request.url
        target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        response = await self._pool.handle_async_request(
            httpcore.Request(
                method=request.method,
                url=target,
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        told: dict[str, Any] = dict(response.extensions)  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]  # httpcore does not say what it holds
        return httpx.Response(
            response.status, headers=response.headers, stream=PoolBody(response), extensions=told
        )

    async def aclose(self) -> None:
        """Closes every connection."""
        if self._spares is not None:
            await self._spares.aclose()
        await self._pool.aclose()


class PoolBody(httpx.AsyncByteStream):
    """The body of a response as its bytes come."""

    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    def __aiter__(self) -> AsyncIterator[bytes]:
        # Not through `aiter_stream`, which is one step more for each of many small chunks.
        stream = self._response.stream
        assert isinstance(stream, AsyncIterable)
        return aiter(stream)

    async def aclose(self) -> None:
        """Closes the connection, unless the response was read to its end."""
        await self._response.aclose()


class StageTrace:
    """Reports `SENDING` and `WAITING` from the pool's trace of one request."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._is_tunnel = False

    async def __call__(self, name: str, info: Mapping[str, object]) -> None:
        """Called by httpcore at each step; see its documentation of the `trace` extension."""
        if name == "http11.send_request_headers.started":
            request = info.get("request")
            # asking a proxy for a tunnel is not yet the request
            self._is_tunnel = isinstance(request, httpcore.Request) and request.method == b"CONNECT"
            if not self._is_tunnel:
                self._exchange.enter(Stage.SENDING)
        elif name == "http11.receive_response_headers.started" and not self._is_tunnel:
            self._exchange.enter(Stage.WAITING)
