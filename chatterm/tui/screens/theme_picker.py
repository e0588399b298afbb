"""The list of themes: the one under the cursor is on screen already."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual import on
from textual.widgets import Input

from chatterm.tui.widgets.list_box import ListBox
from chatterm.tui.widgets.row_list import Row, RowList


class ThemePicker(ListBox[str]):
    """Answers with the name of a theme, or `None`, and the theme is then the one from before."""

    def __init__(self, names: Sequence[str], current: str, preview: Callable[[str], None]) -> None:
        """`preview` shows a theme; the present one is `current`."""
        super().__init__("Theme", "type to search", "enter keeps · esc leaves")
        self._names = tuple(names)
        self._current = current
        self._preview_theme = preview
        self._shown: tuple[str, ...] = ()

    def on_mount(self) -> None:
        """Show all, the cursor on the present one."""
        self._list("")

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        self._list(event.value.strip().lower())

    @on(Input.Submitted)
    def _submitted(self) -> None:
        if (name := self._under_cursor()) is not None:
            self.dismiss(name)

    @on(RowList.Chosen)
    def _clicked(self, event: RowList.Chosen) -> None:
        self.dismiss(self._shown[event.index])

    async def action_leave(self) -> None:
        """Back to the theme from before."""
        self._preview_theme(self._current)
        self.dismiss(None)

    def _list(self, words: str) -> None:
        self._shown = tuple(name for name in self._names if words in name.lower())
        at = self._shown.index(self._current) if self._current in self._shown else None
        rows = [
            Row(f"● {name}" if name == self._current else f"  {name}", is_marked=name == self._current)
            for name in self._shown
        ]
        self.row_list.set_rows(rows or [Row("No theme fits.", is_heading=True)], at)
        if words:
            self.cursor_moved()

    def cursor_moved(self) -> None:
        """Show the theme under the cursor on the whole screen."""
        if (name := self._under_cursor()) is not None:
            self._preview_theme(name)

    def _under_cursor(self) -> str | None:
        at = self.row_list.cursor
        return None if at is None or at >= len(self._shown) else self._shown[at]
