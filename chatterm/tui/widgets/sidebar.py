"""The sidebar with the figures of the turn."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from chatterm.tui.widgets.figures_text import Row, context_rows, server_rows, turn_rows

if TYPE_CHECKING:
    from chatterm.backend.metrics import Figures

_TURN_HEADING: Row = ("this turn", "")
_SERVER_HEADING: Row = ("server", "")


class MetricsSidebar(Widget):
    """Shows a `Figures` record; an update repaints the lines whose text changed and lays out nothing."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"metrics--label", "metrics--value", "metrics--heading"}
    DEFAULT_CSS = """
    MetricsSidebar {
        width: 30;
        height: 1fr;
        padding: 0 1;
        border-left: vkey $chatterm-border;
        & .metrics--label { color: $chatterm-dim; }
        & .metrics--value { color: $foreground; }
        & .metrics--heading { color: $chatterm-heading; text-style: bold; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._rows = _rows(None)

    def update_figures(self, figures: Figures | None) -> None:
        """Show these figures; `None` for a conversation without a turn."""
        rows, before = _rows(figures), self._rows
        self._rows = rows
        for y in range(max(len(rows), len(before))):
            if rows[y : y + 1] != before[y : y + 1]:
                self.refresh(Region(0, y, self.size.width, 1))

    @property
    def lines(self) -> list[str]:
        """What is shown, without styles."""
        return [f"{label} {value}".strip() for label, value in self._rows]

    def render_line(self, y: int) -> Strip:
        """One line; Textual calls this."""
        width = self.size.width
        if y >= len(self._rows):
            return Strip.blank(width, self.rich_style)
        left, value = self._rows[y]
        heading = (left, value) in (_TURN_HEADING, _SERVER_HEADING)
        label_style = self.get_component_rich_style("metrics--heading" if heading else "metrics--label")
        right = value[: max(0, width - len(left) - 1)]
        gap = " " * max(0, width - len(left) - len(right))
        value_style = self.get_component_rich_style("metrics--value")
        return Strip([Segment(left, label_style), Segment(gap, label_style), Segment(right, value_style)])


def _rows(figures: Figures | None) -> tuple[Row, ...]:
    server = server_rows(figures)
    measured = (("", ""), _SERVER_HEADING, *server) if server else ()
    return (_TURN_HEADING, *turn_rows(figures), *context_rows(figures), *measured)
