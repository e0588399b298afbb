"""`chatterm ask` as scripts and people use it."""

from __future__ import annotations

import signal
import subprocess

from tests.doubles.server import ScriptedServer
from tests.doubles.terminal import CTRL_C
from tests.journeys.program import CHATTERM, Home


def ask(server: ScriptedServer, *words: str) -> tuple[str, ...]:
    return ("ask", "--base-url", server.base_url("openai"), "-m", "scripted-model", *words)


def test_the_reply_is_all_that_goes_to_stdout(home: Home, server: ScriptedServer) -> None:
    server.reply_text("The reply.")
    done = subprocess.run(
        [*CHATTERM, *ask(server, "Sum", "it", "up")],
        env=home.environ(),
        input=b"piped text\n",
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"The reply.\n", b"")
    content = server.chats[0].json["messages"][-1]["content"]
    assert content.startswith("Sum it up")
    assert "piped text" in content


def test_ctrl_c_keeps_the_text(home: Home, server: ScriptedServer) -> None:
    server.reply_text("The part before and after", gates={4: "never"})
    with home.start(*ask(server, "question")) as terminal:
        terminal.wait_for("The part before")
        terminal.send(CTRL_C)
        assert terminal.wait_exit() == 130
        assert "The part before" in terminal.text
        assert b"Traceback" not in terminal.output
    assert [(turn.text, turn.state) for turn in home.stored()] == [("The part before ", "cancelled")]


def test_a_closed_pipe_is_quiet_and_the_reply_is_kept(home: Home, server: ScriptedServer) -> None:
    server.reply_text(["first line\n", *["more text\n"] * 20_000])
    with subprocess.Popen(
        [*CHATTERM, *ask(server, "question")],
        env=home.environ(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"first line\n"
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 128 + signal.SIGPIPE
    [turn] = home.stored()
    assert turn.text.startswith("first line\n")
    assert turn.state == "interrupted"


def test_a_terminal_gets_no_foreign_control_codes(home: Home, server: ScriptedServer) -> None:
    server.reply_text("before \x1b]52;c;aGFja2Vk\x07 \x9b31m after")
    with home.start(*ask(server, "question")) as terminal:
        assert terminal.wait_exit() == 0
        assert "after" in terminal.text
        assert b"\x1b" not in terminal.output
        assert b"\x07" not in terminal.output
        assert b"\xc2\x9b" not in terminal.output
