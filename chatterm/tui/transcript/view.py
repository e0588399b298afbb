"""The view on a document as a Textual widget: what is in sight, and how it is painted, scrolled and selected."""

from __future__ import annotations

from typing import ClassVar

from rich.style import Style
from textual import events
from textual.geometry import Offset, Size
from textual.message import Message
from textual.reactive import Reactive
from textual.scroll_view import ScrollView
from textual.scrollbar import ScrollDown, ScrollUp
from textual.selection import Selection
from textual.strip import Strip

from chatterm.tui.transcript.document import Document
from chatterm.tui.transcript.entry_lines import GUTTER
from chatterm.tui.transcript.paint import Palette
from chatterm.tui.transcript.viewport import Viewport

LOOKS = (
    "text", "dim", "user", "heading", "bullet", "quote", "link", "rule", "code", "code-tag",
    "fold", "spinner", "warning", "error",
)  # fmt: skip
NARROWEST = 16
WHEEL_LINES = 3
_PLACE_BITS = 24  # a selection's y is the place of the entry above, the line inside it below these bits


class TranscriptView(ScrollView, can_focus=False):
    """Lines of a document, painted one by one; nothing else is laid out or kept as widgets."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"transcript--{look}" for look in LOOKS}
    DEFAULT_CSS = """
    TranscriptView {
        overflow-x: hidden; overflow-y: scroll; scrollbar-size-vertical: 1;
        background: $background; color: $foreground;
        & > .transcript--text { color: $foreground; }
        & > .transcript--dim { color: $chatterm-dim; }
        & > .transcript--user { color: $chatterm-user; }
        & > .transcript--heading { color: $chatterm-heading; }
        & > .transcript--bullet { color: $primary; }
        & > .transcript--quote { color: $chatterm-quote; }
        & > .transcript--link { color: $chatterm-link; text-style: underline; }
        & > .transcript--rule { color: $chatterm-dim; }
        & > .transcript--code { color: $chatterm-code-foreground; background: $chatterm-code-background; }
        & > .transcript--code-tag { color: $chatterm-dim; background: $chatterm-code-background; }
        & > .transcript--fold { color: $chatterm-dim; }
        & > .transcript--spinner { color: $primary; }
        & > .transcript--warning { color: $warning; }
        & > .transcript--error { color: $error; }
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
        self._told_following: bool = True
        self._told_below: bool = False

    # ---- scrolling --------------------------------------------------------------------------

    @property
    def following(self) -> bool:
        """Whether the view stays at the end."""
        return self._viewport.following

    def scroll_lines(self, lines: int) -> None:
        """Scrolls down by so many lines, up by negative ones."""
        self._viewport.move(lines)
        self._show(changed=False)

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
        self._show(changed=False)

    def scroll_to_end(self) -> None:
        """Goes to the end and follows it."""
        self._viewport.to_end()
        self._show(changed=False)

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
        """The bar was dragged, or a selection is being drawn past the edge."""
        if self._viewport.height != self.container_size.height:
            return  # Textual fitted the bar to a new size; nobody scrolled, and on_resize is on its way
        if round(new_value) != self._viewport.y:
            self._viewport.move_to(round(new_value))
            self._show(changed=False)

    # ---- geometry and painting --------------------------------------------------------------

    def on_resize(self) -> None:
        width = self.scrollable_content_region.width - GUTTER - 1
        width = max(NARROWEST, min(width, self._reading_width))
        self._viewport.height = self.size.height
        if width != self._document.width:
            self._viewport.lay(width, self._document.unfolded)
        self._show()

    def _show(self, *, changed: bool = True) -> None:
        """Repaints all. `changed` says that lines are others now, so that a selection has lost its place."""
        if changed and self.is_attached and self.text_selection is not None:
            self.screen.clear_selection()
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
        if self._palette is None:
            self._palette = self._new_palette()
        width, rows = self.scrollable_content_region.width, self._viewport.rows
        if y >= len(rows):
            return Strip.blank(width, self.rich_style)
        place, number = rows[y]
        mark = place << _PLACE_BITS | number
        selection = self.text_selection
        selected = selection.get_span(mark) if selection is not None else None
        line = self._document.line(place, number)
        segments = self._palette.paint(line, GUTTER + self._document.width, width, selected)
        return Strip(segments).crop(0, width).apply_offsets(0, mark)

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The selected text of all entries it touches, without what only decorates it."""
        if not len(self._document):
            return None
        last = len(self._document) - 1
        end = selection.end or Offset(1 << 30, last << _PLACE_BITS | self._document.height(last) - 1)
        start = selection.start or Offset(0, 0)
        mask = (1 << _PLACE_BITS) - 1
        return self._document.text_between(
            (start.y >> _PLACE_BITS, start.y & mask, start.x), (end.y >> _PLACE_BITS, end.y & mask, end.x)
        ), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        self.refresh()

    def _new_palette(self) -> Palette:
        styles = {look: self.get_component_rich_style(f"transcript--{look}") for look in LOOKS}
        styles["fold"] += Style.from_meta({"@click": ("toggle_thinking", ())})
        selection = self.screen.get_component_rich_style("screen--selection")
        return Palette(styles, Style(bgcolor=selection.bgcolor))
