"""The driver through a real pseudo-terminal: Esc in time, sequences whole, pastes, and the way out."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import signal
import statistics
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatterm.tui.driver import RESET_SEQUENCES, driver_class, reset_terminal, terminal_attributes

pytestmark = [
    pytest.mark.pty,
    pytest.mark.skipif(sys.platform != "linux", reason="the driver is for Linux; others use Textual's"),
]

PROGRAM = """
import os, sys
os.environ["ESCDELAY"] = "25"
from textual.app import App
from chatterm.tui.driver import driver_class
out = os.open(sys.argv[1], os.O_WRONLY)
class Echo(App):
    def on_ready(self): os.write(out, b"ready\\n")
    def on_key(self, event): os.write(out, event.key.encode() + b"\\n")
    def on_paste(self, event): os.write(out, f"paste {len(event.text)} {hash(event.text)}\\n".encode())
Echo(driver_class=driver_class()).run()
"""


class EchoProgram:
    """A Textual app in a pty that tells over a pipe which keys it got."""

    def __init__(self, folder: Path) -> None:
        fifo = folder / "keys"
        os.mkfifo(fifo)
        self.keys = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
        self.master, slave = pty.openpty()
        environ = os.environ | {
            "TERM": "xterm-256color",
            "PYTHONHASHSEED": "0",
            "COLUMNS": "80",
            "LINES": "24",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(fifo)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env=environ,
        )
        os.close(slave)
        self.lines: list[str] = []
        self.shown = bytearray()
        assert self.next(20) == "ready"

    def type(self, data: bytes) -> None:
        """Write all of `data` to the terminal, reading what the program draws meanwhile."""
        while data:
            readable, writable, _ = select.select([self.master], [self.master], [], 10)
            if readable:
                self.shown += os.read(self.master, 65536)
            if writable:
                data = data[os.write(self.master, data[:2048]) :]

    def next(self, seconds: float = 5) -> str:
        """The next line from the program."""
        end = time.monotonic() + seconds
        while not self.lines:
            left = end - time.monotonic()
            assert left > 0, "the program told nothing in time"
            ready = select.select([self.keys, self.master], [], [], left)[0]
            if self.master in ready:
                self.shown += os.read(self.master, 65536)
            if self.keys in ready:
                self.lines += os.read(self.keys, 65536).decode().splitlines()
        return self.lines.pop(0)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.keys)
        os.close(self.master)


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EchoProgram]:
    program = EchoProgram(tmp_path_factory.mktemp("echo"))
    yield program
    program.close()


def test_a_lone_esc_is_delivered_within_60_ms(echo: EchoProgram) -> None:
    spans: list[float] = []
    for _ in range(15):
        start = time.monotonic()
        echo.type(b"\x1b")
        assert echo.next() == "escape"
        spans.append(time.monotonic() - start)
    assert statistics.median(spans) < 0.06, [round(span * 1000) for span in spans]


def test_a_sequence_in_two_reads_is_one_key(echo: EchoProgram) -> None:
    for _ in range(5):
        echo.type(b"\x1b")
        time.sleep(0.015)
        echo.type(b"[A")
        assert echo.next() == "up"


@pytest.mark.parametrize(("data", "key"), [(b"\x1b\r", "alt+enter"), (b"\r", "enter")])
def test_alt_enter_is_not_enter(echo: EchoProgram, data: bytes, key: str) -> None:
    echo.type(data)
    assert echo.next() == key


def test_esc_after_a_pause_is_still_fast(echo: EchoProgram) -> None:
    took: list[float] = []
    while not took or (took[0] >= 0.2 and len(took) < 5):  # a busy machine has more than one try
        time.sleep(0.7)  # longer than the reader polls quickly
        start = time.monotonic()
        echo.type(b"\x1b")
        assert echo.next() == "escape"
        took.append(time.monotonic() - start)
    assert sorted(took)[len(took) // 2] < 0.2, took


def test_a_big_paste_arrives_whole_and_keys_after_it(echo: EchoProgram) -> None:
    start = time.monotonic()
    echo.type(b"\x1b[200~" + b"0123456789" * 100_000 + b"\x1b[201~x")
    assert echo.next(30).startswith("paste 1000000 ")
    assert echo.next() == "x"
    assert time.monotonic() - start < 20


def test_a_closed_terminal_ends_the_program(tmp_path: Path) -> None:
    program = EchoProgram(tmp_path)
    try:
        os.close(program.master)
        assert program.process.wait(5) == -signal.SIGHUP
    finally:
        program.master = os.open(os.devnull, os.O_RDONLY)
        program.close()


def test_a_driver_for_linux() -> None:
    driver = driver_class()
    assert driver is not None and driver.__name__ == "PromptLinuxDriver"


def test_reset_writes_the_sequences_and_restores_the_line() -> None:
    master, slave = pty.openpty()
    try:
        before = terminal_attributes(slave)
        raw = termios.tcgetattr(slave)
        raw[3] &= ~(termios.ECHO | termios.ICANON)
        termios.tcsetattr(slave, termios.TCSANOW, raw)
        assert reset_terminal(slave, before)
        written = os.read(master, 4096).decode()
        assert termios.tcgetattr(slave)[3] == before[3] if before else False
    finally:
        os.close(master)
        os.close(slave)
    assert written == RESET_SEQUENCES
    for mode in ("?1049l", "?1000l", "?1003l", "?1006l", "?2004l", "?25h"):
        assert f"\x1b[{mode}" in written


def test_reset_leaves_what_is_no_terminal_or_is_gone_alone() -> None:
    reader, writer = os.pipe()
    assert not reset_terminal(writer)
    os.close(writer)
    assert os.read(reader, 1) == b""
    os.close(reader)
    master, slave = pty.openpty()
    os.close(master)
    assert not reset_terminal(slave)
    os.close(slave)
    assert not reset_terminal(slave)


def test_reset_does_not_wait_for_a_terminal_that_takes_nothing() -> None:
    master, slave = pty.openpty()
    os.set_blocking(slave, False)
    try:
        # The kernel moves what is written to the reader's side a little later, which makes room again.
        while select.select([], [slave], [], 0.1)[1]:
            with contextlib.suppress(BlockingIOError):
                os.write(slave, b"x" * 4096)
        os.set_blocking(slave, True)
        start = time.monotonic()
        assert not reset_terminal(slave, limit_seconds=0.05)
        assert time.monotonic() - start < 1
        assert os.get_blocking(slave)
    finally:
        os.close(slave)
        os.close(master)
