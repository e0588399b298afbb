"""Header, sidebar, status line and key hints: what they show, at both sizes, and with hostile text."""

from __future__ import annotations

import dataclasses
from typing import Self

import pytest
from textual import on
from textual.containers import Horizontal, Vertical
from textual.geometry import Region
from textual.strip import Strip

from chatterm.core.turn import Stage
from chatterm.tui.bindings import apply_keymap
from chatterm.tui.commands import COMMANDS
from chatterm.tui.widgets.footer import KeyHints
from chatterm.tui.widgets.header import HeaderBar
from chatterm.tui.widgets.sidebar import MetricsSidebar
from chatterm.tui.widgets.status_line import StatusLine
from tests.tui.widgets.host import HOSTILE, SIZES, UNSAFE, Host, screen_text
from tests.tui.widgets.test_figures_text import DONE, STARTED


@pytest.mark.parametrize("size", SIZES)
async def test_header_keeps_the_model_at_the_right(size: tuple[int, int]) -> None:
    app = Host(header := HeaderBar())
    async with app.run_test(size=size) as pilot:
        header.show_title("Rate limits in nginx")
        header.show_model("ollama", "llama3")
        await pilot.pause()
        line = screen_text(app).splitlines()[0]
        assert line.startswith(" chatterm   Rate limits in nginx ") and line.endswith(" ollama / llama3 ")
        assert len(line) == size[0]


async def test_header_on_a_tiny_terminal_and_with_a_long_title() -> None:
    app = Host(header := HeaderBar())
    async with app.run_test(size=(20, 5)) as pilot:
        header.show_title("t" * 500)
        header.show_model("provider", "m" * 500)
        await pilot.pause()
        line = screen_text(app).splitlines()[0]
        assert len(line) == 20 and "chatterm" in line


@pytest.mark.parametrize("text", HOSTILE)
async def test_header_with_hostile_text(text: str) -> None:
    app = Host(header := HeaderBar())
    async with app.run_test() as pilot:
        header.show_title(text)
        header.show_model(text, text)
        await pilot.pause()
        shown = screen_text(app)
        assert not UNSAFE.search(shown) and len(shown.splitlines()[0]) == 80
        await pilot.click(HeaderBar, offset=(13, 0))
        assert app.is_running


async def test_sidebar_shows_all_rows() -> None:
    app = Host(Horizontal(Vertical(), sidebar := MetricsSidebar()))
    async with app.run_test(size=(120, 40)) as pilot:
        sidebar.update_figures(DONE)
        await pilot.pause()
        lines = [line[90:] for line in screen_text(app).splitlines()]
    text = "\n".join(lines)
    for label, value in (
        ("TTFT", "312 ms"),
        ("rate", "84 tok/s"),
        ("load", "12 ms"),
        ("connection", "reused"),
    ):
        assert any(label in line and line.rstrip().endswith(value) for line in lines), (label, text)


class WatchedSidebar(MetricsSidebar):
    """Notes which lines are painted, and whether a layout is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.painted: set[int] = set()
        self.laid_out = False

    def render_line(self, y: int) -> Strip:
        self.painted.add(y)
        return super().render_line(y)

    def refresh(
        self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False
    ) -> Self:
        self.laid_out = self.laid_out or layout
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)


async def test_sidebar_repaints_only_lines_that_changed_and_lays_nothing_out() -> None:
    app = Host(Horizontal(Vertical(), sidebar := WatchedSidebar()))
    async with app.run_test(size=(120, 40)) as pilot:
        sidebar.update_figures(STARTED)
        await pilot.pause()
        sidebar.painted, sidebar.laid_out = set(), False
        sidebar.update_figures(STARTED)
        await pilot.pause()
        assert sidebar.painted == set()
        sidebar.update_figures(dataclasses.replace(STARTED, stage=Stage.WAITING, elapsed_seconds=1.5))
        await pilot.pause()
        assert sidebar.painted == {1, 2} and not sidebar.laid_out
        assert sidebar.lines[1:3] == ["state waiting for the model", "elapsed 1.5 s"]


async def test_status_line_is_cut_at_the_right() -> None:
    app = Host(status := StatusLine())
    async with app.run_test(size=(30, 5)) as pilot:
        status.update_figures(DONE)
        await pilot.pause()
        line = screen_text(app).splitlines()[0]
        assert line.startswith(" complete · 6.4 s · TTFT") and line.rstrip().endswith("…")
        status.update_figures(None)
        await pilot.pause()
        assert screen_text(app).splitlines()[0].strip() == ""


class HintHost(Host):
    chosen: str = ""

    @on(KeyHints.Chosen)
    def note_chosen(self, event: KeyHints.Chosen) -> None:
        self.chosen = event.command_id


async def test_hints_come_from_the_table_and_can_be_clicked() -> None:
    app = HintHost(hints := KeyHints())
    async with app.run_test() as pilot:
        line = screen_text(app).splitlines()[0]
        assert line.rstrip() == " esc stop   ^l model   ^s conversations   ^p commands   f2 metrics   f1 help"
        await pilot.click(KeyHints, offset=(line.index("^l"), 0))
        assert app.chosen == "model"
        commands, _ = apply_keymap(COMMANDS, {"model": "f7", "help": ""})
        hints.show_commands(commands)
        await pilot.pause()
        line = screen_text(app).splitlines()[0]
        assert "f7 model" in line and "help" not in line


async def test_hints_that_do_not_fit_whole_are_left_out() -> None:
    app = Host(Vertical(KeyHints()))
    async with app.run_test(size=(21, 5)):
        assert (
            screen_text(app).splitlines()[0].rstrip() == " esc stop   ^l model"
        )  # and no half of what follows
