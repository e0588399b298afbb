"""The list of rows: its cursor, headings, clicks, and the cost of many rows."""

from __future__ import annotations

import pytest
from textual import on

from chatterm.tui.widgets.row_list import Row, RowList
from tests.tui.widgets.host import HOSTILE, SIZES, UNSAFE, Host, screen_text

GROUPS = [
    Row("first", is_heading=True),
    Row("a"),
    Row("b", "note", is_marked=True),
    Row("second", is_heading=True),
    Row("c"),
]


class ListHost(Host):
    def __init__(self, rows: list[Row]) -> None:
        self.list = RowList()
        self.start_rows = rows
        self.chosen: list[int] = []
        super().__init__(self.list)

    def on_mount(self) -> None:
        super().on_mount()
        self.list.set_rows(self.start_rows)
        self.list.focus()

    @on(RowList.Chosen)
    def note_chosen(self, event: RowList.Chosen) -> None:
        self.chosen.append(event.index)


async def test_the_cursor_passes_headings_and_stops_at_the_ends() -> None:
    app = ListHost(GROUPS)
    async with app.run_test() as pilot:
        seen = [app.list.cursor]
        for key in ("up", "down", "down", "down", "up", "up", "home", "end", "enter"):
            await pilot.press(key)
            seen.append(app.list.cursor)
        assert seen == [1, 1, 2, 4, 4, 2, 1, 1, 4, 4]
        assert app.chosen == [4]


async def test_a_click_chooses_a_row_but_no_heading() -> None:
    app = ListHost(GROUPS)
    async with app.run_test() as pilot:
        await pilot.click(RowList, offset=(3, 3))
        await pilot.click(RowList, offset=(3, 2))
        await pilot.click(RowList, offset=(3, 20))
        assert app.chosen == [2]


async def test_a_list_of_headings_or_nothing_has_no_cursor() -> None:
    app = ListHost([Row("only", is_heading=True)])
    async with app.run_test() as pilot:
        assert app.list.cursor is None
        await pilot.press("down", "enter", "pageup")
        app.list.set_rows([])
        await pilot.press("down", "enter")
        assert app.list.cursor is None and app.chosen == []


@pytest.mark.parametrize("size", SIZES)
async def test_many_rows_paint_what_is_visible(size: tuple[int, int]) -> None:
    rows = [Row(f"model {number}", "note") for number in range(50_000)]
    app = ListHost(rows)
    async with app.run_test(size=size) as pilot:
        await pilot.press("end")
        await pilot.pause()
        shown = screen_text(app).splitlines()
        assert "model 49999" in shown[-1] and len(shown) == size[1]
        await pilot.press("pageup")
        assert app.list.cursor == 50_000 - size[1]
        app.list.set_rows(rows, 25_000)
        await pilot.pause()
        assert any("model 25000 " in line for line in screen_text(app).splitlines())


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_text(text: str) -> None:
    app = ListHost([Row(text, text), Row(text, text, is_heading=True), Row("中" * 200, "文" * 50)])
    async with app.run_test() as pilot:
        await pilot.pause()
        assert not UNSAFE.search(screen_text(app))
        await pilot.click(RowList, offset=(3, 0))
        assert app.is_running and app.chosen == [0]
