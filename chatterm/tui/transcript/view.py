"""The view on a document as a Textual widget: what is in sight, and how it is painted, scrolled and selected."""

from __future__ import annotations

from typing import ClassVar

from rich.style import Style
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.reactive import Reactive
from textual.scroll_view import ScrollView
from textual.scrollbar import ScrollDown, ScrollUp
from textual.strip import Strip
from textual.timer import Timer

from chatterm.tui.transcript import selection as select
from chatterm.tui.transcript.document import Address, Document
from chatterm.tui.transcript.looks import DIM, LOOKS, TEXT, Look, Span
from chatterm.tui.transcript.paint import Overlay, Palette
from chatterm.tui.transcript.segments import GUTTER, Format
from chatterm.tui.transcript.selection import Mark, Selection
from chatterm.tui.transcript.spots import Spot
from chatterm.tui.transcript.viewport import Viewport

NARROWEST = 16
WHEEL_LINES = 3
DRAG_SECONDS = 0.05
"""How often the view moves on by a line while a selection is drawn past its edge."""

_NO_BAR = Span(" " * GUTTER, TEXT)
_USER_BAR = Span("▌ ", Look("user"))
_QUEUED_BAR = Span("▌ ", DIM)


class TranscriptView(ScrollView, can_focus=False):
    """Lines of a document, painted one by one; nothing else is laid out or kept as widgets."""

    ALLOW_SELECT = False  # the selection is our own: it survives scrolling, resizing and the end of a reply
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        *(f"transcript--{look}" for look in LOOKS), "transcript--selection"
    }  # fmt: skip
    DEFAULT_CSS = """
    TranscriptView {
        overflow-x: hidden; overflow-y: scroll; scrollbar-size-vertical: 1;
        background: $background; color: $foreground;
        & > .transcript--text { color: $foreground; }
        & > .transcript--dim { color: $chatterm-dim; }
        & > .transcript--user { color: $chatterm-user; }
        & > .transcript--heading { color: $chatterm-heading; text-style: bold; }
        & > .transcript--bullet { color: $primary; }
        & > .transcript--quote { color: $chatterm-quote; }
        & > .transcript--link { color: $chatterm-link; text-style: underline; }
        & > .transcript--rule { color: $chatterm-dim; }
        & > .transcript--math { color: $secondary; }
        & > .transcript--code { color: $chatterm-code-foreground; background: $chatterm-code-background; }
        & > .transcript--code-inline { color: $chatterm-code-foreground; background: $chatterm-code-background; }
        & > .transcript--code-tag { color: $chatterm-dim; background: $chatterm-code-background; }
        & > .transcript--code-keyword { color: $chatterm-keyword; background: $chatterm-code-background; }
        & > .transcript--code-string { color: $chatterm-string; background: $chatterm-code-background; }
        & > .transcript--code-number { color: $chatterm-number; background: $chatterm-code-background; }
        & > .transcript--code-comment { color: $chatterm-comment; background: $chatterm-code-background; }
        & > .transcript--code-function { color: $chatterm-function; background: $chatterm-code-background; }
        & > .transcript--code-type { color: $chatterm-type; background: $chatterm-code-background; }
        & > .transcript--fold { color: $chatterm-dim; }
        & > .transcript--spinner { color: $primary; }
        & > .transcript--warning { color: $warning; }
        & > .transcript--error { color: $error; }
        & > .transcript--selection { background: $chatterm-selection; }
    }
    """

    class FollowingChanged(Message, namespace="transcript"):
        """The view began to follow the end, or ceased to."""

        def __init__(self, following: bool) -> None:
            super().__init__()
            self.following: bool = following

    class NewTextBelow(Message, namespace="transcript"):
        """Text came in below the view, for the first time since it ceased to follow."""

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

    # Textual's own asks for a layout at every change, which costs a pass over all widgets.
    virtual_size: Reactive[Size] = Reactive(Size(0, 0), repaint=False)
    _palette: Palette | None = None

    def __init__(self, reading_width: int, id: str | None) -> None:
        super().__init__(id=id)
        self._reading_width: int = reading_width
        self._document: Document = Document(reading_width)
        self._viewport: Viewport = Viewport(self._document)
        self._told_following: bool = True
        self._told_below: bool = False
        self._selection: Selection | None = None
        self._selection_style: Style = Style.null()
        self._anchor: tuple[Mark, Mark] = (Mark(0, 0, Spot(0, 0)), Mark(0, 0, Spot(0, 0)))
        self._dragging: bool = False
        self._pointer: tuple[int, int] = (0, 0)
        self._drag_timer: Timer | None = None

    # ---- scrolling --------------------------------------------------------------------------

    @property
    def following(self) -> bool:
        """Whether the view stays at the end."""
        return self._viewport.following

    def scroll_lines(self, lines: int) -> None:
        """Scrolls down by so many lines, up by negative ones."""
        self._viewport.move(lines)
        self._show()

    def line_up(self) -> None:
        """Scrolls up by a line."""
        self.scroll_lines(-1)

    def line_down(self) -> None:
        """Scrolls down by a line."""
        self.scroll_lines(1)

    def page_up(self) -> None:
        """Scrolls up by a page, with one line of overlap."""
        self.scroll_lines(1 - max(self._viewport.height, 2))

    def page_down(self) -> None:
        """Scrolls down by a page, with one line of overlap."""
        self.scroll_lines(max(self._viewport.height, 2) - 1)

    def scroll_to_start(self) -> None:
        """Goes to the first line."""
        self._viewport.to_start()
        self._show()

    def scroll_to_end(self) -> None:
        """Goes to the end and follows it."""
        self._viewport.to_end()
        self._show()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.prevent_default().stop()
        self.scroll_lines(-WHEEL_LINES)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.prevent_default().stop()
        self.scroll_lines(WHEEL_LINES)

    def on_scroll_up(self, event: ScrollUp) -> None:
        event.prevent_default().stop()
        self.page_up()

    def on_scroll_down(self, event: ScrollDown) -> None:
        event.prevent_default().stop()
        self.page_down()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """The bar was dragged."""
        if self._viewport.height != self.container_size.height:
            return  # Textual fitted the bar to a new size; nobody scrolled, and on_resize is on its way
        if round(new_value) != self._viewport.y:
            self._viewport.move_to(round(new_value))
            self._show()

    # ---- geometry and painting --------------------------------------------------------------

    def on_resize(self) -> None:
        width = self.scrollable_content_region.width - GUTTER - 1
        width = max(NARROWEST, min(width, self._reading_width))
        self._viewport.height = self.size.height
        if width != self._document.form.width:
            self._lay(self._document.form._replace(width=width))
        else:
            self._show()

    def _lay(self, form: Format) -> None:
        """Shows everything in another format."""
        self._viewport.lay(form)
        self._show()

    def _show(self) -> None:
        """Repaints all."""
        self._viewport.settle()
        self._sync()
        self.refresh()

    def _sync(self) -> None:
        """Tells Textual and the screen what is in view."""
        y, size = self._viewport.y, Size(self.scrollable_content_region.width, self._viewport.total)
        self.virtual_size = size
        self.scroll_target_y = self.scroll_y = float(y)
        if self.show_vertical_scrollbar:
            bar = self.vertical_scrollbar
            bar.window_virtual_size, bar.window_size, bar.position = size.height, self._viewport.height, y
        if self.following != self._told_following:
            self._told_following, self._told_below = self.following, False
            self.post_message(self.FollowingChanged(self.following))

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._palette = None

    def render_line(self, y: int) -> Strip:
        palette = self._palette or self._new_palette()
        width, rows = self.scrollable_content_region.width, self._viewport.rows
        if y >= len(rows):
            return Strip.blank(width, self.rich_style)
        address = rows[y]
        line = self._document.line(address)
        segments = palette.paint(
            self._bar(address), line, GUTTER + self._document.form.width, width, self._overlays(address)
        )
        return Strip(segments).crop(0, width)

    def _overlays(self, address: Address) -> list[Overlay]:
        """What lies over the text of a line."""
        if self._selection is None:
            return []
        part = select.selected_part(self._document, address, self._selection)
        return [Overlay(*part, self._selection_style)] if part is not None else []

    def _bar(self, address: Address) -> Span:
        """What stands in the gutter of a line."""
        place, segment, number = address
        entry = self._document.entry(place)
        if entry is None or entry.role != "user":
            return _NO_BAR
        if (
            segment == self._document.segments(place) - 1
            and number == self._document.height(place, segment) - 1
        ):
            return _NO_BAR  # the blank line after it
        return _QUEUED_BAR if entry.status == "queued" else _USER_BAR

    def _new_palette(self) -> Palette:
        styles = {look: self.get_component_rich_style(f"transcript--{look}") for look in LOOKS}
        selection = self.get_component_rich_style("transcript--selection")
        self._selection_style = Style(bgcolor=selection.bgcolor)
        self._palette = Palette(styles)
        return self._palette

    # ---- selecting --------------------------------------------------------------------------

    @property
    def selected_text(self) -> str:
        """What is selected, as it was written; "" for nothing."""
        chosen = self._selection
        return "" if chosen is None else select.selected_text(self._document, chosen)

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
