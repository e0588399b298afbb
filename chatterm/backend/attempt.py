"""One request and its response: opens the stream, folds its events, stamps its times."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from chatterm.backend.delta_gaps import DeltaGaps
from chatterm.backend.joining import Joint
from chatterm.backend.loop_lag import LoopLag
from chatterm.backend.providers.base import Endpoint, Frame, FrameStream, WireRequest
from chatterm.backend.providers.response_headers import rate_limits, request_id
from chatterm.backend.target import Target
from chatterm.core.clean import clean_line
from chatterm.core.errors import (
    AuthenticationError,
    ChattermError,
    ModelNotFoundError,
    ProviderError,
    RequestTimeoutError,
)
from chatterm.core.events import (
    RefusalDelta,
    StageChanged,
    Streamed,
    StreamEvent,
    StreamFinished,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallStarted,
    TurnEvent,
)
from chatterm.core.messages import Part
from chatterm.core.reducer import Draft
from chatterm.core.timings import Timings
from chatterm.core.turn import Outcome, Stage, Turn

AFTER_MARKER_SECONDS = 2.0
"""How long usage is waited for after the provider said that the reply is over."""

AFTER_USAGE_SECONDS = 0.2
"""How long the end of the bytes is waited for when all is known; it gives the connection back for the next turn."""

_STAMPS = {Stage.RESOLVING: "resolving", Stage.CONNECTING: "resolved", Stage.SECURING: "connected"}


class Attempt:
    """What came of asking: `draft` holds the reply so far, `complete` whether the terminal marker was seen.

    `begun` are the parts of a reply that is gone on with, `joint` the seam behind them; `taken_ids` are ids of tool
    calls that the reply has already.
    """

    def __init__(
        self,
        target: Target,
        emit: Callable[[TurnEvent], None],
        record: Callable[[StreamEvent], None],
        clock: Callable[[], float],
        *,
        begun: Iterable[Part] = (),
        joint: Joint | None = None,
        taken_ids: frozenset[str] = frozenset(),
    ) -> None:
        self._target = target
        self._emit, self._record, self._clock = emit, record, clock
        self._stamps: dict[str, float] = {"started": clock()}
        self._headers: Mapping[str, str] = {}
        self._stage: Stage | None = None
        self._reused: bool | None = None
        self._probe: asyncio.Task[None] | None = None
        self._lag = LoopLag()
        self._timer: asyncio.TimerHandle | None = None
        self.gaps = DeltaGaps()
        self.draft = Draft(begun, taken_ids)
        self.joint = joint
        self.endpoint: Endpoint | None = None

    @property
    def target(self) -> Target:
        """Who was asked."""
        return self._target

    @property
    def complete(self) -> bool:
        """Whether the provider's terminal marker was seen."""
        return self.draft.finished

    async def run(self, wire: WireRequest) -> None:
        """Send, and read to the end. Raises `ProviderError`s; what came before stays in `draft`."""
        self.endpoint = wire.endpoint
        self._stamps = {"started": self._stamps["started"]}
        self._lag.start()
        try:
            async with self._target.open_stream(wire, self._enter) as stream:
                self._stamps["headers"] = stream.headers_at
                self._headers = stream.headers
                if stream.status >= 400:
                    body = await stream.body()
                    raise self._target.adapter.parse_error(stream.status, stream.headers, body)
                await (self._read(stream) if wire.framing else self._read_whole(stream))
        except ProviderError as error:
            if not self.complete:  # what goes wrong after the marker costs nothing
                raise self._named(error, wire) from None
        finally:
            self._release()
            self._lag.stop()
            if self._probe is not None:
                self._probe.cancel()

    def finished_turn(self, turn: Turn, outcome: Outcome, error: ChattermError | None) -> Turn:
        """The turn with everything that is known now; times and text are fixed here, once."""
        if (rest := self.draft.finish()) is not None:
            self._show(self._clock(), rest)
        return replace(
            turn,
            provider=self._target.provider,
            model=self._target.model,
            base_url=self._target.base_url,
            reply=replace(turn.reply, parts=self.draft.parts()),
            outcome=outcome,
            stop_reason=self.draft.stop_reason,
            usage=self.draft.usage,
            timings=self.timings(),
            skipped_frames=self.draft.skipped_frames,
            request_id=request_id(self._headers) or self.draft.response_id,
            rate_limits=rate_limits(self._headers),
            error=error,
        )

    def timings(self) -> Timings:
        """When its steps happened; what is not over by now ends now."""
        stamps = {"finished": self._clock(), **self._stamps}
        return Timings(
            server=self.draft.server, reused_connection=self._reused, loop_lag=self._lag.worst, **stamps
        )

    async def _read_whole(self, stream: FrameStream) -> None:
        """A reply that does not stream: one body, decoded as if it were the only frame."""
        decoder = self._target.adapter.new_decoder()
        body = await stream.body()
        at = self._clock()
        self._take(at, decoder.feed(Frame(at, body)))
        self._take(at, decoder.finish())

    async def _read(self, stream: FrameStream) -> None:
        decoder = self._target.adapter.new_decoder()
        loop = asyncio.get_running_loop()
        budget = self._target.ttft_budget_seconds
        try:
            async with asyncio.timeout_at(None if budget is None else self._sent() + budget) as limit:
                async for frame in stream.frames():
                    self._take(frame.at, decoder.feed(frame))
                    if budget is not None and self.draft.has_output:
                        limit.reschedule(budget := None)
                    if self.complete:
                        known = self.draft.usage.output is not None
                        until = loop.time() + (AFTER_USAGE_SECONDS if known else AFTER_MARKER_SECONDS)
                        limit.reschedule(min(until, limit.when() or until))
                self._take(self._clock(), decoder.finish())
        except TimeoutError:
            if self.complete:
                return
            if budget is None:
                raise
            raise RequestTimeoutError(
                f"{self._target.host} sent no text within the {budget:g} s that ttft_budget_seconds allows."
            ) from None

    def _sent(self) -> float:
        """When the request was out, by the clock of the loop."""
        return asyncio.get_running_loop().time() - (self._clock() - self._stamps.get("sent", self._clock()))

    def _take(self, at: float, events: Iterable[StreamEvent]) -> None:
        apply, show, joint = self.draft.apply, self._show, self.joint
        for event in events:
            if joint is None or joint.is_over:
                if (shown := apply(event)) is not None:
                    show(at, shown)
                continue
            for each in self._joined(at, event, joint):
                if (shown := apply(each)) is not None:
                    show(at, shown)

    def _joined(self, at: float, event: StreamEvent, joint: Joint) -> Iterator[StreamEvent]:
        """The event without what is said again after a seam; text may be held back for a moment."""
        if isinstance(event, TextDelta):
            self._stamps.setdefault("first_delta", at)  # what is said again took its time, too
            self._stamps["last_delta"] = at
            if text := joint.feed(event.text):
                yield TextDelta(text)
            if joint.is_holding and self._timer is None:
                self._timer = asyncio.get_running_loop().call_later(joint.hold_seconds, self._release)
        else:
            if isinstance(event, RefusalDelta | ToolCallStarted | StreamFinished) and (
                text := joint.release()
            ):
                yield TextDelta(text)
            yield event

    def _release(self) -> None:
        """Show what is held back: it waited long enough, or nothing follows it."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.joint is not None and (text := self.joint.release()):
            self._take(self._clock(), [TextDelta(text)])

    def _show(self, at: float, event: StreamEvent) -> None:
        match event:
            case TextDelta() | RefusalDelta():
                self._stamp_delta(at)
                self._stamps.setdefault("first_text", at)
                self._enter(Stage.STREAMING, at)
            case ThinkingDelta():
                self._stamp_delta(at)
                self._enter(Stage.THINKING, at)
            case ToolCallStarted() | ToolCallDelta():
                self._stamp_delta(at)
            case StreamFinished():
                self._stamps["finished"] = at  # what is waited for afterwards is not the model's time
            case _:
                pass
        self._record(event)
        self._emit(Streamed(at, event))

    def _stamp_delta(self, at: float) -> None:
        self._stamps.setdefault("first_delta", at)
        self._stamps["last_delta"] = at
        self.gaps.note(at)

    def _enter(self, stage: Stage, at: float) -> None:
        if stage is self._stage:
            return
        self._stage = stage
        if stage in _STAMPS:
            self._stamps[_STAMPS[stage]] = at
        elif stage is Stage.SENDING:
            self._stamp_connection(at)
        elif stage is Stage.WAITING:
            self._stamps["sent"] = at
            if self._target.is_loaded is not None:
                # In a context of its own: the request of the probe must not be taken for the one of the chat.
                self._probe = asyncio.get_running_loop().create_task(
                    self._watch_loading(self._target.is_loaded), context=contextvars.Context()
                )
        usual = self._target.load_seconds if stage is Stage.LOADING else None
        self._emit(StageChanged(at, stage, usual() if usual is not None else None))

    def _stamp_connection(self, at: float) -> None:
        """The connection is there: the last step of a new one ended now, TLS or else the connect."""
        self._reused = "resolved" not in self._stamps
        if "connected" in self._stamps:
            self._stamps["secured"] = at
        elif "resolved" in self._stamps:
            self._stamps["connected"] = at

    async def _watch_loading(self, is_loaded: Callable[[], Awaitable[bool | None]]) -> None:
        loaded = await is_loaded()
        if loaded is False and self._stage is Stage.WAITING:
            self._enter(Stage.LOADING, self._clock())

    def _named(self, error: ProviderError, wire: WireRequest) -> ProviderError:
        """The error with the names it lacks, and without the key, which some servers repeat."""
        endpoint = wire.endpoint
        error.provider = error.provider or self._target.provider
        error.model = model = error.model or self._target.model
        if isinstance(error, ModelNotFoundError) and model not in error.message:
            error.message = f"{clean_line(model, 60)}: {error.message}"
        endpoint.hide_secrets(error)
        if isinstance(error, AuthenticationError):
            if endpoint.key_source:
                error.hint = f"{error.hint} The key came from {endpoint.key_source}.".strip()
            if self._target.forget_key is not None:
                self._target.forget_key()
        return error
