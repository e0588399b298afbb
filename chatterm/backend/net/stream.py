"""An open response: its frames under limits of time and size. Imports httpx, so import this on use only."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import httpcore
import httpx

from chatterm.backend.net.coding import new_coding
from chatterm.backend.net.errors import NETWORK_ERRORS, translated
from chatterm.backend.net.exchange import Exchange, current_exchange
from chatterm.backend.net.framing import BYTE_ORDER_MARK, new_splitter
from chatterm.backend.net.patience import Patience
from chatterm.backend.net.progress import Progress, late_first_event
from chatterm.backend.net.transport import StageTrace
from chatterm.backend.providers.base import Frame, FrameStream, Framing, OnStage, WireRequest
from chatterm.core.clean import clean_line
from chatterm.core.errors import ChattermError, ProtocolError, StaleConnectionError

SEND_BYTES = 64 * 1024
"""A request goes out in pieces of this size, each with its own limit of time."""

ERROR_BODY_SECONDS = 5.0
"""How long the body of an error is waited for; its status says the most."""

SLICE_SECONDS = 0.0003
"""How long a reply is worked on before the loop comes to its other work: 50 replies at once take 15 ms."""

WAITED_SECONDS = 0.0001
"""A read that takes longer has waited, and the loop has done other work."""


@asynccontextmanager
async def open_response(
    client: httpx.AsyncClient, request: WireRequest, on_stage: OnStage
) -> AsyncGenerator[FrameStream]:
    """Sends the request; see `OpenStream`."""
    stream = await _send(client, request, on_stage)
    try:
        stream.refuse_redirect()
        yield stream
    finally:
        await stream.aclose()


async def _send(client: httpx.AsyncClient, request: WireRequest, on_stage: OnStage) -> HttpFrameStream:
    limits = request.limits
    try:
        async with asyncio.timeout(None) as limit:
            exchange = Exchange(on_stage, lambda at: limit.reschedule(at + limits.first_event_seconds))
            token = current_exchange.set(exchange)
            try:
                response = await client.send(_built(client, request, exchange), stream=True)
            except NETWORK_ERRORS as error:
                raise translated(error, request, exchange) from None
            finally:
                current_exchange.reset(token)
    except TimeoutError:
        raise late_first_event(request.endpoint, limits) from None
    client.cookies.clear()  # a chat needs none, and a service need not tell its visits apart
    if not exchange.received:  # bytes left over from the reply before pose as the answer to this request
        await response.aclose()
        raise StaleConnectionError(
            f"{request.endpoint.host} answered before it was asked", "Try again.", retryable=True
        )
    exchange.answered = True
    return HttpFrameStream(response, request, exchange)


def _built(client: httpx.AsyncClient, request: WireRequest, exchange: Exchange) -> httpx.Request:
    limits = request.limits
    return client.build_request(
        request.method,
        request.url,
        headers={**request.headers, "Content-Length": str(len(request.body))}
        if request.body
        else dict(request.headers),
        content=_pieces(request.body) if request.body else None,
        # reading is limited per event and not per read; see Progress
        timeout=httpx.Timeout(
            connect=limits.connect_seconds,
            read=None,
            write=limits.write_seconds,
            pool=limits.connect_seconds,
        ),
        extensions={"trace": StageTrace(exchange)},
    )


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), SEND_BYTES):
        yield body[start : start + SEND_BYTES]


class HttpFrameStream:
    """A response whose headers are there; see `FrameStream`.

    `frames` read to their end give the connection back for the next request.
    """

    def __init__(self, response: httpx.Response, request: WireRequest, exchange: Exchange) -> None:
        self._response = response
        self._request = request
        self._exchange = exchange
        self._connection: httpcore.AsyncNetworkStream = response.extensions["network_stream"]
        self.headers_at = self._arrived_at()
        self._host = request.endpoint.host
        self._chunks = self._decoded()
        self._progress = Progress(request.limits, exchange.sent_at or self.headers_at)
        self._patience = Patience(lambda: self._progress.deadline)
        self._pause_at = 0.0

    @property
    def status(self) -> int:
        """The status code."""
        return self._response.status_code

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers; their names are found in any case of letters."""
        return self._response.headers

    async def frames(self) -> AsyncIterator[Frame]:
        """Frames as they come. Judges by the first bytes what the server sent, whatever it calls it.

        A whole JSON document in place of a stream is one frame; a web page is a `ProtocolError`.
        """
        framing = self._request.framing or "ndjson"
        head = await self._read_head()
        if _is_web_page(head):
            raise await self._web_page(head)
        if _is_document(head, framing):
            document = await self._read_rest(head)
            yield Frame(time.monotonic(), document.strip())
            return
        splitter, keep_alives = new_splitter(framing, self._request.limits.event_bytes), 0
        chunk = head
        while chunk:
            at = self._arrived_at()
            for frame in splitter.feed(chunk, at):
                if frame.event == "ping":  # an event by its form that only shows life
                    self._progress.saw_keep_alive(at)
                else:
                    self._progress.saw_event(at)
                yield frame
                if time.monotonic() >= self._pause_at:
                    await self._let_others_work()
            if splitter.keep_alives > keep_alives:
                keep_alives = splitter.keep_alives
                self._progress.saw_keep_alive(at)
            chunk = await self._read()
        for frame in splitter.end(time.monotonic()):
            yield frame

    async def body(self) -> bytes:
        """The whole body. Of an error, what comes within 5 s and `error_body_bytes`, even if it breaks off.

        Raises `ProtocolError` if another body is larger than `event_bytes`, or is a web page.
        """
        if self.status >= 400:
            return await self._read_some(b"")
        head = await self._read_head()
        if _is_web_page(head):
            raise await self._web_page(head)
        return await self._read_rest(head)

    def refuse_redirect(self) -> None:
        """Raises `ProtocolError` if the answer sends us elsewhere: key and prompt are for this host only."""
        if not 300 <= self.status < 400:
            return
        target = urlsplit(self.headers.get("location", ""))
        place = clean_line(
            f"{target.scheme or 'http'}://{target.netloc.rpartition('@')[2]}{target.path}", 120
        )
        raise ProtocolError(
            f"{self._host} wants to move the request to {place if target.netloc else target.path or '?'}",
            f"chatterm does not follow. If that is right, set base_url in "
            f"[providers.{self._request.endpoint.provider}] to the new address.",
            status=self.status,
        )

    async def aclose(self) -> None:
        """Closes the connection at once, unless the response was read to its end."""
        self._patience.close()
        await self._response.aclose()
        await self._chunks.aclose()

    async def _decoded(self) -> AsyncGenerator[bytes]:
        coding = new_coding(self.headers.get("content-encoding", ""), self._host)
        total, limit = 0, self._request.limits.reply_bytes
        # Not through `aiter_raw`, which is one step more for each of many small chunks.
        stream = self._response.stream
        assert isinstance(stream, httpx.AsyncByteStream)
        async for chunk in stream:
            for piece in coding.feed(chunk):
                total += len(piece)
                if total > limit:
                    raise ProtocolError(
                        f"the reply of {self._host} is larger than {limit:,} bytes",
                        "What came is kept. Ask for less at a time.",
                    )
                yield piece
        await self._response.aclose()  # read to its end: the connection is free
        coding.end()

    def _arrived_at(self) -> float:
        """When the bytes that were read last came in; never before the request was out."""
        return max(self._connection.get_extra_info("arrived_at"), self._exchange.sent_at or 0.0)

    async def _let_others_work(self) -> None:
        """What comes faster than it is read is never waited for: the loop would come to nothing else."""
        await asyncio.sleep(0)
        self._pause_at = time.monotonic() + SLICE_SECONDS

    async def _read(self) -> bytes:
        """The next bytes of the body; empty at its end."""
        began = time.monotonic()
        try:
            chunk = await self._patience.wait(anext(self._chunks, b""))
        except TimeoutError:
            raise self._progress.error(self._request.endpoint) from None
        except NETWORK_ERRORS as error:
            raise translated(error, self._request, self._exchange) from None
        if (at := time.monotonic()) - began > WAITED_SECONDS:
            self._pause_at = at + SLICE_SECONDS
        return chunk

    async def _read_head(self) -> bytes:
        """Enough of the body to tell what it is: two bytes that are not white space."""
        head = b""
        while BYTE_ORDER_MARK.startswith(head) or len(head.removeprefix(BYTE_ORDER_MARK).lstrip()) < 2:
            if not (chunk := await self._read()):
                break
            head += chunk
            if not chunk.strip():
                self._progress.saw_keep_alive(time.monotonic())
        return head

    async def _read_rest(self, head: bytes) -> bytes:
        body, chunk, limit = bytearray(), head, self._request.limits.event_bytes
        while chunk:
            body += chunk
            chunk = await self._read()
            if len(body) > limit:
                raise ProtocolError(
                    f"the answer of {self._host} is larger than {limit:,} bytes",
                    "The server may not be the API it is taken for.",
                )
        return bytes(body.removeprefix(BYTE_ORDER_MARK))

    async def _read_some(self, head: bytes) -> bytes:
        body, limit = bytearray(head), self._request.limits.error_body_bytes
        with contextlib.suppress(TimeoutError, ChattermError):
            async with asyncio.timeout(ERROR_BODY_SECONDS):
                while len(body) < limit and (chunk := await self._read()):
                    body += chunk
        return bytes(body[:limit])

    async def _web_page(self, head: bytes) -> ProtocolError:
        page = await self._read_some(head)
        found = re.search(rb"<title[^>]*>([^<]*)", page, re.IGNORECASE)
        title = clean_line(" ".join(found[1].decode("utf-8", "replace").split()), 120) if found else ""
        if (key := self._request.endpoint.api_key) and key in title:
            title = ""
        named = f" (its title: {title!r})" if title else ""
        return ProtocolError(
            f"{self._host} answered with a web page, not the API{named}",
            "A login page or a proxy may be in the way, or base_url lacks its path, such as /v1.",
            status=self.status,
        )


def _is_web_page(head: bytes) -> bool:
    return head.removeprefix(BYTE_ORDER_MARK).lstrip().startswith(b"<")


def _is_document(head: bytes, framing: Framing) -> bool:
    start = head.removeprefix(BYTE_ORDER_MARK).lstrip()
    if framing == "sse":
        return start.startswith((b"{", b"["))
    # every JSON line begins with a brace; alone on its line, it begins a document in several lines
    return start.startswith((b"{\n", b"{\r", b"[\n", b"[\r"))
