"""The cancellation-aware worker: takes one turn from its prompt to its stored end.

Stopping never cancels the turn, only the inner task of the moment (the request, the read), so every turn is
saved and ends in exactly one `TurnFinished`. Cancellation from outside ends the turn as interrupted.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, replace

from chatterm.backend.asking import Asking
from chatterm.backend.context_fitter import ContextFitter
from chatterm.backend.endpoint_states import EndpointStates
from chatterm.backend.payload_cache import PayloadCache
from chatterm.backend.performance import Performance, TurnRecords
from chatterm.backend.recorder import Recorder
from chatterm.backend.request_maker import LoadBlobs, RequestMaker
from chatterm.backend.rounds import Rounds, RoundsOf
from chatterm.backend.target import Target
from chatterm.backend.token_meter import TokenMeter
from chatterm.backend.tools.toolbox import Toolbox
from chatterm.backend.turn_handle import TurnHandle
from chatterm.backend.wire_log.watching import current_turn
from chatterm.core.errors import (
    ChattermError,
    InternalError,
    NotBegunError,
    OpenElsewhereError,
)
from chatterm.core.events import StageChanged, TurnFinished, TurnStarted
from chatterm.core.messages import Message
from chatterm.core.performance import Operation
from chatterm.core.turn import Outcome, Stage, Turn, TurnRequest

logger = logging.getLogger(__name__)

SAVE_SECONDS = 2.0
"""How long the end of a turn waits for the store."""

QUICK_SAVE_SECONDS = 0.1
"""A save that takes longer is a stage of its own; most take a few milliseconds."""

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnJob:
    """All a turn needs: the turn itself, the request made of it, and where it goes.

    `earlier` reads the messages that are sent before those of the request. `begun` is the turn whose reply is gone
    on with; that of `turn` has its parts already. `toolbox` has what the model may call, None for nothing.
    `operation` is what its requests are recorded as. `permit` raises a `NotBegunError` where it must not begin,
    `may_go_on` a `ChattermError` where it may send no further request; it must not wait.
    """

    turn: Turn
    request: TurnRequest
    target: Target
    earlier: Callable[[], Awaitable[tuple[Message, ...]]] | None = None
    begun: Turn | None = None
    toolbox: Toolbox | None = None
    operation: Operation = "chat"
    permit: Callable[[], Coroutine[None, None, None]] | None = None
    may_go_on: Callable[[], None] | None = None


class Worker:
    """Runs turns. Holds no state of a turn; everything of one lives in its job, handle and attempt."""

    def __init__(
        self,
        payload_cache: PayloadCache,
        load_blobs: LoadBlobs,
        clock: Clock,
        states: EndpointStates | None = None,
        meter: TokenMeter | None = None,
        *,
        performance: Performance | None = None,
    ) -> None:
        self.performance = performance or Performance()
        """Gets the record of every request."""
        self.fitter = ContextFitter(meter or TokenMeter(load_files=load_blobs))
        """Measures requests before they are sent."""
        self._maker = RequestMaker(payload_cache, load_blobs, self.fitter)
        self._states = states or EndpointStates(clock)
        self._clock = clock
        self._saving: set[asyncio.Future[None]] = set()  # the loop itself keeps only weak references

    async def run(self, job: TurnJob, handle: TurnHandle, recorder: Recorder) -> Turn:
        """The one turn function: from the stored prompt to the stored end. Raises only `CancelledError`."""
        current_turn.set(job.turn)
        turn, error = replace(job.turn, attempts=0), None
        records = TurnRecords(turn, job.operation, self.performance, job.may_go_on)
        rounds = self._rounds(job, turn, handle, recorder, records)
        outside: asyncio.CancelledError | None = None
        try:
            if job.permit is not None:
                await handle.run_stoppable(job.permit())
            await handle.run_stoppable(recorder.begin(turn))
            handle.emit(TurnStarted(turn))
            await handle.run_stoppable(self._ask(job, rounds))
        except ChattermError as caught:
            error = caught
        except asyncio.CancelledError as caught:
            outside = caught
            handle.interrupt()
        except Exception:
            # The border: a defect of ours must not cost the prompt, the text shown so far or the program.
            logger.exception("turn %s failed", turn.id)
            error = InternalError(
                "Something in chatterm itself went wrong while this reply came in.",
                "What was shown is kept. Ask again; if it stays so, report the crash file.",
            )
        records.close()
        turn = await self._finish(rounds, handle, error, recorder)
        self.performance.ended(turn)
        if outside is not None:
            raise outside
        return turn

    def _rounds(
        self, job: TurnJob, turn: Turn, handle: TurnHandle, recorder: Recorder, records: TurnRecords
    ) -> Rounds:
        def new_asking(turn: Turn, begun: Turn | None, taken_ids: frozenset[str]) -> Asking:
            return Asking(
                *(self._maker, self._states, handle, recorder.record),
                clock=self._clock,
                turn=turn,
                records=records,
                begun=begun,
                taken_ids=taken_ids,
            )

        return Rounds(
            RoundsOf(
                turn=turn,
                begun=job.begun,
                toolbox=job.toolbox,
                handle=handle,
                records=records,
                new_asking=new_asking,
                keep=recorder.keep,
                clock=self._clock,
            )
        )

    async def _ask(self, job: TurnJob, rounds: Rounds) -> None:
        request = job.request
        if job.earlier is not None:
            request = replace(request, messages=(*await job.earlier(), *request.messages))
        await rounds.run(job.target, request)

    async def _finish(
        self,
        rounds: Rounds,
        handle: TurnHandle,
        error: ChattermError | None,
        recorder: Recorder,
    ) -> Turn:
        closed_at = self._clock()
        stopped = None if rounds.complete or error is not None else handle.stop_outcome
        outcome = _outcome(rounds, error, stopped)
        turn = rounds.finished_turn(outcome, error)
        if stopped is not None and handle.stopped_at is not None:
            turn = replace(turn, close_seconds=closed_at - handle.stopped_at)
        if isinstance(error, NotBegunError):  # nothing was sent, and the history takes nothing of it
            handle.finish(TurnFinished(turn, saved=False))
            return turn
        try:
            notice = await self._save(turn, handle, recorder)
        except OpenElsewhereError:  # stopped before it could be refused
            turn = replace(turn, outcome=Outcome.WITHDRAWN)
            handle.finish(TurnFinished(turn, saved=False))
            return turn
        handle.finish(TurnFinished(turn, saved=not notice, notice=notice))
        return turn

    async def _save(self, turn: Turn, handle: TurnHandle, recorder: Recorder) -> str:
        """Save, whatever keys are pressed; "" when that is done, else what to tell the user.

        A store that another program holds locked is not waited for, and none where the user stops the turn
        meanwhile: the write goes on by itself.
        """
        saving = asyncio.ensure_future(recorder.finish(turn))
        awaited = {saving} if handle.cancelled.done() else {saving, handle.cancelled}
        self._saving.add(saving)
        saving.add_done_callback(self._saving.discard)
        until, patience = self._clock() + SAVE_SECONDS, QUICK_SAVE_SECONDS
        while not saving.done() and (left := until - self._clock()) > 0:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait(awaited, timeout=min(left, patience), return_when=asyncio.FIRST_COMPLETED)
            if handle.cancelled in awaited and handle.cancelled.done():
                break
            if not saving.done() and patience < SAVE_SECONDS:
                patience = SAVE_SECONDS
                handle.emit(StageChanged(self._clock(), Stage.SAVING))
        if not saving.done():
            return "The history is busy. This turn is saved as soon as it is free."
        if isinstance(failure := saving.exception(), OpenElsewhereError):
            raise failure
        if failure is not None:
            logger.error("turn %s was not saved", turn.id, exc_info=failure)
            return f"This turn was not saved: {type(failure).__name__}."
        return recorder.problem or ""


def _outcome(rounds: Rounds, error: ChattermError | None, stopped: Outcome | None) -> Outcome:
    if rounds.complete and error is None:
        return Outcome.COMPLETE
    has_output = rounds.has_output
    if stopped is Outcome.CANCELLED:
        return Outcome.CANCELLED if has_output else Outcome.WITHDRAWN
    if isinstance(error, NotBegunError):
        return Outcome.WITHDRAWN
    if stopped is Outcome.INTERRUPTED and rounds.has_earlier and not has_output:
        return Outcome.WITHDRAWN
    if stopped is Outcome.INTERRUPTED or (error is not None and has_output):
        return Outcome.INTERRUPTED
    return Outcome.FAILED
