"""Every way the program can be ended while a reply comes in: nothing shown is lost, the terminal is put back."""

from __future__ import annotations

import re
import signal
import sqlite3
from contextlib import closing

import pytest

from tests.doubles.server import ScriptedServer
from tests.doubles.terminal import CTRL_C, CTRL_Q, ENTER, Terminal
from tests.journeys.program import Home

CHECKPOINT_SECONDS = 0.25
EXIT_SECONDS = 1.0


def start_reply(server: ScriptedServer, terminal: Terminal) -> None:
    """Have half a reply on the screen, and the server silent."""
    server.reply_text("The part before and the part after", gates={4: "never"})
    terminal.send(b"question" + ENTER)
    terminal.wait_for("The part before")


def numbers_in(data: bytes) -> list[int]:
    return [int(number) for number in re.findall(rb"n(\d{4})n", data)]


def test_a_killed_program_keeps_what_was_shown(home: Home, server: ScriptedServer, openai: Terminal) -> None:
    server.reply_text((f"n{number:04}n " for number in range(9999)), delay_seconds=0.01)
    openai.send(b"question" + ENTER)
    openai.wait_for("n0060n")
    killed_at = openai.signal(signal.SIGKILL)
    assert openai.wait_exit() == -signal.SIGKILL
    shown = b"".join(chunk.data for chunk in openai.chunks if chunk.at <= killed_at - CHECKPOINT_SECONDS)
    last_shown = max(numbers_in(shown))
    assert last_shown > 10
    with home.start("-c") as again:
        again.wait_for("interrupted")
        again.wait_for(f"n{last_shown:04}n")
        again.wait_for("cut off when chatterm ended, in 'question'")
    [turn] = home.stored()
    assert turn.state == "interrupted"
    kept = numbers_in(turn.text.encode())
    assert kept == list(range(len(kept)))
    assert kept[-1] >= last_shown


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=["SIGTERM", "SIGHUP"])
def test_a_signal_saves_and_puts_the_terminal_back(
    home: Home, server: ScriptedServer, openai: Terminal, number: signal.Signals
) -> None:
    start_reply(server, openai)
    sent_at = openai.signal(number)
    assert openai.wait_exit() == 128 + number
    assert openai.exited_at is not None
    assert openai.exited_at - sent_at <= EXIT_SECONDS
    assert openai.left_on == []
    assert [(turn.text, turn.state) for turn in home.stored()] == [("The part before ", "interrupted")]
    server.wait_until(lambda: server.chats[0].closed_at is not None)


def test_a_closed_window_saves(home: Home, server: ScriptedServer, openai: Terminal) -> None:
    start_reply(server, openai)
    gone_at = openai.hang_up()
    assert openai.wait_exit() == 128 + signal.SIGHUP
    assert openai.exited_at is not None
    assert openai.exited_at - gone_at <= EXIT_SECONDS
    assert [(turn.text, turn.state) for turn in home.stored()] == [("The part before ", "interrupted")]


def test_quitting_never_asks(home: Home, server: ScriptedServer, openai: Terminal) -> None:
    start_reply(server, openai)
    sent_at = openai.send(CTRL_Q)
    assert openai.wait_exit() == 0
    assert openai.exited_at is not None
    assert openai.exited_at - sent_at <= EXIT_SECONDS
    assert openai.left_on == []
    assert [(turn.text, turn.state) for turn in home.stored()] == [("The part before ", "interrupted")]


@pytest.mark.parametrize("ending", ["Ctrl+Q", "SIGTERM"])
def test_a_history_that_another_program_holds_does_not_keep_the_user(
    home: Home, server: ScriptedServer, openai: Terminal, ending: str
) -> None:
    start_reply(server, openai)
    with closing(sqlite3.connect(home.path / "data" / "chatterm.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        openai.send(b"typed meanwhile")
        openai.wait_for("typed meanwhile")
        asked_at = openai.send(CTRL_Q) if ending == "Ctrl+Q" else openai.signal(signal.SIGTERM)
        openai.wait_exit()
    assert openai.exited_at is not None
    assert openai.exited_at - asked_at <= EXIT_SECONDS
    assert openai.left_on == []
    [turn] = home.stored()
    assert (turn.prompt, turn.state) == ("question", "streaming")


def test_ctrl_c_stops_and_twice_on_nothing_quits(server: ScriptedServer, openai: Terminal) -> None:
    start_reply(server, openai)
    openai.send(CTRL_C)
    server.wait_until(lambda: server.chats[0].closed_at is not None)
    openai.wait_for("stopped")
    openai.send(CTRL_C)
    openai.wait_for("again")
    openai.send(CTRL_C)
    assert openai.wait_exit() == 0
    assert openai.left_on == []
