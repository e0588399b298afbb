"""Answers a request that was asked before with the reply it got then; off until the user turns it on."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Protocol
from urllib.parse import urlsplit

import msgspec

from chatterm.backend.daemon_thread import in_daemon_thread
from chatterm.backend.providers.base import (
    Frame,
    FrameStream,
    OnStage,
    OpenStream,
    ProviderAdapter,
    WireRequest,
)
from chatterm.backend.wire_log.exchange_lines import Bytes, as_bytes
from chatterm.backend.wire_log.request_secrets import Secrets
from chatterm.backend.wire_log.watching import current_turn
from chatterm.core.errors import ChattermError
from chatterm.core.reducer import Draft
from chatterm.core.turn import StopReason

VERSION = 1
LARGEST_BYTES = 8 * 1024 * 1024
"""Larger replies are not kept."""

_SAME_ANSWER = frozenset(
    {
        *("keep_alive", "metadata", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention"),
        *("safety_identifier", "service_tier", "store", "stream_options", "user"),
    }
)
"""What of a body does not change the answer."""
_TOOLS = ("tools", "functions", "plugins", "search_parameters", "toolConfig", "web_search_options")
_WHOLE = (StopReason.END_TURN, StopReason.STOP_SEQUENCE)


class CacheFiles(Protocol):
    """Where replies are kept; raises `StoreError`. What is too old or too much is gone by itself."""

    async def get(self, key: str) -> bytes | None: ...
    async def put(self, key: str, data: bytes) -> None: ...
    async def remove(self, key: str) -> None: ...
    async def clear(self) -> int: ...
    async def size(self) -> tuple[int, int]: ...


class _Frame(msgspec.Struct, frozen=True):
    event: str
    data: Bytes


class _Reply(msgspec.Struct, frozen=True, kw_only=True):
    """A kept response: its frames, or the body that was read whole."""

    version: int
    key: str
    status: int
    frames: list[_Frame] = []
    body: Bytes | None = None


class ResponseCache:
    """Keeps whole replies by what was asked; `is_on` says whether it is asked and fed.

    `files` is None where nothing may be stored: then it stays off.
    """

    def __init__(self, files: CacheFiles | None, *, is_on: bool = False) -> None:
        self.files = files
        self.is_on = is_on and files is not None
        self._keeping: set[asyncio.Task[None]] = set()

    def before(self, inner: OpenStream, adapter: ProviderAdapter) -> OpenStream:
        """`inner`, asked only where there is no kept reply. A reply that is asked anew takes its place."""

        @asynccontextmanager
        async def open_stream(request: WireRequest, on_stage: OnStage) -> AsyncGenerator[FrameStream]:
            turn = current_turn.get()
            key = cache_key(request) if self.is_on and turn is not None else None
            if key is None:
                async with inner(request, on_stage) as stream:
                    yield stream
                return
            if turn is not None and turn.replaces is None:
                kept = await self._find(key, adapter)
                if kept is not None:
                    yield _KeptStream(kept)
                    return
            async with inner(request, on_stage) as stream:
                copied = _CopiedStream(stream, Secrets(request.endpoint))
                yield copied
            # Only here when nothing went wrong and nobody stopped it.
            task = asyncio.ensure_future(self._keep(key, copied, adapter))
            self._keeping.add(task)
            task.add_done_callback(self._keeping.discard)

        return open_stream

    async def settled(self) -> None:
        """Wait until what came in is kept."""
        while self._keeping:
            await asyncio.wait(self._keeping)

    async def _find(self, key: str, adapter: ProviderAdapter) -> _Reply | None:
        """The kept reply; one that is damaged is none, and is removed."""
        if self.files is None:
            return None
        with suppress(ChattermError):
            data = await self.files.get(key)
            if data is None:
                return None
            reply = await in_daemon_thread(lambda: _read(data, key, adapter), "chatterm-cache")
            if reply is None:
                await self.files.remove(key)
            return reply
        return None

    async def _keep(self, key: str, copied: _CopiedStream, adapter: ProviderAdapter) -> None:
        files = self.files
        if files is None or not 200 <= copied.status < 300 or copied.size > LARGEST_BYTES:
            return

        def encode() -> bytes | None:
            reply = _Reply(
                version=VERSION, key=key, status=copied.status, frames=copied.seen, body=copied.whole
            )
            return msgspec.json.encode(reply) if _is_whole(reply, adapter) else None

        with suppress(ChattermError):  # a full disk costs the cache, not the reply
            if (data := await in_daemon_thread(encode, "chatterm-cache")) is not None:
                await files.put(key, data)


def cache_key(request: WireRequest) -> str | None:
    """What tells equal requests: the method, the address, and what of the body changes the answer.

    None for a request that must not be answered from the cache: one with tools, or whose body is no JSON object.
    The key of the endpoint has no part in it.
    """
    secrets = Secrets(request.endpoint)
    try:
        body = msgspec.json.decode(request.body, type=dict[str, object])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if any(body.get(name) for name in _TOOLS):
        return None
    kept = {name: value for name, value in body.items() if name not in _SAME_ANSWER}
    place = urlsplit(secrets.out_of_text(request.url))
    address = f"{place.scheme}://{place.netloc.rpartition('@')[2]}{place.path}?{place.query}"
    canonical = secrets.out_of_data(msgspec.json.encode(kept, order="deterministic"))
    head = f"{VERSION}\n{request.method}\n{address}\n{request.framing}\n".encode()
    return hashlib.sha256(head + canonical).hexdigest()


def _read(data: bytes, key: str, adapter: ProviderAdapter) -> _Reply | None:
    try:
        reply = msgspec.json.decode(data, type=_Reply)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    is_ours = reply.version == VERSION and reply.key == key
    return reply if is_ours and _is_whole(reply, adapter) else None


def _is_whole(reply: _Reply, adapter: ProviderAdapter) -> bool:
    """Whether this decodes to a reply that came to its own end, with nothing left out and no call of a tool."""
    draft, decoder = Draft(), adapter.new_decoder()
    frames = reply.frames if reply.body is None else [_Frame("", reply.body)]
    try:
        for frame in frames:
            for event in decoder.feed(Frame(0.0, frame.data.data, frame.event)):
                draft.apply(event)
        for event in decoder.finish():
            draft.apply(event)
    except ChattermError:
        return False
    return draft.has_output and draft.finished and not draft.skipped_frames and draft.stop_reason in _WHOLE


class _KeptStream:
    """A kept reply as a response, all of it at once. Nothing was sent, so that no stage is told."""

    def __init__(self, reply: _Reply) -> None:
        self._reply = reply
        self.status = reply.status
        self.headers: Mapping[str, str] = {}
        self.headers_at = time.monotonic()

    async def frames(self) -> AsyncIterator[Frame]:
        """See `FrameStream`."""
        for number, frame in enumerate(self._reply.frames):
            if number % 500 == 499:
                await asyncio.sleep(0)  # a long reply must not hold up the screen
            yield Frame(self.headers_at, frame.data.data, frame.event)

    async def body(self) -> bytes:
        """See `FrameStream`."""
        return self._reply.body.data if self._reply.body is not None else b""


class _CopiedStream:
    """A response of which a copy is kept, as long as it is not too large."""

    def __init__(self, inner: FrameStream, secrets: Secrets) -> None:
        self._inner, self._secrets = inner, secrets
        self.status, self.headers, self.headers_at = inner.status, inner.headers, inner.headers_at
        self.seen: list[_Frame] = []
        self.whole: Bytes | None = None
        self.size = 0

    async def frames(self) -> AsyncIterator[Frame]:
        """See `FrameStream`."""
        async for frame in self._inner.frames():
            self.size += len(frame.data)
            if self.size <= LARGEST_BYTES:
                self.seen.append(_Frame(frame.event, as_bytes(self._secrets.out_of_data(frame.data))))
            yield frame

    async def body(self) -> bytes:
        """See `FrameStream`."""
        body = await self._inner.body()
        self.size += len(body)
        self.whole = as_bytes(self._secrets.out_of_data(body))
        return body
