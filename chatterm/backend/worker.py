"""The cancellation-aware worker: takes one turn from its prompt to its stored end.

Stopping never cancels the turn, only the inner task of the moment (the request, the read), so every turn is
saved and ends in exactly one `TurnFinished`. Cancellation from outside ends the turn as interrupted.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from chatterm.backend.attempt import Attempt
from chatterm.backend.payload_cache import PayloadCache
from chatterm.backend.recorder import Recorder
from chatterm.backend.target import Target
from chatterm.backend.turn_handle import TurnHandle
from chatterm.core.errors import ChattermError, StaleConnectionError
from chatterm.core.events import AttemptStarted, TurnFinished, TurnStarted
from chatterm.core.turn import Outcome, Turn, TurnRequest

logger = logging.getLogger(__name__)

Clock = Callable[[], float]
LoadBlobs = Callable[[frozenset[str]], Awaitable[dict[str, bytes]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnJob:
    """All a turn needs: the turn itself, the request made of it, and where it goes."""

    turn: Turn
    request: TurnRequest
    target: Target


class Worker:
    """Runs turns. Holds no state of a turn; everything of one lives in its job, handle and attempt."""

    def __init__(self, payload_cache: PayloadCache, load_blobs: LoadBlobs, clock: Clock) -> None:
        self._payload_cache = payload_cache
        self._load_blobs = load_blobs
        self._clock = clock

    async def run(self, job: TurnJob, handle: TurnHandle, recorder: Recorder) -> Turn:
        """The one turn function: from the stored prompt to the stored end. Raises only `CancelledError`."""
        attempt = Attempt(job.target, job.request, handle.emit, recorder.record, self._clock)
        turn, error = replace(job.turn, attempts=0), None
        outside: asyncio.CancelledError | None = None
        try:
            await recorder.begin(turn)
            handle.emit(TurnStarted(turn))
            await handle.run_stoppable(self._send(job, handle, attempt))
        except ChattermError as caught:
            error = caught
        except asyncio.CancelledError as caught:
            outside = caught
            handle.interrupt()
        except Exception:
            # The border: a defect of ours must not cost the prompt, the text shown so far or the program.
            logger.exception("turn %s failed", turn.id)
            error = ChattermError(
                "Something in chatterm itself went wrong while this reply came in.",
                "What was shown is kept. Ask again; if it stays so, report the crash file.",
            )
        turn = await self._finish(turn, attempt, handle, error, recorder)
        if outside is not None:
            raise outside
        return turn

    async def _send(self, job: TurnJob, handle: TurnHandle, attempt: Attempt) -> None:
        """Encode, send and read; once more at once when a kept-alive connection turned out to be closed."""
        target, request = job.target, job.request
        handle.emit(AttemptStarted(1, target.provider, target.model, target.host))
        endpoint = await target.endpoint()
        encoded = await self._encode(target, request)
        wire = target.adapter.build_request(request, encoded, endpoint, target.limits)
        try:
            await attempt.run(wire)
        except StaleConnectionError:
            if attempt.draft.has_output:
                raise
            await attempt.run(wire)

    async def _encode(self, target: Target, request: TurnRequest) -> list[bytes]:
        variant = target.adapter.variant(request.model)
        missing = self._payload_cache.missing(request.messages, target.adapter, variant)
        wanted = frozenset(
            digest
            for message in missing
            for part in message.parts
            if (digest := getattr(part, "sha256", None))
        )
        if not wanted:
            return self._payload_cache.encode(request.messages, target.adapter, variant, _no_blob)
        blobs = await self._load_blobs(wanted)
        # Attachments are megabytes: encoding them on the loop would hold up the screen.
        return await asyncio.to_thread(
            self._payload_cache.encode, request.messages, target.adapter, variant, blobs.__getitem__
        )

    async def _finish(
        self,
        turn: Turn,
        attempt: Attempt,
        handle: TurnHandle,
        error: ChattermError | None,
        recorder: Recorder,
    ) -> Turn:
        closed_at = self._clock()
        stopped = None if attempt.complete or error is not None else handle.stop_outcome
        outcome = _outcome(attempt, error, stopped)
        turn = attempt.finished_turn(turn, outcome, error)
        if stopped is not None and handle.stopped_at is not None:
            turn = replace(turn, close_seconds=closed_at - handle.stopped_at)
        # Saving is not stoppable: what was shown must be stored whatever keys are pressed.
        saving = asyncio.ensure_future(recorder.finish(turn))
        while not saving.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait({saving})
        if (failure := saving.exception()) is not None:
            logger.error("turn %s was not saved", turn.id, exc_info=failure)
            recorder.problem = recorder.problem or f"This turn was not saved: {type(failure).__name__}."
        handle.finish(TurnFinished(turn, saved=recorder.problem is None, notice=recorder.problem or ""))
        return turn


def _outcome(attempt: Attempt, error: ChattermError | None, stopped: Outcome | None) -> Outcome:
    if attempt.complete:
        return Outcome.COMPLETE
    has_output = attempt.draft.has_output
    if stopped is Outcome.CANCELLED:
        return Outcome.CANCELLED if has_output else Outcome.WITHDRAWN
    if stopped is Outcome.INTERRUPTED or (error is not None and has_output):
        return Outcome.INTERRUPTED
    return Outcome.FAILED


def _no_blob(sha256: str) -> bytes:
    raise KeyError(sha256)
