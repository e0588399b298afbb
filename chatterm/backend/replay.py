"""Plays a recording in place of the network: the same adapters, decoders and worker, and nothing is sent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields, replace
from typing import cast

from chatterm.backend.performance import Performance
from chatterm.backend.providers import registry
from chatterm.backend.providers.base import (
    Endpoint,
    Frame,
    FrameStream,
    OnStage,
    ProviderAdapter,
    WireRequest,
)
from chatterm.backend.providers.catalog import Service
from chatterm.backend.recorder import Recorder
from chatterm.backend.target import Target
from chatterm.backend.targets import Targets
from chatterm.backend.turn_handle import TurnHandle
from chatterm.backend.wire_log.exchange_lines import Exchange, Failure, RequestLine
from chatterm.backend.wire_log.recorded import Recorded
from chatterm.backend.worker import TurnJob, Worker
from chatterm.core import errors
from chatterm.core.errors import BadRequestError, ConfigError, ProviderError
from chatterm.core.turn import Stage, Turn

Sleep = Callable[[float], Awaitable[None]]
AGAIN = "chatterm --replay FILE plays it from its beginning."


class Replay:
    """A recording that is being played: each request is answered by the next recorded response, in order.

    `speed` is how many times as fast as it was recorded; 0 plays at once.
    """

    def __init__(self, recorded: Recorded, speed: float = 1.0, sleep: Sleep = asyncio.sleep) -> None:
        self._exchanges = recorded.exchanges
        self._speed = speed
        self._sleep = sleep
        self._next = 0
        for exchange in self._exchanges:
            _adapter_of(exchange.request)

    @property
    def following(self) -> Exchange:
        """The exchange that answers the next request; at the end of the recording its last one."""
        return self._exchanges[min(self._next, len(self._exchanges) - 1)]

    def target(self) -> Target:
        """Whom the next recorded request went to. Nothing is needed to let anybody in."""
        request = self.following.request
        endpoint = Endpoint(provider=request.provider, base_url=request.base_url)

        async def find() -> Endpoint:
            return endpoint

        return Target(
            provider=request.provider,
            model=request.model,
            adapter=_adapter_of(request),
            endpoint=find,
            open_stream=self.open_stream,
            host=endpoint.host,
            streams=request.framing is not None,
            fallbacks=lambda: self._fallbacks(request),
        )

    @asynccontextmanager
    async def open_stream(self, request: WireRequest, on_stage: OnStage) -> AsyncGenerator[FrameStream]:
        """Answer with the next recorded response; see `OpenStream`."""
        if self._next >= len(self._exchanges):
            count = len(self._exchanges)
            replies = "its one reply was" if count == 1 else f"all its {count} replies were"
            raise BadRequestError(f"The recording is at its end: {replies} played.", AGAIN)
        exchange = self._exchanges[self._next]
        self._next += 1
        began = time.monotonic()
        on_stage(Stage.WAITING, began)
        stream = _RecordedStream(exchange, began, self._pause)
        if exchange.response is None:
            await stream.until_end()
            raise stream.failure()
        await self._pause(began, exchange.response.seconds)
        stream.headers_at = time.monotonic()
        yield stream

    @asynccontextmanager
    async def closed_network(self, request: WireRequest, on_stage: OnStage) -> AsyncGenerator[FrameStream]:
        """An `OpenStream` that sends nothing."""
        raise BadRequestError("Nothing is sent while a recording is played.", "Start without --replay.")
        yield cast("FrameStream", None)

    async def _pause(self, began: float, seconds: float) -> None:
        """Wait until this many recorded seconds are over."""
        if self._speed > 0 and (left := began + seconds / self._speed - time.monotonic()) > 0:
            await self._sleep(left)

    def _fallbacks(self, asked: RequestLine) -> list[Target]:
        """Who was asked next in the recording, where that is another one."""
        following = self.following.request
        is_same = (asked.provider, asked.model) == (following.provider, following.model)
        return [] if is_same or self._next >= len(self._exchanges) else [self.target()]


class _RecordedStream:
    """A recorded response; see `FrameStream`."""

    def __init__(
        self, exchange: Exchange, began: float, pause: Callable[[float, float], Awaitable[None]]
    ) -> None:
        self._exchange, self._began, self._pause = exchange, began, pause
        self.headers_at = began

    @property
    def status(self) -> int:
        """The recorded status."""
        return self._exchange.response.status if self._exchange.response else 0

    @property
    def headers(self) -> Mapping[str, str]:
        """The recorded headers."""
        return self._exchange.response.headers if self._exchange.response else {}

    async def frames(self) -> AsyncIterator[Frame]:
        """The recorded frames at their times; then the recorded end, which may be an error."""
        if self._exchange.body is not None:
            yield Frame(time.monotonic(), await self.body())
            return
        for line in self._exchange.frames:
            await self._pause(self._began, line.seconds)
            yield Frame(time.monotonic(), line.data.data, line.event)
        await self.until_end()
        if self._is_broken:
            raise self.failure()

    async def body(self) -> bytes:
        """The recorded body. Raises the error that was recorded in its place."""
        if (line := self._exchange.body) is not None:
            await self._pause(self._began, line.seconds)
            return line.data.data
        await self.until_end()
        if self._is_broken:
            raise self.failure()
        return b"\n".join(line.data.data for line in self._exchange.frames)

    async def until_end(self) -> None:
        """Wait until the recorded end."""
        if self._exchange.end is not None:
            await self._pause(self._began, self._exchange.end.seconds)

    @property
    def _is_broken(self) -> bool:
        end = self._exchange.end
        return bool(self._exchange.damage) or end is None or end.how in ("stopped", "failed")

    def failure(self) -> ProviderError:
        """Why there is no more: what was recorded, or what the recording lacks."""
        end = self._exchange.end
        if not self._exchange.damage and end is not None and end.failure is not None:
            return _error_of(end.failure)
        words = self._exchange.damage or "ends here"
        if end is not None and end.how == "stopped":
            words = "ends here: the reply was stopped"
        return BadRequestError(f"The recording {words}.", "What came before is shown. Ask for the next one.")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayTargets(Targets):
    """Targets of which there is one: whom the next recorded request went to."""

    replay: Replay

    def configured(self) -> tuple[str, ...]:
        """Whom the next request went to."""
        return (self.replay.following.request.provider,)

    def at(self, provider: str, base_url: str | None) -> Targets:
        """These: where a recording went is fixed."""
        return self

    def resolve(self, provider: str, model: str) -> Target:
        """The target of the next recorded request, whatever is asked for."""
        return self.replay.target()

    def address(self, provider: str) -> str:
        """Where the next request went."""
        return self.replay.following.request.base_url

    async def endpoint(self, provider: str, model: str = "") -> Endpoint:
        """That of the next request, without a key."""
        return await self.replay.target().endpoint()

    def service(self, provider: str) -> Service:
        """What needs to be known of a service that is not asked."""
        return Service(name=provider, title=provider, needs_key=False)

    def knows(self, provider: str) -> bool:
        """Whether the next request went to it."""
        return provider == self.replay.following.request.provider


class ReplayWorker(Worker):
    """Runs turns for whoever was asked in the recording, one after another, by the worker `inner`.

    `around` is put around each target, as for targets that are asked in earnest.
    """

    def __init__(self, inner: Worker, replay: Replay, around: Callable[[Target], Target]) -> None:
        vars(self).update(vars(inner))  # as it was built, with all that it knows
        self._replay, self._around = replay, around
        self.performance = Performance()  # nobody is asked, so nothing is measured

    async def run(self, job: TurnJob, handle: TurnHandle, recorder: Recorder) -> Turn:
        """As `Worker.run`, with the next recorded target in the place of the chosen one."""
        target = self._around(self._replay.target())
        turn = handle.turn = replace(job.turn, provider=target.provider, model=target.model, base_url=None)
        return await super().run(replace(job, turn=turn, target=target), handle, recorder)


def play(targets: Targets, replay: Replay) -> ReplayTargets:
    """The targets of a recording, in the place of these."""
    given = {each.name: getattr(targets, each.name) for each in fields(targets)}
    given |= {"http_stream": replay.closed_network, "guide_stream": replay.closed_network, "connect": None}
    return ReplayTargets(replay=replay, **given)


def _adapter_of(request: RequestLine) -> ProviderAdapter:
    """The adapter that the response was for. Raises `ConfigError` where it is not installed."""
    wire_format, slash, service = request.adapter.partition("/")
    try:
        if slash:
            return registry.adapter_of(registry.service_at(service, wire_format, request.base_url))
        return registry.adapter(request.adapter)
    except ConfigError as error:
        raise ConfigError(
            f"The recording needs the wire format {request.adapter!r}: {error.message}", error.hint
        ) from None


def _error_of(failure: Failure) -> ProviderError:
    """The recorded error, of its own kind where there is still such a kind."""
    kind = getattr(errors, f"{failure.kind}Error", None)
    if not (isinstance(kind, type) and issubclass(kind, ProviderError)):
        kind = ProviderError
    return kind(
        failure.message,
        failure.hint,
        status=failure.status,
        retryable=failure.retryable,
        retry_after=failure.retry_after,
    )
