"""Segments that are laid out: those looked at last are kept."""

from __future__ import annotations

from collections import OrderedDict

from chatterm.tui.transcript.lines import Line

KEPT_LINES = 20_000
"""How many lines are kept."""

Key = tuple[str, int]
"""The id of an entry, and the number of the segment in it."""


class LaidLines:
    """The lines of segments by entry and number, bounded by their number."""

    def __init__(self) -> None:
        self._lines: OrderedDict[Key, list[Line]] = OrderedDict()
        self._kept: int = 0

    def __len__(self) -> int:
        return len(self._lines)

    def __contains__(self, key: Key) -> bool:
        return key in self._lines

    def get(self, key: Key) -> list[Line] | None:
        """The lines of a segment, which was looked at now; None where they are not kept."""
        lines = self._lines.get(key)
        if lines is not None:
            self._lines.move_to_end(key)
        return lines

    def put(self, key: Key, lines: list[Line]) -> list[str]:
        """Keeps the lines of a segment; the ids of the entries of which some were given up for it."""
        self.drop(key)
        self._lines[key] = lines
        self._kept += len(lines)
        given_up: list[str] = []
        while self._kept > KEPT_LINES and len(self._lines) > 1:
            (entry_id, _), old = self._lines.popitem(last=False)
            self._kept -= len(old)
            given_up.append(entry_id)
        return given_up

    def drop(self, key: Key) -> None:
        """Forgets the lines of a segment."""
        self._kept -= len(self._lines.pop(key, ()))

    def clear(self) -> None:
        """Forgets all lines."""
        self._lines.clear()
        self._kept = 0
