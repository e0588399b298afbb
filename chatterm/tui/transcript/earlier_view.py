"""The part of the conversation pane that reads entries of long ago when they are looked at."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

from chatterm.core.errors import ChattermError
from chatterm.tui.transcript.cursor_view import CursorView
from chatterm.tui.transcript.entries import Entry
from chatterm.tui.transcript.entry_list import Extent

READ = 128
"""How many entries are read at a time."""
NEAR = 40
"""Entries so near to what is in view are read before they are looked at."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """Entries that are read when they are looked at: how large each is, about, and how to read some of them.

    `read` gets the place of the first and how many there are, and returns one entry for each.
    """

    extents: Sequence[Extent]
    read: Callable[[int, int], Awaitable[Sequence[Entry]]]


class EarlierView(CursorView):
    """Shows entries that are not all there yet; what is in view stays where it is when some come."""

    def __init__(self, reading_width: int, id: str | None) -> None:
        super().__init__(reading_width, id)
        self._earlier: Earlier | None = None
        self._reading: bool = False

    def _show(self) -> None:
        super()._show()
        if self._earlier is not None and not self._reading and (wanted := self._wanted()) is not None:
            self._reading = True
            self.run_worker(partial(self._read, self._earlier, wanted))

    def _wanted(self) -> int | None:
        """The first of the places to be read: what is looked at, then what is near; None for nothing."""
        near = [row[0] for row in (*self._viewport.rows[:1], *self._viewport.rows[-1:])]
        around = [max(0, place + step) for place in near for step in (-NEAR, NEAR)]
        for place in [*sorted(self._document.wanted), *around]:
            if self._document.entries.is_absent(place):
                return max(0, place - READ // 2)
        return None

    async def _read(self, earlier: Earlier, first: int) -> None:
        """Reads entries around a place and shows them; what is in view stays where it is."""
        count = min(READ, len(earlier.extents) - first)
        try:
            entries = await earlier.read(first, count)
        except ChattermError as error:
            self._reading = False
            self._document.wanted.clear()
            self._entries_came()
            self.post_message(self.ReadFailed(error))
            return
        self._reading = False
        if earlier is not self._earlier:
            return
        heights = [self._document.heights[place] for place in range(first, first + count)]
        self._document.fill(first, entries)
        self._viewport.fill(first, heights)
        self._entries_came()
        self._show()

    def _is_reading(self) -> bool:
        return self._reading

    async def _read_some(self, first: int, count: int) -> Sequence[Entry]:
        return await self._earlier.read(first, count) if self._earlier is not None else ()

    async def _read_around(self, place: int) -> None:
        if self._earlier is not None:
            await self._read(self._earlier, max(0, place - READ // 2))
