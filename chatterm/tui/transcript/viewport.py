"""Which lines of a document are in view, and how they move."""

from __future__ import annotations

from chatterm.tui.transcript.document import Document


class Viewport:
    """A window of `height` lines on a document, held by what is at its top, so that nothing scrolls under a
    reader; while `following`, held by the end.

    `settle` must be called after the document, the height or the position changed.
    """

    def __init__(self, document: Document) -> None:
        self.document: Document = document
        self.height: int = 0
        self.following: bool = True
        self.rows: list[tuple[int, int]] = []
        self._top: tuple[int, int] = (0, 0)
        self._read: tuple[tuple[int, int], int] | None = None  # a top set by a new width, and its ink

    @property
    def top(self) -> tuple[int, int]:
        """Place and line of the first row."""
        return self._top

    @property
    def y(self) -> int:
        """The number of lines above the first row; an estimate where they were never looked at."""
        return self.document.heights.start(self._top[0]) + self._top[1] if len(self.document) else 0

    @property
    def total(self) -> int:
        """The number of all lines; an estimate where they were never looked at."""
        return self.document.heights.total

    def settle(self) -> None:
        """Makes `rows` the lines in view, as (place, line), which are laid out for it."""
        if not len(self.document):
            self.rows, self._top, self.following = [], (0, 0), True
            return
        end = self._end()
        place = min(self._top[0], len(self.document) - 1)
        here = (place, max(0, min(self._top[1], self.document.height(place) - 1)))
        if self.following or here >= end:
            self.following, here = True, end
        self._top = here
        self.rows = self._rows_from(here)

    def move(self, lines: int) -> None:
        """Moves down by so many lines, up by negative ones; at the end it follows."""
        if not len(self.document):
            return
        height = self.document.height
        place, line = self._top
        line += lines
        while line < 0 and place > 0:
            place -= 1
            line += height(place)
        while line >= height(place) and place < len(self.document) - 1:
            line -= height(place)
            place += 1
        self._hold((place, max(line, 0)))

    def move_to(self, y: int) -> None:
        """Moves so that about `y` lines are above."""
        if not len(self.document):
            return
        if y >= self.total - self.height:
            self.to_end()
            return
        self._hold(self.document.heights.find(y))

    def to_start(self) -> None:
        """Moves to the first line."""
        if len(self.document):
            self._hold((0, 0))

    def to_end(self) -> None:
        """Moves to the end, and follows it."""
        self.following = True
        self.settle()

    def inserted(self, place: int) -> None:
        """Keeps what is in view when an entry came in at this place."""
        if place <= self._top[0] and not self.following:
            self._top = (self._top[0] + 1, self._top[1])

    def removed(self, place: int) -> None:
        """Keeps what is in view when the entry at this place went away."""
        if place < self._top[0]:
            self._top = (self._top[0] - 1, self._top[1])
        elif place == self._top[0]:
            self._top = (place, 0)

    def lay(self, width: int, unfolded: bool) -> None:
        """Lays the document out anew; the text at the top stays there."""
        place, line = self._top
        if not len(self.document) or self.following:
            self.document.lay(width, unfolded)
        else:
            # The new line on top may begin before what was read there: over many widths that must not add up.
            read = self._read if self._read and self._read[0] == self._top else None
            ink = read[1] if read else self.document.ink_from(place, line)
            self.document.lay(width, unfolded)
            self._top = (place, self.document.line_at_ink(place, ink) if line or read else 0)
            self._read = None if self.document.is_live(place) else (self._top, ink)
        self.settle()

    def _hold(self, top: tuple[int, int]) -> None:
        self.following = False
        self._top = top
        self.settle()

    def _end(self) -> tuple[int, int]:
        """The top of a window that shows the end."""
        left = self.height
        for place in range(len(self.document) - 1, -1, -1):
            left -= self.document.height(place)
            if left <= 0:
                return place, min(-left, self.document.height(place) - 1)
        return 0, 0

    def _rows_from(self, top: tuple[int, int]) -> list[tuple[int, int]]:
        rows: list[tuple[int, int]] = []
        place, line = top
        while len(rows) < self.height and place < len(self.document):
            until = min(self.document.height(place), line + self.height - len(rows))
            rows += [(place, number) for number in range(line, until)]
            place, line = place + 1, 0
        return rows
