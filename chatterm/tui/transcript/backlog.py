"""Streamed text that waits to be shown."""

from __future__ import annotations

import re
import time
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chatterm.tui.transcript.entries import Section
    from chatterm.tui.transcript.live_entry import LiveEntry

SLICE = 512
"""Characters taken in between two looks at the clock..."""
SLICE_LINES = 16
"""...and line breaks in them: a line costs more than its characters."""
_SLICE = re.compile(rf"(?:[^\n]{{0,{SLICE}}}\n){{1,{SLICE_LINES}}}|[^\n]{{1,{SLICE}}}")


class Backlog:
    """Text, thinking and tool calls in the order they came; nothing is ever left out."""

    def __init__(self) -> None:
        self._pieces: deque[tuple[bool, str] | str] = deque()
        self._cards: dict[str, Section] = {}
        self._notes: int = 0

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

    def put_card(self, card: Section) -> None:
        """Adds a tool call or a note at the end; a call that waits already is changed where it is."""
        key = card.call_id
        if not key:  # a note, of which each is one of its own
            self._notes += 1
            key = f"note {self._notes}"
        if key not in self._cards:
            self._pieces.append(key)
        self._cards[key] = card

    def pour(self, live: LiveEntry, budget_seconds: float) -> None:
        """Moves text into the entry until there is none left or the time is used up, at least one slice."""
        until = time.perf_counter() + budget_seconds
        while self._pieces:
            piece = self._pieces.popleft()
            if isinstance(piece, str):
                live.put_card(self._cards.pop(piece))
            else:
                thinking, text = piece
                (live.write_thinking if thinking else live.write)(text)
            if time.perf_counter() >= until:
                return

    def clear(self) -> None:
        """Forgets all that waits."""
        self._pieces.clear()
        self._cards.clear()
