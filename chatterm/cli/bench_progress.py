"""How far a load test is: lines on a terminal that are drawn anew, and nothing elsewhere."""

from __future__ import annotations

import asyncio
import os
import sys

from chatterm.backend.load_test.engine import LoadTest
from chatterm.backend.load_test.plan import LoadPlan
from chatterm.backend.load_test.progress import progress_lines

DRAW_SECONDS = 0.25


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
                seconds = test.measured_seconds
                self._draw(progress_lines(test.progress(), seconds, self._plan, _columns(), "Ctrl+C"))
                await asyncio.sleep(DRAW_SECONDS)
        finally:
            self._draw([])

    def _draw(self, lines: list[str]) -> None:
        up = f"\x1b[{self._lines}F" if self._lines else "\r"
        text = "".join(f"{line}\n" for line in lines)
        print(f"{up}\x1b[J{text}", end="", file=sys.stderr, flush=True)
        self._lines = len(lines)


def _columns() -> int:
    try:
        return max(20, os.get_terminal_size(sys.stderr.fileno()).columns - 1)
    except OSError:
        return 79
