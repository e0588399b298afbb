"""A list of one-line rows that costs what is visible, however many rows there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from chatterm.core.clean import clean_line


@dataclass(frozen=True, slots=True)
class Row:
    """A row: text at the left, a note at the right, both any text. A heading cannot be chosen.

    A note that finds no room loses its end, with `keeps_end` its beginning.
    """

    text: str
    note: str = ""
    is_heading: bool = False
    is_marked: bool = False
    keeps_end: bool = False


class RowList(ScrollView):
    """Rows with a cursor. The texts are cleaned as they are drawn; positions are indexes of the rows given."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home", "edge(-1)", show=False),
        Binding("end", "edge(1)", show=False),
        Binding("enter", "choose", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"rows--heading", "rows--note", "rows--cursor", "rows--marked"}
    DEFAULT_CSS = """
    RowList {
        height: 1fr; color: $foreground; background: $surface;
        overflow-x: hidden; scrollbar-size-vertical: 1;
        & .rows--heading { color: $chatterm-heading; text-style: bold; }
        & .rows--note { color: $chatterm-dim; }
        & .rows--cursor { background: $chatterm-selection; }
        & .rows--marked { color: $accent; }
    }
    """

    class Chosen(Message):
        """A row was chosen by Enter or by a click."""

        def __init__(self, row_list: RowList, index: int) -> None:
            super().__init__()
            self.row_list = row_list
            self.index = index

        @property
        def control(self) -> RowList:
            """The list."""
            return self.row_list

    def __init__(self, *, id: str | None = None, can_focus: bool = True) -> None:
        super().__init__(id=id)
        self.can_focus = can_focus
        self._rows: Sequence[Row] = ()
        self._cursor: int | None = None

    @property
    def rows(self) -> Sequence[Row]:
        """The rows as given."""
        return self._rows

    @property
    def cursor(self) -> int | None:
        """Index of the row under the cursor; `None` when no row can be chosen."""
        return self._cursor

    def set_rows(self, rows: Sequence[Row], cursor: int | None = None) -> None:
        """Show other rows, the cursor on `cursor`, or on the first that can be chosen.

        A cursor that is given stays at its place on the screen, as far as there are rows above and below it.
        """
        before = self._cursor
        self._rows = rows
        self._cursor = self._near(cursor or 0, 1)
        self.virtual_size = Size(self.size.width, len(rows))
        if cursor is None:
            self.scroll_to(y=0, animate=False)
        elif before is not None and self._cursor is not None and before != self._cursor:
            self.scroll_to(y=self.scroll_y + self._cursor - before, animate=False)
        self._show_cursor()
        self.refresh()

    def move_cursor(self, rows: int) -> None:
        """Move by rows, past headings; stays where it is at the ends."""
        if self._cursor is not None and rows:
            step = 1 if rows > 0 else -1
            target = min(max(self._cursor + rows, 0), len(self._rows) - 1)
            self._place(self._near(target, step))

    def action_move(self, rows: int) -> None:
        """Move the cursor."""
        self.move_cursor(rows)

    def action_page(self, pages: int) -> None:
        """Move the cursor by what is visible."""
        self.move_cursor(pages * max(1, self.size.height - 1))

    def action_edge(self, direction: int) -> None:
        """Move the cursor to the first or last row."""
        self.move_cursor(direction * len(self._rows))

    def action_choose(self) -> None:
        """Choose the row under the cursor."""
        if self._cursor is not None:
            self.post_message(self.Chosen(self, self._cursor))

    def on_click(self, event: events.Click) -> None:
        """Choose the row clicked."""
        index = event.y + round(self.scroll_y)
        if 0 <= index < len(self._rows) and not self._rows[index].is_heading:
            self._place(index)
            self.action_choose()

    def on_resize(self) -> None:
        """Keep the width right."""
        self.virtual_size = Size(self.size.width, len(self._rows))
        self._show_cursor()

    def render_line(self, y: int) -> Strip:
        """One line; Textual calls this."""
        width, index = self.size.width, y + round(self.scroll_y)
        if index >= len(self._rows):
            return Strip.blank(width, self.rich_style)
        row = self._rows[index]
        base = self.rich_style
        if index == self._cursor:
            base += Style(bgcolor=self.get_component_rich_style("rows--cursor").bgcolor)
        whole = clean_line(row.text)
        room = max(width // 2, width - cell_len(whole) - 3)  # half, and what the text leaves
        note = (_last_of if row.keeps_end else _fitted)(clean_line(row.note), room)
        text = _fitted(whole, max(0, width - note.cell_len - 3))
        gap = " " * max(0, width - text.cell_len - note.cell_len - 2)
        kind = "rows--heading" if row.is_heading else "rows--marked" if row.is_marked else ""
        return Strip(
            [
                Segment(" ", base),
                Segment(text.plain, base + self._ink(kind) if kind else base),
                Segment(gap, base),
                Segment(note.plain, base + self._ink("rows--note")),
                Segment(" ", base),
            ]
        )

    def _ink(self, component: str) -> Style:
        style = self.get_component_rich_style(component)
        return Style(color=style.color, bold=style.bold)

    def _near(self, index: int, step: int) -> int | None:
        """The row that can be chosen at `index` or beyond it, else the nearest on this side."""
        for candidates in (range(index, len(self._rows) if step > 0 else -1, step), range(index, -1, -1)):
            for candidate in candidates:
                if candidate < len(self._rows) and not self._rows[candidate].is_heading:
                    return candidate
        return next((at for at in range(index, len(self._rows)) if not self._rows[at].is_heading), None)

    def _place(self, index: int | None) -> None:
        if index is not None and index != self._cursor:
            self._cursor = index
            self._show_cursor()
            self.refresh()

    def _show_cursor(self) -> None:
        if self._cursor is None or not self.size.height:
            return
        top = round(self.scroll_y)
        # A heading above the first row of its group comes into view with it.
        first = self._cursor - 1 if self._cursor and self._rows[self._cursor - 1].is_heading else self._cursor
        if first < top:
            self.scroll_to(y=first, animate=False)
        elif self._cursor >= top + self.size.height:
            self.scroll_to(y=self._cursor - self.size.height + 1, animate=False)


def _fitted(text: str, width: int) -> Text:
    fitted = Text(text, end="")
    fitted.truncate(max(0, width), overflow="ellipsis")
    return fitted


def _last_of(text: str, width: int) -> Text:
    if cell_len(text) <= width:
        return Text(text, end="")
    while cell_len(text) >= max(width, 1):
        text = text[1:]
    return Text(f"…{text}" if width > 0 else "", end="")
