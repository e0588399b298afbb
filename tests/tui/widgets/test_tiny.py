"""No terminal is too small: nothing crashes, and the prompt still works when there is room again."""

from __future__ import annotations

import pytest
from textual.containers import Horizontal, Vertical

from chatterm.tui.widgets.completion import CompletionList
from chatterm.tui.widgets.composer import Composer
from chatterm.tui.widgets.footer import KeyHints
from chatterm.tui.widgets.header import HeaderBar
from chatterm.tui.widgets.model_picker import ModelPicker
from chatterm.tui.widgets.notices import Notices
from chatterm.tui.widgets.sidebar import MetricsSidebar
from chatterm.tui.widgets.status_line import StatusLine
from chatterm.tui.widgets.text_box import InputBox, TextBox
from tests.tui.widgets.host import Host
from tests.tui.widgets.test_figures_text import DONE


@pytest.mark.parametrize("size", [(1, 1), (5, 2), (20, 5), (300, 100)])
async def test_all_widgets_at_once(size: tuple[int, int]) -> None:
    composer, notices, sidebar, status = Composer(), Notices(), MetricsSidebar(), StatusLine()
    conversation = Vertical(notices, CompletionList(), composer, status)
    app = Host(HeaderBar(), Horizontal(conversation, sidebar), KeyHints())
    async with app.run_test(size=size) as pilot:
        composer.focus()
        sidebar.update_figures(DONE)
        status.update_figures(DONE)
        notices.show("a longer text that needs room", "error")
        await pilot.press("slash", "m")
        for box in (ModelPicker(providers=["ollama"]), TextBox("Keys", "text"), InputBox("Title")):
            app.push_screen(box)
            await pilot.pause()
            await pilot.press("down", "escape")
        await pilot.resize_terminal(80, 24)
        await pilot.press("o")
        assert composer.text == "/mo"
