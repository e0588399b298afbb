"""The two boxes: reading and typing a line."""

from __future__ import annotations

import pytest
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Input

from chatterm.tui.widgets.text_box import InputBox, TextBox
from tests.tui.widgets.host import HOSTILE, SIZES, UNSAFE, Host, screen_text


@pytest.mark.parametrize(("size", "key"), [(SIZES[0], "escape"), (SIZES[1], "q"), (SIZES[0], "enter")])
async def test_a_text_scrolls_and_closes(size: tuple[int, int], key: str) -> None:
    app = Host()
    async with app.run_test(size=size) as pilot:
        app.push_screen(TextBox("Keys", "\n".join(f"line {number}" for number in range(200))))
        await pilot.pause()
        assert "line 0" in screen_text(app) and "Keys" in screen_text(app)
        await pilot.press("end")
        await pilot.pause()
        assert "line 199" in screen_text(app)
        await pilot.press("k")
        assert (
            app.screen.query_one(VerticalScroll).scroll_offset.y
            == app.screen.query_one(VerticalScroll).max_scroll_y - 1
        )
        await pilot.press(key)
        assert not isinstance(app.screen, TextBox)
        assert app.commands == []


async def test_content_is_taken_with_its_styles() -> None:
    app = Host()
    async with app.run_test() as pilot:
        app.push_screen(TextBox("Keys", Content.styled("coloured", "bold")))
        await pilot.pause()
        assert "coloured" in screen_text(app)


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_text(text: str) -> None:
    app = Host()
    async with app.run_test() as pilot:
        app.push_screen(TextBox(text, text))
        await pilot.pause()
        assert not UNSAFE.search(screen_text(app))
        await pilot.press("escape")
        app.push_screen(InputBox(text, text))
        await pilot.pause()
        assert not UNSAFE.search(screen_text(app))


async def test_a_line_is_asked_for() -> None:
    app = Host()
    answers: list[str | None] = []
    async with app.run_test() as pilot:
        app.push_screen(InputBox("Title", "old"), answers.append)
        await pilot.pause()
        assert app.screen.query_one(Input).has_focus
        await pilot.press("end", "x", "enter")
        app.push_screen(InputBox("Title", "old"), answers.append)
        await pilot.pause()
        await pilot.press("escape")
    assert answers == ["oldx", None]
