"""One target of a load test: the requests that run, and what was found of those that ended."""

from __future__ import annotations

from dataclasses import dataclass, field

from chatterm.backend.load_test.figures import Gaps, Sample, TargetFigures, target_figures
from chatterm.backend.load_test.pacing import Pace
from chatterm.backend.metrics import figures_of, percentile
from chatterm.backend.prices import Cost
from chatterm.backend.target import Target
from chatterm.backend.turn_handle import TurnHandle
from chatterm.core.errors import (
    AuthenticationError,
    BadRequestError,
    ChattermError,
    ConfigError,
    ContextTooLongError,
    ModelNotFoundError,
    QuotaExceededError,
)
from chatterm.core.events import (
    RefusalDelta,
    Streamed,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallStarted,
    TurnEvent,
)
from chatterm.core.turn import Outcome, Turn

IN_VAIN = (
    AuthenticationError,
    BadRequestError,
    ConfigError,
    ContextTooLongError,
    ModelNotFoundError,
    QuotaExceededError,
)
"""Failures of a first request after which every other one would fail the same way."""

RECENT = 200
"""So many requests count for what is shown meanwhile."""

_DELTAS = frozenset((TextDelta, ThinkingDelta, RefusalDelta, ToolCallStarted, ToolCallDelta))


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneProgress:
    """How far it is with one target, warm-up aside. `ttft_p50_seconds` is of its last requests.

    `held_seconds` is how long its next request still has to wait.
    """

    name: str
    running: int
    complete: int
    failed: int
    ttft_p50_seconds: float | None
    held_seconds: float


@dataclass(slots=True)
class Heard:
    """What is heard of one turn while it runs: when it began, and the gaps between its deltas."""

    began: float
    is_warmup: bool
    gaps: list[float] = field(default_factory=list[float])
    deltas: int = 0
    last: float = 0.0

    def take(self, batch: list[TurnEvent]) -> None:
        """Some events of the turn."""
        for event in batch:
            if type(event) is Streamed and type(event.event) in _DELTAS:
                if self.deltas:
                    self.gaps.append(event.at - self.last)
                self.last = event.at
                self.deltas += 1

    def sample(self, turn: Turn, ended: float, cost: Cost) -> Sample:
        """What the turn came to."""
        figures = figures_of(turn)
        is_cancelled = turn.outcome in (Outcome.CANCELLED, Outcome.WITHDRAWN)
        is_complete = turn.outcome is Outcome.COMPLETE
        kind = turn.error.kind if turn.error is not None else str(turn.outcome)
        return Sample(
            started_at=self.began,
            ended_at=ended,
            is_warmup=self.is_warmup,
            is_cancelled=is_cancelled,
            error_kind="" if is_complete or is_cancelled else kind,
            ttft_seconds=figures.ttft_seconds,
            first_text_seconds=figures.first_text_seconds,
            latency_seconds=figures.elapsed_seconds,
            tokens_per_second=figures.tokens_per_second,
            input_tokens=turn.usage.input,
            output_tokens=turn.usage.output,
            cost_dollars=cost.dollars,
            cost_is_estimate=cost.is_estimate,
            warm=figures.warm,
            load_seconds=figures.server.load_seconds if figures.server is not None else None,
            reused_connection=figures.reused_connection,
            loop_lag_seconds=turn.timings.loop_lag,
            deltas=self.deltas,
            retries=figures.retries,
        )


class Lane:
    """One target, and what was found of it so far."""

    def __init__(self, target: Target, pace: Pace) -> None:
        self.target, self.pace = target, pace
        self.name = f"{target.provider}/{target.model}"
        self.running: set[TurnHandle] = set()
        self.samples: list[Sample] = []
        self.gaps = Gaps()
        self.begun = self.complete = self.failed = 0
        self.ended = ""
        self.failure: ChattermError | None = None

    def take(self, sample: Sample, gaps: list[float], turn: Turn) -> None:
        """A request ended."""
        self.samples.append(sample)
        if not sample.is_warmup:
            self.complete += sample.is_complete
            self.failed += bool(sample.error_kind)
            self.gaps.add(gaps if sample.is_complete else ())
        error = None if sample.is_cancelled else turn.error
        self.failure = error or self.failure
        self.pace.note(sample.started_at, error, turn.rate_limits)
        if self.pace.too_long:
            self.ended = self.pace.too_long
        elif isinstance(error, IN_VAIN) and not any(each.is_complete for each in self.samples):
            self.ended = str(error)

    def progress(self) -> LaneProgress:
        """How far it is."""
        recent = [each.ttft_seconds for each in self.samples[-RECENT:] if each.is_complete]
        return LaneProgress(
            name=self.name,
            running=len(self.running),
            complete=self.complete,
            failed=self.failed,
            ttft_p50_seconds=percentile([seconds for seconds in recent if seconds is not None], 0.5),
            held_seconds=self.pace.left_seconds,
        )

    def figures(self) -> TargetFigures:
        """All that was found by now."""
        held = self.pace.held_seconds
        return target_figures(
            self.name, self.target.host, self.samples, self.gaps, held_seconds=held, ended=self.ended
        )
