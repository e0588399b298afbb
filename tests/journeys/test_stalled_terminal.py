"""A terminal that takes nothing any more, as behind a suspended ssh: the turn goes on, and so does the way out."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator

import pytest

from tests.doubles.server import ScriptedServer
from tests.doubles.terminal import CTRL_Q, ENTER, Terminal
from tests.journeys.program import Home

WORDS = 1500
"""Enough to fill what the system keeps for a terminal that is not read, several times."""
STORED_SECONDS = 60.0
EXIT_SECONDS = 1.0


@pytest.fixture
def wide(home: Home, server: ScriptedServer) -> Iterator[Terminal]:
    """The program on a big terminal, where each repaint is large."""
    arguments = ("--base-url", server.base_url("openai"), "-m", "scripted-model")
    with home.start(*arguments, columns=160, rows=50) as terminal:
        terminal.wait_for("/ scripted-model")
        yield terminal


def stand_still_in_a_reply(server: ScriptedServer, terminal: Terminal, gates: dict[int, str]) -> None:
    """Let a long reply come in, and from its first words on nobody read the terminal."""
    pieces = (f"n{number:04}n{' .' * 60}\n\n" for number in range(WORDS))
    server.reply_text(pieces, delay_seconds=0.004, gates={5: "unread", **gates})
    terminal.send(b"question" + ENTER)
    terminal.wait_for("n0003n")
    terminal.stand_still()
    server.release("unread")


def wait_stored(home: Home, text: str, state: str) -> None:
    """Wait until the one reply in the database has this text and state."""
    home.wait_stored(lambda turns: text in turns[0].text and turns[0].state == state, STORED_SECONDS)


def test_the_turn_goes_on_and_the_screen_is_right_afterwards(
    home: Home, server: ScriptedServer, wide: Terminal
) -> None:
    stand_still_in_a_reply(server, wide, {})
    wait_stored(home, f"n{WORDS - 1:04}n", "complete")
    wide.move_on()
    wide.wait_for(f"n{WORDS - 1:04}n")
    wide.send(b"typed afterwards")
    wide.wait_for("typed afterwards")
    shown = [int(number) for number in re.findall(r"n(\d{4})n", wide.text)]
    assert shown == list(range(shown[0], WORDS)) and len(shown) > 10
    assert "chatterm" in wide.lines[0] and "commands" in wide.lines[-1]
    wide.send(CTRL_Q)
    assert wide.wait_exit() == 0
    assert wide.left_on == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=["SIGTERM", "SIGHUP"])
def test_a_signal_ends_the_program_in_time(
    home: Home, server: ScriptedServer, wide: Terminal, number: signal.Signals
) -> None:
    stand_still_in_a_reply(server, wide, {WORDS - 100: "never"})
    wait_stored(home, f"n{WORDS - 200:04}n", "streaming")
    sent_at = wide.signal(number)
    status, ended_at = wide.wait_end_unread()
    assert status == 128 + number
    assert ended_at - sent_at <= EXIT_SECONDS
    wait_stored(home, f"n{WORDS - 200:04}n", "interrupted")
