"""Streamed text that waits to be shown."""

from __future__ import annotations

import re
import time
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chatterm.tui.transcript.live_entry import LiveEntry

SLICE = 512
"""Characters taken in between two looks at the clock..."""
SLICE_LINES = 16
"""...and line breaks in them: a line costs more than its characters."""
_SLICE = re.compile(rf"(?:[^\n]{{0,{SLICE}}}\n){{1,{SLICE_LINES}}}|[^\n]{{1,{SLICE}}}")


class Backlog:
    """Text and thinking in the order they came; nothing is ever left out."""

    def __init__(self) -> None:
        self._pieces: deque[tuple[bool, str]] = deque()

    def __bool__(self) -> bool:
        return bool(self._pieces)

    def put(self, text: str, *, thinking: bool) -> None:
        """Adds at the end."""
        at = 0
        while at < len(text):
            found = _SLICE.match(text, at, at + SLICE)
            end = found.end() if found else at + SLICE
            self._pieces.append((thinking, text[at:end]))
            at = end

    def pour(self, live: LiveEntry, budget_seconds: float) -> None:
        """Moves text into the entry until there is none left or the time is used up, at least one slice."""
        until = time.perf_counter() + budget_seconds
        while self._pieces:
            thinking, text = self._pieces.popleft()
            (live.write_thinking if thinking else live.write)(text)
            if time.perf_counter() >= until:
                return

    def clear(self) -> None:
        """Forgets all that waits."""
        self._pieces.clear()
