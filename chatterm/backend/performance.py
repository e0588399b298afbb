"""Makes the record of every request and hands it on: to the performance log, the store, and whoever else wants it."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

from chatterm.backend.attempt import Attempt
from chatterm.backend.metrics import is_warm, streamed_tokens, tokens_per_second
from chatterm.backend.prices import UNKNOWN, Cost, cost_of, is_free
from chatterm.backend.process_memory import peak_memory_bytes
from chatterm.backend.turn_handle import TurnHandle
from chatterm.core.errors import ChattermError
from chatterm.core.messages import ThinkingPart
from chatterm.core.performance import AttemptRecord, Operation
from chatterm.core.timings import ServerTimings, Timings
from chatterm.core.tools import ToolRun, round_seconds
from chatterm.core.turn import Outcome, Turn
from chatterm.core.usage import Usage

logger = logging.getLogger(__name__)

Take = Callable[[AttemptRecord], None]
"""Takes a record, on the event loop; must not wait."""


class Performance:
    """Gives every record to all `takers`, and every turn at its end to all `turn_takers`.

    One that raises costs neither the turn nor the others their record. What the user should know of it goes to `tell`.
    """

    def __init__(self, *takers: Take) -> None:
        self.takers: list[Take] = list(takers)
        self.turn_takers: list[Callable[[Turn], None]] = []
        self.tell: Callable[[str], object] = lambda _: None

    def give(self, record: AttemptRecord) -> None:
        """Hand a record on."""
        for take in self.takers:
            try:
                take(record)
            except Exception:  # the border: what is measured must never cost a reply
                logger.exception("a record of performance was not taken")

    def ended(self, turn: Turn) -> None:
        """Hand on a turn that is over; its records were given before."""
        for take in self.turn_takers:
            try:
                take(turn)
            except Exception:  # the border, as above
                logger.exception("the end of a turn was not taken")


@dataclass(frozen=True, slots=True)
class Try:
    """Which request of its round it is, counted from 1; the rest as in `AttemptRecord`."""

    number: int
    retries: int
    fallback_from: str


class TurnRecords:
    """Makes the records of one turn. The last request is held back until the tools it called have run.

    Requests that were answered from a cache have none: nothing was sent. `may_go_on` raises where the turn may send
    no further one, by what the records tell.
    """

    def __init__(
        self,
        turn: Turn,
        operation: Operation,
        performance: Performance,
        may_go_on: Callable[[], None] | None = None,
    ) -> None:
        self._turn, self._operation, self._performance = turn, operation, performance
        self._may_go_on = may_go_on
        self._round = self._requests = 0
        self._held: AttemptRecord | None = None

    def require_more(self) -> None:
        """Raises a `ChattermError` where the turn sent requests already, and may send no further one."""
        self.close()
        if self._requests and self._may_go_on is not None:
            self._may_go_on()

    @contextmanager
    def request(self, attempt: Attempt, handle: TurnHandle, tried: Try) -> Generator[None]:
        """Around a request: it has its record afterwards, whatever becomes of it."""
        at = time.time()
        try:
            yield
        finally:
            self.close()
            try:
                self._held = self._record(attempt, at, handle.stop_outcome, tried)
            except Exception:  # the border: a defect in measuring must not cost a reply
                logger.exception("a request was not recorded")

    def tools_ran(self, runs: tuple[ToolRun, ...]) -> None:
        """The tools that the last response called have run, or were stopped."""
        if self._held is not None:
            self._held = replace(self._held, tool_count=len(runs), tool_seconds=round_seconds(runs)[0])
        self._round += 1
        self.close()

    def close(self) -> None:
        """Nothing more belongs to the last request."""
        held, self._held = self._held, None
        if held is not None:
            self._performance.give(held)

    def _record(
        self, attempt: Attempt, at: float, stopped: Outcome | None, tried: Try
    ) -> AttemptRecord | None:
        error, timings = sys.exception(), attempt.timings()
        if timings.was_at_hand:
            return None
        self._requests += 1
        outcome = _outcome(attempt, error, stopped)
        target, turn = attempt.target, self._turn
        make = partial(
            AttemptRecord,
            id=f"{turn.id}-{self._requests}",
            at=at,
            conversation_id=turn.conversation_id,
            turn_id=turn.id,
            operation=self._operation,  # pyright: ignore[reportArgumentType]  # taken for any str in a partial
            provider=target.provider,
            model=target.model,
            host=target.host,
            attempt=tried.number,
            round=self._round,
            success=outcome is Outcome.COMPLETE,
            outcome=outcome.value,
            error_kind=_kind(error) if outcome is not Outcome.COMPLETE else "",
            retries=tried.retries,
            fallback_from=tried.fallback_from,
        )
        return _measured(make, attempt, timings)


def _measured(make: Callable[..., AttemptRecord], attempt: Attempt, timings: Timings) -> AttemptRecord:
    """The record with what was measured of a request, and what it cost; `make` knows all else."""
    draft, gaps, usage = attempt.draft, attempt.gaps, attempt.draft.usage
    server = timings.server or ServerTimings()
    cost = _cost(attempt, usage)
    shows_thinking = bool(usage.reasoning) and any(isinstance(part, ThinkingPart) for part in draft.parts())
    generated = streamed_tokens(usage, shows_thinking=shows_thinking)
    return make(
        stop_reason=draft.stop_reason.value if draft.stop_reason is not None else "",
        latency_seconds=timings.attempt_seconds,
        ttft_seconds=timings.ttft,
        first_text_seconds=timings.time_to_first_text,
        delta_gap_p50_seconds=gaps.percentile(0.50),
        delta_gap_p95_seconds=gaps.percentile(0.95),
        stalls=gaps.stalls if timings.first_delta is not None else None,
        reused_connection=timings.reused_connection,
        resolve_seconds=timings.resolve_seconds,
        connect_seconds=timings.connect_seconds,
        secure_seconds=timings.secure_seconds,
        input_tokens=usage.input,
        output_tokens=usage.output,
        cache_read_tokens=usage.cache_read,
        cache_write_tokens=usage.cache_write,
        reasoning_tokens=usage.reasoning,
        cost_dollars=cost.dollars,
        cost_is_estimate=cost.is_estimate,
        tokens_per_second=server.eval_tokens_per_second
        or tokens_per_second(generated, timings.generation_seconds),
        prompt_tokens_per_second=server.prompt_tokens_per_second,
        load_duration_ns=_nanoseconds(server.load_seconds),
        prompt_eval_count=server.prompt_eval_count,
        prompt_eval_duration_ns=_nanoseconds(server.prompt_eval_seconds),
        eval_count=server.eval_count,
        eval_duration_ns=_nanoseconds(server.eval_seconds),
        total_duration_ns=_nanoseconds(server.total_seconds),
        load_time_ms=_milliseconds(server.load_seconds),
        prompt_eval_time_ms=_milliseconds(server.prompt_eval_seconds),
        generation_time_ms=_milliseconds(server.eval_seconds),
        warm=is_warm(timings.server),
        loop_lag_seconds=timings.loop_lag,
        peak_memory_bytes=peak_memory_bytes(),
    )


def _outcome(attempt: Attempt, error: BaseException | None, stopped: Outcome | None) -> Outcome:
    if attempt.complete:
        return Outcome.COMPLETE
    has_output = attempt.draft.has_output
    if isinstance(error, Exception):
        return Outcome.INTERRUPTED if has_output else Outcome.FAILED
    if stopped is Outcome.CANCELLED:
        return Outcome.CANCELLED if has_output else Outcome.WITHDRAWN
    return Outcome.INTERRUPTED


def _kind(error: BaseException | None) -> str:
    if isinstance(error, ChattermError):
        return error.kind
    return "Internal" if isinstance(error, Exception) else ""


def _cost(attempt: Attempt, usage: Usage) -> Cost:
    target, endpoint = attempt.target, attempt.endpoint
    if target.facts is None or endpoint is None:
        return UNKNOWN if usage.cost is None else Cost(usage.cost)
    return cost_of(usage, target.facts(), free=is_free(endpoint, target.model))


def _nanoseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1e9)


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000
