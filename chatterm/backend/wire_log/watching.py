"""Looks on while a request is sent and answered, and tells it line by line; changes nothing of it."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime

from chatterm.backend.providers.base import Frame, FrameStream, OnStage, OpenStream, WireRequest
from chatterm.backend.wire_log.exchange_lines import (
    AnyLine,
    BodyLine,
    EndLine,
    Failure,
    FrameLine,
    How,
    RequestLine,
    ResponseLine,
    as_bytes,
)
from chatterm.backend.wire_log.request_secrets import Secrets
from chatterm.core.errors import ProviderError
from chatterm.core.turn import Stage, Turn

current_turn: ContextVar[Turn | None] = ContextVar("current_turn", default=None)
"""The turn that the running task works for; None for what is asked beside turns, which nobody looks on."""

Tell = Callable[[AnyLine, str], None]
"""Takes the next line of an exchange, and the id of its turn. Must not wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a request does not say of itself; `key_variable` usually holds the key, "" for none."""

    model: str
    adapter: str
    key_variable: str = ""


def watched(inner: OpenStream, asked: Asked, tell: Tell, next_number: Callable[[], int]) -> OpenStream:
    """`inner`, with every request of a turn told."""

    @asynccontextmanager
    async def open_stream(request: WireRequest, on_stage: OnStage) -> AsyncGenerator[FrameStream]:
        turn = current_turn.get()
        if turn is None:
            async with inner(request, on_stage) as stream:
                yield stream
            return
        watch = _Watch(next_number(), request, turn.id, tell)
        watch.asked(asked)

        def enter(stage: Stage, at: float) -> None:
            watch.is_sent = watch.is_sent or stage is Stage.WAITING
            on_stage(stage, at)

        how: How = "stopped"
        error: ProviderError | None = None
        try:
            async with inner(request, enter) as stream:
                watch.answered(stream)
                yield _WatchedStream(stream, watch)
            how = "end" if watch.is_read else "closed"
        except ProviderError as caught:
            how, error = "failed", caught
            raise
        finally:
            watch.ended(how, error)

    return open_stream


class _Watch:
    """One exchange on its way into lines."""

    def __init__(self, number: int, request: WireRequest, turn_id: str, tell: Tell) -> None:
        self._number, self._request, self._turn_id, self._tell = number, request, turn_id, tell
        self._secrets = Secrets(request.endpoint)
        self._began = time.monotonic()
        self.is_sent = False
        self.is_read = False

    def asked(self, asked: Asked) -> None:
        """The request goes out."""
        request, secrets = self._request, self._secrets
        self._say(
            RequestLine(
                exchange=self._number,
                at=datetime.now(UTC).isoformat(timespec="milliseconds"),
                provider=request.endpoint.provider,
                model=asked.model,
                adapter=asked.adapter,
                base_url=secrets.out_of_text(request.endpoint.base_url),
                method=request.method,
                url=secrets.out_of_text(request.url),
                headers=secrets.out_of_request(request.headers),
                framing=request.framing,
                body=as_bytes(secrets.out_of_data(request.body)),
                key_variable=asked.key_variable,
            )
        )

    def answered(self, stream: FrameStream) -> None:
        """Its headers are there."""
        self._say(
            ResponseLine(
                exchange=self._number,
                seconds=self._at(stream.headers_at),
                status=stream.status,
                headers=self._secrets.out_of_answer(stream.headers),
                cached=not self.is_sent,
            )
        )

    def frame(self, frame: Frame) -> None:
        """An event came."""
        data = as_bytes(self._secrets.out_of_data(frame.data))
        self._say(FrameLine(exchange=self._number, seconds=self._at(frame.at), event=frame.event, data=data))

    def body(self, body: bytes) -> None:
        """The body came, whole."""
        data = as_bytes(self._secrets.out_of_data(body))
        self._say(BodyLine(exchange=self._number, seconds=self._at(time.monotonic()), data=data))

    def ended(self, how: How, error: ProviderError | None = None) -> None:
        """It is over."""
        failure = None
        if error is not None:
            failure = Failure(
                kind=error.kind,
                message=self._secrets.out_of_text(error.message),
                hint=self._secrets.out_of_text(error.hint),
                status=error.status,
                retryable=error.retryable,
                retry_after=error.retry_after,
            )
        self._say(
            EndLine(exchange=self._number, seconds=self._at(time.monotonic()), how=how, failure=failure)
        )

    def _at(self, at: float) -> float:
        return round(max(0.0, at - self._began), 6)

    def _say(self, line: AnyLine) -> None:
        self._tell(line, self._turn_id)


class _WatchedStream:
    """A response that somebody looks on at."""

    def __init__(self, inner: FrameStream, watch: _Watch) -> None:
        self._inner, self._watch = inner, watch
        self.status, self.headers, self.headers_at = inner.status, inner.headers, inner.headers_at

    async def frames(self) -> AsyncIterator[Frame]:
        """See `FrameStream`."""
        async for frame in self._inner.frames():
            self._watch.frame(frame)
            yield frame
        self._watch.is_read = True

    async def body(self) -> bytes:
        """See `FrameStream`."""
        body = await self._inner.body()
        self._watch.body(body)
        self._watch.is_read = True
        return body
