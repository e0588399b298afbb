"""All entries of the conversation as lines, laid out only where they are looked at."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from chatterm.tui.transcript.entries import Entry
from chatterm.tui.transcript.heights import HeightIndex
from chatterm.tui.transcript.lines import Line
from chatterm.tui.transcript.live_entry import LiveEntry
from chatterm.tui.transcript.segments import (
    Extent,
    Format,
    References,
    Segment,
    entry_segments,
    estimated_lines,
    lay_out,
)

KEPT_LINES = 20_000
"""Lines of finished entries kept laid out; those looked at last are kept."""

Address = tuple[int, int, int]
"""A line: the place of its entry, the segment in it, the line in that."""

_ABSENT = [Line()]


@dataclass(slots=True)
class _Body:
    """What is known of an entry that was looked at. `heights` are estimates up to `exact`."""

    heights: list[int]
    exact: set[int] = field(default_factory=set[int])
    segments: list[Segment] | None = None
    references: References = field(default_factory=dict[str, tuple[str, str]])


class Document:
    """Entries by place (0 is the first), their heights, and one of them that may be live.

    Heights are estimates until a segment is looked at. Queued entries stay behind all others. Entries that were
    not read yet are None; `wanted` are the places of those that were looked at all the same.
    """

    def __init__(self, width: int) -> None:
        self.form: Format = Format(width)
        self.live: LiveEntry | None = None
        self.heights: HeightIndex = HeightIndex()
        self.wanted: set[int] = set()
        self._entries: list[Entry | None] = []
        self._absent: list[Extent] = []
        self._places: dict[str, int] = {}
        self._bodies: dict[str, _Body] = {}
        self._laid: OrderedDict[tuple[str, int], list[Line]] = OrderedDict()
        self._kept: int = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, entry_id: str) -> bool:
        return entry_id in self._places

    def place(self, entry_id: str) -> int:
        """Where the entry is. Raises `KeyError`."""
        return self._places[entry_id]

    def entry(self, place: int) -> Entry | None:
        """The entry at this place; None for one that was not read yet. Raises `IndexError`."""
        return self._entries[place]

    # ---- entries ----------------------------------------------------------------------------

    def set_entries(self, entries: Iterable[Entry], absent: Sequence[Extent] = ()) -> None:
        """Replaces all there is. Before the entries are some that were not read, of about these sizes.

        Raises `ValueError` when two have the same id.
        """
        self.live = None
        self._absent = list(absent)
        self._entries = [*[None] * len(absent), *entries]
        self._number(0)
        if len(self._places) < len(self._entries) - len(absent):
            raise ValueError("two entries have the same id")
        self._bodies.clear()
        self._laid.clear()
        self._kept = 0
        self.wanted.clear()
        self.heights = HeightIndex(self._estimated(place) for place in range(len(self._entries)))

    def fill(self, place: int, entries: Iterable[Entry]) -> None:
        """Puts entries that were read into the places from this one on; those that are there already stay."""
        for at, entry in enumerate(entries, place):
            if self._entries[at] is None and entry.id not in self._places:
                self._entries[at] = entry
                self._places[entry.id] = at
                self.heights[at] = self._estimated(at)
            self.wanted.discard(at)

    def is_absent(self, place: int) -> bool:
        """Whether the entry at this place was not read yet; False beyond the last one."""
        return place < len(self._absent) and self._entries[place] is None

    def insert(self, entry: Entry) -> int:
        """Adds the entry at the end, but before queued ones unless it is queued; returns its place.

        Raises `ValueError` when there is one with this id.
        """
        if entry.id in self._places:
            raise ValueError(f"there is an entry {entry.id!r} already")
        place = len(self._entries)
        while entry.status != "queued" and place and self._is_queued(place - 1):
            place -= 1
        self._entries.insert(place, entry)
        self._number(place)
        self.heights.insert(place, self._estimated(place))
        return place

    def replace(self, entry: Entry) -> None:
        """Shows the entry in the place of the one with its id. Raises `KeyError`."""
        place = self._places[entry.id]
        if self.live is not None and self.live.entry.id == entry.id:
            self.live = None
        self._entries[place] = entry
        self._drop(entry.id)
        self.heights[place] = self._estimated(place)

    def remove(self, entry_id: str) -> int:
        """Takes the entry out; returns where it was. Raises `KeyError`."""
        place = self._places.pop(entry_id)
        if self.live is not None and self.live.entry.id == entry_id:
            self.live = None
        del self._entries[place]
        del self.heights[place]
        self._drop(entry_id)
        self._number(place)
        return place

    def begin_live(self, entry: Entry) -> int:
        """Adds an entry that grows; returns its place."""
        place = self.insert(entry)
        self.live = LiveEntry(entry, self.form)
        self._bodies[entry.id] = _Body([self.live.height])
        self.heights[place] = self.live.height
        return place

    def settle_live(self) -> int:
        """Brings the live entry up to date; the first line of its last segment that changed."""
        live = self.live
        assert live is not None
        changed = live.settle()
        self._take_fresh(live)
        return changed

    def end_live(self, entry: Entry) -> None:
        """Freezes the live entry as this one, which has its id."""
        live = self.live
        assert live is not None and live.entry.id == entry.id
        segments = live.finish(entry)
        if segments is None:
            self.replace(entry)
            return
        self._take_fresh(live)
        self.live = None
        self._entries[self._places[entry.id]] = entry
        body = self._bodies[entry.id]
        body.segments, body.references = segments, live.references
        del body.heights[len(segments) :]
        for number, segment in enumerate(segments):
            if body.references or segment.has_folds:  # laid out before all was known
                self._drop_lines(entry.id, number)
                body.exact.discard(number)
        self._sum(entry.id, body)

    # ---- format -----------------------------------------------------------------------------

    def lay(self, form: Format) -> None:
        """Forgets all that was laid out, for another format."""
        regrouped = self.form._replace(width=form.width, maths=form.maths) != form
        self.form = form
        self._laid.clear()
        self._kept = 0
        if self.live is not None:
            self.live.lay(form)
        for entry_id, body in list(self._bodies.items()):
            if regrouped or body.segments is None:
                del self._bodies[entry_id]
            else:
                body.heights = [segment.estimate(form.width) for segment in body.segments]
                body.exact.clear()
        self.heights = HeightIndex(self._estimated(place) for place in range(len(self._entries)))
        if self.live is not None:
            live = self.live
            self._bodies[live.entry.id] = _Body([*(s.estimate(form.width) for s in live.closed), live.height])
            self._sum(live.entry.id, self._bodies[live.entry.id])

    def turn_fold(self, place: int, number: int) -> None:
        """Opens or closes one fold of the entry; what is before it keeps its addresses."""
        entry = self._entries[place]
        if entry is None:
            return
        self.form = self.form._replace(turned=self.form.turned ^ {(entry.id, number)})
        if self.live is not None and self.live.entry.id == entry.id:
            self.live.lay(self.form)
            self._drop(entry.id)
            heights = [*(segment.estimate(self.form.width) for segment in self.live.closed), self.live.height]
            self._bodies[entry.id] = _Body(heights)
            self._sum(entry.id, self._bodies[entry.id])
        else:
            self._drop(entry.id)
            self._body(place)

    # ---- lines ------------------------------------------------------------------------------

    def is_live(self, place: int) -> bool:
        """Whether the entry is the one that grows."""
        entry = self._entries[place]
        return self.live is not None and entry is not None and self.live.entry.id == entry.id

    def segments(self, place: int) -> int:
        """How many segments the entry has."""
        if self._entries[place] is None:
            return 1
        return len(self._body(place).heights)

    def height(self, place: int, segment: int) -> int:
        """The exact number of lines of the segment, which is laid out for it."""
        entry = self._entries[place]
        if entry is None:
            self.wanted.add(place)
            return self.heights[place]
        body = self._body(place)
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
        if self._entries[place] is None:
            return _ABSENT[0]
        return self._lines(place, segment)[number]

    def lines(self, place: int, segment: int) -> list[Line]:
        """All lines of the segment."""
        if self._is_last_of_live(place, segment):
            assert self.live is not None
            return self.live.lines
        return _ABSENT if self._entries[place] is None else self._lines(place, segment)

    def start(self, place: int, segment: int) -> int:
        """The number of lines before the segment; an estimate where they were never looked at."""
        entry = self._entries[place]
        body = self._bodies.get(entry.id) if entry is not None else None
        return self.heights.start(place) + (sum(body.heights[:segment]) if body is not None else 0)

    def find(self, y: int) -> Address:
        """The line that is about `y` lines below the first one. Raises `IndexError` when there are no entries."""
        place, line = self.heights.find(y)
        if self._entries[place] is None:
            return place, 0, line
        heights = self._body(place).heights
        for segment, height in enumerate(heights):
            if line < height:
                return place, segment, line
            line -= height
        return place, len(heights) - 1, max(heights[-1] - 1, 0)

    # ---- bodies -----------------------------------------------------------------------------

    def _body(self, place: int) -> _Body:
        entry = self._entries[place]
        assert entry is not None
        body = self._bodies.get(entry.id)
        if body is None:
            segments, references = entry_segments(entry, self.form)
            heights = [segment.estimate(self.form.width) for segment in segments]
            body = self._bodies[entry.id] = _Body(heights, segments=segments, references=references)
            self._sum(entry.id, body)
        return body

    def _is_last_of_live(self, place: int, segment: int) -> bool:
        live = self.live
        if live is None:
            return False
        entry = self._entries[place]
        return entry is not None and entry.id == live.entry.id and segment >= len(live.closed)

    def _lines(self, place: int, segment: int) -> list[Line]:
        entry = self._entries[place]
        assert entry is not None
        key = entry.id, segment
        lines = self._laid.get(key)
        if lines is not None:
            self._laid.move_to_end(key)
            return lines
        body = self._body(place)
        live = self.live if self.is_live(place) else None
        if body.segments is None and live is None:
            body.segments, body.references = entry_segments(entry, self.form)
        segments, references = (
            (live.closed, live.references) if live is not None else (body.segments, body.references)
        )
        assert segments is not None
        lines = lay_out(segments[segment].contents, self.form, references)
        self._keep(place, body, segment, lines)
        return lines

    def _keep(self, place: int, body: _Body, segment: int, lines: list[Line]) -> None:
        entry = self._entries[place]
        assert entry is not None
        self._drop_lines(entry.id, segment)
        self._laid[entry.id, segment] = lines
        self._kept += len(lines)
        body.exact.add(segment)
        self._set_height(place, body, segment, len(lines))
        while self._kept > KEPT_LINES and len(self._laid) > 1:
            (entry_id, _), old = self._laid.popitem(last=False)
            self._kept -= len(old)
            # The source of what has not been looked at for long is cut into segments anew when it is.
            if entry_id in self._bodies and entry_id != entry.id:
                self._bodies[entry_id].segments = None

    def _take_fresh(self, live: LiveEntry) -> None:
        """Keeps the segments that were closed, and makes room for those that came."""
        body, place = self._bodies[live.entry.id], self._places[live.entry.id]
        fresh = live.take_fresh()
        while len(body.heights) < len(live.closed) + 1:
            body.heights.append(0)
        for segment, lines in enumerate(fresh, len(live.closed) - len(fresh)):
            self._keep(place, body, segment, lines)
        if len(body.heights) > len(live.closed):
            self._set_height(place, body, len(live.closed), live.height)

    def _set_height(self, place: int, body: _Body, segment: int, height: int) -> None:
        if (change := height - body.heights[segment]) != 0:
            body.heights[segment] = height
            self.heights[place] += change

    def _sum(self, entry_id: str, body: _Body) -> None:
        self.heights[self._places[entry_id]] = sum(body.heights)

    def _drop(self, entry_id: str) -> None:
        body = self._bodies.pop(entry_id, None)
        for segment in range(len(body.heights) if body is not None else 0):
            self._drop_lines(entry_id, segment)

    def _drop_lines(self, entry_id: str, segment: int) -> None:
        self._kept -= len(self._laid.pop((entry_id, segment), ()))

    def _estimated(self, place: int) -> int:
        """What is known of the height of an entry."""
        entry = self._entries[place]
        if entry is None:
            return estimated_lines(self._absent[place], self.form.width)
        body = self._bodies.get(entry.id)
        if body is not None:
            return sum(body.heights)
        return estimated_lines(Extent(entry.size, entry.text.count("\n")), self.form.width)

    def _is_queued(self, place: int) -> bool:
        entry = self._entries[place]
        return entry is not None and entry.status == "queued"

    def _number(self, place: int) -> None:
        if place == 0:
            self._places.clear()
        for at in range(place, len(self._entries)):
            entry = self._entries[at]
            if entry is not None:
                self._places[entry.id] = at
