"""Whether work takes time in proportion, whatever else the machine is doing."""

from __future__ import annotations

import time
from collections.abc import Callable

NOISE_SECONDS = 0.0005


def in_proportion(half: Callable[[], object], whole: Callable[[], object]) -> str | None:
    """None if twice the work takes about twice the time, and not four times, once nothing disturbs the clock;
    else the two times.
    """
    best = [1e9, 1e9]
    for tries in range(30):
        for number, work in enumerate((half, whole)):
            started = time.thread_time()
            work()
            best[number] = min(best[number], time.thread_time() - started)
        if tries > 1 and best[1] < 3 * best[0] + NOISE_SECONDS:
            return None
    return f"{best[0] * 1000:.2f} ms for half of it, {best[1] * 1000:.2f} ms for all"
