"""All entries of the conversation as lines, laid out only where they are looked at."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from chatterm.tui.transcript.entries import Entry
from chatterm.tui.transcript.entry_lines import LiveEntry, entry_lines, estimated_height
from chatterm.tui.transcript.heights import HeightIndex
from chatterm.tui.transcript.layout import Line

KEPT_LINES = 20_000
"""Lines of finished entries kept laid out; the entries looked at last are kept."""


class Document:
    """Entries by position (0 is the first), their heights, and one of them that may be live.

    Heights are estimates until an entry is looked at. Queued entries stay behind all others.
    """

    def __init__(self, width: int) -> None:
        self.width: int = width
        self.unfolded: bool = False
        self.live: LiveEntry | None = None
        self.heights: HeightIndex = HeightIndex()
        self._entries: list[Entry] = []
        self._places: dict[str, int] = {}
        self._exact: set[str] = set()
        self._laid: OrderedDict[str, list[Line]] = OrderedDict()
        self._kept: int = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, entry_id: str) -> bool:
        return entry_id in self._places

    def place(self, entry_id: str) -> int:
        """Where the entry is. Raises `KeyError`."""
        return self._places[entry_id]

    def set_entries(self, entries: Iterable[Entry]) -> None:
        """Replaces all there is. Raises `ValueError` when two have the same id."""
        self.live = None
        self._entries = list(entries)
        self._number(0)
        if len(self._places) < len(self._entries):
            raise ValueError("two entries have the same id")
        self._forget()

    def insert(self, entry: Entry) -> int:
        """Adds the entry at the end, but before queued ones unless it is queued; returns its place.

        Raises `ValueError` when there is one with this id.
        """
        if entry.id in self._places:
            raise ValueError(f"there is an entry {entry.id!r} already")
        place = len(self._entries)
        while entry.status != "queued" and place and self._entries[place - 1].status == "queued":
            place -= 1
        self._entries.insert(place, entry)
        self._number(place)
        self.heights.insert(place, estimated_height(entry, self.width))
        return place

    def replace(self, entry: Entry) -> None:
        """Shows the entry in the place of the one with its id. Raises `KeyError`."""
        place = self._places[entry.id]
        if self.live is not None and self.live.entry.id == entry.id:
            self.live = None
        self._entries[place] = entry
        self._drop(entry.id)
        self.heights[place] = estimated_height(entry, self.width)

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
        self.live = LiveEntry(entry, self.width, self.unfolded)
        return place

    def end_live(self, entry: Entry) -> None:
        """Freezes the live entry as this one, which has its id."""
        live = self.live
        assert live is not None and live.entry.id == entry.id
        self.replace(entry)
        self._keep(entry.id, live.finished(entry))

    def lay(self, width: int, unfolded: bool) -> None:
        """Forgets all that was laid out, for another width or with the thinking shown or folded."""
        self.width, self.unfolded = width, unfolded
        if self.live is not None:
            self.live.lay(width, unfolded)
        self._forget()

    def is_live(self, place: int) -> bool:
        """Whether the entry is the one that grows."""
        return self.live is not None and self.live.entry.id == self._entries[place].id

    def height(self, place: int) -> int:
        """The exact number of lines of the entry, which is laid out for it."""
        if self.live is not None and self.is_live(place):
            self.heights[place] = self.live.height
        elif self._entries[place].id not in self._exact:
            self._lines(place)
        return self.heights[place]

    def line(self, place: int, number: int) -> Line:
        """One line of the entry. Raises `IndexError`."""
        if self.live is not None and self.is_live(place):
            return self.live.line(number)
        return self._lines(place)[number]

    def ink_from(self, place: int, number: int) -> int:
        """How many visible characters of the text come from this line on: the same at every width."""
        return sum(_ink(self.line(place, at)) for at in range(number, self.height(place)))

    def line_at_ink(self, place: int, ink: int) -> int:
        """The line from which on there are so many visible characters."""
        for number in range(self.height(place) - 1, -1, -1):
            ink -= _ink(self.line(place, number))
            if ink <= 0:
                return number
        return 0

    def text_between(self, start: tuple[int, int, int], end: tuple[int, int, int]) -> str:
        """The plain text from one (place, line, character) up to another, without what only decorates it."""
        parts: list[str] = []
        for place in range(start[0], min(end[0] + 1, len(self))):
            first = start[1] if place == start[0] else 0
            last = end[1] if place == end[0] else self.height(place) - 1
            for number in range(first, min(last + 1, self.height(place))):
                line = self.line(place, number)
                until = end[2] if (place, number) == end[:2] else None
                since = start[2] if (place, number) == start[:2] else 0
                text = line.text[max(since, line.lead) : until]
                if line.join is not None and parts:
                    parts[-1] += line.join + text
                else:
                    parts.append(text)
        return "\n".join(part.rstrip(" ") for part in parts)

    def _lines(self, place: int) -> list[Line]:
        entry = self._entries[place]
        lines = self._laid.get(entry.id)
        if lines is None:
            lines = entry_lines(entry, self.width, self.unfolded)
            self._keep(entry.id, lines)
        else:
            self._laid.move_to_end(entry.id)
        return lines

    def _keep(self, entry_id: str, lines: list[Line]) -> None:
        self._laid[entry_id] = lines
        self._exact.add(entry_id)
        self._kept += len(lines)
        self.heights[self._places[entry_id]] = len(lines)
        while self._kept > KEPT_LINES and len(self._laid) > 1:
            self._kept -= len(self._laid.popitem(last=False)[1])

    def _drop(self, entry_id: str) -> None:
        self._exact.discard(entry_id)
        self._kept -= len(self._laid.pop(entry_id, ()))

    def _forget(self) -> None:
        self._laid.clear()
        self._exact.clear()
        self._kept = 0
        self.heights = HeightIndex(estimated_height(entry, self.width) for entry in self._entries)

    def _number(self, place: int) -> None:
        if place == 0:
            self._places.clear()
        for at in range(place, len(self._entries)):
            self._places[self._entries[at].id] = at


def _ink(line: Line) -> int:
    return sum(not char.isspace() and char != "─" for char in line.text[line.lead :])
