"""Asks the lines of a batch, so many at a time, and has what comes of each written as soon as it is there.

Each line is a turn of its own, with the retries and the fallbacks of every turn. A provider that asks for fewer
requests is left in peace, by lines that were not begun too, for as long as it says; a model that cannot be asked at
all (no key, no credit, no such model) is given up, and its lines are left for the next run.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from chatterm.backend.batch.lines import BatchItem, BatchLine, failed_line, line_of_turn
from chatterm.backend.budget import Budget
from chatterm.backend.performance import Performance
from chatterm.backend.session import Prompt, Session
from chatterm.backend.target import Target
from chatterm.backend.turn_handle import TurnHandle
from chatterm.core.errors import (
    AuthenticationError,
    BudgetUsedUpError,
    ChattermError,
    ModelNotFoundError,
    OverloadedError,
    ProviderError,
    QuotaExceededError,
    RateLimitedError,
)
from chatterm.core.events import RetryScheduled, TurnEvent
from chatterm.core.performance import AttemptRecord
from chatterm.core.turn import Outcome, Turn

_HOPELESS = (AuthenticationError, QuotaExceededError, ModelNotFoundError)
"""After these the next line would only fail in the same way."""

_BUSY = (RateLimitedError, OverloadedError)

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class BatchJob:
    """A line, and who is asked."""

    item: BatchItem
    target: Target


OpenLine = Callable[[BatchJob], AbstractAsyncContextManager[tuple[Session, Prompt]]]
"""A new conversation for the line and its prompt, let go of at the end. Raises `ChattermError`."""

Write = Callable[[BatchLine], Awaitable[None]]
"""Writes a line to the output. Raises `StoreError` or OSError where that takes nothing any more."""


@dataclass(slots=True, kw_only=True)
class BatchProgress:
    """How far a run is. `before` lines were complete already; the rest counts lines of this run.

    `failed` are those that were written without a whole reply. `dollars` is what is known of the cost, None while
    nothing is; `is_estimate` whether prices were needed for it.
    """

    total: int
    before: int = 0
    complete: int = 0
    failed: int = 0
    running: int = 0
    dollars: float | None = None
    is_estimate: bool = False

    @property
    def written(self) -> int:
        """Lines of this run that are over."""
        return self.complete + self.failed

    @property
    def left(self) -> int:
        """Lines that have nothing in the output, those that run included."""
        return self.total - self.before - self.written

    def count(self, line: BatchLine) -> None:
        """A line was written."""
        if line.is_complete:
            self.complete += 1
        else:
            self.failed += 1
        if line.cost_dollars is not None:
            self.dollars = (self.dollars or 0.0) + line.cost_dollars
            self.is_estimate = self.is_estimate or line.cost_is_estimate

    def seconds_left(self, elapsed: float) -> float | None:
        """How long the rest takes at the pace so far; None while there is none."""
        return elapsed / self.written * self.left if self.written else None

    def dollars_at_end(self) -> float | None:
        """What this run costs at the price so far; None while nothing is known."""
        if self.dollars is None or not self.written:
            return None
        return self.dollars * (1 + self.left / self.written)


class Batch:
    """One run over lines that are to be asked.

    `given_up` tells, by PROVIDER/MODEL, why a model is not asked any more; `is_spent` whether the `budget` ended the
    run, which begins no line that would likely go beyond it; `used_up` tells of a limit of the settings.
    """

    def __init__(
        self,
        jobs: Sequence[BatchJob],
        progress: BatchProgress,
        *,
        open_line: OpenLine,
        write: Write,
        performance: Performance,
        budget: Budget | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        self.progress = progress
        self.given_up: dict[str, ChattermError] = {}
        self.is_spent = False
        self.used_up: BudgetUsedUpError | None = None
        self._queues: dict[str, deque[BatchJob]] = {}
        for job in jobs:
            self._queues.setdefault(job.target.provider, deque()).append(job)
        self._open, self._write = open_line, write
        self._performance, self._budget, self._clock = performance, budget, clock
        self._held_until: dict[str, float] = {}
        self._handles: set[TurnHandle] = set()
        self._records: dict[str, list[AttemptRecord]] = {}
        self._stopped, self._ended = asyncio.Event(), asyncio.Event()
        self._is_broken_off = False
        self._failure: ChattermError | OSError | None = None

    async def run(self, at_a_time: int) -> None:
        """Ask all lines, or until it is stopped. Raises what `write` raises."""
        self._performance.takers.append(self._take)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(at_a_time):
                    group.create_task(self._work())
        finally:
            self._performance.takers.remove(self._take)
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """Begin no more lines."""
        self._stopped.set()

    def interrupt(self) -> None:
        """Break off the lines that run, too; nothing of them is written."""
        self.stop()
        self._is_broken_off = True
        for handle in list(self._handles):
            handle.interrupt()

    # ---- one after another ---------------------------------------------------------------------

    async def _work(self) -> None:
        while (job := await self._next()) is not None:
            self.progress.running += 1
            try:
                line = await self._ask(job)
                if line is not None:
                    await self._write(line)
                    self.progress.count(line)
                    if self._budget is not None:
                        self._budget.take(line.cost_dollars, is_estimate=line.cost_is_estimate)
            except (
                ChattermError,
                OSError,
            ) as error:  # of the output: without it there is nothing to go on for
                self._failure = error
                self.interrupt()
            finally:
                self.progress.running -= 1
                self._ended.set()

    async def _next(self) -> BatchJob | None:
        """The first line that may be asked now; waits where all providers want to be left in peace."""
        while not self._stopped.is_set():
            queues = {provider: queue for provider, queue in self._queues.items() if queue}
            if not queues:
                return None
            now = self._clock()
            waits = {provider: self._held_until.get(provider, now) - now for provider in queues}
            free = [queue for provider, queue in queues.items() if waits[provider] <= 0]
            if not free:
                await self._pause(min(waits.values()))
                continue
            if self._budget is not None and not self._budget.allows(self.progress.running):
                if self.progress.running:  # what runs may cost less than is feared
                    self._ended.clear()
                    await self._ended.wait()
                    continue
                self.is_spent = True
                return None
            job = min(free, key=lambda queue: queue[0].item.line).popleft()
            if _place(job.target) not in self.given_up:
                return job
        return None

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopped.wait()
        except TimeoutError:
            pass

    # ---- one line ------------------------------------------------------------------------------

    async def _ask(self, job: BatchJob) -> BatchLine | None:
        """What is written of the line; None where it was broken off, or is left for the next run."""
        try:
            async with self._open(job) as (session, prompt):
                if self._is_broken_off:
                    return None
                session.operation, session.require_more = "batch", self._require_more
                handle = session.start_turn(prompt)
                self._handles.add(handle)
                try:
                    async for event in handle.events():
                        self._note(job, event)
                finally:
                    self._handles.discard(handle)
        except ChattermError as error:
            return failed_line(job.item, job.target.provider, job.target.model, error)
        turn, stopped = handle.turn, handle.stop_outcome is not None
        dollars, is_estimate = self._cost(turn)
        if stopped and turn.outcome is not Outcome.COMPLETE:
            return None
        if isinstance(turn.error, BudgetUsedUpError):
            self.used_up = turn.error
            self.stop()
            return None
        if isinstance(turn.error, ProviderError) and self._gives_up(job, turn, turn.error):
            return None
        return line_of_turn(job.item, turn, dollars, is_estimate=is_estimate)

    def _note(self, job: BatchJob, event: TurnEvent) -> None:
        match event:
            case RetryScheduled(delay_seconds=delay, cause=cause) if isinstance(cause, _BUSY):
                self._hold_back(cause.provider or job.target.provider, delay)
            case _:
                pass

    def _gives_up(self, job: BatchJob, turn: Turn, error: ProviderError) -> bool:
        """Whether the line is left for the next run, with all that would go the same way."""
        provider = error.provider or turn.provider
        if isinstance(error, _BUSY) and error.retry_after is not None:
            self._hold_back(provider, error.retry_after)
        if not isinstance(error, _HOPELESS):
            return False
        self.given_up.setdefault(_place(job.target), error)
        return True

    def _hold_back(self, provider: str, seconds: float) -> None:
        until = self._clock() + seconds
        self._held_until[provider] = max(until, self._held_until.get(provider, until))

    def _take(self, record: AttemptRecord) -> None:
        if record.operation == "batch":
            self._records.setdefault(record.turn_id, []).append(record)

    def _require_more(self) -> None:
        """Raises `BudgetReachedError` where a line that runs may send no further request."""
        if self._budget is not None:
            running = (record for records in self._records.values() for record in records)
            self._budget.require_more(sum(record.cost_dollars or 0.0 for record in running))

    def _cost(self, turn: Turn) -> tuple[float | None, bool]:
        """What all requests of the turn cost, as far as that is known, and whether prices were needed for it."""
        records = self._records.pop(turn.id, [])
        known = [record.cost_dollars for record in records if record.cost_dollars is not None]
        return sum(known) if known else None, any(record.cost_is_estimate for record in records)


def _place(target: Target) -> str:
    return f"{target.provider}/{target.model}"
