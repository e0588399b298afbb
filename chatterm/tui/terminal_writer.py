"""Writes to the terminal on a thread of its own, such that nobody ever waits for a terminal that stands still."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable

BACKLOG_BYTES = 128 * 1024
"""How much may wait to be written before what comes next is left out; a large screen whole is half of it."""

_PIECE_BYTES = 4096

_END_OF_UPDATE = b"\x1b[?2026l"
"""Ends a synchronized update whose own end was left out."""

_CANCEL = b"\x18"
"""CAN: ends a control sequence that was cut."""


class TerminalWriter(threading.Thread):
    """Takes text at any speed, from any thread and in signal handlers, and writes it as fast as it is read.

    When the terminal falls behind by `BACKLOG_BYTES`, what is given is left out until it has caught up;
    `caught_up` is then called on the writer's thread, to have all painted again. What is given after the
    terminal is gone is dropped.
    """

    def __init__(self, fd: int, caught_up: Callable[[], None]) -> None:
        # A daemon: the exit does not wait for a write that nobody reads. It writes past Python's own buffer,
        # whose lock it would hold meanwhile, and on which the exit does wait.
        super().__init__(name="chatterm-terminal", daemon=True)
        self._fd = fd
        self._caught_up = caught_up
        self._backlog = bytearray()
        self._changed = threading.Condition()  # its lock is reentrant, as a signal handler needs
        self._is_behind = False
        self._is_over = False

    def write(self, text: str) -> None:
        """Have this written, unless the terminal is behind, gone or given up."""
        with self._changed:
            if self._is_over or self._is_behind:
                return
            if len(self._backlog) > BACKLOG_BYTES:
                self._is_behind = True
                return
            self._backlog += text.encode("utf-8", "replace")
            self._changed.notify_all()

    def skip(self) -> None:
        """Leave out what a terminal that is behind has not taken; what is given next is written."""
        with self._changed:
            if self._is_behind:
                self._is_behind = False
                self._backlog[:] = _CANCEL + _END_OF_UPDATE

    def stop(self, within_seconds: float) -> bool:
        """Write what is left, for at most so long; False where the terminal did not take it."""
        with self._changed:
            self._is_over = True
            self._changed.notify_all()
        self.join(within_seconds)
        with self._changed:
            self._backlog.clear()
        return not self.is_alive()

    def run(self) -> None:
        """Write until stopped, or until the terminal is gone."""
        try:
            while piece := self._next_piece():
                self._write_all(piece)
        except OSError:
            with self._changed:
                self._is_over = True

    def _next_piece(self) -> bytes:
        """What to write next, waited for; empty at the end."""
        with self._changed:
            while not self._backlog and not self._is_over:
                if self._is_behind:
                    self._is_behind = False
                    self._backlog += _END_OF_UPDATE
                    self._caught_up()
                else:
                    self._changed.wait()
            piece = bytes(self._backlog[:_PIECE_BYTES])
            del self._backlog[:_PIECE_BYTES]
            return piece

    def _write_all(self, piece: bytes) -> None:
        while piece:
            try:
                piece = piece[os.write(self._fd, piece) :]
            except BlockingIOError:  # another program that has this terminal made it so
                select.select([], [self._fd], [])
