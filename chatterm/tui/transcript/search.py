"""Searching a document for words, a little at a time, while it goes on growing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from chatterm.core.errors import ChattermError
from chatterm.tui.transcript.document import Address, Document
from chatterm.tui.transcript.entries import Entry
from chatterm.tui.transcript.find import Found, Match, Needle, RowText, needle_of
from chatterm.tui.transcript.found_places import (
    Shown,
    found_in_row,
    number_from,
    place_of,
    searched_text,
    text_of,
)
from chatterm.tui.transcript.segments import Format
from chatterm.tui.transcript.selection import Mark

__all__ = ["Search", "needle_of"]

SLICE_SECONDS = 0.004
"""How long is searched at a time; keys, the reply and the screen come in between."""
AGAIN_SECONDS = 0.2
"""How often is looked for what is new, once all was searched."""
PAUSE_SECONDS = 0.15
"""After a pause of this length in typing, what must be read is read."""
STEP = 128
"""How many entries are read at a time for it."""

Read = Callable[[int, int], Awaitable[Sequence[Entry]]]


class Search:
    """Counts the matches of a needle in all entries of a document, into `document.entries.found`.

    What is held is searched first, from `origin` down to the end, then up; what must be read is read last, from
    its end, and not kept. `read` gets the first place and how many, and may raise `ChattermError`: that is then
    `error`, and nothing more is read. `look` is called before every rest.
    """

    def __init__(self, document: Document, needle: Needle, origin: int, read: Read) -> None:
        self.needle: Needle = needle
        self.error: ChattermError | None = None
        self.form: Format = document.form
        """Which folds were open when was searched."""
        self._document: Document = document
        self._origin: int = origin
        self._read: Read = read
        self._look: Callable[[], None] = lambda: None
        self._live_length: int = 0
        self._until: float = 0.0

    def place_of(self, match: Match, count: int) -> Shown:
        """Where a match is shown, of so many in its entry."""
        return place_of(self._document, match.place, match.number, count, self.needle)

    def number_from(self, mark: Mark, count: int) -> int:
        """The number of the first match in an entry, of so many, that is shown at the mark or after it."""
        return number_from(self._document, mark, count, self.needle)

    def found_in_row(self, address: Address) -> tuple[RowText, list[tuple[int, int]]]:
        """The row that a line is in, and where in its text the matches are."""
        return found_in_row(self._document, address, self.needle)

    async def run(self, look: Callable[[], None]) -> None:
        """Searches until it is cancelled, or nothing is looked for in the document any more."""
        self._look = look
        self._until, has_paused = time.perf_counter() + SLICE_SECONDS, False
        while (found := self._document.entries.found) is not None:
            if (place := found.to_search(self._origin)) is not None:
                await self._search(found, place, text_of(self._document, place))
            elif (last := found.to_read()) is None or self.error is not None:
                await self._rest(AGAIN_SECONDS)
                self._notice_folds()
                self._notice_live()
            elif not has_paused:
                has_paused = True
                await self._rest(PAUSE_SECONDS)
            else:
                await self._search_unread(found, last)

    async def _search(self, found: Found, place: int, text: str) -> None:
        changes, total = found.changes, 0
        for count in self.needle.count(text):
            total = count
            if time.perf_counter() >= self._until:
                await self._rest(0)
                if found is not self._document.entries.found or found.changes != changes:
                    return
        found.put(place, total)

    async def _search_unread(self, found: Found, last: int) -> None:
        first = max(0, last + 1 - STEP)
        await self._rest(0)
        try:
            entries = await self._read(first, last + 1 - first)
        except ChattermError as error:
            self.error = error
            return
        self._until = time.perf_counter() + SLICE_SECONDS
        for place, entry in enumerate(entries, first):
            if found is not self._document.entries.found:
                return
            if found.waits(place):
                await self._search(found, place, searched_text(entry, self._document.form))

    async def _rest(self, seconds: float) -> None:
        self._look()
        await asyncio.sleep(seconds)
        self._until = time.perf_counter() + SLICE_SECONDS

    def _notice_folds(self) -> None:
        """Other folds may be open than when was searched."""
        before, now, entries = self.form, self._document.form, self._document.entries
        self.form = now
        if before.unfolded != now.unfolded:
            entries.look_again()
        elif entries.found is not None:
            for entry_id, _ in before.turned ^ now.turned:
                if entry_id in entries:
                    entries.found.renew(entries.place(entry_id))

    def _notice_live(self) -> None:
        """The live entry may have grown."""
        live, found = self._document.live, self._document.entries.found
        if live is None or found is None or len(live.text) == self._live_length:
            return
        self._live_length = len(live.text)
        found.renew(self._document.entries.place(live.entry.id))
