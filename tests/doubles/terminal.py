"""A program on a pseudo-terminal: its output stamped on arrival, its screen read, its modes followed.

The escape sequences are those of xterm's "Control Sequences" and of kitty's "Comprehensive keyboard handling in
terminals". All times are monotonic seconds. Linux only: a session leader that opens a terminal owns it there.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pyte

WAIT_SECONDS = 30.0

ENTER = b"\r"
ESC = b"\x1b"
CTRL_C = b"\x03"
CTRL_L = b"\x0c"
CTRL_N = b"\x0e"
CTRL_Q = b"\x11"
CTRL_T = b"\x14"
UP = b"\x1b[A"
PAGE_UP = b"\x1b[5~"

# What the emulator would print although a terminal does not: private CSI, and the question for a mode.
_UNPRINTED = re.compile(rb"\x1b\[[<=>][0-?]*[ -/]*[@-~]|\x1b\[\?[0-9;]*\$p")
_UNFINISHED = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*)?$")

_MODES = re.compile(rb"\x1b\[\?([0-9;]+)([hl])")
_KEYBOARD = re.compile(rb"\x1b\[([<>])([0-9;]*)u")
_SYNCHRONIZED_ASKED = b"\x1b[?2026$p"
_SYNCHRONIZED_KNOWN = b"\x1b[?2026;2$y"

# The modes that must be off when a program leaves; 25 and 7 must be on.
_OFF_AT_THE_END = {
    *(47, 1047, 1048, 1049),  # alternate screen
    *(9, 1000, 1001, 1002, 1003, 1005, 1006, 1015, 1016),  # mouse
    *(1004, 2004, 2026, 2048),  # focus, bracketed paste, synchronized output, in-band resize
}
_ON_AT_THE_END = {7, 25}


def below(screen: str, text: str) -> str:
    """What stands after the last place of this text on the screen; "" where it is not."""
    _, found, rest = screen.rpartition(text)
    return rest if found else ""


@dataclass(frozen=True, slots=True)
class Chunk:
    """What one read gave, and when."""

    at: float
    data: bytes


class ScreenTimeoutError(AssertionError):
    """What was waited for did not come; the message shows the screen."""


class Terminal:
    """A running program and what its terminal shows. Leaving the context kills it if it still runs.

    `chunks` holds all its output. `exit_status` is as for `subprocess`: negative for a signal, None while it
    runs; `exited_at` is when it was seen to end.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        columns: int = 80,
        rows: int = 24,
        cwd: Path | None = None,
    ) -> None:
        self.chunks: list[Chunk] = []
        self.exit_status: int | None = None
        self.exited_at: float | None = None
        self._changed = threading.Condition()
        self._fed = 0
        self._carry = b""
        self._screen: Any = pyte.Screen(columns, rows)
        self._stream: Any = pyte.ByteStream(self._screen)
        self._lines = [""] * rows
        self._main, other = pty.openpty()
        self._wake_reader, self._wake = os.pipe()
        self._reads = threading.Event()
        self._reads.set()
        self._set_size(columns, rows)
        self._line_settings = termios.tcgetattr(self._main)
        # The shell leads the new session; by opening the terminal it makes it the session's own.
        shell = ["/bin/sh", "-c", 'exec "$@" <>"$0"', os.ttyname(other)]
        self.started_at = time.monotonic()
        self._process = subprocess.Popen(
            [*shell, *argv],
            stdin=other,
            stdout=other,
            stderr=other,
            env={"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8", **env},
            cwd=cwd,
            start_new_session=True,
        )
        os.close(other)
        self._reader = threading.Thread(target=self._read, name="terminal", daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self.exit_status is None:
            self.signal(signal.SIGKILL)
        self.hang_up()
        self._reader.join(WAIT_SECONDS)
        os.close(self._wake)
        os.close(self._wake_reader)

    # ---- what it shows -------------------------------------------------------------------------

    @property
    def lines(self) -> list[str]:
        """The rows of the screen now, without spaces at their ends."""
        self._feed_all()
        return [line.rstrip() for line in self._lines]

    @property
    def text(self) -> str:
        """The rows of the screen now, joined."""
        return "\n".join(self.lines)

    @property
    def output(self) -> bytes:
        """Every byte that the program wrote."""
        with self._changed:
            return b"".join(chunk.data for chunk in self.chunks)

    def wait_for(self, text: str, seconds: float = WAIT_SECONDS) -> float:
        """Wait until a row of the screen has this text; when the output that showed it came in.

        Raises `ScreenTimeoutError`, also when the program ends before.
        """
        return self.wait_until(lambda screen: text in screen, seconds, f"the text {text!r}")

    def wait_until(
        self, condition: Callable[[str], object], seconds: float = WAIT_SECONDS, what: str = "the condition"
    ) -> float:
        """The same for any condition on the text of the screen."""
        deadline = time.monotonic() + seconds
        at = self._feed_all()
        while not condition("\n".join(self._lines)):
            if self._fed == len(self.chunks):
                with self._changed:
                    self._changed.wait_for(
                        lambda: len(self.chunks) > self._fed or self.exit_status is not None,
                        deadline - time.monotonic(),
                    )
            # What counts is when output came in: an emulator that is behind is no late program.
            if self._fed == len(self.chunks) or self.chunks[self._fed].at > deadline:
                why = f"after {seconds} s" if self.exit_status is None else f"ended with {self.exit_status}"
                raise ScreenTimeoutError(f"{what} is not on screen {why}:\n{self.text}")
            self._feed_next()
            at = self.chunks[self._fed - 1].at
        return at

    @property
    def left_on(self) -> list[str]:
        """What a program that has ended forgot to put back; empty for a terminal as it was."""
        output = self.output
        on, keyboards = {7, 25}, 0
        for match in _MODES.finditer(output):
            numbers = {int(number) for number in match[1].split(b";") if number}
            on = on | numbers if match[2] == b"h" else on - numbers
        for match in _KEYBOARD.finditer(output):
            keyboards += 1 if match[1] == b">" else -max(1, int(match[2] or b"1"))
        left = [f"?{number}h" for number in sorted(on & _OFF_AT_THE_END)]
        left += [f"?{number}l" for number in sorted(_ON_AT_THE_END - on)]
        if keyboards > 0:
            left.append("kitty keyboard")
        if self._main >= 0 and termios.tcgetattr(self._main) != self._line_settings:
            left.append("line settings")
        return left

    # ---- what is done to it --------------------------------------------------------------------

    def send(self, data: bytes) -> float:
        """Type these bytes; when they were handed over."""
        at = time.monotonic()
        while data:
            data = data[os.write(self._main, data) :]
        return at

    def resize(self, columns: int, rows: int) -> None:
        """Change the size of the window; the program is told by SIGWINCH."""
        self._feed_all()
        self._screen.resize(rows, columns)
        self._lines = [""] * rows
        self._screen.dirty.update(range(rows))
        self._set_size(columns, rows)

    def signal(self, number: signal.Signals) -> float:
        """Send a signal to the program alone; when."""
        at = time.monotonic()
        self._process.send_signal(number)
        return at

    def hang_up(self) -> float:
        """Take the terminal away, as a closed window does; when. Nothing can be read or sent afterwards."""
        at = time.monotonic()
        self._reads.set()
        os.write(self._wake, b".")
        with self._changed:
            self._changed.wait_for(lambda: self._main < 0, WAIT_SECONDS)
        return at

    def stand_still(self) -> None:
        """Read nothing any more, as a terminal behind a suspended ssh does; one read may still be under way."""
        self._reads.clear()

    def move_on(self) -> None:
        """Read again after `stand_still`."""
        self._reads.set()

    def wait_end_unread(self, seconds: float = WAIT_SECONDS) -> tuple[int, float]:
        """The exit status of a program whose terminal stands still, and when it was seen to end.

        Raises `subprocess.TimeoutExpired`.
        """
        return self._process.wait(seconds), time.monotonic()

    def wait_exit(self, seconds: float = WAIT_SECONDS) -> int:
        """Wait for the end of the program; its exit status. Raises `ScreenTimeoutError`."""
        with self._changed:
            self._changed.wait_for(lambda: self.exit_status is not None, seconds)
        if self.exit_status is None:
            raise ScreenTimeoutError(f"the program still runs after {seconds} s:\n{self.text}")
        return self.exit_status

    @property
    def pid(self) -> int:
        """The program's process id."""
        return self._process.pid

    # ---- inside --------------------------------------------------------------------------------

    def _read(self) -> None:
        """Runs on its own thread: stamps what comes in, then waits for the process."""
        while self._read_once():
            pass
        self._process.wait()
        with self._changed:
            self.exit_status, self.exited_at = self._process.returncode, time.monotonic()
            self._changed.notify_all()
        select.select([self._wake_reader], [], [])
        self._close_main()

    def _read_once(self) -> bool:
        self._reads.wait()
        if self._wake_reader in select.select([self._main, self._wake_reader], [], [])[0]:
            self._close_main()
            return False
        try:
            data = os.read(self._main, 65536)
        except OSError:  # Linux: nobody has the other end open any more
            return False
        at = time.monotonic()
        if _SYNCHRONIZED_ASKED in data:
            os.write(self._main, _SYNCHRONIZED_KNOWN)
        with self._changed:
            self.chunks.append(Chunk(at, data))
            self._changed.notify_all()
        return bool(data)

    def _close_main(self) -> None:
        with self._changed:
            if self._main >= 0:
                os.close(self._main)
            self._main = -1
            self._changed.notify_all()

    def _set_size(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._main, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def _feed_all(self) -> float:
        """Give the emulator what has come in by now; more may come as fast as it takes that."""
        for _ in range(len(self.chunks) - self._fed):
            self._feed_next()
        self._refresh_lines()
        return self.chunks[self._fed - 1].at if self._fed else self.started_at

    def _feed_next(self) -> bool:
        """Give the emulator the next chunk; False when it has them all."""
        if self._fed == len(self.chunks):
            return False
        data = self._carry + self.chunks[self._fed].data
        self._fed += 1
        cut = _UNFINISHED.search(data, max(0, len(data) - 64))
        end = cut.start() if cut else len(data)
        self._carry = data[end:]
        self._stream.feed(_UNPRINTED.sub(b"", data[:end]))
        self._refresh_lines()
        return True

    def _refresh_lines(self) -> None:
        for y in self._screen.dirty:
            if y < len(self._lines):
                row = self._screen.buffer[y]
                self._lines[y] = "".join(row[x].data for x in range(self._screen.columns))
        self._screen.dirty.clear()
