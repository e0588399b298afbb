"""What only the real program in a real terminal shows: crashes, exits that do not wait, Ctrl+Z and fg."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

import pytest

from tests.doubles.terminal import CTRL_C, CTRL_Q, CTRL_T, ENTER, Terminal
from tests.journeys.program import Home

pytestmark = [
    pytest.mark.pty,
    pytest.mark.skipif(sys.platform != "linux", reason="the pseudo-terminal double is for Linux"),
]

DEAD_DISK = (sys.executable, str(Path(__file__).with_name("dead_disk.py")))
CRASHING = (sys.executable, str(Path(__file__).with_name("crashing.py")))
EXIT_SECONDS = 2.0
"""The limit is 1 s; the rest is for a machine with other work."""
CTRL_G, CTRL_Z = b"\x07", b"\x1a"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A user whose guide takes its time."""
    home = Home(tmp_path / "chatterm")
    home.write_settings(
        '[guide]\nwords_per_second = 20\n[providers.mine]\nbase_url = "http://127.0.0.1:9"\n'
        'key_cmd = ["sleep", "30"]\nmodel = "x"\n'
    )
    return home


def ask_the_guide(terminal: Terminal) -> None:
    terminal.wait_for("guide / manual")
    terminal.send(b"how do I use Ollama?")
    terminal.send(ENTER)
    terminal.wait_for("--provider")


def test_crash_keeps_the_text_resets_the_terminal_and_names_a_file(home: Home) -> None:
    with home.start(program=CRASHING) as terminal:
        ask_the_guide(terminal)
        terminal.send(CTRL_T)
        assert terminal.wait_exit() == 70
        assert terminal.left_on == []
        assert b"Traceback" not in terminal.output and b"sk-local" not in terminal.output
        assert "not foreseen (LookupError)" in terminal.text
    (report,) = (home.path / "state").glob("crash-*.txt")
    assert report.stat().st_mode & 0o777 == 0o600
    assert "LookupError: unforeseen28" in report.read_text()
    assert "sk-local" not in report.read_text()
    with home.start("-c") as terminal:
        terminal.wait_for("interrupted")
        terminal.wait_for("chatterm --provider")


def test_exit_does_not_wait_for_a_command_that_hangs(home: Home) -> None:
    with home.start("--provider", "mine") as terminal:
        terminal.wait_for("mine / x")
        terminal.send(b"hello")
        terminal.send(ENTER)
        terminal.wait_for("preparing")
        asked = time.monotonic()
        terminal.send(CTRL_Q)
        assert terminal.wait_exit() == 0
        assert terminal.exited_at is not None and terminal.exited_at - asked < 2.0
        assert terminal.left_on == []
        assert b"Warning" not in terminal.output


@pytest.mark.parametrize("hanging", ["file", "folder"])
def test_exit_does_not_wait_for_a_prompt_file_on_a_dead_mount(
    home: Home, tmp_path: Path, hanging: str
) -> None:
    (tmp_path / "notes.txt").write_text("what the file says")
    with home.start("--provider", "guide", program=(*DEAD_DISK, hanging)) as terminal:
        terminal.wait_for("guide / manual")
        terminal.send(b"see @~/notes.txt please")
        terminal.wait_for("please")
        terminal.send(ENTER)
        terminal.wait_for("Ask anything")
        asked_at = terminal.send(CTRL_Q)
        assert terminal.wait_exit() == 0
        assert terminal.exited_at is not None and terminal.exited_at - asked_at <= EXIT_SECONDS


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=["SIGTERM", "SIGHUP"])
def test_exit_does_not_wait_for_a_disk_that_hangs(home: Home, number: signal.Signals) -> None:
    with home.start("--provider", "guide", program=(*DEAD_DISK, "store")) as terminal:
        ask_the_guide(terminal)
        sent_at = terminal.signal(number)
        assert terminal.wait_exit() == 128 + number
        assert terminal.exited_at is not None and terminal.exited_at - sent_at <= EXIT_SECONDS
        assert terminal.left_on == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_ask_does_not_wait_for_a_disk_that_hangs_either(home: Home, number: signal.Signals) -> None:
    words = ("ask", "--provider", "guide", "how do I use Ollama?")
    with home.start(*words, program=(*DEAD_DISK, "store")) as terminal:
        terminal.wait_for("--provider")
        sent_at = terminal.signal(number)
        assert terminal.wait_exit() == 128 + number
        assert terminal.exited_at is not None and terminal.exited_at - sent_at <= EXIT_SECONDS


def test_more_signals_while_it_leaves_change_nothing(home: Home) -> None:
    with home.start("--provider", "guide", program=(*DEAD_DISK, "store")) as terminal:
        ask_the_guide(terminal)
        terminal.signal(signal.SIGTERM)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            time.sleep(0.02)  # leaving takes longer: it waits for the disk
            terminal.signal(number)
        assert terminal.wait_exit() == 128 + signal.SIGTERM
        assert terminal.left_on == []
        assert b"Exception" not in terminal.output and b"Error" not in terminal.output


def test_whole_screen_is_painted_again_after_a_suspension(home: Home) -> None:
    with home.start() as terminal:
        terminal.wait_for("guide / manual")
        terminal.send(CTRL_Z)
        deadline = time.monotonic() + 10
        while Path(f"/proc/{terminal.pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
            assert time.monotonic() < deadline, "the program was not stopped"
            time.sleep(0.01)  # nothing tells of another process being stopped
        before = len(terminal.output)
        terminal.signal(signal.SIGCONT)
        terminal.wait_until(
            lambda _: all(word in terminal.output[before:] for word in (b"chatterm", b"manual", b"commands")),
            what="header and key hints painted again",
        )
        terminal.send(CTRL_Q)
        assert terminal.wait_exit() == 0


def test_editor_gives_back_the_prompt_while_a_reply_goes_on(home: Home, tmp_path: Path) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nprintf " and more" >> "$1"\n')
    editor.chmod(0o700)
    with home.start(EDITOR=str(editor)) as terminal:
        ask_the_guide(terminal)
        terminal.send(b"a draft")
        terminal.wait_for("a draft")
        terminal.send(CTRL_G)
        terminal.wait_for("a draft and more")
        terminal.wait_for("OLLAMA_HOST")
        terminal.send(CTRL_Q)
        assert terminal.wait_exit() == 0
    with home.start("-c", EDITOR="false") as terminal:
        terminal.wait_for("a draft and more")
        terminal.send(CTRL_G)
        terminal.wait_for("false ended with status 1. The prompt is as it was.")


def test_ctrl_c_in_the_editor_is_for_the_editor(home: Home, tmp_path: Path) -> None:
    editor = tmp_path / "editor"
    editor.write_text(
        "#!/bin/sh\ntrap 'printf interrupted >> \"$1\"; exit 0' INT\necho EDITING; while :; do sleep 0.01; done\n"
    )
    editor.chmod(0o700)
    with home.start(EDITOR=str(editor)) as terminal:
        terminal.wait_for("guide / manual")
        terminal.send(b"a draft ")
        terminal.wait_for("a draft")
        terminal.send(CTRL_G)
        terminal.wait_for("EDITING")
        terminal.send(CTRL_C)
        terminal.wait_for("a draft interrupted")
        terminal.signal(signal.SIGINT)
        assert terminal.wait_exit() == 128 + signal.SIGINT
        assert terminal.left_on == []
    with home.start() as terminal:
        terminal.wait_for("a draft interrupted")


def test_theme_asked_for_beats_the_one_remembered(home: Home) -> None:
    with home.start() as terminal:
        terminal.wait_for("guide / manual")
        terminal.send(b"/theme moss")
        terminal.send(ENTER)
        terminal.wait_for("The theme is moss from now on.")
        terminal.send(CTRL_Q)
        terminal.wait_exit()
    for variables, expected in (({}, "moss"), ({"CHATTERM_THEME": "ember"}, "ember")):
        with home.start(**variables) as terminal:
            terminal.wait_for("guide / manual")
            terminal.send(b"/theme")
            terminal.send(ENTER)
            terminal.wait_for(f"● {expected}")
