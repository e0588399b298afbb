"""Finding words in the conversation on screen."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from textual import events

from chatterm.config.themes import contrast, load_themes
from chatterm.tui.services import Start
from tests.store.long import delete_messages, make_long_file
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
        await told(program, "1 of 2  f3 next")
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
        delete_messages(long_file, 100)
        await program.send(f"/find {RARE}")
        await told(program, "3 found, not all could be read")
        assert "no longer in the history" in program.notices


async def test_shift_f3_as_xterm_sends_it(launch: Launch) -> None:
    async with launch() as program:
        await program.turn("Which colour?", "Red, red or red.")
        await program.send("/find red")
        await told(program, "1 of 3")
        program.app.post_message(events.CursorPosition(1, 0))
        await told(program, "3 of 3")
        await program.pilot.press("f15")
        await told(program, "2 of 3")


async def test_the_view_moves_only_where_the_match_is_out_of_sight(launch: Launch) -> None:
    async with launch() as program:
        for number in range(12):
            await program.turn(f"Prompt {number}", "A reply\n\nin two paragraphs.")
        held = top(program)
        await program.pilot.press("f3", "p", "r", "o")
        await told(program, "11 of 12")
        assert top(program) == held
        await program.pilot.press("m", "p", "t", "space", "2")
        await told(program, "1 of 1")
        await program.shown("Prompt 2")
        assert top(program) < held
        program.pane.transcript.scroll_to_end()
        await program.pilot.press("backspace")
        await told(program, "11 of 12")
        assert top(program) == held


async def test_streaming_goes_on_below_the_match(launch: Launch) -> None:
    async with launch() as program:
        await program.turn("An owl", "\n\n".join(["words"] * 40))
        stream = await program.ask("Tell me")
        await program.send("/find an owl")
        await program.shown("An owl")
        await told(program, "1 of 1")
        held = top(program)
        for _ in range(5):
            stream.send(text="more\n\n" * 20)
            await program.pilot.pause()
        await program.until(lambda: "follows" in program.text)
        assert top(program) == held
        assert bar_line(program)
        stream.send(done="end_turn")
        stream.end()
        await program.until(lambda: program.session.running is None)


async def test_marks_can_be_read_in_all_themes(launch: Launch) -> None:
    async with launch() as program:
        await program.turn("red", "Red `red` and [red](http://red.example)\n\n```python\nred = 1  # red\n```")
        await program.send("/find red")
        await told(program, "1 of 7")
        for name in load_themes().palettes:
            program.app.theme = name
            await program.pilot.pause()
            transcript = program.pane.transcript
            parts = [part for y in range(transcript.size.height) for part in transcript.render_line(y)]
            found = [part.style for part in parts if part.text.lower() == "red" and part.style]
            marked = [style for style in found if style.bgcolor and style.color]
            grounds = {style.bgcolor.name for style in marked if style.bgcolor}
            assert len(marked) >= 5 and len(grounds) == 2, name
            assert sum(bool(style.underline and style.bold) for style in marked) == 1, name
            for style in marked:
                assert style.color is not None and style.bgcolor is not None
                least = 7.0 if name.startswith("high-contrast") else 4.5
                assert contrast(style.color.name, style.bgcolor.name) >= least, name


@pytest.mark.parametrize("size", [(20, 5), (12, 3), (80, 24)])
async def test_it_opens_on_the_smallest_screens(launch: Launch, size: tuple[int, int]) -> None:
    async with launch(size=size) as program:
        await program.turn("Which colour?", "Red, red or red. " * 20)
        await program.pilot.press("f3", *"red")
        transcript = program.pane.transcript
        await program.until(lambda: transcript.tally.total == 60 and transcript.tally.complete)
        first = transcript.tally.number
        assert first is not None
        await program.pilot.press("enter", "enter", "up")
        await program.until(lambda: transcript.tally.number == (first + 1) % 60)
        await program.pilot.resize_terminal(40, 10)
        await program.pilot.press("escape")
        assert program.composer.has_focus


async def test_another_conversation_is_searched_when_it_is_opened(launch: Launch) -> None:
    async with launch() as program:
        await program.turn("Which colour?", "Red.")
        await program.send("/find red")
        await told(program, "1 of 1")
        await program.app.chat.run_command("new")
        await told(program, "no match")


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
