"""Pages for models: fetched from public hosts only, without keys, cookies or proxies. Imports httpcore on use."""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from email.message import Message
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from chatterm import __version__
from chatterm.backend.daemon_thread import in_daemon_thread
from chatterm.backend.net.addresses import is_public, not_public, read_address, refuse_private
from chatterm.backend.net.coding import new_coding
from chatterm.core.clean import clean_line
from chatterm.core.errors import ChattermError, ProtocolError, ToolDeniedError, ToolError
from chatterm.core.web import WebAddress, WebPage, usual_port

if TYPE_CHECKING:
    import httpcore

    from chatterm.backend.net.sockets import LookUp

MOST_BYTES = 8 * 1024 * 1024
MOST_REDIRECTS = 3
CONNECT_SECONDS = 10.0
SILENCE_SECONDS = 20.0
WHOLE_SECONDS = 120.0
"""Longest that a fetch takes, whoever calls; the limit of the tool is usually shorter."""

_TEXT_TYPES = (
    "json",
    "xml",
    "javascript",
    "ecmascript",
    "yaml",
    "toml",
    "x-ndjson",
    "xhtml+xml",
    "graphql",
    "sql",
)
_HEADERS = {
    "User-Agent": f"chatterm/{__version__}",
    "Accept": "text/html,application/xhtml+xml,text/*,application/json,application/xml;q=0.9,*/*;q=0.1",
    "Accept-Encoding": "gzip",
}


class PageFetcher:
    """Fetches what everybody could: every address a host resolves to must be public, and one of these is connected to.

    `look_up` replaces the system's name look-up, `is_allowed` what counts as public, `most_bytes` the largest body.
    """

    def __init__(
        self,
        *,
        look_up: LookUp | None = None,
        is_allowed: Callable[[str], bool] = is_public,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._look_up = look_up
        self._is_allowed = is_allowed
        self._most_bytes = most_bytes
        self._trust: ssl.SSLContext | None = None

    def read(self, url: str) -> WebAddress:
        """The address as it would be asked for; nothing is looked up. Raises `InvalidCallError`, `ToolDeniedError`."""
        address = read_address(url)
        refuse_private(address)
        return address

    async def fetch(self, address: WebAddress) -> WebPage:
        """What the address answers, and at most three redirects of the same host on.

        A redirect to another host is told in `WebPage.moved_to` instead: nobody allowed that host. Raises `ToolError`.
        """
        try:
            async with asyncio.timeout(WHOLE_SECONDS):
                return await self._follow(address)
        except TimeoutError:
            raise ToolError(f"{address.authority} took longer than {WHOLE_SECONDS:g} s.") from None
        except ToolError:
            raise
        except ChattermError as error:  # certificates that cannot be read, a body not coded as it says
            raise ToolError(str(error)) from None

    async def _follow(self, address: WebAddress) -> WebPage:
        for _ in range(MOST_REDIRECTS + 1):
            async with self._pool(address.scheme) as pool:
                page = await self._ask(pool, address)
            if not page.moved_to:
                return page
            onward = self._onward(address, page.moved_to)
            if onward.origin not in (address.origin, _secured(address)):
                return replace(page, moved_to=onward.url)
            address = onward
        raise ToolError(f"{address.authority} redirects more than {MOST_REDIRECTS} times.")

    def _onward(self, address: WebAddress, location: str) -> WebAddress:
        try:
            onward = self.read(urljoin(address.url, location).partition("#")[0])
        except (ToolError, ValueError):
            raise ToolDeniedError(
                f"{address.authority} redirects to something that is not fetched: {clean_line(location, 200)}"
            ) from None
        if address.scheme == "https" and onward.scheme == "http":
            raise ToolDeniedError(f"{address.authority} redirects from https to http, which is not followed.")
        return onward

    @asynccontextmanager
    async def _pool(self, scheme: str) -> AsyncGenerator[httpcore.AsyncConnectionPool]:
        trust = await in_daemon_thread(lambda: self._prepare(scheme), "chatterm-fetch")
        import httpcore

        from chatterm.backend.net.sockets import StagedBackend, look_up_addresses, only_allowed

        backend = StagedBackend(only_allowed(self._look_up or look_up_addresses, self._is_allowed))
        # no proxy, whatever the environment says: it would look the host up itself, where nobody checks
        async with httpcore.AsyncConnectionPool(ssl_context=trust, network_backend=backend) as pool:
            yield pool

    def _prepare(self, scheme: str) -> ssl.SSLContext | None:
        """Imports what the first fetch needs and reads the certificates for https: 150 ms of work."""
        from chatterm.backend.net.transport import authorities_for
        from chatterm.backend.providers.base import Endpoint

        logging.getLogger("httpcore").setLevel(logging.WARNING)  # it would log whole addresses
        if scheme == "https" and self._trust is None:
            self._trust = authorities_for(Endpoint(provider="fetch_url", base_url=""))
        return self._trust

    async def _ask(self, pool: httpcore.AsyncConnectionPool, address: WebAddress) -> WebPage:
        import httpcore

        request = httpcore.Request(
            "GET",
            httpcore.URL(
                scheme=address.scheme.encode(),
                host=address.host.encode(),
                port=address.port,
                target=address.target.encode(),
            ),
            headers={"Host": address.authority, **_HEADERS},
            extensions={
                "timeout": {
                    "connect": CONNECT_SECONDS,
                    "read": SILENCE_SECONDS,
                    "write": SILENCE_SECONDS,
                    "pool": CONNECT_SECONDS,
                }
            },
        )
        try:
            response = await pool.handle_async_request(request)
            try:
                return await self._page(address, response)
            finally:
                await response.aclose()
        except (
            httpcore.NetworkError,
            httpcore.TimeoutException,
            httpcore.ProtocolError,
            httpcore.UnsupportedProtocol,
            OSError,
        ) as error:
            raise _told(error, address) from None

    async def _page(self, address: WebAddress, response: httpcore.Response) -> WebPage:
        headers = {
            name.lower().decode("latin-1"): value.decode("latin-1") for name, value in response.headers
        }
        if response.status in (301, 302, 303, 307, 308) and (location := headers.get("location", "").strip()):
            return WebPage(address=address, status=response.status, moved_to=_as_utf8(location))
        kind = Message()
        kind["Content-Type"] = headers.get("content-type", "")
        media_type = kind.get_content_type() if headers.get("content-type", "").strip() else ""
        told = headers.get("content-length", "")
        page = WebPage(
            address=address,
            status=response.status,
            media_type=media_type,
            charset=str(kind.get_content_charset() or ""),
            bytes=int(told) if told.isascii() and told.isdigit() and len(told) < 16 else None,
        )
        if media_type and not _is_text(media_type):
            return replace(page, is_text=False)
        body, is_cut = await self._body(response, headers.get("content-encoding", ""), address.authority)
        page = replace(page, bytes=None if is_cut else len(body), is_cut=is_cut)
        if not media_type and b"\0" in body:
            return replace(page, is_text=False)
        return replace(page, body=body)

    async def _body(self, response: httpcore.Response, coding_name: str, host: str) -> tuple[bytes, bool]:
        coding, body = new_coding(coding_name, host), bytearray()
        try:
            async for chunk in response.aiter_stream():
                for piece in coding.feed(chunk):
                    body += piece
                    if len(body) > self._most_bytes:
                        return bytes(body[: self._most_bytes]), True
            coding.end()
        except ProtocolError as error:
            raise ToolError(f"{error.message[:1].upper()}{error.message[1:]}.") from None
        return bytes(body), False


def _secured(address: WebAddress) -> str:
    """The origin that a site may move to from plain http: the same host at the usual port of https."""
    if address.port != usual_port(address.scheme):
        return address.origin
    return replace(address, scheme="https", port=usual_port("https")).origin


def _as_utf8(location: str) -> str:
    """A header that was sent as UTF-8 against the rules, as many are, read so."""
    return location.encode("latin-1").decode("utf-8", errors="replace")


def _is_text(media_type: str) -> bool:
    main, _, kind = media_type.partition("/")
    return (
        main == "text" or (main == "application" and kind in _TEXT_TYPES) or kind.endswith(("+json", "+xml"))
    )


def _told(error: Exception, address: WebAddress) -> ToolError:
    """What went wrong beneath HTTP, for the model."""
    import httpcore

    from chatterm.backend.net.sockets import NotPublicError

    host, cause = address.authority, error.__cause__ or error.__context__ or error
    if isinstance(cause, NotPublicError):
        return ToolDeniedError(not_public(address.host))
    if isinstance(error, httpcore.TimeoutException | TimeoutError):
        why = f"{host} did not answer in time."
    elif isinstance(cause, ssl.SSLCertVerificationError):
        why = f"The certificate of {host} cannot be trusted: {clean_line(cause.verify_message, 200)}."
    elif isinstance(cause, ssl.SSLError):
        why = f"No secure connection to {host} could be made."
    elif isinstance(error, httpcore.ConnectError | OSError):
        reason = "no such host" if _is_unknown(cause) else "no connection"
        why = f"Cannot reach {host}: {reason}.{_proxy_note(address)}"
    elif isinstance(error, httpcore.ReadError | httpcore.WriteError):
        why = f"The connection to {host} broke off."
    else:
        why = f"{host} answered with something that is not HTTP, or broke off."
    return ToolError(why)


def _is_unknown(cause: BaseException) -> bool:
    import socket

    return isinstance(cause, socket.gaierror | UnicodeError)


def _proxy_note(address: WebAddress) -> str:
    """Where there is a proxy, it may be the only way out, and the user should know that it was not taken."""
    names = (f"{address.scheme}_proxy", "all_proxy")
    set_one = next((each for name in names for each in (name, name.upper()) if os.environ.get(each)), "")
    return f" The proxy of {set_one} is not used, as it would look hosts up unchecked." if set_one else ""
