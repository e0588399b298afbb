"""What work costs in processor time, judged so that another program on the machine cannot make a test fail."""

from __future__ import annotations

import time
from collections.abc import Callable

NOISE_SECONDS = 0.0005
LOOP_SECONDS = 0.0009
"""What `_loop` takes on the machine that the limits were found on, while it does nothing else."""


def in_proportion(part: Callable[[], object], whole: Callable[[], object]) -> str | None:
    """None if four times the work takes about four times the time, not sixteen; else the two times.

    Measured up to thirty times: the least of each counts, which nothing can have disturbed.
    """
    best = [1e9, 1e9]
    for tries in range(30):
        for number, work in enumerate((part, whole)):
            best[number] = min(best[number], seconds(work))
        if tries > 1 and best[1] < 8 * best[0] + NOISE_SECONDS:
            return None
    return f"{best[0] * 1000:.2f} ms for a fourth of it, {best[1] * 1000:.2f} ms for all"


def within(limit: float, work: Callable[[], object]) -> str | None:
    """None if the work takes at most this many seconds in one of ten tries; else the least that it took.

    The limit is that of a machine which does nothing else: it grows by as much as a loop of known cost takes
    longer in the same moment, since two threads of one core slow each other down.
    """
    best, slower = 1e9, 1.0
    for _ in range(10):
        slower = max(1.0, min(seconds(_loop) for _ in range(3)) / LOOP_SECONDS)
        best = min(best, seconds(work) / slower)
        if best <= limit:
            return None
    return f"{best * 1000:.2f} ms, on a machine {slower:.1f} times slower than an idle one"


def _loop() -> None:
    total = 0
    for number in range(20_000):
        total += number * number


def seconds(work: Callable[[], object]) -> float:
    """The processor time of this thread for the work."""
    started = time.thread_time()
    work()
    return time.thread_time() - started
