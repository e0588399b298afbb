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
from chatterm.backend.daemon_thread import in_daemon_thread
from chatterm.backend.parameters import read_parameters
from chatterm.backend.payload_cache import PayloadCache
from chatterm.backend.recorder import Recorder
from chatterm.backend.target import Target
from chatterm.backend.turn_handle import TurnHandle
from chatterm.core.errors import (
    BadRequestError,
    ChattermError,
    InternalError,
    OpenElsewhereError,
    StaleConnectionError,
)
from chatterm.core.events import AttemptStarted, ParameterRefused, StageChanged, TurnFinished, TurnStarted
from chatterm.core.messages import Message
from chatterm.core.turn import Outcome, Stage, Turn, TurnRequest

logger = logging.getLogger(__name__)

SAVE_SECONDS = 2.0
"""How long the end of a turn waits for the store."""

MOST_REPEATS = 4
"""How often a request goes out again at once: on a new connection, or without a parameter that was refused."""

QUICK_SAVE_SECONDS = 0.1
"""A save that takes longer is a stage of its own; most take a few milliseconds."""

MANY_MESSAGES = 200
"""Beyond so many new messages the encoding leaves the event loop: they take several milliseconds."""

Clock = Callable[[], float]
LoadBlobs = Callable[[frozenset[str]], Awaitable[dict[str, bytes]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnJob:
    """All a turn needs: the turn itself, the request made of it, and where it goes.

    `earlier` reads the messages that are sent before those of the request.
    """

    turn: Turn
    request: TurnRequest
    target: Target
    earlier: Callable[[], Awaitable[tuple[Message, ...]]] | None = None


class Worker:
    """Runs turns. Holds no state of a turn; everything of one lives in its job, handle and attempt."""

    def __init__(self, payload_cache: PayloadCache, load_blobs: LoadBlobs, clock: Clock) -> None:
        self._payload_cache = payload_cache
        self._load_blobs = load_blobs
        self._clock = clock
        self._refused: dict[tuple[str, str], frozenset[str]] = {}
        self._saving: set[asyncio.Future[None]] = set()  # the loop itself keeps only weak references

    async def run(self, job: TurnJob, handle: TurnHandle, recorder: Recorder) -> Turn:
        """The one turn function: from the stored prompt to the stored end. Raises only `CancelledError`."""
        attempt = Attempt(job.target, job.request, handle.emit, recorder.record, self._clock)
        turn, error = replace(job.turn, attempts=0), None
        outside: asyncio.CancelledError | None = None
        try:
            await handle.run_stoppable(recorder.begin(turn))
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
            error = InternalError(
                "Something in chatterm itself went wrong while this reply came in.",
                "What was shown is kept. Ask again; if it stays so, report the crash file.",
            )
        turn = await self._finish(turn, attempt, handle, error, recorder)
        if outside is not None:
            raise outside
        return turn

    async def _send(self, job: TurnJob, handle: TurnHandle, attempt: Attempt) -> None:
        """Encode, send and read.

        Again at once when a kept-alive connection turned out to be closed, or a parameter was refused.
        """
        target, request = job.target, job.request
        if job.earlier is not None:
            request = replace(request, messages=(*await job.earlier(), *request.messages))
        handle.emit(AttemptStarted(1, target.provider, target.model, target.host))
        parameters, options = read_parameters(request.options)
        request = replace(
            request,
            parameters=parameters,
            options=options,
            refused=self._refused.get((target.provider, target.model), frozenset()),
        )
        endpoint = await target.endpoint()
        encoded = await self._encode(target, request)
        wire = target.adapter.build_request(request, encoded, endpoint, target.limits)
        may_be_stale = True
        for _ in range(MOST_REPEATS):
            try:
                return await attempt.run(wire)
            except StaleConnectionError:
                if attempt.draft.has_output or not may_be_stale:
                    raise
                may_be_stale = False
            except BadRequestError as error:
                request = self._without_refused(request, error, attempt, target)
                before = wire.body
                wire = target.adapter.build_request(request, encoded, endpoint, target.limits)
                if wire.body == before:
                    raise
                handle.emit(ParameterRefused(error.parameter or "", target.model))
        await attempt.run(wire)
        return None

    def _without_refused(
        self, request: TurnRequest, error: BadRequestError, attempt: Attempt, target: Target
    ) -> TurnRequest:
        """The request without the parameter that the error names; that is remembered for later turns.

        Raises the error where it names none, or where the reply had begun.
        """
        if error.parameter is None or attempt.draft.has_output:
            raise error
        refused = request.refused | {error.parameter}
        self._refused[target.provider, target.model] = refused
        return replace(request, refused=refused)

    async def _encode(self, target: Target, request: TurnRequest) -> list[bytes]:
        """The fragment of each message; what the cache does not hold is encoded and then held."""
        adapter, variant = target.adapter, target.adapter.variant(request.model)
        found = self._payload_cache.lookup(request.messages, adapter, variant)
        missing = [message for message, known in zip(request.messages, found, strict=True) if known is None]
        wanted = frozenset(digest for message in missing for digest in message.blob_digests)
        blobs = await self._load_blobs(wanted) if wanted else {}

        def encode() -> list[bytes]:
            return [adapter.encode_message(message, variant, blobs.__getitem__) for message in missing]

        # Encoding megabytes of attachments, or a long conversation, on the loop would hold up the screen.
        is_much = bool(wanted) or len(missing) > MANY_MESSAGES
        new = await in_daemon_thread(encode, "chatterm-encode") if is_much else encode()
        for message, fragment in zip(missing, new, strict=True):
            self._payload_cache.hold(message, adapter, variant, fragment)
        rest = iter(new)
        return [next(rest) if known is None else known for known in found]

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
        if isinstance(error, OpenElsewhereError):  # nothing was sent, and the history takes nothing of it
            handle.finish(TurnFinished(turn, saved=False))
            return turn
        notice = await self._save(turn, handle, recorder)
        handle.finish(TurnFinished(turn, saved=not notice, notice=notice))
        return turn

    async def _save(self, turn: Turn, handle: TurnHandle, recorder: Recorder) -> str:
        """Save, whatever keys are pressed; "" when that is done, else what to tell the user.

        A store that another program holds locked is not waited for: the write goes on by itself.
        """
        saving = asyncio.ensure_future(recorder.finish(turn))
        self._saving.add(saving)
        saving.add_done_callback(self._saving.discard)
        until, patience = self._clock() + SAVE_SECONDS, QUICK_SAVE_SECONDS
        while not saving.done() and (left := until - self._clock()) > 0:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait({saving}, timeout=min(left, patience))
            if not saving.done() and patience < SAVE_SECONDS:
                patience = SAVE_SECONDS
                handle.emit(StageChanged(self._clock(), Stage.SAVING))
        if not saving.done():
            return "The history is busy. This turn is saved as soon as it is free."
        if (failure := saving.exception()) is not None:
            logger.error("turn %s was not saved", turn.id, exc_info=failure)
            return f"This turn was not saved: {type(failure).__name__}."
        return recorder.problem or ""


def _outcome(attempt: Attempt, error: ChattermError | None, stopped: Outcome | None) -> Outcome:
    if attempt.complete:
        return Outcome.COMPLETE
    has_output = attempt.draft.has_output
    if stopped is Outcome.CANCELLED:
        return Outcome.CANCELLED if has_output else Outcome.WITHDRAWN
    if isinstance(error, OpenElsewhereError):
        return Outcome.WITHDRAWN
    if stopped is Outcome.INTERRUPTED or (error is not None and has_output):
        return Outcome.INTERRUPTED
    return Outcome.FAILED
