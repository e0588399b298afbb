"""Finding words in the conversation on screen."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from chatterm.tui.services import Start
from tests.store.long import make_long_file
from tests.tui.conftest import Launch, Program

LONG = 1_200
LATER = Start(continue_last=True)
RARE = "needle"


@pytest.fixture
def long_file(new_user: Path) -> Path:
    """A conversation of which only the end is read when it is opened; four of its prompts have a word more."""
    path = new_user / "chatterm.db"
    make_long_file(path, LONG, provider="plain", model="test-model")
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(
        "UPDATE message SET parts = replace(parts, 'prompt', 'Needle prompt') WHERE id IN"
        " ('m4', 'm600', 'm1150', 'm1190')"
    )
    connection.close()
    return path


def bar_line(program: Program) -> str:
    return next((line for line in program.text.splitlines() if line.strip().startswith("find ")), "")


async def told(program: Program, words: str) -> None:
    """Wait until the line says how often the words were found in these words."""
    await program.until(lambda: f" {words} " in f"{bar_line(program)} ".replace("│", " "))


def top(program: Program) -> tuple[int, int, int]:
    return program.pane.transcript._viewport.top


async def test_f3_finds_while_one_types(launch: Launch) -> None:
    async with launch() as program:
        await program.turn("Which colour?", "Red or **red**dish, not blue.")
        await program.type("a draft")
        size = program.pane.transcript.size
        await program.pilot.press("f3", "r", "e", "d")
        await told(program, "1 of 2")
        assert program.pane.transcript.size == size
        await program.pilot.press("enter")
        await told(program, "2 of 2")
        await program.pilot.press("down")
        await told(program, "1 of 2")
        await program.pilot.press("up", "f3", "shift+enter")
        await told(program, "2 of 2")
        await program.pilot.press("x")
        await told(program, "no match")
        await program.pilot.press("escape")
        await program.until(lambda: not bar_line(program))
        assert program.composer.has_focus and program.composer.text == "a draft"


async def test_the_last_words_are_there_again(launch: Launch) -> None:
    async with launch() as program:
        await program.turn("Which colour?", "Red.")
        await program.send("/find colour")
        await told(program, "1 of 1")
        await program.pilot.press("escape", "f3")
        await told(program, "1 of 1")
        await program.pilot.press("r")
        await told(program, "1 of 2")


async def test_all_of_a_long_conversation_is_searched_and_read_where_it_is_gone_to(
    launch: Launch, long_file: Path
) -> None:
    async with launch(begin=LATER) as program:
        await program.shown(f"reply {LONG - 1}")
        await program.send(f"/find {RARE}")
        await told(program, "4 of 4")
        await program.shown("Needle prompt 1190")
        entries = program.pane.transcript._document.entries
        assert entries.is_absent(600)
        await program.pilot.press("up", "up")
        await told(program, "2 of 4")
        await program.shown("Needle prompt 600")
        assert entries.is_absent(300)
        await program.pilot.press("up")
        await program.shown("Needle prompt 4")
        await told(program, "1 of 4")
        held = top(program)
        await program.pilot.press("escape")
        await program.pilot.pause()
        assert top(program) == held
        await program.pilot.press("f3")
        await told(program, "1 of 4")
        assert top(program) == held


async def test_what_streams_in_is_found(launch: Launch) -> None:
    async with launch() as program:
        stream = await program.ask("Tell me")
        await program.pilot.press("f3", "o", "w", "l")
        await told(program, "no match")
        stream.send(text="An owl. ")
        await told(program, "1 of 1")
        stream.send(text="Another owl.")
        await told(program, "1 of 2")
        stream.send(done="end_turn")
        stream.end()
        await program.until(lambda: program.session.running is None)
        await program.pilot.press("enter")
        await told(program, "2 of 2")


async def test_a_past_that_cannot_be_read_is_told(launch: Launch, long_file: Path) -> None:
    async with launch(begin=LATER) as program:
        await program.shown(f"reply {LONG - 1}")
        connection = sqlite3.connect(long_file, isolation_level=None)
        connection.execute("DELETE FROM message WHERE depth < 100")
        connection.close()
        await program.send(f"/find {RARE}")
        await told(program, "3 found, not all could be read")
        assert "no longer in the history" in program.notices


async def test_escape_and_ctrl_c_close_it_from_the_prompt(launch: Launch) -> None:
    async with launch() as program:
        await program.turn("Which colour?", "Red.")
        for key in ("escape", "ctrl+c"):
            await program.pilot.press("f3")
            await program.until(lambda: bar_line(program))
            program.composer.focus()
            await program.type("draft")
            await program.pilot.press(key)
            await program.until(lambda: not bar_line(program))
            assert program.composer.text == "draft"
            program.composer.load("")
