"""A conversation that is longer than what is read when it is opened."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from chatterm.backend.past import TAIL_MESSAGES
from chatterm.tui.services import Start
from tests.store.long import delete_messages, make_long_file, prompt_text, reply_text
from tests.tui.conftest import Launch, Program

LONG = 1_200
LATER = Start(continue_last=True)


@pytest.fixture
def long_file(new_user: Path) -> Path:
    path = new_user / "chatterm.db"
    make_long_file(path, LONG, provider="plain", model="test-model")
    return path


async def count_rows(program: Program) -> Callable[[], int]:
    """How many messages were read since this was called."""
    rows = 0

    def factory(cursor: sqlite3.Cursor, values: tuple[object, ...]) -> sqlite3.Row:
        nonlocal rows
        rows += any(column[0] == "parts" for column in cursor.description)
        return sqlite3.Row(cursor, values)

    await program.database.read(lambda connection: setattr(connection, "row_factory", factory))
    return lambda: rows


async def test_its_end_is_shown_and_all_of_it_is_sent(launch: Launch, long_file: Path) -> None:
    async with launch(begin=LATER) as program:
        await program.shown(f"reply {LONG - 1}")
        assert len(program.session.turns) == TAIL_MESSAGES // 2
        assert program.session.earlier_count == LONG - TAIL_MESSAGES
        count = await count_rows(program)
        await program.turn("Go on", "Gladly.")
        await program.turn("And on", "Still here.")
        first, second = program.provider.bodies()
        assert [item["text"] for item in first[:2]] == [prompt_text(0), reply_text(1)]
        assert len(first) == LONG + 1
        assert second[: len(first)] == first
        assert count() == LONG - TAIL_MESSAGES


async def test_its_beginning_is_read_when_it_is_looked_at(launch: Launch, long_file: Path) -> None:
    async with launch(begin=LATER) as program:
        await program.shown(f"reply {LONG - 1}")
        count = await count_rows(program)
        await program.pilot.press("ctrl+home")
        await program.shown("prompt 0")
        await program.shown("reply 3")
        assert 0 < count() <= 200
        await program.pilot.press("ctrl+end")
        await program.shown(f"reply {LONG - 1}")


async def test_an_old_reply_is_copied(launch: Launch, long_file: Path) -> None:
    async with launch(begin=LATER) as program:
        copied: list[str] = []

        async def copy(text: str):
            copied.append(text)
            return type("Done", (), {"message": "copied"})

        program.app.clipboard_writer.copy = copy
        await program.shown(f"reply {LONG - 1}")
        await program.send(f"/copy {LONG // 2}")
        await program.until(lambda: copied == [reply_text(1)])
        await program.send("/copy 9999")
        await program.shown(f"There are {LONG // 2} so far.")


async def test_all_of_it_is_exported(
    launch: Launch, long_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with launch(begin=LATER) as program:
        await program.shown(f"reply {LONG - 1}")
        await program.send("/export whole.md")
        await program.shown("Exported to")
        text = (tmp_path / "whole.md").read_text()
        prompts = [line for line in text.splitlines() if line.startswith("prompt ")]
        assert prompts == [prompt_text(position) for position in range(0, LONG, 2)]


async def test_a_past_that_cannot_be_read_is_told(launch: Launch, long_file: Path) -> None:
    async with launch(begin=LATER) as program:
        await program.shown(f"reply {LONG - 1}")
        delete_messages(long_file, 100)
        for command in ("/copy 590", "/export whole.md"):
            program.pane.notices.clear_notices()
            await program.send(command)
            await program.until(lambda: "no longer in the history" in program.notices)
