"""Looking for words in the transcript: what was found is marked, and gone to."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from rich.style import Style
from textual.message import Message

from chatterm.core.errors import ChattermError
from chatterm.tui.transcript.document import Address
from chatterm.tui.transcript.entries import Entry
from chatterm.tui.transcript.paint import Overlay, Palette
from chatterm.tui.transcript.segments import Format
from chatterm.tui.transcript.selectable_view import SelectableView
from chatterm.tui.transcript.selection import Mark, line_at
from chatterm.tui.transcript.spots import Spot, spot_of, text_length

if TYPE_CHECKING:
    from textual.worker import Worker

    from chatterm.tui.transcript.find import Found
    from chatterm.tui.transcript.found_places import Shown
    from chatterm.tui.transcript.search import Search

COVERED = 1
"""Rows at the bottom of the view in which no match is shown: what is over them covers it."""


class Tally(NamedTuple):
    """What was found: in all, and the number of the current match, from 0 on.

    `complete` says that there is no more; `failed`, that a part of the conversation could not be read.
    """

    number: int | None = None
    total: int = 0
    complete: bool = True
    failed: bool = False


class FindView(SelectableView):
    """A view in which words are looked for, while it goes on otherwise as ever."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"transcript--found", "transcript--found-current"}
    DEFAULT_CSS = """
    FindView {
        & > .transcript--found { color: $background; background: $chatterm-dim; }
        & > .transcript--found-current { color: $background; background: $warning; text-style: bold underline; }
    }
    """

    class ReadFailed(Message, namespace="transcript"):
        """Entries that were looked at, or are to be searched, could not be read."""

        def __init__(self, error: ChattermError) -> None:
            super().__init__()
            self.error: ChattermError = error

    class FoundChanged(Message, namespace="transcript"):
        """`tally` is another: more was found, or another match is the current one."""

    def __init__(self, reading_width: int, id: str | None) -> None:
        super().__init__(reading_width, id)
        self._search: Search | None = None
        self._searching: Worker[None] | None = None
        self._tally: Tally = Tally()
        self._error: ChattermError | None = None
        self._from: Mark = Mark(0, 0, Spot(0, 0))  # where the first match is looked for
        self._asks: bool = False  # for a current match
        self._goes: bool = True
        self._held: tuple[Address, bool] = ((0, 0, 0), True)  # where the view was when it was asked for
        self._current: Shown | None = None
        self._current_form: Format = self._document.form
        self._found_styles: tuple[Style, Style] = (Style.null(), Style.null())

    @abstractmethod
    async def _read_some(self, first: int, count: int) -> Sequence[Entry]:
        """So many entries from a place on, which are not kept. Raises `ChattermError`."""

    @abstractmethod
    async def _read_around(self, place: int) -> None:
        """Reads an entry and those near to it, for good."""

    # ---- asking -----------------------------------------------------------------------------

    @property
    def tally(self) -> Tally:
        """What was found so far."""
        return self._tally

    def find(self, words: str, *, goes: bool = True) -> None:
        """Looks for other words, "" for none: from the current match on, or from the top of the view.

        The first match becomes the current one, and is brought into view if it `goes`, unless the user scrolled
        meanwhile; else it becomes so only if it is in view.
        """
        # Imported on use: nobody may ever look for anything.
        from chatterm.tui.transcript.search import Search, needle_of

        before, needle, form = self._search, needle_of(words), self._document.form
        if needle == (before.needle if before is not None else None):
            return
        self._ask(goes=goes)
        self._current = self._error = None
        if self._searching is not None:
            self._searching.cancel()
        if needle is None:
            self._search = self._document.entries.found = None
        else:
            narrows = before is not None and before.form == form and before.needle.is_in(needle)
            self._document.entries.look_anew(narrows=narrows)
            self._search = Search(self._document, needle, self._from.place, self._read_some)
            self._searching = self.run_worker(self._search.run(self._look))
        self._tell()
        self.refresh()

    def find_next(self, *, forward: bool = True) -> None:
        """Goes to the next match, or to the one before; to the first in view or near where none is current."""
        if (found := self._found) is None:
            return
        if found.current is None:
            self._ask(goes=True)
            self._choose()
        else:
            found.step(forward=forward)
            self._go()
        self._tell()

    @property
    def _found(self) -> Found | None:
        return self._document.entries.found

    def _ask(self, *, goes: bool) -> None:
        self._from = self._origin()
        self._asks, self._goes = True, goes
        self._held = self._viewport.top, self.following

    def _origin(self) -> Mark:
        """The current match if it is in view, else the top of the view."""
        place, segment, number = self._viewport.top
        found, current = self._found, self._current
        if found is not None and found.current is not None and current is not None and self._is_in_view():
            return Mark(found.current.place, current.segment, current.start)
        if place >= len(self._document) or self._document.entries[place] is None:
            return Mark(place, 0, Spot(0, 0))
        return Mark(place, segment, spot_of(self._document.lines(place, segment), number))

    def _look(self) -> None:
        """Takes in what was searched meanwhile."""
        error = self._search.error if self._search is not None else None
        if error is not None and error is not self._error:
            self._error = error
            self.post_message(self.ReadFailed(error))
        self._choose()
        self._tell()

    def _tell(self) -> None:
        found, before, failed = self._found, self._tally, self._error is not None
        self._tally = (
            Tally() if found is None else Tally(found.number, found.total, found.is_complete, failed)
        )
        if self._tally != before:
            self.post_message(self.FoundChanged())
            if self._tally.complete != before.complete:
                self.refresh()  # nothing is marked any more in entries that have nothing

    # ---- going ------------------------------------------------------------------------------

    def _choose(self) -> None:
        """Makes a match the current one, as soon as it is known which, if one is asked for."""
        found, search = self._found, self._search
        if found is None or search is None or not len(self._document):
            return
        if found.current is not None:
            is_other = self._current_form._replace(width=self._document.form.width) != self._document.form
            if is_other or self._current is None:
                self._locate()
            return
        place, segment, spot = self._from
        place = min(place, len(self._document) - 1)
        entries, number = self._document.entries, 0
        if not self._asks or (found.waits(place) and not entries.is_absent(place)):
            return
        if entries[place] is not None and (count := found.count(place)):
            number = search.number_from(Mark(place, segment, spot), count)
        if not found.choose(place, number):
            return
        self._asks = False
        top, followed = self._held
        if self._goes and (self._viewport.top == top or (followed and self.following)):
            self._go()
        elif not self._locate() or (not self._goes and not self._is_in_view()):
            found.current = self._current = None

    def _go(self) -> None:
        """Brings the current match into view."""
        if (found := self._found) is None or found.current is None:
            return
        if not self._locate():
            self.run_worker(self._read_and_go(found.current.place), group="find-go", exclusive=True)
        elif not self._is_in_view():
            self._viewport.show(self._current_address(), self._viewport.height // 3)
            self._show()

    async def _read_and_go(self, place: int) -> None:
        await self._read_around(place)
        current = self._found.current if self._found is not None else None
        if current is not None and current.place == place and self._document.entries[place] is not None:
            self._go()

    def _locate(self) -> bool:
        """Finds where the current match is shown; False where it must be read first."""
        found, search, self._current = self._found, self._search, None
        if found is None or found.current is None or search is None:
            return False
        if self._document.entries[found.current.place] is None:
            return False
        self._current_form = self._document.form
        self._current = search.place_of(found.current, found.count(found.current.place))
        self.refresh()
        return True

    def _current_address(self) -> Address:
        assert self._found is not None and self._found.current is not None and self._current is not None
        mark = Mark(self._found.current.place, self._current.segment, self._current.start)
        return line_at(self._document, mark)

    def _is_in_view(self) -> bool:
        """Whether the current match is in view, and nothing covers it."""
        if self._found is None or self._found.current is None or self._current is None:
            return False
        return self._current_address() in self._viewport.rows[: self._viewport.height - COVERED]

    # ---- painting ---------------------------------------------------------------------------

    def _overlays(self, address: Address) -> list[Overlay]:
        overlays = super()._overlays(address)
        found, search, entry = self._found, self._search, self._document.entries[address[0]]
        if found is None or search is None or entry is None:
            return overlays
        live = self._document.live
        if found.has_none(address[0]) and (live is None or live.entry.id != entry.id):
            return overlays
        row, matches = search.found_in_row(address)
        line, begin = self._document.line(address), row.starts[address[2] - row.first]
        for start, end in matches:
            first, stop = max(start - begin, 0), min(end - begin, text_length(line))
            if first < stop:
                style = self._found_styles[self._is_current(address, row.first, start)]
                overlays.append(Overlay(line.lead + first, line.lead + stop, style))
        return overlays

    def _is_current(self, address: Address, row: int, start: int) -> bool:
        """Whether the match that begins so in the row which begins at this line is the current one."""
        found, current = self._found, self._current
        if found is None or found.current is None or current is None or current.start == current.end:
            return False
        if (found.current.place, current.segment, current.start.char) != (*address[:2], start):
            return False
        return spot_of(self._document.lines(*address[:2]), row).row == current.start.row

    def _new_palette(self) -> Palette:
        styles = [self.get_component_rich_style(f"transcript--{look}") for look in ("found", "found-current")]
        self._found_styles = (styles[0], styles[1])
        return super()._new_palette()
