"""The conversation pane: entries one under another, the last one growing while a reply streams."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable

from textual import on
from textual.geometry import Region
from textual.timer import Timer

from chatterm.tui.transcript.backlog import Backlog
from chatterm.tui.transcript.earlier_view import Earlier, EarlierView
from chatterm.tui.transcript.entries import Entry, Section
from chatterm.tui.transcript.selectable_view import SelectableView

BUDGET_SECONDS = 0.006
"""How long one frame may take in new text."""
CATCH_UP_SECONDS = 1 / 60
"""How long after a frame that could not take in all of it the next one comes; between them keys have their time."""
QUIET_SECONDS = 0.033
"""After a pause of this length new text does not wait for the next frame."""
_EMPTY = ""  # the id of the entry that stands in for none


class Transcript(EarlierView):
    """The conversation. It stays at the end until the user scrolls up, and never scrolls under a reader.

    All text is outside text: none of it is parsed as markup, and what could act on a terminal is made visible
    by `Entry` and `write`.
    """

    def __init__(
        self, *, reading_width: int = 100, frames_per_second: int = 30, id: str | None = None
    ) -> None:
        super().__init__(reading_width, id)
        self._frame_seconds: float = 1 / frames_per_second
        self._backlog: Backlog = Backlog()
        self._final: Entry | None = None
        self._clock: Timer | None = None
        self._flushed_at: float = -math.inf
        self._empty_text: str = ""

    # ---- entries ----------------------------------------------------------------------------

    def set_entries(self, entries: Iterable[Entry], earlier: Earlier | None = None) -> None:
        """Shows these entries, from the end, and before them those that are read when they are looked at.

        Raises `ValueError` when two have the same id.
        """
        self._stop_clock()
        self.stop_walking()
        self._earlier, self._reading, self._selection = earlier, False, None
        self._document.set_entries(entries, earlier.extents if earlier is not None else ())
        self._stand_in()
        self._viewport.to_end()
        self._show()

    def set_empty_text(self, text: str) -> None:
        """What is shown, as a reply would be, while there are no entries."""
        self._empty_text = text
        self._stand_in()
        self._show()

    def append(self, entry: Entry) -> None:
        """Adds an entry at the end, but before queued ones unless it is queued. Its id must be new."""
        self._came_in(self._document.insert(entry))
        self._stand_in()
        self._show()

    def replace(self, entry: Entry) -> None:
        """Shows the entry in place of the one with its id. Raises `KeyError` when there is none."""
        if self._is_live(entry.id):
            self._stop_clock()
        place = self._document.entries.place(entry.id)
        before = self._document.entries[place]
        self._document.replace(entry)
        if before is None or not before.has_texts_of(entry):
            self._entry_changed(place)
        self._show()

    def remove_entry(self, entry_id: str) -> None:
        """Takes the entry out, live or not. Raises `KeyError` when there is none."""
        if self._is_live(entry_id):
            self._stop_clock()
        self._went_away(self._document.remove(entry_id))
        self._stand_in()
        self._show()

    def toggle_thinking(self) -> None:
        """Shows the thinking and the tool calls of all entries, or folds each to one line."""
        form = self._document.form
        for mark in self._selection or ():
            entry = self._document.entries[mark.place]
            if entry is None or entry.has_folds:
                self._entry_changed(mark.place)
        self._lay(form._replace(unfolded=not form.unfolded, turned=frozenset()))

    def toggle_maths(self) -> bool:
        """Shows formulas as they are written, or converted; whether they are converted now."""
        form = self._document.form
        self._lay(form._replace(maths=not form.maths))
        return not form.maths

    @on(SelectableView.Clicked)
    def _clicked(self, event: SelectableView.Clicked) -> None:
        """A fold is turned here; all else is for the screen."""
        kind, _, number = event.link.removeprefix("action:").partition(":")
        if event.link.startswith("action:") and kind == "fold":
            event.stop()
            self._viewport.turn_fold(event.address, int(number))
            self._entry_changed(event.address[0])
            self._show()

    # ---- streaming --------------------------------------------------------------------------

    def begin_live(self, entry: Entry) -> None:
        """Adds an entry that grows by `write`. Its id must be new, and no other may be live (`RuntimeError`)."""
        if self._final is not None:
            self._freeze()
        if self._document.live is not None:
            raise RuntimeError(f"entry {self._document.live.entry.id!r} is live already")
        self._came_in(self._document.begin_live(entry))
        self._stand_in()
        self._show()

    def write(self, text: str) -> None:
        """Adds to the live entry's text, on screen at once after a pause, else with the next frame.

        Text is passed over when nothing is live, because its entry was replaced or removed meanwhile.
        """
        self._put(text, thinking=False)

    def write_thinking(self, text: str) -> None:
        """Adds to the live entry's thinking, as `write` does to its text."""
        self._put(text, thinking=True)

    def set_waiting(self, text: str | None) -> None:
        """Shows beneath the live entry that it is waited for; each call turns the spinner. None ends it."""
        if (live := self._document.live) is not None:
            live.wait(text)
            self._show_live()

    def end_live(self, entry: Entry) -> None:
        """Makes the live entry this one, which has its id and its whole text; a long backlog is shown before.

        An entry that is not live is replaced. Raises `KeyError` when there is none with this id.
        """
        if not self._is_live(entry.id):
            self.replace(entry)
            return
        self._final = entry
        if not self._backlog:
            self._freeze()
        else:
            self._flush()

    def put_card(self, card: Section) -> None:
        """Shows a tool call, or a note, after the live entry's text; a call that is shown already changes."""
        if self._document.live is not None and self._final is None:
            self._backlog.put_card(card)
            self._flush_soon()

    def _put(self, text: str, *, thinking: bool) -> None:
        if self._document.live is not None and self._final is None:
            self._backlog.put(text, thinking=thinking)
            self._flush_soon()

    def _flush_soon(self) -> None:
        """At once after a pause, else with the next frame."""
        if self._backlog and self._clock is None:
            if time.monotonic() - self._flushed_at >= QUIET_SECONDS:
                self._flush()
            else:
                self._clock = self.set_timer(self._frame_seconds, self._flush)

    def _flush(self) -> None:
        """One frame: takes in what the budget allows and repaints what it changed."""
        if self._clock is not None:
            self._clock.stop()
            self._clock = None
        if (live := self._document.live) is None:
            return
        self._backlog.pour(live, BUDGET_SECONDS)
        self._show_live()
        self._flushed_at = time.monotonic()
        if self._backlog:
            self._clock = self.set_timer(min(self._frame_seconds, CATCH_UP_SECONDS), self._flush)
        elif self._final is not None:
            self._freeze()

    def _freeze(self) -> None:
        live, final = self._document.live, self._final
        assert live is not None and final is not None
        self._backlog.pour(live, math.inf)
        self._document.end_live(final)
        self._stop_clock()
        self._show()

    def _stop_clock(self) -> None:
        """Forgets what belongs to the live entry."""
        if self._clock is not None:
            self._clock.stop()
        self._clock = self._final = None
        self._backlog.clear()

    def _is_live(self, entry_id: str) -> bool:
        return self._document.live is not None and self._document.live.entry.id == entry_id

    def _show_live(self) -> None:
        """Repaints what changed in the live entry and what is below it, or all if that scrolled the view."""
        live = self._document.live
        assert live is not None
        top, place = self._viewport.top, self._document.entries.place(live.entry.id)
        first = (place, *self._document.settle_live())
        last = self._document.segments(place) - 1
        self._viewport.settle()
        self._sync()
        rows = self._viewport.rows
        y = 0 if self._viewport.top != top else sum(row < first for row in rows)
        self.refresh(Region(0, y, self.size.width, self.size.height - y))
        end = (place, last, self._document.height(place, last) - 1)
        if not self.following and not self._told_below and rows and rows[-1] < end:
            self._told_below = True
            self.post_message(self.NewTextBelow())

    def _came_in(self, place: int) -> None:
        self._viewport.inserted(place)
        self._entry_came(place)

    def _went_away(self, place: int) -> None:
        self._viewport.removed(place)
        self._entry_went(place)
        if not len(self._document):
            self.stop_walking()

    def _stand_in(self) -> None:
        """Puts the empty text where there are no entries, and takes it away where there are."""
        if _EMPTY in self._document.entries:
            self._went_away(self._document.remove(_EMPTY))
        if not len(self._document) and self._empty_text:
            self._document.insert(Entry(id=_EMPTY, role="assistant", text=self._empty_text))
