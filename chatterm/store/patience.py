"""How long to wait for other programs that hold the database locked."""

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Callable
from typing import TypeVar

from chatterm.store.failures import is_locked

T = TypeVar("T")

BUSY_SECONDS = 5.0
"""How long to wait for other processes that use the database."""

BUSY_AGAIN_SECONDS = 0.1
"""How long to wait once that was in vain, until a write succeeds or `IMPATIENT_SECONDS` passed."""

IMPATIENT_SECONDS = 10.0
POLL_SECONDS = 0.005


class Patience:
    """Tries work again while another program holds the database; used by the thread that works.

    Work that is queued behind one that waited in vain fails soon: else each would wait as long again.
    `busy_seconds` takes the place of `BUSY_SECONDS`.
    """

    def __init__(
        self,
        busy_seconds: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._busy_seconds = busy_seconds
        self._clock = clock
        self._sleep = sleep
        self._short_until = -math.inf
        self._ends_at = math.inf

    def keep_trying(self, work: Callable[[], T]) -> T:
        """Do `work`, whole, until it meets no lock. Raises what it raised, for a lock only after the wait."""
        # Waited here and not by SQLite's own busy_timeout: nothing can shorten that once it has begun.
        began_at = self._clock()
        is_short = began_at < self._short_until
        busy = BUSY_SECONDS if self._busy_seconds is None else self._busy_seconds
        until = began_at + (BUSY_AGAIN_SECONDS if is_short else busy)
        while True:
            try:
                return work()
            except (sqlite3.Error, TimeoutError) as error:
                if not is_locked(error):
                    raise
                now = self._clock()
                if now >= min(until, self._ends_at):
                    if not is_short:
                        self._short_until = now + IMPATIENT_SECONDS
                    raise
            self._sleep(POLL_SECONDS)

    def renew(self) -> None:
        """Wait the full time again: the database is free."""
        self._short_until = -math.inf

    def end_within(self, seconds: float) -> float:
        """Let no wait go on for longer than this from now; a later call never extends it. The seconds left.

        May be called by any thread. Afterwards work is still tried, once.
        """
        now = self._clock()
        self._ends_at = min(self._ends_at, now + seconds)
        return max(0.0, self._ends_at - now)
