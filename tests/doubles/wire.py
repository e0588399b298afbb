"""Turns over a scripted wire: what is sent is kept, what comes back is bytes of the test's."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from chatterm.backend.exchanges import Exchanges
from chatterm.backend.net.framing import new_splitter
from chatterm.backend.payload_cache import PayloadCache
from chatterm.backend.providers.base import Endpoint, Frame, OnStage, ProviderAdapter, WireRequest
from chatterm.backend.replay import Replay, ReplayWorker
from chatterm.backend.retry import RetryPolicy
from chatterm.backend.session import Prompt, Session
from chatterm.backend.target import Target
from chatterm.backend.worker import Worker
from chatterm.core.errors import ProviderError
from chatterm.core.turn import Stage, Turn
from tests.doubles.turn_store import MemoryTurnStore

KEY = "kx-canary-0123456789"
HEADER = "canary header / of the user"
SECRETS = (KEY, HEADER)
ENDPOINT = Endpoint(
    provider="wire",
    base_url="https://wire.example/v1",
    api_key=KEY,
    headers={"X-Gateway": HEADER, "X-Title": "shown"},
)
EVENT_BYTES = 8 * 1024 * 1024


@dataclass
class Reply:
    """What the wire answers with, in pieces; `error` is raised after the last one."""

    pieces: Iterable[bytes]
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict[str, str])
    error: ProviderError | None = None


class Wire:
    """An `OpenStream` that gives one reply after another."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)
        self.requests: list[WireRequest] = []

    @asynccontextmanager
    async def open_stream(self, request: WireRequest, on_stage: OnStage) -> AsyncGenerator[WireStream]:
        """See `OpenStream`."""
        self.requests.append(request)
        on_stage(Stage.SENDING, time.monotonic())
        on_stage(Stage.WAITING, time.monotonic())
        yield WireStream(self.replies.pop(0), request)


class WireStream:
    """One reply as an open response."""

    def __init__(self, reply: Reply, request: WireRequest) -> None:
        self._reply, self._request = reply, request
        self.status, self.headers = reply.status, reply.headers
        self.headers_at = time.monotonic()

    async def frames(self) -> AsyncIterator[Frame]:
        """The frames of its bytes."""
        assert self._request.framing is not None
        splitter = new_splitter(self._request.framing, EVENT_BYTES)
        for piece in self._reply.pieces:
            for frame in splitter.feed(piece, time.monotonic()):
                yield frame
        if self._reply.error is not None:
            raise self._reply.error
        for frame in splitter.end(time.monotonic()):
            yield frame

    async def body(self) -> bytes:
        """All of its bytes."""
        if self._reply.error is not None:
            raise self._reply.error
        return b"".join(self._reply.pieces)


async def no_blobs(digests: frozenset[str]) -> dict[str, bytes]:
    """There are no attachments."""
    return {}


def target_of(wire: Wire, adapter: ProviderAdapter, *, streams: bool = True) -> Target:
    """A target whose requests go over the wire, once each."""

    async def endpoint() -> Endpoint:
        return ENDPOINT

    return Target(
        provider="wire",
        model="test-model",
        adapter=adapter,
        endpoint=endpoint,
        open_stream=wire.open_stream,
        host="wire.example",
        streams=streams,
        retries=RetryPolicy(retries=0),
    )


async def session_over(target: Target, exchanges: Exchanges) -> Session:
    """A session whose requests go through the `exchanges`."""
    session = Session(MemoryTurnStore(), Worker(PayloadCache(), no_blobs, time.monotonic))
    await session.use(exchanges.around(target, "WIRE_API_KEY"))
    return session


async def replaying(replay: Replay, exchanges: Exchanges | None = None) -> Session:
    """A session that plays a recording; no request is made twice."""
    inner = Worker(PayloadCache(), no_blobs, time.monotonic)

    def around(target: Target) -> Target:
        target = replace(target, retries=RetryPolicy(retries=0), fallbacks=None)
        return target if exchanges is None else exchanges.around(target)

    session = Session(MemoryTurnStore(), ReplayWorker(inner, replay, around))
    session.target = replay.target()
    return session


async def ask(session: Session, text: str = "hello") -> Turn:
    """A whole turn."""
    return await session.start_turn(Prompt(text)).result()
