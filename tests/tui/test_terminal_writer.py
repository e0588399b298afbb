"""The writer on real pseudo-terminals: read, left unread, read again, and gone."""

from __future__ import annotations

import os
import pty
import select
import sys
import threading
import time
import tty
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from chatterm.tui.terminal_writer import BACKLOG_BYTES, TerminalWriter

pytestmark = [
    pytest.mark.pty,
    pytest.mark.skipif(sys.platform != "linux", reason="the writer is for Linux; others use Textual's"),
]

FRAME = "\x1b[1;1H" + "x" * 6000 + "\x1b[m"


@dataclass
class Pty:
    """A writer and the other side of its terminal."""

    master: int
    slave: int
    caught_up: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.writer = TerminalWriter(self.slave, self.caught_up.set)

    def read_until(self, end: bytes, seconds: float = 10) -> bytes:
        data, until = b"", time.monotonic() + seconds
        while not data.endswith(end):
            assert select.select([self.master], [], [], until - time.monotonic())[0], data[-80:]
            data += os.read(self.master, 65536)
        return data


@contextmanager
def running() -> Generator[Pty]:
    master, slave = pty.openpty()
    tty.setraw(slave)
    terminal = Pty(master, slave)
    terminal.writer.start()
    try:
        yield terminal
    finally:
        terminal.writer.stop(0)
        os.close(master)
        terminal.writer.join(10)
        os.close(slave)
        assert not terminal.writer.is_alive()


def fill(terminal: Pty, frames: int = 200) -> None:
    """Give far more than a terminal takes that is not read; fails the test if that waits."""
    assert frames * len(FRAME) > 4 * BACKLOG_BYTES

    def write() -> None:
        for _ in range(frames):
            terminal.writer.write(FRAME)

    feeder = threading.Thread(target=write, daemon=True)
    feeder.start()
    feeder.join(10)
    assert not feeder.is_alive(), "who writes waits for the terminal"


def test_all_is_written_in_order_to_a_terminal_that_reads() -> None:
    with running() as terminal:
        for number in range(15):
            terminal.writer.write(f"{number} {FRAME}")
        terminal.writer.write("end\u2502")
        expected = "".join(f"{number} {FRAME}" for number in range(15)) + "end\u2502"
        assert terminal.read_until("\u2502".encode()) == expected.encode()
        assert not terminal.caught_up.is_set()


def test_a_terminal_that_stands_still_gets_whole_frames_and_then_asks_for_all() -> None:
    with running() as terminal:
        fill(terminal)
        assert not terminal.caught_up.is_set()
        seen = terminal.read_until(b"\x1b[?2026l")
        assert terminal.caught_up.wait(10)
        frames = seen.removesuffix(b"\x1b[?2026l")
        assert frames == FRAME.encode() * (len(frames) // len(FRAME))
        assert BACKLOG_BYTES <= len(frames) < 3 * BACKLOG_BYTES
        terminal.writer.write("all painted again")
        assert terminal.read_until(b"again") == b"all painted again"


def test_what_puts_the_terminal_back_goes_before_what_it_has_not_taken() -> None:
    with running() as terminal:
        fill(terminal)
        terminal.writer.skip()
        terminal.writer.write("back")
        seen = terminal.read_until(b"back")
        assert seen.endswith(b"\x18\x1b[?2026lback")
        assert len(seen) < BACKLOG_BYTES
        assert terminal.writer.stop(10)


def test_stopping_waits_no_longer_than_it_may() -> None:
    with running() as terminal:
        fill(terminal)
        began_at = time.monotonic()
        assert not terminal.writer.stop(0.05)
        assert time.monotonic() - began_at < 2.0


def test_stopping_writes_what_is_left() -> None:
    with running() as terminal:
        terminal.writer.write("last words")
        assert terminal.writer.stop(10)
        assert terminal.read_until(b"words") == b"last words"
        terminal.writer.write("never")
        assert not select.select([terminal.master], [], [], 0.05)[0]


def test_output_is_taken_also_when_the_terminal_is_gone() -> None:
    master, slave = pty.openpty()
    terminal = Pty(master, slave)
    terminal.writer.start()
    os.close(master)
    fill(terminal)
    terminal.writer.join(10)
    assert not terminal.writer.is_alive()
    assert terminal.writer.stop(0)
    os.close(slave)
