"""Completion of commands and paths above the prompt."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from textual import on
from textual.containers import Vertical
from textual.pilot import Pilot
from textual.widgets import Static

from chatterm.tui.commands import COMMANDS
from chatterm.tui.widgets import completion, file_names
from chatterm.tui.widgets.completion import CompletionList
from chatterm.tui.widgets.composer import Composer
from chatterm.tui.widgets.file_names import matching_paths
from tests.tui.widgets.host import SIZES, UNSAFE, Host, screen_text


class PromptHost(Host):
    def __init__(self, folder: Path | None = None) -> None:
        self.completion = CompletionList(folder=folder)
        self.composer = Composer()
        self.sent: list[str] = []
        filler = Static("above")
        filler.styles.height = "1fr"
        super().__init__(Vertical(filler, self.completion, self.composer))

    @on(Composer.Submitted)
    def note_sent(self, event: Composer.Submitted) -> None:
        self.sent.append(event.text)

    def labels(self) -> list[str]:
        return [candidate.label for candidate in self.completion.candidates]


async def settle(pilot: Pilot[None]) -> None:
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()


@pytest.mark.parametrize("size", SIZES)
async def test_a_slash_lists_all_commands_above_the_prompt(size: tuple[int, int]) -> None:
    app = PromptHost()
    async with app.run_test(size=size) as pilot:
        before = app.composer.region
        await pilot.press("slash")
        await pilot.pause()
        assert len(app.labels()) == sum(word[0] == "/" for each in COMMANDS for word in each.slash)
        assert app.composer.region == before
        assert app.completion.region.bottom == before.y and app.completion.region.height == 8
        assert "/stop" in screen_text(app) and "Stop the reply" in screen_text(app)


async def test_typing_narrows_and_tab_completes() -> None:
    app = PromptHost()
    async with app.run_test() as pilot:
        await pilot.press("slash", "m", "o")
        assert app.labels() == ["/model [name]"]
        await pilot.press("tab")
        assert app.composer.text == "/model " and not app.completion.is_open


async def test_enter_completes_a_part_and_sends_a_whole() -> None:
    app = PromptHost()
    async with app.run_test() as pilot:
        await pilot.press("slash", "m", "o", "enter")
        assert app.composer.text == "/model " and app.sent == []
        await pilot.press("enter")
        app.composer.load("/new")
        await pilot.pause()
        await pilot.press("enter")
        assert app.sent == ["/model ", "/new"]


async def test_up_and_down_move_in_the_list() -> None:
    app = PromptHost()
    async with app.run_test() as pilot:
        app.composer.set_history(["old"])
        await pilot.press("slash", "e", "down", "down", "up", "tab")
        assert app.composer.text == "/edit-last "


async def test_esc_closes_the_list_first_and_only_the_list() -> None:
    app = PromptHost()
    async with app.run_test() as pilot:
        await pilot.press("slash", "m", "escape")
        assert not app.completion.is_open and app.commands == [] and app.composer.text == "/m"
        await pilot.press("o")
        assert not app.completion.is_open
        await pilot.press("escape")
        assert app.commands == ["stop"]
        app.composer.load("")
        await pilot.press("slash")
        assert app.completion.is_open


@pytest.mark.parametrize("text", ["/usr/bin", "//", "a /mo", "x", "/Mo", "/model x"])
async def test_what_is_no_command_opens_nothing(text: str) -> None:
    app = PromptHost()
    async with app.run_test() as pilot:
        app.composer.load(text)
        await pilot.pause()
        assert not app.completion.is_open


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("notes.md", "a file.txt", ".hidden", "nginx.conf", "evil\x1b[31m.txt"):
        (tmp_path / name).write_text("x")
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "main.py").write_text("x")
    return tmp_path


async def test_a_path_is_completed_folder_by_folder(folder: Path) -> None:
    app = PromptHost(folder)
    async with app.run_test() as pilot:
        app.composer.load("see @s")
        await settle(pilot)
        await pilot.press("tab")
        assert app.composer.text == "see @src/"
        await settle(pilot)
        assert app.labels() == ["src/main.py"]
        await pilot.press("enter")
        assert app.composer.text == "see @src/main.py "
        await settle(pilot)
        await pilot.press("enter")
        assert app.sent == ["see @src/main.py "]


async def test_names_with_spaces_are_quoted_and_hostile_ones_drawn_safely(folder: Path) -> None:
    app = PromptHost(folder)
    async with app.run_test() as pilot:
        await pilot.press("@")
        await settle(pilot)
        shown = screen_text(app)
        assert "evil␛[31m.txt" in shown and not UNSAFE.search(shown)
        assert ".hidden" not in shown
        await pilot.press("a", "space")
        app.composer.load('@"a f')
        await settle(pilot)
        await pilot.press("tab")
        assert app.composer.text == '@"a file.txt" '


async def test_a_click_accepts(folder: Path) -> None:
    app = PromptHost(folder)
    async with app.run_test() as pilot:
        await pilot.press("slash", "r")
        await pilot.pause()
        await pilot.click(CompletionList, offset=(3, 0))
        assert app.composer.text == "/resume " and app.composer.has_focus


def test_matching_paths(folder: Path) -> None:
    assert matching_paths("N", folder)[:2] == ["nginx.conf", "notes.md"]
    assert matching_paths(".h", folder) == [".hidden"]
    assert matching_paths("src/", folder) == ["src/main.py"]
    assert matching_paths("file", folder) == ["a file.txt"]
    assert matching_paths("absent/x", folder) == []
    assert matching_paths("\x00/", folder) == []
    assert matching_paths(f"{folder}/no", Path("/")) == [f"{folder}/notes.md"]


def test_the_home_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder))
    assert matching_paths("~/not", Path("/")) == ["~/notes.md"]


def test_a_huge_folder_and_names_that_are_no_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_names, "MOST_ENTRIES", 30)
    for number in range(60):
        (tmp_path / f"f{number}").touch()
    assert len(matching_paths("", tmp_path)) == 30
    other = tmp_path / "other"
    other.mkdir()
    (other / os.fsdecode(b"bad\xff")).touch()
    (other / 'quote"').touch()
    assert matching_paths("", other) == []


@pytest.mark.parametrize(("then", "text"), [((), "@notes.txt "), (("x",), "@nx")])
async def test_tab_before_the_list_is_there_completes_when_it_comes(
    monkeypatch: pytest.MonkeyPatch, then: tuple[str, ...], text: str
) -> None:
    gate = threading.Event()

    def slow(typed: str, folder: Path) -> list[str]:
        gate.wait(10)
        return [name for name in ("notes.txt", "number.txt") if name.startswith(typed)]

    monkeypatch.setattr(completion, "matching_paths", slow)
    app = PromptHost()
    async with app.run_test() as pilot:
        app.composer.insert_text("@n")
        await pilot.press("tab", *then)
        assert app.composer.has_focus
        gate.set()
        await settle(pilot)
        assert app.composer.text == text
