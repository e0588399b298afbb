"""The first screen on a real terminal: there at once, loses no key, leaves no trace."""

from __future__ import annotations

import signal
import sys
import time

import pytest

from chatterm.backend.signals import ENDING_SIGNALS
from tests.doubles.terminal import CTRL_C, CTRL_Q, ENTER, Terminal
from tests.journeys.program import Home

PLACEHOLDER = "Ask anything"
PAINTED = b"\x1b[?1004h"
"""Textual asks for this when it takes the terminal over."""


def type_from_the_start(terminal: Terminal, text: str) -> None:
    """Type as soon as the first screen is there, a key each few milliseconds."""
    terminal.wait_for(PLACEHOLDER)
    for number, character in enumerate(text):
        pause = terminal.started_at + 0.03 + 0.17 * number / len(text) - time.monotonic()
        time.sleep(max(0.002, pause))
        terminal.send(character.encode())


def leave(terminal: Terminal, status: int = 0) -> None:
    terminal.send(CTRL_Q)
    assert terminal.wait_exit() == status
    assert terminal.left_on == []


def test_it_is_there_before_textual_and_nothing_flickers(home: Home) -> None:
    with home.start(CHATTERM_PROVIDER="guide") as terminal:
        terminal.wait_for(PLACEHOLDER)
        terminal.wait_for("guide / manual")
        assert PLACEHOLDER.encode() in terminal.output.partition(PAINTED)[0]
        leave(terminal)
        before_the_end = terminal.output.rpartition(b"\x1b[?1049l")[0]
        assert terminal.output.count(b"\x1b[?1049h") == 1
        assert b"\x1b[?1049l" not in before_the_end


@pytest.mark.parametrize("options", [(), ("--no-save", "--provider", "guide")], ids=["plain", "with options"])
def test_no_key_typed_meanwhile_is_lost_and_none_comes_twice(home: Home, options: tuple[str, ...]) -> None:
    text = "äß→ the quick brown fox jumps 0123456789"
    with home.start(*options, CHATTERM_PROVIDER="guide") as terminal:
        type_from_the_start(terminal, text)
        terminal.wait_for(text)
        terminal.wait_for("guide / manual")
        assert terminal.text.count("quick") == 1
        leave(terminal)


def test_a_paste_meanwhile_is_a_paste(home: Home) -> None:
    with home.start(CHATTERM_PROVIDER="guide") as terminal:
        terminal.wait_for(PLACEHOLDER)
        terminal.send(b"\x1b[200~erste Zeile\rzweite Zeile\x1b[201~")
        terminal.wait_for("zweite Zeile")
        terminal.wait_for("guide / manual")
        assert "▌" not in terminal.text, "nothing was sent"
        leave(terminal)


def test_a_prompt_sent_meanwhile_is_answered(home: Home) -> None:
    home.write_settings("[guide]\nwords_per_second = 0\n")
    with home.start(CHATTERM_PROVIDER="guide") as terminal:
        type_from_the_start(terminal, "How do I use Ollama?")
        terminal.send(ENTER)
        terminal.wait_for("▌ How do I use Ollama?")
        terminal.wait_for("manual · ")
        leave(terminal)
    assert [turn.prompt for turn in home.stored()] == ["How do I use Ollama?"]


@pytest.mark.parametrize("keys", [CTRL_Q, CTRL_C + CTRL_C], ids=["ctrl+q", "ctrl+c twice"])
def test_leaving_meanwhile_leaves(home: Home, keys: bytes) -> None:
    with home.start(CHATTERM_PROVIDER="guide") as terminal:
        terminal.wait_for(PLACEHOLDER)
        terminal.send(keys)
        assert terminal.wait_exit() == 0
        assert terminal.left_on == []


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        (("--provider", "no-such-provider"), 5, "There is no provider called 'no-such-provider'."),
        (("--theme", "no-such-theme"), 5, "There is no theme 'no-such-theme'."),
        (("--base-url", "ftp://host"), 5, "providers.custom.base_url"),
        (("-c", "--resume", "x"), 2, "Invalid value: --continue and --resume exclude each other"),
    ],
)
def test_a_bad_option_leaves_a_clean_terminal_with_its_line(
    home: Home, options: tuple[str, ...], status: int, words: str
) -> None:
    with home.start(*options) as terminal:
        assert terminal.wait_exit() == status
        assert terminal.left_on == []
        assert PLACEHOLDER.encode() in terminal.output
        told = terminal.output.rpartition(b"\x1b[?25h")[2].decode()
        assert told.startswith(f"chatterm: {words[:20]}")
        assert words in told.replace("\r\n", " ")
        assert "Traceback" not in told


@pytest.mark.parametrize("number", ENDING_SIGNALS, ids=lambda number: number.name)
def test_a_signal_meanwhile_puts_the_terminal_back(home: Home, number: signal.Signals) -> None:
    with home.start(CHATTERM_PROVIDER="guide") as terminal:
        terminal.wait_for(PLACEHOLDER)
        terminal.send(b"x")
        terminal.signal(number)
        assert terminal.wait_exit() == 128 + number
        assert terminal.left_on == []


def test_a_signal_in_a_finaliser_ends_it_all_the_same(home: Home) -> None:
    # An exception there is printed and forgotten by Python.
    lost = (
        "import os, signal, sys\n"
        "class Finaliser:\n"
        "    def __del__(self):\n"
        "        os.kill(os.getpid(), signal.SIGTERM)\n"
        "        for _ in range(1000): pass\n"
        "import chatterm.tui.first_screen as first\n"
        "show = first.FirstScreen.show\n"
        "def shown(*arguments):\n"
        "    show(*arguments)\n"
        "    sys.unraisablehook = lambda _: None\n"
        "    Finaliser()\n"
        "first.FirstScreen.show = shown\n"
        "sys.argv = ['chatterm']\n"
        "from chatterm.__main__ import main\n"
        "main()\n"
    )
    with home.start(program=(sys.executable, "-c", lost), CHATTERM_PROVIDER="guide") as terminal:
        assert terminal.wait_exit() == 128 + signal.SIGTERM
        assert terminal.left_on == []
        assert PAINTED not in terminal.output, "it went on until Textual was there"


@pytest.mark.parametrize("term", ["xterm-256color", "dumb"])  # the second gets no first screen
@pytest.mark.parametrize("number", ENDING_SIGNALS, ids=lambda number: number.name)
def test_a_signal_while_the_terminal_is_handed_over_ends_it_in_order(
    home: Home, number: signal.Signals, term: str
) -> None:
    handed = (
        "import os, sys\n"
        "import chatterm.tui.first_screen as first\n"
        "take = first.FirstScreen.take\n"
        "def taken(screen):\n"
        "    before = take(screen)\n"
        f"    os.kill(os.getpid(), {int(number)})\n"
        "    return before\n"
        "first.FirstScreen.take = taken\n"
        "sys.argv = ['chatterm']\n"
        "from chatterm.__main__ import main\n"
        "main()\n"
    )
    with home.start(program=(sys.executable, "-c", handed), CHATTERM_PROVIDER="guide", TERM=term) as terminal:
        assert terminal.wait_exit() == 128 + number
        assert terminal.left_on == []
        assert b"Traceback" not in terminal.output


@pytest.mark.parametrize(("name", "value"), [("TERM", "dumb"), ("TERM", "")])
def test_a_terminal_that_cannot_show_it_gets_none(home: Home, name: str, value: str) -> None:
    with home.start(**{name: value}, CHATTERM_PROVIDER="guide") as terminal:
        terminal.wait_until(lambda _: PAINTED in terminal.output)
        assert PLACEHOLDER.encode() not in terminal.output.partition(PAINTED)[0]
        terminal.wait_for("guide / manual")
        leave(terminal)


def test_it_has_no_colours_where_none_are_wanted(home: Home) -> None:
    with home.start(NO_COLOR="1", CHATTERM_PROVIDER="guide") as terminal:
        terminal.wait_for(PLACEHOLDER)
        assert b"38;2;" not in terminal.output.partition(PAINTED)[0]
        terminal.wait_for("guide / manual")
        leave(terminal)
