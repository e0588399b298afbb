"""A front end's grip on a running turn: its events, its end, and the way to stop it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine

from chatterm.core.events import TurnEvent, TurnFinished
from chatterm.core.tools import Decision
from chatterm.core.turn import Outcome, Turn


class TurnHandle:
    """A front end's grip on a running turn."""

    def __init__(self, turn: Turn, clock: Callable[[], float]) -> None:
        self.turn = turn
        self._clock = clock
        self._events: deque[TurnEvent] = deque()
        self._arrived = asyncio.Event()
        self._result: asyncio.Future[Turn] = asyncio.get_running_loop().create_future()
        self._inner: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()
        self._waits_to_retry = False
        self._decisions: dict[str, asyncio.Future[Decision]] = {}
        self.stop_outcome: Outcome | None = None
        self.stopped_at: float | None = None
        self.cancelled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Ends when the user stops the turn."""

    @property
    def done(self) -> bool:
        """Whether the turn is over and saved."""
        return self._result.done()

    def cancel(self) -> bool:
        """Stop the turn for the user. False when it is over or being stopped already."""
        stopped = self._stop(Outcome.CANCELLED)
        if stopped:
            self.cancelled.set_result(None)
        return stopped

    def retry_now(self) -> bool:
        """Make the request that waits for its time at once. False where none waits."""
        waits = self._waits_to_retry
        if waits:
            self._hurry.set()
        return waits

    def interrupt(self) -> bool:
        """Stop the turn because the program goes away; nothing is withdrawn. False as for `cancel`."""
        return self._stop(Outcome.INTERRUPTED)

    def decide(self, call_id: str, decision: Decision) -> bool:
        """Say what the user decides of a tool call that asks for consent. False where none waits under this id."""
        waiting = self._decisions.get(call_id)
        if waiting is None or waiting.done():
            return False
        waiting.set_result(decision)
        return True

    async def batch(self) -> list[TurnEvent]:
        """All events that came since the last call, at least one; empty only after `TurnFinished` was taken."""
        while not self._events:
            if self.done:
                return []
            self._arrived.clear()
            await self._arrived.wait()
        events = list(self._events)
        self._events.clear()
        return events

    async def events(self) -> AsyncIterator[TurnEvent]:
        """Every event, one by one, `TurnFinished` last."""
        while batch := await self.batch():
            for event in batch:
                yield event

    async def result(self) -> Turn:
        """The finished turn, once it is saved."""
        return await asyncio.shield(self._result)

    def emit(self, event: TurnEvent) -> None:
        """For the worker: hand an event to the front end."""
        self._events.append(event)
        self._arrived.set()

    def finish(self, event: TurnFinished) -> None:
        """For the worker: the last event."""
        self.turn = event.turn
        self._result.set_result(event.turn)
        self.emit(event)

    async def decision(self, call_id: str) -> Decision:
        """For the worker: wait for `decide`, as long as the user takes."""
        waiting = self._decisions[call_id] = asyncio.get_running_loop().create_future()
        try:
            return await waiting
        finally:
            del self._decisions[call_id]

    async def pause(self, seconds: float) -> None:
        """For the worker: wait before the next request, unless the user wants it at once."""
        self._hurry.clear()
        self._waits_to_retry = True
        try:
            async with asyncio.timeout(seconds):
                await self._hurry.wait()
        except TimeoutError:
            pass
        finally:
            self._waits_to_retry = False

    async def run_stoppable(self, work: Coroutine[None, None, None]) -> None:
        """For the worker: run `work` such that stopping cancels it, and only it.

        Returns quietly when the work was stopped. A cancellation of the caller itself cancels the work, waits
        for it to clean up, and goes on.
        """
        if self.stop_outcome is not None:
            work.close()
            return
        inner = self._inner = asyncio.ensure_future(work)
        try:
            await asyncio.wait({inner})
        except asyncio.CancelledError:
            inner.cancel()
            await asyncio.wait({inner})
            raise
        finally:
            self._inner = None
        if not inner.cancelled():
            inner.result()

    def _stop(self, outcome: Outcome) -> bool:
        if self.done or self.stop_outcome is not None:
            return False
        self.stop_outcome = outcome
        self.stopped_at = self._clock()
        if self._inner is not None:
            self._inner.cancel()
        return True
