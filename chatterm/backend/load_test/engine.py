"""The load test of models: many turns side by side, each as in a chat, and what was found of them.

Values in, values out: who shows it looks at `progress` while `run` goes on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from chatterm import __version__
from chatterm.backend.load_test.figures import LoadResult, Sample, TargetFigures
from chatterm.backend.load_test.goals import Goal, judged
from chatterm.backend.load_test.lane import Heard, Lane, LaneProgress
from chatterm.backend.load_test.pacing import Pace, Purse
from chatterm.backend.load_test.plan import LoadPlan, prompt_tokens
from chatterm.backend.payload_cache import PayloadCache
from chatterm.backend.performance import Performance
from chatterm.backend.prices import UNKNOWN, Cost
from chatterm.backend.recorder import Recorder
from chatterm.backend.session import Prompt, Session
from chatterm.backend.target import Target
from chatterm.backend.unkept import UnkeptHistory
from chatterm.backend.worker import Worker
from chatterm.core.errors import ChattermError, StoreError
from chatterm.core.events import StreamEvent
from chatterm.core.performance import AttemptRecord, Operation

OPERATION: Operation = "bench"

START_SECONDS, RAMP_SECONDS = 0.02, 2.0
"""The first requests begin so far apart, all within the second time: to begin a request takes several milliseconds of
work, and the replies to those before would be stamped late."""

PAYLOAD_BYTES = 4 * 1024 * 1024
"""Of what is kept of prompts: each is asked once."""

LOOK_SECONDS = 0.1
"""How often the events of a turn that runs are taken."""


def load_worker(performance: Performance) -> Worker:
    """A worker of its own: made-up prompts teach nothing about how long real ones are."""

    async def no_blobs(digests: frozenset[str]) -> dict[str, bytes]:
        raise StoreError("A load test has no attachments.")

    return Worker(PayloadCache(PAYLOAD_BYTES), no_blobs, time.monotonic, performance=performance)


class LoadTest:
    """One run; ask for it once. `stop` ends it early, with what there is.

    `require_more` raises a `ChattermError` where no request may be sent any more, whatever the plan says.
    """

    def __init__(
        self,
        worker: Worker,
        targets: Sequence[Target],
        plan: LoadPlan,
        require_more: Callable[[], object] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._worker, self._plan, self._clock = worker, plan, clock
        self._may_send = require_more
        self._lanes = [Lane(_as_tested(target, plan), Pace(clock)) for target in targets]
        self._purse = Purse(plan.max_cost_dollars)
        self._stopped = asyncio.Event()
        self._until: float | None = None
        self._began_at: float | None = None
        self._costs: dict[str, Cost] = {}
        self._takers = worker.performance.takers
        self.seconds = 0.0
        """How long the measured part took, once it is over."""
        self.cpu_share = 0.0
        """What this program itself used meanwhile, 1 for a whole core."""
        self.is_over = False
        """Whether `run` has ended."""

    @property
    def is_stopped(self) -> bool:
        """Whether it was ended early by `stop`."""
        return self._stopped.is_set()

    @property
    def failure(self) -> ChattermError | None:
        """Why one of them answered nothing at all; None where each answered, or nothing failed."""
        silent = (lane for lane in self._lanes if not any(sample.is_complete for sample in lane.samples))
        return next((lane.failure for lane in silent if lane.failure is not None), None)

    @property
    def measured_seconds(self) -> float:
        """How long the measured part goes on by now; 0 while it is warmed up."""
        return 0.0 if self._began_at is None else self.seconds or self._clock() - self._began_at

    async def run(self) -> None:
        """Ask all that is planned. Raises nothing for what fails: it is counted."""
        self._takers.append(self._note)
        try:
            for number in range(self._plan.warmup):
                for lane in self._lanes:
                    await self._next(lane, -1 - number)
            await self._measure()
        finally:
            self._takers.remove(self._note)
            self.is_over = True

    def result(self, goals: Iterable[Goal] = ()) -> LoadResult:
        """All that was found by now, with what was asked, and what became of the goals."""
        plan, figures = self._plan, self.figures()
        longest = plan.options.get("max_tokens")
        return LoadResult(
            program=f"chatterm {__version__}",
            made_at=datetime.now(UTC).isoformat(timespec="seconds"),
            concurrency=plan.concurrency,
            requests=plan.requests,
            duration_seconds=plan.duration_seconds,
            warmup=plan.warmup,
            prompt_tokens=prompt_tokens(plan),
            max_tokens=longest if isinstance(longest, int) else None,
            seed=plan.seed,
            seconds=self.measured_seconds,
            cpu_share=self.cpu_share,
            stopped=self.is_stopped,
            targets=figures,
            goals=judged(goals, figures),
        )

    def figures(self) -> tuple[TargetFigures, ...]:
        """All that was found by now, target by target."""
        return tuple(lane.figures() for lane in self._lanes)

    def stop(self) -> None:
        """Begin no more requests and cancel those that run; `run` ends soon."""
        self._stopped.set()
        for lane in self._lanes:
            for handle in lane.running:
                handle.cancel()

    def progress(self) -> tuple[LaneProgress, ...]:
        """How far it is, target by target. Costs little, however many requests there were."""
        return tuple(lane.progress() for lane in self._lanes)

    async def _measure(self) -> None:
        began, cpu = self._clock(), time.process_time()
        self._began_at = began
        if self._plan.duration_seconds is not None:
            self._until = began + self._plan.duration_seconds
        async with asyncio.TaskGroup() as group:
            for place in range(count := self._most_at_once()):
                for lane in self._lanes:  # side by side, so that all meet the same hour and the same machine
                    group.create_task(self._work(lane, place * min(START_SECONDS, RAMP_SECONDS / count)))
        self.seconds = self._clock() - began
        self.cpu_share = (time.process_time() - cpu) / self.seconds if self.seconds else 0.0

    def _note(self, record: AttemptRecord) -> None:
        """A request, or one try of it, is over."""
        if record.operation == OPERATION and record.cost_dollars is not None:
            before = self._costs.get(record.turn_id, UNKNOWN)
            is_estimate = before.is_estimate or record.cost_is_estimate
            self._costs[record.turn_id] = Cost((before.dollars or 0.0) + record.cost_dollars, is_estimate)

    def _running_dollars(self) -> float:
        return sum(cost.dollars or 0.0 for cost in self._costs.values())

    def _most_at_once(self) -> int:
        wanted = self._plan.requests
        return self._plan.concurrency if wanted is None else min(self._plan.concurrency, wanted)

    async def _work(self, lane: Lane, delay_seconds: float) -> None:
        """One of those who ask this target, request after request, from so long after the beginning on."""
        await self._pause(delay_seconds)
        while self._plan.requests is None or lane.begun < self._plan.requests:
            number, lane.begun = lane.begun, lane.begun + 1
            if not await self._next(lane, number):
                return

    async def _next(self, lane: Lane, number: int) -> bool:
        """Ask as soon as the target may be asked. False where it is over instead."""
        if not await self._is_paced(lane):
            return False
        if not await self._purse.enter(lambda: self._is_over(lane)):
            if not self._is_over(lane):
                lane.ended = "the next request may cost more than is left of --max-cost"
            return False
        dollars: float | None = None
        try:
            if self._is_over(lane) or not self._may_begin(lane):
                return False
            dollars = (await self._ask(lane, number)).cost_dollars
        finally:
            self._purse.leave(dollars)
        return True

    def _may_begin(self, lane: Lane) -> bool:
        try:
            self._may_send()
        except ChattermError as error:
            lane.ended = str(error)
        return not lane.ended

    def _require_more(self) -> None:
        """Raises a `ChattermError` where a request may not be made again."""
        self._purse.budget.require_more(self._running_dollars())
        self._may_send()

    async def _is_paced(self, lane: Lane) -> bool:
        """Wait while the target is left in peace. False where it is over meanwhile."""
        while (seconds := lane.pace.wait_seconds()) > 0 and not self._is_over(lane):
            if self._until is not None:
                seconds = min(seconds, max(0.0, self._until - self._clock()))
            await self._pause(seconds)
        return not self._is_over(lane)

    async def _pause(self, seconds: float) -> None:
        """Wait so long, or until it is stopped."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopped.wait()

    def _is_over(self, lane: Lane) -> bool:
        is_late = self._until is not None and self._clock() >= self._until
        return is_late or self._stopped.is_set() or bool(lane.ended)

    async def _ask(self, lane: Lane, number: int) -> Sample:
        """One turn."""
        session = Session(UnkeptHistory(), self._worker, system=self._plan.system, clock=self._clock)
        session.target, session.options = lane.target, self._plan.options
        session.operation, session.new_recorder = OPERATION, _NoRecorder
        session.require_more = self._require_more
        heard = Heard(self._clock(), is_warmup=number < 0)
        handle = session.start_turn(Prompt(self._plan.text(number)))
        lane.running.add(handle)
        over = asyncio.ensure_future(handle.result())
        try:
            while batch := await handle.batch():
                heard.take(batch)
                # They are stamped already, and to be woken for each would take half as long again as to read them.
                await asyncio.wait({over}, timeout=LOOK_SECONDS)
        finally:
            over.cancel()
            lane.running.discard(handle)
            if not handle.done:
                await session.aclose()
        sample = heard.sample(handle.turn, self._clock(), self._costs.pop(handle.turn.id, UNKNOWN))
        lane.take(sample, heard.gaps, handle.turn)
        if self._plan.max_cost_dollars is not None and sample.is_complete and sample.cost_dollars is None:
            lane.ended = "nobody tells what it costs, so --max-cost cannot be kept"
        return sample


class _NoRecorder(Recorder):
    """Takes deltas and forgets them, without the work of recording replies that nobody keeps."""

    def __init__(self) -> None:
        super().__init__(UnkeptHistory())

    def record(self, event: StreamEvent) -> None:
        """Nothing is kept."""


def _as_tested(target: Target, plan: LoadPlan) -> Target:
    """The target alone: nobody answers in its place, and nothing but the requests themselves is sent."""
    return replace(
        target,
        retries=replace(target.retries, retries=plan.retries),
        fallbacks=None,
        ttft_budget_seconds=None,
        continues_once=False,
        is_loaded=None,
        note_load=None,
        warm=None,
    )
