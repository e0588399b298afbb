"""The view on a document as a Textual widget: what is in sight, and how it is painted, scrolled and selected."""

from __future__ import annotations

from typing import ClassVar

from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import Reactive
from textual.scroll_view import ScrollView
from textual.scrollbar import ScrollDown, ScrollUp
from textual.strip import Strip

from chatterm.tui.transcript import selection as select
from chatterm.tui.transcript.document import Address, Document
from chatterm.tui.transcript.looks import DIM, LOOKS, TEXT, Look, Span
from chatterm.tui.transcript.paint import Overlay, Palette
from chatterm.tui.transcript.segments import GUTTER, Format
from chatterm.tui.transcript.selection import Selection
from chatterm.tui.transcript.viewport import Viewport

NARROWEST = 16
WHEEL_LINES = 3

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

    # Textual's own asks for a layout at every change, which costs a pass over all widgets.
    virtual_size: Reactive[Size] = Reactive(Size(0, 0), repaint=False)
    _palette: Palette | None = None

    def __init__(self, reading_width: int, id: str | None) -> None:
        super().__init__(id=id)
        self._reading_width: int = reading_width
        self._document: Document = Document(reading_width)
        self._viewport: Viewport = Viewport(self._document)
        self._thumb: tuple[int, int, int] = (0, 0, 0)
        self._told_following: bool = True
        self._told_below: bool = False
        self._selection: Selection | None = None
        self._selection_style: Style = Style.null()

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
        # The bar has eight steps to a row; it is painted anew, all of it, only where it looks different then.
        steps, total = 8 * self._viewport.height, max(size.height, 1)
        thumb = (self._viewport.height, y * steps // total, self._viewport.height * steps // total)
        if self.show_vertical_scrollbar and thumb != self._thumb:
            bar, self._thumb = self.vertical_scrollbar, thumb
            bar.window_virtual_size, bar.window_size, bar.position = size.height, self._viewport.height, y
        if self.following != self._told_following:
            self._told_following, self._told_below = self.following, False
            self.post_message(self.FollowingChanged(self.following))

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._palette = None

    def render_lines(self, crop: Region) -> list[Strip]:
        """The lines of a part of the widget, as they go to the terminal."""
        # Textual's own looks at a dozen styles for each line: borders, tints and more that there are not here.
        filters, background = self.get_line_filters(), self.background_colors[1]
        strips: list[Strip] = []
        for y in crop.line_range:
            strip = self.render_line(y)
            for line_filter in filters:
                strip = strip.apply_filter(line_filter, background)
            strips.append(strip)
        if crop.column_span == (0, self.outer_size.width):
            return strips
        return [strip.crop(*crop.column_span) for strip in strips]

    def render_line(self, y: int) -> Strip:
        palette = self.palette
        width, rows = self.outer_size.width, self._viewport.rows
        if y >= len(rows):
            return Strip.blank(width, self.rich_style)
        address = rows[y]
        line = self._document.line(address)
        filled = GUTTER + self._document.form.width
        return palette.strip(self._bar(address), line, filled, width, self._overlays(address))

    def _overlays(self, address: Address) -> list[Overlay]:
        """What lies over the text of a line."""
        if self._selection is None:
            return []
        part = select.selected_part(self._document, address, self._selection)
        return [Overlay(*part, self._selection_style)] if part is not None else []

    def _bar(self, address: Address) -> Span:
        """What stands in the gutter of a line."""
        place, segment, number = address
        entry = self._document.entries[place]
        if entry is None or entry.role != "user":
            return _NO_BAR
        if (
            segment == self._document.segments(place) - 1
            and number == self._document.height(place, segment) - 1
        ):
            return _NO_BAR  # the blank line after it
        return _QUEUED_BAR if entry.status == "queued" else _USER_BAR

    @property
    def palette(self) -> Palette:
        """The styles of this theme."""
        return self._palette or self._new_palette()

    def _new_palette(self) -> Palette:
        styles = {look: self.get_component_rich_style(f"transcript--{look}") for look in LOOKS}
        selection = self.get_component_rich_style("transcript--selection")
        self._selection_style = Style(bgcolor=selection.bgcolor)
        self._palette = Palette(styles)
        return self._palette
