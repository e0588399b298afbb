"""The line under the prompt that stands in for the sidebar on narrow terminals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content
from textual.widget import Widget

from chatterm.tui.widgets.figures_text import status_text

if TYPE_CHECKING:
    from chatterm.backend.metrics import Figures


class StatusLine(Widget):
    """One line of figures, the most important first; what does not fit is cut at the right."""

    DEFAULT_CSS = """
    StatusLine { height: 1; padding: 0 1; color: $chatterm-dim; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._text = ""

    @property
    def text(self) -> str:
        """What is shown."""
        return self._text

    def update_figures(self, figures: Figures | None) -> None:
        """Show these figures; repaints only if the text changed."""
        text = status_text(figures)
        if text != self._text:
            self._text = text
            self.refresh()

    def render(self) -> Content:
        """The line; Textual calls this."""
        return Content(self._text).truncate(max(0, self.size.width), ellipsis=True)
