"""Looking for words in a conversation: how often they are in which entry, and in which order.

What counts is the text as it was written, not as it is shown: of a prompt and a notice the text, of a reply its
text, and its thinking and tool calls where their fold is open. Upper and lower case are the same, a line break
is a space, and asterisks and backticks are passed over, because most are marks that are not shown, unless there
is one in the words. Nothing else in the words means anything. Matches do not overlap.

So a match may be where it is not shown (the target of a link, the name of a language): going to it then leads
to the nearest place. And what is shown may go on where the text does not (over a link, from cell to cell of a
table): that is no match.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from chatterm.core.clean import clean
from chatterm.tui.transcript.heights import HeightIndex
from chatterm.tui.transcript.lines import Line

SLICE = 16_384
"""How many characters are searched at a time."""


@dataclass(frozen=True, slots=True)
class Needle:
    """What is looked for, and whether marks are passed over; made by `needle_of`."""

    folded: str
    passes_marks: bool

    def is_in(self, other: Needle) -> bool:
        """Whether it is in every text that the other one is in."""
        return self.folded in other.folded and self.passes_marks == other.passes_marks

    def fold(self, text: str) -> str:
        """The text as it is compared. Folding its parts and joining them gives the same."""
        text = text.replace("\n", " ")
        if self.passes_marks:
            text = text.replace("*", "").replace("`", "")
        return text.casefold()

    def count(self, text: str) -> Iterator[int]:
        """How often it is in the text, up to the end of each slice; the last number is that for all of it."""
        total, rest, kept = 0, "", len(self.folded) - 1
        for at in range(0, len(text), SLICE) or (0,):
            *matched, rest = (rest + self.fold(text[at : at + SLICE])).split(self.folded)
            total += len(matched)
            rest = rest[-kept:] if kept else ""
            yield total

    def all_in(self, text: str) -> list[tuple[int, int]]:
        """Where the matches in the text begin and end, in characters of the text."""
        folded = self.fold(text)
        found: list[tuple[int, int]] = []
        at = folded.find(self.folded)
        while at >= 0:
            found.append((at, at + len(self.folded)))
            at = folded.find(self.folded, at + len(self.folded))
        if found and (len(folded) != len(text) or (self.passes_marks and ("*" in text or "`" in text))):
            origins = [number for number, character in enumerate(text) for _ in self.fold(character)]
            return [(origins[start], origins[end - 1] + 1) for start, end in found]
        return found


def needle_of(words: str) -> Needle | None:
    """What to look for when these words were typed; None for nothing."""
    marks = "*" in words or "`" in words
    folded = Needle("", not marks).fold(clean(words))
    return Needle(folded, not marks) if folded else None


class RowText(NamedTuple):
    """The text of a row in `lines[first:stop]` without decoration, soft breaks as they were written."""

    first: int
    stop: int
    text: str
    starts: tuple[int, ...]
    """For each line, the character of the row that it begins with."""


def row_text(lines: Sequence[Line], number: int) -> RowText:
    """The row that the line with this number is in."""
    first, stop = number, number + 1
    while first > 0 and lines[first].join is not None:
        first -= 1
    while stop < len(lines) and lines[stop].join is not None:
        stop += 1
    text, starts = "", [0]
    for at, line in enumerate(lines[first:stop]):
        if at:
            text += line.join or ""
            starts.append(len(text))
        text += line.text[line.lead :]
    return RowText(first, stop, text, tuple(starts))


_WAITS, _ABSENT, _HAS, _HAS_NOT = range(4)


class Match(NamedTuple):
    """A match: the place of its entry, and its number in that, from 0 on."""

    place: int
    number: int


class Found:
    """How many matches there are in each of the entries that were searched, and which one is current.

    It keeps in step with the list of entries: `insert`, `remove` and `renew` are told by that.
    """

    def __init__(self, absent: Sequence[bool], barren: Found | None = None) -> None:
        """`absent`: for each entry, whether it must be read before it can be searched. `barren` is what was found
        of words that are part of the present ones: where it has nothing there is nothing."""
        fresh = bytearray(absent)
        if barren is not None and len(barren._states) == len(fresh):
            for place, state in enumerate(barren._states):
                if state == _HAS_NOT:
                    fresh[place] = _HAS_NOT
        self._states: bytearray = fresh
        self._counts: HeightIndex = HeightIndex([0] * len(fresh))
        self.current: Match | None = None
        self.changes: int = 0
        """Goes up with every change of the entries."""

    @property
    def total(self) -> int:
        """How many matches were found so far."""
        return self._counts.total

    @property
    def number(self) -> int | None:
        """How many matches are before the current one."""
        return None if self.current is None else self._counts.start(self.current.place) + self.current.number

    def count(self, place: int) -> int:
        """How many matches were found in an entry."""
        return self._counts[place]

    def has_none(self, place: int) -> bool:
        """Whether an entry was searched, and nothing was found."""
        return self._states[place] == _HAS_NOT

    @property
    def is_complete(self) -> bool:
        """Whether all entries were searched."""
        return self._states.find(_WAITS) < 0 and self._states.find(_ABSENT) < 0

    # ---- searching --------------------------------------------------------------------------

    def to_search(self, origin: int) -> int | None:
        """The next place to search: from `origin` down to the end, then up to the beginning; None for none."""
        place = self._states.find(_WAITS, origin)
        return _some(place if place >= 0 else self._states.rfind(_WAITS))

    def to_read(self) -> int | None:
        """The last place of those that must be read and were not searched; None for none."""
        return _some(self._states.rfind(_ABSENT))

    def waits(self, place: int) -> bool:
        """Whether the entry was not searched."""
        return self._states[place] in (_WAITS, _ABSENT)

    def put(self, place: int, count: int) -> None:
        """So many matches are in the entry."""
        self._counts[place] = count
        self._states[place] = _HAS if count else _HAS_NOT
        if self.current is not None and self.current.place == place and self.current.number >= count:
            self.current = Match(place, count - 1) if count else None

    # ---- keeping in step --------------------------------------------------------------------

    def insert(self, place: int) -> None:
        """An entry came in at this place."""
        self.changes += 1
        self._states.insert(place, _WAITS)
        self._counts.insert(place, 0)
        if self.current is not None and self.current.place >= place:
            self.current = self.current._replace(place=self.current.place + 1)

    def remove(self, place: int) -> None:
        """The entry at this place went away."""
        self.changes += 1
        del self._states[place], self._counts[place]
        if self.current is not None and self.current.place >= place:
            is_gone = self.current.place == place
            self.current = None if is_gone else self.current._replace(place=self.current.place - 1)

    def renew(self, place: int, *, absent: bool = False) -> None:
        """The text of the entry at this place is another; what was found counts until it is searched.

        `absent`: it must be read for that.
        """
        self.changes += 1
        self._states[place] = _ABSENT if absent else _WAITS

    # ---- going ------------------------------------------------------------------------------

    def choose(self, place: int, number: int) -> bool:
        """Makes the first match from the one with this number on current, else the last before; whether there is one.

        False too where what comes after it was not searched so far.
        """
        index, total = self._counts.start(place) + number, self.total
        if index >= total and (total == 0 or self._states.find(_WAITS, place) >= 0):
            return False
        self.current = Match(*self._counts.find(min(index, total - 1)))
        return True

    def step(self, *, forward: bool) -> bool:
        """Makes the match after the current one current, or the one before; whether that is another one.

        Behind the last one comes the first, once all was searched.
        """
        index, before = self.number, self.current
        if index is None:
            return False
        index += 1 if forward else -1
        if not 0 <= index < self.total and not self.is_complete:
            return False
        self.current = Match(*self._counts.find(index % self.total))
        return self.current != before


def _some(place: int) -> int | None:
    return place if place >= 0 else None
