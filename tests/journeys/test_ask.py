"""`chatterm ask` as scripts and people use it."""

from __future__ import annotations

import array
import fcntl
import signal
import sqlite3
import subprocess
import termios
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO

import pytest

from tests.doubles.server import ScriptedServer
from tests.doubles.terminal import CTRL_C
from tests.journeys.program import CHATTERM, Home, asking


@contextmanager
def reading(home: Home, *arguments: str) -> Generator[tuple[subprocess.Popen[bytes], IO[bytes], IO[bytes]]]:
    """The program at work, and the ends of the pipes for its output and its errors."""
    with subprocess.Popen(
        [*CHATTERM, *arguments],
        env=home.environ(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        yield process, process.stdout, process.stderr


@contextmanager
def database(home: Home) -> Generator[sqlite3.Connection]:
    """The user's database, opened by another program."""
    with closing(sqlite3.connect(home.path / "data" / "chatterm.db", isolation_level=None)) as connection:
        yield connection


def test_the_reply_is_all_that_goes_to_stdout(home: Home, server: ScriptedServer) -> None:
    server.reply_text("The reply.")
    words = asking(server, "Sum", "it", "up")
    assert home.run(*words, given="piped text\n") == (0, "The reply.\n", "")
    content = server.chats[0].json["messages"][-1]["content"]
    assert content.startswith("Sum it up")
    assert "piped text" in content


def test_ctrl_c_keeps_the_text(home: Home, server: ScriptedServer) -> None:
    server.reply_text("The part before and after", gates={4: "never"})
    with home.start(*asking(server, "question")) as terminal:
        terminal.wait_for("The part before")
        terminal.send(CTRL_C)
        assert terminal.wait_exit() == 130
        assert "The part before" in terminal.text
        assert b"Traceback" not in terminal.output
    assert [(turn.text, turn.state) for turn in home.stored()] == [("The part before ", "cancelled")]


def test_a_closed_pipe_is_quiet_and_the_reply_is_kept(home: Home, server: ScriptedServer) -> None:
    server.reply_text(["first line\n", *["more text\n"] * 20_000])
    with reading(home, *asking(server, "question")) as (process, output, errors):
        assert output.readline() == b"first line\n"
        output.close()
        assert errors.read() == b""
        assert process.wait() == 128 + signal.SIGPIPE
    [turn] = home.stored()
    assert turn.text.startswith("first line\n")
    assert turn.state == "interrupted"


def test_a_terminal_gets_no_foreign_control_codes(home: Home, server: ScriptedServer) -> None:
    server.reply_text("before \x1b]52;c;aGFja2Vk\x07 \x9b31m after")
    with home.start(*asking(server, "question")) as terminal:
        assert terminal.wait_exit() == 0
        assert "after" in terminal.text
        assert b"\x1b" not in terminal.output
        assert b"\x07" not in terminal.output
        assert b"\xc2\x9b" not in terminal.output


def waiting_bytes(file: int) -> int:
    """How much lies in a pipe, unread."""
    count = array.array("i", [0])
    fcntl.ioctl(file, termios.FIONREAD, count)
    return count[0]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_reader_who_stands_still_keeps_nobody_from_stopping(
    home: Home, server: ScriptedServer, number: signal.Signals
) -> None:
    words = "a long text " * 20_000
    server.reply_text(
        (words[start : start + 4000] for start in range(0, len(words), 4000)), gates={61: "never"}
    )
    with reading(home, *asking(server, "question")) as (process, output, errors):
        # Its last page may have room, but less than the next piece needs.
        full = fcntl.fcntl(output, fcntl.F_GETPIPE_SZ) - 4096
        until = time.monotonic() + 10
        while waiting_bytes(output.fileno()) < full and time.monotonic() < until:
            time.sleep(0.01)
        assert waiting_bytes(output.fileno()) >= full
        process.send_signal(number)
        # The limit is 1 s; the rest is for a machine with other work.
        assert process.wait(timeout=3) == 128 + number
        assert errors.read() == b""
    [turn] = home.stored()
    assert len(turn.text) >= full
    assert words.startswith(turn.text)
    assert turn.state == ("cancelled" if number is signal.SIGINT else "interrupted")


def test_a_history_of_a_newer_version_is_told_once(
    home: Home, server: ScriptedServer, tmp_path: Path
) -> None:
    assert home.run(*asking(server, "first"))[0] == 0
    with database(home) as connection:
        connection.execute("PRAGMA user_version=999")
    (tmp_path / "notes.txt").write_text("what the file says")
    server.reply_text("The reply.")
    status, output, errors = home.run(*asking(server, "-a", str(tmp_path / "notes.txt"), "question"))
    assert (status, output) == (0, "The reply.\n")
    assert "what the file says" in str(server.chats[-1].json)
    assert errors.count("\n") == 1
    assert "nothing will be saved" in errors
    assert [turn.prompt for turn in home.stored()] == ["first"]


def test_a_turn_that_was_not_saved_is_told(home: Home, server: ScriptedServer) -> None:
    assert home.run(*asking(server, "first"))[0] == 0
    with database(home) as connection:
        connection.execute(
            "CREATE TRIGGER full BEFORE INSERT ON message BEGIN SELECT RAISE(ABORT, 'no room'); END"
        )
    server.reply_text("The reply.")
    status, output, errors = home.run(*asking(server, "question"))
    assert (status, output) == (0, "The reply.\n")
    assert errors.count("no room") == 1


def test_a_locked_history_holds_nothing_up_and_is_told_once(home: Home, server: ScriptedServer) -> None:
    began_at = time.monotonic()
    assert home.run(*asking(server, "first"))[0] == 0
    usual_seconds = server.chats[0].arrived_at - began_at
    server.reply_text("The reply.")
    with database(home) as connection:
        connection.execute("BEGIN IMMEDIATE")
        began_at = time.monotonic()
        status, output, errors = home.run(*asking(server, "question"))
        connection.execute("ROLLBACK")
    assert (status, output) == (0, "The reply.\n")
    assert errors.count("\n") == 1
    assert "is locked by another program" in errors
    assert "The reply is printed, but not kept while that is so." in errors
    assert "/export" not in errors and "on screen" not in errors
    # Half a second and the start of Python; the rest is for a machine with other work.
    assert server.chats[-1].arrived_at - began_at < 2 * usual_seconds + 2
    assert [turn.prompt for turn in home.stored()] == ["first"]


def test_a_history_that_is_free_again_before_the_end_gets_the_turn(
    home: Home, server: ScriptedServer
) -> None:
    assert home.run(*asking(server, "first"))[0] == 0
    server.reply_text("The reply and its end.", gates={4: "free"})
    with (
        database(home) as connection,
        reading(home, *asking(server, "question")) as (process, *_),
    ):
        connection.execute("BEGIN IMMEDIATE")
        server.wait_until(lambda: len(server.chats) == 2)
        connection.execute("ROLLBACK")
        server.release("free")
        output, errors = process.communicate()
    assert (process.returncode, output) == (0, b"The reply and its end.\n")
    assert b"is locked by another program" in errors
    last = home.stored()[-1]
    assert (last.prompt, last.text, last.state) == ("question", "The reply and its end.", "complete")


def test_a_conversation_stays_with_its_provider(home: Home, server: ScriptedServer) -> None:
    home.write_settings(
        f'provider = "guide"\n[providers.mine]\nbase_url = "{server.base_url("openai")}"\n'
        f'[providers.other]\nbase_url = "{server.base_url("openai")}"\nmodel = "other-model"\n'
    )
    for arguments in (
        ("ask", "--provider", "mine", "-m", "first-model", "one"),
        ("ask", "-c", "two"),
        ("ask", "-c", "-m", "second-model", "three"),
        ("ask", "-c", "--provider", "other", "four"),
        ("ask", "-c", "-m", "mine/third-model", "five"),
    ):
        assert home.run(*arguments)[0] == 0
    asked = [chat.json["model"] for chat in server.chats]
    assert asked == ["first-model", "first-model", "second-model", "other-model", "third-model"]
    assert len(server.chats[-1].json["messages"]) == 9
