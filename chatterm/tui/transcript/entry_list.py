"""The entries of a transcript in their order."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from chatterm.tui.transcript.entries import Entry

if TYPE_CHECKING:
    from chatterm.tui.transcript.find import Found


class Extent(NamedTuple):
    """The size of an entry: its characters, and the line breaks in them."""

    characters: int
    breaks: int


def estimated_lines(extent: Extent, width: int) -> int:
    """A guess at the height of an entry of which only the size is known."""
    return 3 + extent.breaks + math.ceil(extent.characters / max(width, 1))


class EntryList:
    """Entries by place, 0 is the first; queued ones are behind all others.

    Those at the beginning may be absent: only their size is known until they are filled in.
    """

    def __init__(self) -> None:
        self.found: Found | None = None
        """What was found of the words that are looked for; kept in step with the entries."""
        self._entries: list[Entry | None] = []
        self._absent: list[Extent] = []
        self._places: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, entry_id: str) -> bool:
        return entry_id in self._places

    def __getitem__(self, place: int) -> Entry | None:
        return self._entries[place]

    def place(self, entry_id: str) -> int:
        """Where the entry is. Raises `KeyError`."""
        return self._places[entry_id]

    def extent(self, place: int) -> Extent:
        """The size of the entry at this place, absent or not."""
        entry = self._entries[place]
        return self._absent[place] if entry is None else Extent(entry.size, entry.text.count("\n"))

    def heights(self, estimated: Callable[[int], int], width: int) -> list[int]:
        """The height of every entry: of those that are there as `estimated` at their place.

        Many of the absent ones are of one size, and each size is looked at once.
        """
        known = {extent: estimated_lines(extent, width) for extent in set(self._absent)}
        heights = [known[extent] for extent in self._absent]
        heights += [0] * (len(self._entries) - len(heights))
        for place in self._places.values():
            heights[place] = estimated(place)
        return heights

    def is_absent(self, place: int) -> bool:
        """Whether the entry at this place is still absent; False beyond the last one."""
        return place < len(self._absent) and self._entries[place] is None

    def set(self, entries: Iterable[Entry], absent: Sequence[Extent] = ()) -> None:
        """Replaces all there is. Raises `ValueError` when two have the same id."""
        self._absent = list(absent)
        self._entries = [*[None] * len(absent), *entries]
        self._number(0)
        if len(self._places) < len(self._entries) - len(absent):
            raise ValueError("two entries have the same id")
        if self.found is not None:
            self.look_anew()

    def look_anew(self, *, narrows: bool = False) -> None:
        """Nothing was found so far; where it `narrows`, what had none of the words before has none of the new."""
        from chatterm.tui.transcript.find import Found  # on use: nobody may ever look for anything

        self.found = Found([entry is None for entry in self._entries], self.found if narrows else None)

    def look_again(self) -> None:
        """Other folds are open: all that may have some is searched again; until then counts what was found."""
        if self.found is None:
            return
        for place, entry in enumerate(self._entries):
            if entry is None or entry.has_folds:
                self.found.renew(place, absent=entry is None)

    def fill(self, place: int, entry: Entry) -> bool:
        """Puts an entry into its place; False where one is there, or the entry is elsewhere."""
        if self._entries[place] is not None or entry.id in self._places:
            return False
        self._entries[place] = entry
        self._places[entry.id] = place
        return True

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
        if self.found is not None:
            self.found.insert(place)
        return place

    def replace(self, entry: Entry) -> int:
        """Puts the entry in the place of the one with its id, which is returned. Raises `KeyError`."""
        place = self._places[entry.id]
        self._entries[place] = entry
        if self.found is not None:
            self.found.renew(place)
        return place

    def remove(self, entry_id: str) -> int:
        """Takes the entry out; returns where it was. Raises `KeyError`."""
        place = self._places.pop(entry_id)
        del self._entries[place]
        self._number(place)
        if self.found is not None:
            self.found.remove(place)
        return place

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
