"""The sidebar with the figures of the turn."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from chatterm.tui.widgets.figures_text import (
    Row,
    context_rows,
    more_rows,
    server_rows,
    standing_rows,
    turn_rows,
)

if TYPE_CHECKING:
    from chatterm.backend.metrics import Figures
    from chatterm.backend.reporting.statistics import Standing

_TURN_HEADING: Row = ("this turn", "")
_SERVER_HEADING: Row = ("server", "")
_KNOWN_HEADING: Row = ("costs, this model", "")
_HEADINGS = (_TURN_HEADING, _SERVER_HEADING, _KNOWN_HEADING)


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
        self._rows = _rows(None, None)
        self._figures: Figures | None = None
        self._standing: Standing | None = None
        self.read_standing: Callable[[], Awaitable[Standing | None]] | None = None
        """Reads what is known of costs and of the model; asked again whenever a turn has ended."""

    def update_figures(self, figures: Figures | None) -> None:
        """Show these figures; `None` for a conversation without a turn."""
        self._figures = figures
        self._repaint()
        if self.read_standing is not None and (figures is None or figures.outcome is not None):
            self.run_worker(partial(self._read, self.read_standing), group="standing", exclusive=True)

    def update_standing(self, standing: Standing | None) -> None:
        """Show what was spent and what is usual; `None` where that is not known."""
        self._standing = standing
        self._repaint()

    async def _read(self, read: Callable[[], Awaitable[Standing | None]]) -> None:
        self.update_standing(await read())

    def _repaint(self) -> None:
        rows, before = _rows(self._figures, self._standing), self._rows
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
        heading = (left, value) in _HEADINGS
        label_style = self.get_component_rich_style("metrics--heading" if heading else "metrics--label")
        if cell_len(left) > width:  # what a provider said: cut, as it has a line of its own
            left = set_cell_size(left, width)
        right = value[: max(0, width - cell_len(left) - 1)]
        gap = " " * max(0, width - cell_len(left) - len(right))
        value_style = self.get_component_rich_style("metrics--value")
        return Strip([Segment(left, label_style), Segment(gap, label_style), Segment(right, value_style)])


def _rows(figures: Figures | None, standing: Standing | None) -> tuple[Row, ...]:
    server, costs = server_rows(figures), standing_rows(standing)
    measured = (("", ""), _SERVER_HEADING, *server) if server else ()
    known = (("", ""), _KNOWN_HEADING, *costs) if costs else ()
    return (
        _TURN_HEADING,
        *turn_rows(figures),
        *more_rows(figures),
        *context_rows(figures),
        *measured,
        *known,
    )
