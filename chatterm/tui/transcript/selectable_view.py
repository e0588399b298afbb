"""Selecting in the transcript with the mouse, and clicking what is about something."""

from __future__ import annotations

from textual import events
from textual.message import Message
from textual.timer import Timer

from chatterm.tui.transcript import selection as select
from chatterm.tui.transcript.copied import selected_text
from chatterm.tui.transcript.document import Address
from chatterm.tui.transcript.segments import GUTTER
from chatterm.tui.transcript.selection import Mark, Selection
from chatterm.tui.transcript.spots import Spot
from chatterm.tui.transcript.view import TranscriptView

DRAG_SECONDS = 0.05
"""How often the view moves on by a line while a selection is drawn past its edge."""


class SelectableView(TranscriptView):
    """A view whose text is selected by dragging, double and triple clicks; a click on a link is told of."""

    class Selected(Message, namespace="transcript"):
        """A selection was drawn with the mouse; `text` is what is in it."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text: str = text

    class Clicked(Message, namespace="transcript"):
        """What is about something was clicked: `link` is the target of a link or an `action:`, at a line."""

        def __init__(self, link: str, address: Address) -> None:
            super().__init__()
            self.link: str = link
            self.address: Address = address

    def __init__(self, reading_width: int, id: str | None) -> None:
        super().__init__(reading_width, id)
        self._anchor: tuple[Mark, Mark] = (Mark(0, 0, Spot(0, 0)), Mark(0, 0, Spot(0, 0)))
        self._dragging: bool = False
        self._pointer: tuple[int, int] = (0, 0)
        self._drag_timer: Timer | None = None

    @property
    def selected_text(self) -> str:
        """What is selected, as it was written; "" for nothing."""
        chosen = self._selection
        return "" if chosen is None else selected_text(self._document, chosen)

    def clear_selection(self) -> bool:
        """Selects nothing; whether there was a selection."""
        had, self._selection = self._selection is not None, None
        if had:
            self.refresh()
        return had

    def on_mouse_down(self, event: events.MouseDown) -> None:
        if event.button != 1 or not self._viewport.rows:
            return
        if not event.shift or self._selection is None:
            self._anchor = self._under(event.x, event.y)
            self._selection = None
        self._dragging = True
        self._pointer = event.x, event.y
        self.capture_mouse()
        if event.shift:
            self._drag()
        self.refresh()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if not self._dragging:
            return
        self._pointer = event.x, event.y
        outside = not 0 <= event.y < self.size.height
        if outside and self._drag_timer is None:
            self._drag_timer = self.set_interval(DRAG_SECONDS, self._drag)
        self._drag()

    def on_mouse_up(self, event: events.MouseUp) -> None:
        if not self._dragging:
            return
        self._end_drag()
        if self._selection is not None:
            self.post_message(self.Selected(self.selected_text))

    def on_click(self, event: events.Click) -> None:
        if event.button != 1 or not 0 <= event.y < len(self._viewport.rows) or self._selection is not None:
            return
        if event.chain >= 2:
            mark, _ = self._under(event.x, event.y)
            self._selection = (select.word_at if event.chain == 2 else select.row_at)(self._document, mark)
            self.refresh()
            self.post_message(self.Selected(self.selected_text))
        elif link := self._link_under(event.x, event.y):
            self.post_message(self.Clicked(link, self._viewport.rows[event.y]))

    def on_hide(self) -> None:
        if self._dragging:
            self._end_drag()

    def _entry_came(self, place: int, by: int = 1) -> None:
        """Keeps what is selected where an entry came in at this place, or by -1 one before it went away."""

        def moved(mark: Mark) -> Mark:
            return mark._replace(place=mark.place + by) if mark.place >= place else mark

        self._anchor = moved(self._anchor[0]), moved(self._anchor[1])
        if self._selection is not None:
            self._selection = Selection(moved(self._selection.start), moved(self._selection.end))

    def _entry_changed(self, place: int) -> None:
        """Selects nothing any more where a selection begins or ends in an entry that is another now."""
        if self._dragging and self._anchor[0].place == place:
            self._end_drag()
        if self._selection is not None and place in (self._selection.start.place, self._selection.end.place):
            self.clear_selection()

    def _entry_went(self, place: int) -> None:
        """As both, for an entry that was at this place."""
        self._entry_changed(place)
        self._entry_came(place + 1, -1)

    def _drag(self) -> None:
        """Draws the selection to where the pointer is; past the edge the view moves on."""
        x, y = self._pointer
        if y < 0 or y >= self.size.height:
            self._viewport.move(-1 if y < 0 else 1)
            self._show()
        if not self._viewport.rows:
            return
        anchor, pointer = self._anchor, self._under(x, min(max(y, 0), self.size.height - 1))
        # The characters under both ends are selected, as terminals do.
        if pointer == anchor:
            self._selection = None
        elif pointer > anchor:
            self._selection = Selection(anchor[0], pointer[1])
        else:
            self._selection = Selection(anchor[1], pointer[0])
        self.refresh()

    def _end_drag(self) -> None:
        self._dragging = False
        self.release_mouse()
        if self._drag_timer is not None:
            self._drag_timer.stop()
            self._drag_timer = None

    def _under(self, x: int, y: int) -> tuple[Mark, Mark]:
        """The marks before and after the character at a cell."""
        rows = self._viewport.rows
        if y >= len(rows):
            x, y = self.size.width, len(rows) - 1
        return (
            select.mark_at(self._document, rows[y], x - GUTTER),
            select.mark_at(self._document, rows[y], x - GUTTER, after=True),
        )

    def _link_under(self, x: int, y: int) -> str:
        """What the text at a cell is about; "" for nothing."""
        cell = x - GUTTER
        for span in self._document.line(self._viewport.rows[y]).spans:
            cell -= select.cells(span.text)
            if cell < 0:
                return span.link
        return ""
