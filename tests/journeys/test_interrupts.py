"""Ctrl+C at moments when nothing is there to be stopped: no traceback, no crash, the terminal as it was."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.doubles.terminal import CTRL_C
from tests.journeys.program import CHATTERM, Home

# Ctrl+C while this module is imported.
AT_AN_IMPORT = """
import os, signal, sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {name!r}:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder())
"""
MAIN = "sys.argv = ['chatterm', *sys.argv[1:]]\nfrom chatterm.__main__ import main\nmain()\n"


@pytest.mark.parametrize("command", [("ask", "hello"), ("stats",), ("models",)], ids=" ".join)
@pytest.mark.parametrize(
    "moment",
    [AT_AN_IMPORT.format(name="chatterm.cli.app"), AT_AN_IMPORT.format(name="msgspec")],
    ids=["early", "late"],
)
def test_a_command_that_starts_just_ends(home: Home, moment: str, command: tuple[str, ...]) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", moment + MAIN, *command], env=home.environ(), capture_output=True, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (-signal.SIGINT, b"", b"")


def test_one_that_was_told_to_ignore_it_goes_on(home: Home) -> None:
    program = (
        AT_AN_IMPORT.format(name="chatterm.cli.app") + "signal.signal(signal.SIGINT, signal.SIG_IGN)\n" + MAIN
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, "ask", "--provider", "guide", "hello"],
        env=home.environ(),
        capture_output=True,
        check=False,
    )
    assert ended.returncode == 0
    assert ended.stdout


AT_A_SYNC = """
import os, signal, sys
def interrupted(file, sync=os.fsync):
    os.kill(os.getpid(), signal.SIGINT)
    sync(file)
os.fsync = interrupted
"""


@pytest.mark.parametrize(
    "command",
    [
        ("set-key", "openai", "--file"),
        ("set", "interface.theme", "moss"),
        ("init",),
        ("import-mcp", "servers.json"),
    ],
    ids=lambda command: command[0],
)
def test_what_is_half_written_is_taken_away(home: Home, tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "servers.json").write_text('{"mcpServers": {"files": {"command": "server"}}}')
    ended = subprocess.run(
        [sys.executable, "-c", AT_A_SYNC + MAIN, "config", *command],
        env=home.environ(),
        cwd=tmp_path,
        input=b"sk-a-key-of-enough-characters\n",
        capture_output=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (128 + signal.SIGINT, b"")
    assert [path.name for path in home.path.rglob("*") if path.is_file()] == []


def test_a_command_that_runs_closes_what_it_opened(home: Home, tmp_path: Path) -> None:
    told = tmp_path / "pid"
    home.write_settings(
        '[providers.mine]\nbase_url = "http://127.0.0.1:9"\n'
        f'key_cmd = ["sh", "-c", "echo $$ > {told}.new; mv {told}.new {told}; exec sleep 60"]\n'
    )
    command = [*CHATTERM, "models", "--provider", "mine"]
    with subprocess.Popen(command, env=home.environ(), stderr=subprocess.PIPE) as process:
        wait_until(told.exists)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 128 + signal.SIGINT
        assert process.stderr is not None and process.stderr.read() == b""
    # It is in a process group of its own, which Ctrl+C does not reach.
    wait_until(lambda: not Path(f"/proc/{told.read_text().strip()}").exists())


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)  # nothing tells of the processes of another program


def test_the_question_for_a_key_gives_the_echo_back(home: Home) -> None:
    with home.start(program=(*CHATTERM, "config", "set-key", "openai")) as terminal:
        terminal.wait_for("it is not shown")
        terminal.send(b"sk-half" + CTRL_C)
        assert terminal.wait_exit() == 128 + signal.SIGINT
        assert terminal.left_on == []
        assert b"Traceback" not in terminal.output
