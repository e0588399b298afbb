"""Counts the gaps between the deltas of a reply, in memory that does not grow with its length."""

from __future__ import annotations

import math
from collections.abc import Iterable

from chatterm.core.performance import STALL_SECONDS

STEPS_PER_SECOND = 10_000
"""How finely gaps are told apart: to a tenth of a millisecond."""


class DeltaGaps:
    """The gaps between deltas; `stalls` counts those that were longer than `STALL_SECONDS`."""

    def __init__(self) -> None:
        self.stalls = 0
        self._last: float | None = None
        self._counts: dict[int, int] = {}
        self._steps: list[int] = []

    @property
    def any(self) -> bool:
        """Whether there was a gap at all."""
        return bool(self._counts)

    def note(self, at: float) -> None:
        """A delta came at monotonic time `at`."""
        if self._last is not None:
            gap = at - self._last
            step = round(gap * STEPS_PER_SECOND)
            self._counts[step] = self._counts.get(step, 0) + 1
            if gap > STALL_SECONDS:
                self.stalls += 1
        self._last = at

    def pause(self) -> None:
        """What follows comes from another request: until then is no gap."""
        self._last = None

    def percentile(self, share: float) -> float | None:
        """The nearest-rank percentile in seconds (`share` from 0 to 1); None without any gap."""
        if len(self._steps) != len(self._counts):  # sorted once for all that is asked at the end
            self._steps = sorted(self._counts)
        return _percentile(self._counts, self._steps, share, STEPS_PER_SECOND)


def counted_percentiles(
    counts: dict[int, int], shares: Iterable[float], steps_per_unit: float
) -> tuple[float | None, ...]:
    """The nearest-rank percentiles of values that were counted by steps; None where there are none."""
    steps = sorted(counts)
    return tuple(_percentile(counts, steps, share, steps_per_unit) for share in shares)


def _percentile(
    counts: dict[int, int], steps: list[int], share: float, steps_per_unit: float
) -> float | None:
    rank = max(1, math.ceil(share * sum(counts.values())))
    for step in steps:
        rank -= counts[step]
        if rank <= 0:
            return max(0.0, step / steps_per_unit)
    return None
