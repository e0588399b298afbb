"""Which lines of a document are in view, and how they move."""

from __future__ import annotations

from chatterm.tui.transcript.document import Address, Document
from chatterm.tui.transcript.segments import Format
from chatterm.tui.transcript.spots import Spot, line_of, spot_of


class Viewport:
    """A window of `height` lines on a document, held by what is at its top, so that nothing scrolls under a
    reader; while `following`, held by the end.

    `cursor` is the place of the entry that the user is at, if any; while there is one, reaching the end is no
    reason to follow it. `settle` must be called after the document, the height or the position changed.
    """

    def __init__(self, document: Document) -> None:
        self.document: Document = document
        self.height: int = 0
        self.following: bool = True
        self.cursor: int | None = None
        self.rows: list[Address] = []
        self._top: Address = (0, 0, 0)
        self._read: tuple[Address, Spot] | None = None  # a top set by a new width, and what was read there

    @property
    def top(self) -> Address:
        """The line of the first row."""
        return self._top

    @property
    def y(self) -> int:
        """The number of lines above the first row; an estimate where they were never looked at."""
        place, segment, line = self._top
        return self.document.start(place, segment) + line if len(self.document) else 0

    @property
    def total(self) -> int:
        """The number of all lines; an estimate where they were never looked at."""
        return self.document.heights.total

    def settle(self) -> None:
        """Makes `rows` the lines in view, which are laid out for it."""
        if not len(self.document):
            self.rows, self._top, self.following = [], (0, 0, 0), True
            return
        end = self._end()
        here = end if self.following else self.moved(self._within(self._top), 0)
        if here >= end:
            self.following, here = self.following or self.cursor is None, end
        self._top = here
        self.rows = self._rows_from(here)

    def move(self, lines: int) -> None:
        """Moves down by so many lines, up by negative ones; at the end it follows."""
        if len(self.document):
            self._hold(self.moved(self._top, lines))

    def move_to(self, y: int) -> None:
        """Moves so that about `y` lines are above."""
        if not len(self.document):
            return
        if y >= self.total - self.height:
            self.to_end()
            return
        self._hold(self.document.find(y))

    def show(self, address: Address, row: int | None = None) -> None:
        """Moves so that the line is in that row; without one, as little as brings it into view."""
        if row is None:
            if address in self.rows:
                return
            row = 0 if address < self._top else self.height - 1
        self._hold(self.moved(address, -row))

    def show_entry(self, place: int) -> None:
        """Moves as little as brings the entry into view; one that has no room there begins at the top."""
        first = (place, 0, 0)
        self.following = False
        if self.moved(first, max(self.height - 1, 0))[0] == place:
            self.show(first, 0)
            return
        last = self.document.segments(place) - 1
        self.show((place, last, max(self.document.height(place, last) - 1, 0)))
        self.show(first)

    def to_start(self) -> None:
        """Moves to the first line."""
        if len(self.document):
            self._hold((0, 0, 0))

    def to_end(self) -> None:
        """Moves to the end, and follows it."""
        self.following = True
        self.settle()

    def inserted(self, place: int) -> None:
        """Keeps what is in view when an entry came in at this place."""
        if self.cursor is not None and place <= self.cursor:
            self.cursor += 1
        if place <= self._top[0] and not self.following:
            self._top = (self._top[0] + 1, *self._top[1:])

    def removed(self, place: int) -> None:
        """Keeps what is in view when the entry at this place went away."""
        if self.cursor is not None and (place < self.cursor or self.cursor == len(self.document)):
            self.cursor = max(self.cursor - 1, 0)
        if place < self._top[0]:
            self._top = (self._top[0] - 1, *self._top[1:])
        elif place == self._top[0]:
            self._top = (place, 0, 0)

    def lay(self, form: Format) -> None:
        """Lays the document out anew; the text at the top stays there."""
        document, top = self.document, self._top
        if not len(document) or self.following:
            document.lay(form)
        elif form.unfolded != document.form.unfolded:
            self._turn_folds(top, form)
        else:
            # The new line on top may begin before what was read there: over many widths that must not add up.
            read = self._read[1] if self._read and self._read[0] == top else None
            place, segment, line = top
            document.height(place, segment)
            spot = read or spot_of(document.lines(place, segment), line)
            document.lay(form)
            document.height(place, segment)
            number = line_of(document.lines(place, segment), spot)[0] if line or read else 0
            self._top = (place, segment, number)
            self._read = (self._top, spot)
        self.settle()

    def _turn_folds(self, top: Address, form: Format) -> None:
        """Opens or closes all folds: what comes after the thinking of a reply stays where it is."""
        document, (place, segment, line) = self.document, top
        section, before = None, 0
        if not document.is_live(place) and document.entries[place] is not None:
            section, before = document.body(place).section_at(segment)
        below = self._lines_below(top) if section is None else 0
        document.lay(form)
        if section is None:
            last = document.segments(place) - 1
            self._top = self.moved((place, last, document.height(place, last) - 1), 1 - below)
        else:  # a long one, of which each section has segments of its own
            segment = document.body(place).begin_of(section) + before
            self._top = (place, segment, min(line, max(document.height(place, segment) - 1, 0)))

    def turn_fold(self, address: Address, number: int) -> None:
        """Opens or closes the fold with its head at this line, which stays in its row."""
        row = self.rows.index(address) if address in self.rows else 0
        self.document.turn_fold(address[0], number)
        self._hold(self.moved(address, -row))

    def fill(self, place: int, heights: list[int]) -> None:
        """Keeps what is in view when entries from this place on were read, which had these heights before."""
        top = self._top
        if self.following or not place <= top[0] < place + len(heights):
            return
        below = heights[top[0] - place] - top[2]
        if top[2]:
            self._top = self.moved((top[0] + 1, 0, 0), -below) if top[0] + 1 < len(self.document) else top

    def moved(self, address: Address, lines: int) -> Address:
        """The line that is so many lines below another, or above; the first or last where there are none."""
        height = self.document.height
        place, segment, line = address
        line += lines
        while line < 0:
            before = self._before(place, segment)
            if before is None:
                return place, segment, 0
            place, segment = before
            line += height(place, segment)
        while line >= (size := height(place, segment)):
            after = self._after(place, segment)
            if after is None:
                return place, segment, max(size - 1, 0)
            place, segment = after
            line -= size
        return place, segment, line

    def _within(self, address: Address) -> Address:
        place, segment, line = address
        if place >= len(self.document):
            return self._last()
        return (place, segment, line) if segment < self.document.segments(place) else (place, 0, 0)

    def _last(self) -> Address:
        place = len(self.document) - 1
        segment = self.document.segments(place) - 1
        return place, segment, self.document.height(place, segment) - 1

    def _lines_below(self, address: Address) -> int:
        """How many lines of the entry come after the one at the address, with it."""
        place, segment, line = address
        heights = [self.document.height(place, at) for at in range(segment, self.document.segments(place))]
        return sum(heights) - line

    def _before(self, place: int, segment: int) -> tuple[int, int] | None:
        if segment:
            return place, segment - 1
        return (place - 1, self.document.segments(place - 1) - 1) if place else None

    def _after(self, place: int, segment: int) -> tuple[int, int] | None:
        if segment + 1 < self.document.segments(place):
            return place, segment + 1
        return (place + 1, 0) if place + 1 < len(self.document) else None

    def _hold(self, top: Address) -> None:
        self.following = False
        self._top = top
        self.settle()

    def _end(self) -> Address:
        """The top of a window that shows the end."""
        at: tuple[int, int] | None = (
            len(self.document) - 1,
            self.document.segments(len(self.document) - 1) - 1,
        )
        left = self.height
        while at is not None:
            height = self.document.height(*at)
            left -= height
            if left <= 0:
                return *at, min(-left, height - 1)
            at = self._before(*at)
        return 0, 0, 0

    def _rows_from(self, top: Address) -> list[Address]:
        rows: list[Address] = []
        at: tuple[int, int] | None = top[:2]
        line = top[2]
        while at is not None and len(rows) < self.height:
            until = min(self.document.height(*at), line + self.height - len(rows))
            rows += [(*at, number) for number in range(line, until)]
            at, line = self._after(*at), 0
        return rows
