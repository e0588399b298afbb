"""A box over the screen with a list, and a field above it that narrows the list as it is typed in."""

from __future__ import annotations

from typing import ClassVar, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from chatterm.core.clean import clean_line
from chatterm.tui.widgets.row_list import RowList

Answer = TypeVar("Answer")


class ListBox(ModalScreen[Answer | None]):
    """The field keeps the keyboard; Up, Down and the page keys move in the list, Enter chooses, Esc leaves."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Close"),
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
    ]
    DEFAULT_CSS = """
    ListBox {
        align: center middle;
        & > Vertical {
            width: 90%; max-width: 100; height: 90%; max-height: 40;
            border: round $chatterm-border; background: $surface;
        }
        Input { margin: 0 1; background: $surface; }
        #line { height: 1; padding: 0 1; color: $chatterm-dim; }
    }
    """

    def __init__(self, heading: str, placeholder: str, hint: str, value: str = "") -> None:
        super().__init__()
        self._heading = heading
        self._placeholder = placeholder
        self._hint = hint
        self._value = clean_line(value)

    def compose(self) -> ComposeResult:
        """The box."""
        with Vertical() as box:
            yield Input(self._value, placeholder=self._placeholder, select_on_focus=False, compact=True)
            yield RowList(can_focus=False)
            yield from self.compose_below()
            yield Static("", id="line", markup=False)
        box.border_title = Content(self._heading)
        box.border_subtitle = Content(self._hint)

    def compose_below(self) -> ComposeResult:
        """What stands between the list and the line below it."""
        yield from ()

    @property
    def field(self) -> Input:
        """The field above the list."""
        return self.query_one(Input)

    @property
    def row_list(self) -> RowList:
        """The list."""
        return self.query_one(RowList)

    @property
    def line(self) -> str:
        """What the line under the list says."""
        return str(self.query_one("#line", Static).content)

    def tell(self, text: str) -> None:
        """Say something under the list; any text is safe."""
        self.query_one("#line", Static).update(Content(clean_line(text)))

    async def action_leave(self) -> None:
        """Close without an answer."""
        self.dismiss(None)

    def action_move(self, rows: int) -> None:
        """Move in the list."""
        self.row_list.move_cursor(rows)
        self.cursor_moved()

    def action_page(self, pages: int) -> None:
        """Move in the list by what is visible."""
        self.row_list.action_page(pages)
        self.cursor_moved()

    def cursor_moved(self) -> None:
        """Called after each move: shows what is under the cursor, where a box does that."""
