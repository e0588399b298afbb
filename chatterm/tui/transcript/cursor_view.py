"""A cursor that walks from message to message by keys."""

from __future__ import annotations

import asyncio

from textual import events
from textual.message import Message
from textual.reactive import Reactive

from chatterm.tui.transcript import selection as select
from chatterm.tui.transcript.document import Address
from chatterm.tui.transcript.entries import Entry
from chatterm.tui.transcript.excerpts import code_at, folds_of, table_at, tables_in
from chatterm.tui.transcript.find_view import FindView
from chatterm.tui.transcript.looks import Look, Span
from chatterm.tui.transcript.segments import rows_beneath
from chatterm.tui.transcript.selection import Selection

_CURSOR_BAR = Span("█ ", Look("cursor"))


class CursorView(FindView):
    """A view in which a message can be chosen; the view holds still while one is."""

    DEFAULT_CSS = """
    CursorView > .transcript--cursor { color: $accent; }
    """

    class CommandAsked(Message, namespace="transcript"):
        """A key was pressed that belongs to a command while the cursor is there."""

        def __init__(self, command_id: str) -> None:
            super().__init__()
            self.command_id: str = command_id

    walking: Reactive[bool] = Reactive(False, repaint=False)
    """Whether the cursor is there."""

    def __init__(self, reading_width: int, id: str | None) -> None:
        super().__init__(reading_width, id)
        self._step: int = 0  # the way the cursor goes while it waits for an entry to be read
        self._came: asyncio.Event = asyncio.Event()

    # ---- the cursor -------------------------------------------------------------------------

    def start_walking(self) -> bool:
        """Puts the cursor on the last message in view, and holds the view there; False without messages."""
        if self.walking:
            return True
        places = [row[0] for row in self._viewport.rows] or [len(self._document) - 1]
        place = self._nearest(places[-1], -1)
        if place is None:
            return False
        self._viewport.cursor, self._viewport.following = place, False
        self.walking = True
        self._show()
        return True

    def stop_walking(self) -> None:
        """Takes the cursor away, and what was selected."""
        if not self.walking:
            return
        self.walking = False
        self._viewport.cursor, self._step = None, 0
        self._wake()
        self.clear_selection()
        self._show()

    def walk(self, step: int) -> None:
        """Moves the cursor to the next message, or by -1 to the one before, and brings that into view."""
        if self._viewport.cursor is not None:
            self._put_cursor(self._nearest(self._viewport.cursor + step, step), step)

    def walk_to_first(self) -> None:
        """Moves the cursor to the first message."""
        self._put_cursor(self._nearest(0, 1), 1)

    def walk_to_last(self) -> None:
        """Moves the cursor to the last message."""
        self._put_cursor(self._nearest(len(self._document) - 1, -1), -1)

    async def walked(self) -> Entry | None:
        """The message at the cursor, as far as it came, once it is read; None where it cannot be, or is none."""
        while (place := self._viewport.cursor) is not None and self._document.entries.is_absent(place):
            if not self._is_reading():
                return None
            await self._came.wait()
        entry = self._document.entries[place] if place is not None else None
        live = self._document.live
        if entry is not None and live is not None and entry.id == live.entry.id:
            return Entry(id=entry.id, role=entry.role, text=live.text, status="live")
        return entry

    def turn_folds(self) -> bool:
        """Opens the folds of the message, or closes them if all are open; False where it has none."""
        place, document, viewport = self._viewport.cursor, self._document, self._viewport
        entry = document.entries[place] if place is not None else None
        if place is None or entry is None or not (heads := folds_of(document, place)):
            return False
        first = next((number for number, head in heads.items() if head in viewport.rows), min(heads))
        viewport.show(heads[first])
        row = viewport.rows.index(heads[first])
        closed = [number for number in heads if not document.form.is_open(entry.id, number)]
        for number in closed or heads:
            document.turn_fold(place, number)
        self._entry_changed(place)
        viewport.show(folds_of(document, place)[first], row)
        self._show()
        return True

    def select_message(self) -> bool:
        """Selects the text of the message; False where it has none."""
        place, live = self._viewport.cursor, self._document.live
        entry = self._document.entries[place] if place is not None else None
        if place is None or entry is None:
            return False
        grows = live is not None and live.entry.id == entry.id
        beneath = live.is_waiting if live is not None and grows else rows_beneath(entry)
        text = select.text_of(self._document, place, beneath)
        self._selection = text if text.start != text.end else None
        self.refresh()
        return self._selection is not None

    def extend(self, *, characters: int = 0, rows: int = 0) -> bool:
        """Moves the end of the selection by a character or a row, 1 or -1; False where nothing is selected."""
        if self._selection is None:
            return False
        start, end = self._selection
        end = select.moved(self._document, end, characters=characters, rows=rows)
        self._selection = Selection(start, end)
        self._viewport.show(select.line_at(self._document, end))
        self._show()
        return True

    def code_at(self, address: Address) -> str | None:
        """The code of the block at the line, without its fences; None where there is none."""
        return code_at(self._document, address)

    def table_at(self, address: Address) -> str | None:
        """The table at the line, as comma-separated values; None where there is none."""
        return table_at(self._document, address)

    def tables_of(self, entry: Entry) -> list[str]:
        """The tables of a message, each as comma-separated values."""
        return tables_in(entry.source, maths=self._document.form.maths)

    # ---- moving -----------------------------------------------------------------------------

    def scroll_lines(self, lines: int) -> None:
        """Scrolls down by so many lines, up by negative ones; the cursor stays in view."""
        super().scroll_lines(lines)
        rows, cursor = self._viewport.rows, self._viewport.cursor
        if cursor is None or not rows or rows[0][0] <= cursor <= rows[-1][0]:
            return
        # It comes along, so that the next step does not lead away from what is read.
        near = self._nearest(rows[-1][0], -1) if cursor > rows[-1][0] else self._nearest(rows[0][0], 1)
        if near is not None:
            self._viewport.cursor = near
            self.refresh()

    def scroll_to_start(self) -> None:
        """Goes to the first line, and with the cursor to the first message."""
        super().scroll_to_start()
        if self.walking:
            self.walk_to_first()

    def scroll_to_end(self) -> None:
        """Goes to the end and follows it, with the cursor on the last message."""
        if self.walking:
            self.walk_to_last()
        super().scroll_to_end()

    def _put_cursor(self, place: int | None, step: int) -> None:
        if place is None or not self.walking:
            return
        self._viewport.cursor = place
        self._step = step if self._document.entries.is_absent(place) else 0
        self._viewport.show_entry(place)
        self._show()

    def _nearest(self, place: int, step: int) -> int | None:
        """The first place from this one on, in steps, where there is a message; None where there is none."""
        while 0 <= place < len(self._document):
            entry = self._document.entries[place]
            if entry is None or (entry.id and (entry.role != "notice" or entry.text)):
                return place
            place += step
        return None

    def _entries_came(self) -> None:
        """Entries were read: the one that the cursor waits for may be among them."""
        self._wake()
        place, step = self._viewport.cursor, self._step
        if not step or place is None or self._document.entries.is_absent(place):
            return
        self._step = 0
        nearest = self._nearest(place, step)
        self._put_cursor(self._nearest(place, -step) if nearest is None else nearest, step)

    def _wake(self) -> None:
        """Has those who wait for the message at the cursor look again."""
        self._came.set()
        self._came.clear()

    def _is_reading(self) -> bool:
        """Whether entries are being read that were looked at."""
        return False

    # ---- mouse, painting --------------------------------------------------------------------

    def on_click(self, event: events.Click) -> None:
        rows = self._viewport.rows
        if (
            not self.walking
            or event.button != 1
            or not 0 <= event.y < len(rows)
            or self._selection is not None
        ):
            return
        address = rows[event.y]
        self._put_cursor(self._nearest(address[0], -1), 0)
        if event.chain == 1 and not self._link_under(event.x, event.y) and self.table_at(address) is not None:
            self.post_message(self.Clicked("action:copy-table", address))

    def _bar(self, address: Address) -> Span:
        place, segment, number = address
        document = self._document
        if place != self._viewport.cursor:
            return super()._bar(address)
        last = segment == document.segments(place) - 1 and number == document.height(place, segment) - 1
        return super()._bar(address) if last else _CURSOR_BAR
