"""All entries of the conversation as lines, laid out only where they are looked at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from chatterm.tui.transcript.bodies import Body
from chatterm.tui.transcript.entries import Entry
from chatterm.tui.transcript.entry_list import EntryList, Extent, estimated_lines
from chatterm.tui.transcript.heights import HeightIndex
from chatterm.tui.transcript.laid_lines import LaidLines
from chatterm.tui.transcript.lines import Line
from chatterm.tui.transcript.segments import Content, Format, References, lay_out

if TYPE_CHECKING:
    from chatterm.tui.transcript.live_entry import LiveEntry

Address = tuple[int, int, int]
"""A line: the place of its entry, the segment in it, the line in that."""

_ABSENT = [Line()]


class Document:
    """Entries as lines: their heights, and one of them that may be live.

    Heights are estimates until a segment is looked at. `entries` are changed through the document alone;
    `wanted` are the places of absent ones that were looked at.
    """

    def __init__(self, width: int) -> None:
        self.form: Format = Format(width)
        self.live: LiveEntry | None = None
        self.entries: EntryList = EntryList()
        self.heights: HeightIndex = HeightIndex()
        self.wanted: set[int] = set()
        self._bodies: dict[str, Body] = {}
        self._laid: LaidLines = LaidLines()

    def __len__(self) -> int:
        return len(self.entries)

    def set_entries(self, entries: Iterable[Entry], absent: Sequence[Extent] = ()) -> None:
        """Replaces all there is, as `EntryList.set` does."""
        self.live = None
        self.entries.set(entries, absent)
        self._bodies.clear()
        self._laid.clear()
        self.wanted.clear()
        self.heights = HeightIndex(self.entries.heights(self._estimated, self.form.width))

    def fill(self, place: int, entries: Iterable[Entry]) -> None:
        """Puts entries that were read into the places from this one on; those that are there already stay."""
        for at, entry in enumerate(entries, place):
            if self.entries.fill(at, entry):
                self.heights[at] = self._estimated(at)
            self.wanted.discard(at)

    def insert(self, entry: Entry) -> int:
        """Adds the entry, as `EntryList.insert` does; returns its place."""
        place = self.entries.insert(entry)
        self.heights.insert(place, self._estimated(place))
        return place

    def replace(self, entry: Entry) -> None:
        """Shows the entry in the place of the one with its id. Raises `KeyError`."""
        place = self.entries.replace(entry)
        self._drop(entry.id, is_gone=True)
        self.heights[place] = self._estimated(place)

    def remove(self, entry_id: str) -> int:
        """Takes the entry out; returns where it was. Raises `KeyError`."""
        place = self.entries.remove(entry_id)
        del self.heights[place]
        self._drop(entry_id, is_gone=True)
        return place

    def begin_live(self, entry: Entry) -> int:
        """Adds an entry that grows; returns its place."""
        from chatterm.tui.transcript.live_entry import LiveEntry

        place = self.insert(entry)
        self.live = LiveEntry(entry, self.form)
        self._measure_live()
        return place

    def settle_live(self) -> tuple[int, int]:
        """Brings the live entry up to date; the segment and the line in it from which on it changed."""
        live = self.live
        assert live is not None
        before = len(self._bodies[live.entry.id].heights) - 1
        changed, altered = live.settle(), [(segment, 0) for segment in live.altered]
        while live.altered:
            self._laid.drop((live.entry.id, live.altered.pop()))
        self._bodies[live.entry.id].exact.difference_update([segment for segment, _ in altered])
        self._take_fresh(live)
        return min([(before, changed if before >= len(live.closed) else 0), *altered])

    def end_live(self, entry: Entry) -> None:
        """Freezes the live entry as this one, which has its id."""
        live = self.live
        assert live is not None and live.entry.id == entry.id
        segments = live.finish(entry)
        if segments is None:
            return self.replace(entry)
        self._take_fresh(live)
        self.live = None
        place, body = self.entries.replace(entry), self._bodies[entry.id]
        body.end(entry, segments, live.references)
        for number, segment in enumerate(segments):
            if body.references or segment.has_folds:  # laid out before all was known
                self._laid.drop((entry.id, number))
                body.exact.discard(number)
        self.heights[place] = self._estimated(place)

    def lay(self, form: Format) -> None:
        """Forgets all that was laid out, for another format."""
        regrouped = self.form._replace(width=form.width, maths=form.maths) != form
        self.form = form
        self._laid.clear()
        if self.live is not None:
            self.live.lay(form)
        for entry_id, body in list(self._bodies.items()):
            if regrouped or not (body.is_long or body.has_segments):
                del self._bodies[entry_id]
            else:
                body.lay(form)
        self.heights = HeightIndex(self.entries.heights(self._estimated, self.form.width))
        self._measure_live()

    def turn_fold(self, place: int, number: int) -> None:
        """Opens or closes one fold of the entry; what is before it keeps its addresses."""
        entry = self.entries[place]
        if entry is None:
            return
        self.form = self.form._replace(turned=self.form.turned ^ {(entry.id, number)})
        if self.live is not None and self.live.entry.id == entry.id:
            self.live.lay(self.form)
            self._drop(entry.id)
            self._measure_live()
        else:
            self._drop(entry.id)
            self.body(place)

    # ---- lines ------------------------------------------------------------------------------

    def segments(self, place: int) -> int:
        """How many segments the entry has."""
        return 1 if self.entries[place] is None else len(self.body(place).heights)

    def height(self, place: int, segment: int) -> int:
        """The exact number of lines of the segment, which is laid out for it."""
        entry = self.entries[place]
        if entry is None:
            self.wanted.add(place)
            return self.heights[place]
        body = self.body(place)
        if self._is_last_of_live(place, segment):
            assert self.live is not None
            self._set_height(place, body, segment, self.live.height)
        elif segment not in body.exact:
            self._lines(place, segment)
        return body.heights[segment]

    def line(self, address: Address) -> Line:
        """One line. Raises `IndexError`."""
        place, segment, number = address
        if self._is_last_of_live(place, segment):
            assert self.live is not None
            return self.live.line(number)
        if self.entries[place] is None:
            return _ABSENT[0]
        return self._lines(place, segment)[number]

    def lines(self, place: int, segment: int) -> list[Line]:
        """All lines of the segment."""
        if self._is_last_of_live(place, segment):
            assert self.live is not None
            return self.live.lines
        return _ABSENT if self.entries[place] is None else self._lines(place, segment)

    def start(self, place: int, segment: int) -> int:
        """The number of lines before the segment; an estimate where they were never looked at."""
        before = sum(self.body(place).heights[:segment]) if segment else 0
        return self.heights.start(place) + before

    def find(self, y: int) -> Address:
        """The line that is about `y` lines below the first one. Raises `IndexError` when there are no entries."""
        place, line = self.heights.find(y)
        if self.entries[place] is None:
            return place, 0, line
        found = self.body(place).find(line)
        self._sum(place)
        return place, *found

    def body(self, place: int) -> Body:
        """What is known of an entry that was read."""
        entry = self.entries[place]
        assert entry is not None
        body = self._bodies.get(entry.id)
        if body is None:
            body = self._bodies[entry.id] = Body(entry, self.form)
            self.heights[place] = sum(body.heights)
        return body

    def is_live(self, place: int) -> bool:
        """Whether the entry at this place is the live one."""
        live, entry = self.live, self.entries[place]
        return live is not None and entry is not None and entry.id == live.entry.id

    def _is_last_of_live(self, place: int, segment: int) -> bool:
        return self.live is not None and self.is_live(place) and segment >= len(self.live.closed)

    def _lines(self, place: int, segment: int) -> list[Line]:
        entry = self.entries[place]
        assert entry is not None
        if (lines := self._laid.get((entry.id, segment))) is not None:
            return lines
        contents = contents_of(self, place, segment) or ()
        self._sum(place)
        lines = lay_out(contents, self.form, references_of(self, place))
        self._keep(place, entry.id, segment, lines)
        return lines

    def _keep(self, place: int, entry_id: str, segment: int, lines: list[Line]) -> None:
        body = self._bodies[entry_id]
        body.exact.add(segment)
        self._set_height(place, body, segment, len(lines))
        for given_up in self._laid.put((entry_id, segment), lines):
            # The source of what has not been looked at for long is cut into segments anew when it is.
            if given_up in self._bodies and given_up != entry_id:
                self._bodies[given_up].forget()

    def _take_fresh(self, live: LiveEntry) -> None:
        """Keeps the segments that were closed, and makes room for those that came."""
        body, place = self._bodies[live.entry.id], self.entries.place(live.entry.id)
        fresh = live.take_fresh()
        while len(body.heights) < len(live.closed) + 1:
            body.heights.append(0)
        for segment, lines in enumerate(fresh, len(live.closed) - len(fresh)):
            self._keep(place, live.entry.id, segment, lines)
        if len(body.heights) > len(live.closed):
            self._set_height(place, body, len(live.closed), live.height)

    def _set_height(self, place: int, body: Body, segment: int, height: int) -> None:
        self.heights[place] += height - body.heights[segment]
        body.heights[segment] = height

    def _sum(self, place: int) -> None:
        """The estimates of an entry that is long may have changed."""
        if (body := self.body(place)).is_long:
            self.heights[place] = sum(body.heights)

    def _measure_live(self) -> None:
        """The heights of the live entry, which was laid out anew."""
        if (live := self.live) is not None:
            heights = [*(segment.estimate(self.form.width) for segment in live.closed), live.height]
            self._bodies[live.entry.id] = Body.live(live.entry, self.form, heights)
            self.heights[self.entries.place(live.entry.id)] = sum(heights)

    def _drop(self, entry_id: str, *, is_gone: bool = False) -> None:
        if is_gone and self.live is not None and self.live.entry.id == entry_id:
            self.live = None
        body = self._bodies.pop(entry_id, None)
        for segment in range(len(body.heights) if body is not None else 0):
            self._laid.drop((entry_id, segment))

    def _estimated(self, place: int) -> int:
        """What is known of the height of an entry."""
        entry = self.entries[place]
        body = self._bodies.get(entry.id) if entry is not None else None
        extent = self.entries.extent(place)
        return estimated_lines(extent, self.form.width) if body is None else sum(body.heights)


def contents_of(document: Document, place: int, segment: int) -> tuple[Content, ...] | None:
    """What is shown in a segment; None where the entry is absent, or that grows."""
    live = document.live if document.entries[place] is not None and document.is_live(place) else None
    if document.entries[place] is None or (live is not None and segment >= len(live.closed)):
        return None
    return (document.body(place).segment(segment) if live is None else live.closed[segment]).contents


def references_of(document: Document, place: int) -> References:
    """The definitions of links in an entry that was read."""
    live = document.live if document.is_live(place) else None
    return document.body(place).references if live is None else live.references
