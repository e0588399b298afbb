"""When a load test may ask again: as services want it, and as far as the money goes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from chatterm.backend.budget import Budget
from chatterm.core.errors import ChattermError, OverloadedError, ProviderError, RateLimitedError
from chatterm.core.usage import RateLimit

LONGEST_SECONDS = 120.0
"""A service that wants to be left in peace for longer is asked no more."""

FIRST_SECONDS = 1.0
MOST_SECONDS = 30.0
"""Where it does not say for how long: twice as long each time, at most this."""


class Pace:
    """Of one service. Requests that run already go on."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._until = 0.0
        self._noted_at = float("-inf")
        self._next_seconds = FIRST_SECONDS
        self._held_seconds = self._held_until = 0.0
        self.too_long = ""
        """Why it is asked no more; "" while it may be."""

    @property
    def left_seconds(self) -> float:
        """For how long it wants to be left in peace from now on."""
        return max(0.0, self._until - self._clock())

    @property
    def held_seconds(self) -> float:
        """For how long by now there were requests that had to wait, all in all."""
        return self._held_seconds - max(0.0, self._held_until - self._clock())

    def wait_seconds(self) -> float:
        """How long a request that is to begin now has to wait."""
        since = max(self._clock(), self._held_until)
        if self._until > since:
            self._held_seconds += self._until - since
            self._held_until = self._until
        return self.left_seconds

    def note(self, started_at: float, error: ChattermError | None, limits: Iterable[RateLimit]) -> None:
        """A request that began then has ended."""
        if isinstance(error, RateLimitedError | OverloadedError):
            asked = error.retry_after
            if asked is not None and asked > LONGEST_SECONDS:
                self.too_long = f"it wants to be left in peace for {asked:.0f} s"
            elif asked is not None:
                self._hold(asked)
            elif started_at > self._noted_at:  # the others of the same moment say nothing new
                self._hold(self._next_seconds)
                self._next_seconds = min(MOST_SECONDS, 2 * self._next_seconds)
            self._noted_at = self._clock()
            return
        if isinstance(error, ProviderError) and error.retry_after is not None:
            self._hold(min(error.retry_after, LONGEST_SECONDS))
        elif error is None:
            self._next_seconds = FIRST_SECONDS
        spent = (limit.resets_in for limit in limits if limit.remaining is not None and limit.remaining <= 0)
        self._hold(max((min(seconds, MOST_SECONDS) for seconds in spent if seconds is not None), default=0.0))

    def _hold(self, seconds: float) -> None:
        self._until = max(self._until, self._clock() + seconds)


class Purse:
    """What may be spent in all: lets a request through when what is left is enough for it and those that run.

    Each is taken to cost as much as the dearest so far; until that is known, one at a time is let through.
    """

    def __init__(self, most_dollars: float | None) -> None:
        self.budget = Budget(limit_dollars=most_dollars)
        self._running = 0
        self._is_known = most_dollars is None
        self._changed = asyncio.Event()

    async def enter(self, is_over: Callable[[], bool]) -> bool:
        """Wait for the money for one request. False where there will not be enough, or it is over meanwhile."""
        while not is_over():
            # Besides those that run, the one that asks has to be paid.
            if self._is_known and self.budget.allows(self._running + 1):
                break
            if not self._running:
                if self._is_known or self.budget.is_used_up:
                    return False
                break
            await self._changed.wait()
        else:
            return False
        self._running += 1
        return True

    def leave(self, dollars: float | None) -> None:
        """A request that was let through is over, and cost so much; None is not known."""
        self._running -= 1
        self.budget.take(dollars)
        self._is_known |= dollars is not None
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
