"""How far a load test is: lines on a terminal that are drawn anew, and nothing elsewhere."""

from __future__ import annotations

import asyncio
import os
import sys

from chatterm.backend.load_test.engine import LoadTest
from chatterm.backend.load_test.lane import LaneProgress
from chatterm.backend.load_test.plan import LoadPlan
from chatterm.cli.bench_table import seconds_text
from chatterm.core.clean import clean_line

DRAW_SECONDS = 0.25
BAR_COLUMNS = 20


class ProgressLines:
    """A bar for the whole, and a line for each target."""

    def __init__(self, plan: LoadPlan) -> None:
        self._plan = plan
        self._is_shown = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._lines = 0

    async def follow(self, test: LoadTest) -> None:
        """Draw until cancelled; the lines are taken away then."""
        if not self._is_shown:
            return
        try:
            while True:
                self._draw(progress_lines(test.progress(), test.measured_seconds, self._plan, _columns()))
                await asyncio.sleep(DRAW_SECONDS)
        finally:
            self._draw([])

    def _draw(self, lines: list[str]) -> None:
        up = f"\x1b[{self._lines}F" if self._lines else "\r"
        text = "".join(f"{line}\n" for line in lines)
        print(f"{up}\x1b[J{text}", end="", file=sys.stderr, flush=True)
        self._lines = len(lines)


def progress_lines(
    lanes: tuple[LaneProgress, ...], seconds: float, plan: LoadPlan, columns: int
) -> list[str]:
    """The lines, none wider than so many columns. `seconds` is how long it is measured, 0 for a warm-up."""
    if not seconds:
        return [f"warming up: {', '.join(clean_line(lane.name, 60) for lane in lanes)}"[:columns]]
    share = 0.0
    if plan.duration_seconds is not None:
        share = seconds / plan.duration_seconds
    if plan.requests is not None:
        share = max(share, sum(lane.complete + lane.failed for lane in lanes) / (plan.requests * len(lanes)))
    bar = "█" * min(BAR_COLUMNS, int(BAR_COLUMNS * share))
    lines = [f"{bar:░<{BAR_COLUMNS}} {min(100, int(100 * share)):3} %  {seconds:.0f} s · Ctrl+C stops"]
    for lane in lanes:
        parts = [f"{lane.complete:,} complete", f"{lane.running} running"]
        if lane.failed:
            parts.append(f"{lane.failed:,} failed")
        if lane.ttft_p50_seconds is not None:
            parts.append(f"TTFT {seconds_text(lane.ttft_p50_seconds)}")
        if lane.held_seconds > 0:
            parts.append(f"held back for {lane.held_seconds:.0f} s")
        lines.append(f"{clean_line(lane.name, 40)}: {' · '.join(parts)}")
    return [line[:columns] for line in lines]


def _columns() -> int:
    try:
        return max(20, os.get_terminal_size(sys.stderr.fileno()).columns - 1)
    except OSError:
        return 79
