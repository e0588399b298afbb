"""A box over the screen that shows a Markdown page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen

from chatterm.core.clean import clean_line
from chatterm.tui.transcript.entries import Entry
from chatterm.tui.transcript.transcript import Transcript


class PageBox(ModalScreen[None]):
    """Shows a page from its beginning, laid out as a reply is, its paragraphs as wide as there is room.

    Esc, q or Enter closes it. `copy` is called with what is selected with the mouse.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "close", "Close"),
        Binding("j,down", "scroll('line_down')", "Down"),
        Binding("k,up", "scroll('line_up')", "Up"),
        Binding("pagedown,space", "scroll('page_down')", "Page down"),
        Binding("pageup", "scroll('page_up')", "Page up"),
        Binding("home,g", "scroll('scroll_to_start')", "Beginning"),
        Binding("end,G", "scroll('scroll_to_end')", "End"),
    ]
    DEFAULT_CSS = """
    PageBox {
        align: center middle;
        & > Vertical {
            width: 100%; max-width: 100; height: 90%;
            border: round $chatterm-border; background: $background;
            border-title-color: $accent; border-subtitle-color: $chatterm-dim;
        }
    }
    """

    def __init__(self, title: str, markdown: str, copy: Callable[[str], Awaitable[object]]) -> None:
        super().__init__()
        self._copy = copy
        self._heading = clean_line(title)
        self._page = Entry(id="page", role="assistant", text=markdown)
        self._is_shown = False

    def compose(self) -> ComposeResult:
        """The box."""
        with Vertical() as box:
            yield Transcript()
        box.border_title = Content(self._heading)
        box.border_subtitle = Content("esc closes")

    def show(self, markdown: str) -> None:
        """Show this instead, at the same place; nothing happens where it is the same or the box is closed."""
        if markdown == self._page.text:
            return
        self._page = Entry(id="page", role="assistant", text=markdown)
        if self._is_shown and self.is_current:
            self.query_one(Transcript).replace(self._page)

    def on_mount(self) -> None:
        """Begin at the top."""
        transcript = self.query_one(Transcript)
        transcript.set_entries([self._page])
        self._is_shown = True
        self.call_after_refresh(transcript.scroll_to_start)

    @on(Transcript.Selected)
    async def _selected(self, event: Transcript.Selected) -> None:
        await self._copy(event.text)

    def action_close(self) -> None:
        """Back to the screen below."""
        self.dismiss(None)

    def action_scroll(self, how: str) -> None:
        """Move in the page, by the method of that name."""
        getattr(self.query_one(Transcript), how)()
