"""A measured program on a pseudo-terminal that is always read, and the socket by which it is told what to do."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from chatterm.cli.chat import FRAMES_PER_SECOND
from tests.benchmarks.processes import cpu_seconds

COLUMNS, ROWS = 120, 40
START_SECONDS = 20.0
GRACE_SECONDS = 4.0
_ROOT = Path(__file__).parents[3]
# The question for synchronized output, and "known", as a present-day terminal answers (DEC mode 2026).
_ASKED, _KNOWN = b"\x1b[?2026$p", b"\x1b[?2026;2$y"


class NoAnswerError(Exception):
    """The program was silent for longer than it may be, and was ended."""


class Program:
    """One pane in its own process: "chatterm", "stock" or "bare". Leaving the context ends it.

    `policy` is what it says of how it runs. Unlike the terminal of the tests this one draws nothing of what it
    reads: an emulator would take the processor from what is measured.
    """

    def __init__(self, pane: str, folder: Path) -> None:
        self.pane = pane
        self._folder = folder
        self._wanted = b""
        self._seen = threading.Event()
        self._seen_at = 0.0
        self._last = b""
        self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.end()

    def _start(self) -> None:
        self._main, other = pty.openpty()
        fcntl.ioctl(self._main, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        # The address of a socket is short: about 100 characters, which a folder of tests may have by itself.
        with tempfile.TemporaryDirectory(dir="/tmp") as place, socket.socket(socket.AF_UNIX) as listener:
            address = f"{place}/socket"
            listener.bind(address)
            listener.listen()
            listener.settimeout(0.2)
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.benchmarks.transcript.child", self.pane, address],
                stdin=other,
                stdout=other,
                stderr=other,
                env=self._environment(),
                cwd=_ROOT,
                start_new_session=True,
            )
            os.close(other)
            self._reader = threading.Thread(target=self._read, name=f"pty of {self.pane}", daemon=True)
            self._reader.start()
            self._socket = self._accept(listener)
        self._lines = self._socket.makefile("rb")
        self.policy: str = self.answer()["policy"]

    def _accept(self, listener: socket.socket) -> socket.socket:
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self._process.poll() is None:
            with suppress(TimeoutError):
                return listener.accept()[0]
        self._end_process()
        raise RuntimeError(f"{self.pane} did not start:\n{self._last.decode(errors='replace')}")

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self._folder),
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "TEXTUAL_FPS": FRAMES_PER_SECOND,
            "ESCDELAY": "25",
        }

    def call(self, name: str, *, seconds: float = 60.0, **arguments: Any) -> dict[str, Any]:
        """Have it do this; what it answers. Raises `NoAnswerError`, and it is ended, after so many seconds."""
        self.ask(name, **arguments)
        return self.answer(seconds)

    def ask(self, name: str, **arguments: Any) -> None:
        """Have it do this; `answer` is to follow."""
        self._socket.sendall(json.dumps({"do": name, **arguments}).encode() + b"\n")

    def answer(self, seconds: float = 60.0) -> dict[str, Any]:
        """What came of it."""
        self._socket.settimeout(seconds)
        try:
            line = self._lines.readline()
        except TimeoutError:
            spent = cpu_seconds(self._process.pid)
            self.end()
            raise NoAnswerError(
                f"no answer within {seconds:g} s, {spent:.1f} s CPU since its start"
            ) from None
        if not line:
            shown = self._last.decode(errors="replace")
            self.end()
            raise RuntimeError(f"{self.pane} ended:\n{shown}")
        result = json.loads(line)
        if "error" in result:
            self.end()
            raise RuntimeError(f"{self.pane}: {result['error']}")
        return result

    def restart(self) -> None:
        """A new process in the place of this one."""
        self.end()
        self._start()

    def type(self, key: str, seconds: float = 5.0) -> float | None:
        """Seconds from writing this key until its character comes back; None if it does not.

        The character must not have been on screen before.
        """
        self.look_for(key)
        begun = time.monotonic()
        os.write(self._main, key.encode())
        return self._seen_at - begun if self._seen.wait(seconds) else None

    def look_for(self, character: str) -> None:
        """From now on watch for this character, which was never on screen."""
        self._seen.clear()
        self._wanted = character.encode()

    @property
    def seen_at(self) -> float | None:
        """When it came, in monotonic seconds; None if it did not yet."""
        return self._seen_at if self._seen.is_set() else None

    def press(self, key: bytes) -> None:
        """Write a key and go on."""
        os.write(self._main, key)

    def end(self) -> None:
        """End the process, kindly where it listens."""
        self._lines.close()
        self._socket.close()
        self._end_process()

    def _end_process(self) -> None:
        try:
            self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._main >= 0:
            self._reader.join(START_SECONDS)
            os.close(self._main)
            self._main = -1

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._main, 1 << 16)
            except OSError:  # nobody has the other end open any more
                return
            at = time.monotonic()
            if not data:
                return
            if self._wanted and self._wanted in self._last[-8:] + data:
                self._seen_at, self._wanted = at, b""
                self._seen.set()
            if _ASKED in data:
                os.write(self._main, _KNOWN)
            self._last = (self._last + data)[-4000:]
