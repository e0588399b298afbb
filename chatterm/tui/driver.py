"""The terminal driver: a lone Esc is a key after 25 ms, and the terminal is put back whatever ends us.

Textual's own driver looks every 100 ms whether a lone Esc was meant as a key. This one looks every 10 ms
while a key sequence may be unfinished. `driver_class()` gives it to `App(driver_class=...)`; Textual's
environment variable `TEXTUAL_DRIVER` is not needed. ESCDELAY (milliseconds, 25 suits all but slow links)
must be in the environment before Textual is imported: Textual reads it at import.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from codecs import getincrementaldecoder
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from textual.driver import Driver

    from chatterm.tui.first_screen import FirstScreen

_POLL_SECONDS = 0.01
_IDLE_SECONDS = 0.05
_SETTLE_SECONDS = 0.5

# Everything Textual switches on, switched off, in its order: the keyboard protocol goes before the
# alternate screen does. Sources: xterm's "Control Sequences" (DEC private modes) and kitty's
# "Comprehensive keyboard handling in terminals".
RESET_SEQUENCES = (
    "\x1b[?2026l\x1b[?2048l\x1b[?2004l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?1015l\x1b[?1016l"
    "\x1b[?1004l\x1b[?7h\x1b[0m\x1b[<u\x1b[?1049l\x1b[?25h"
)


def driver_class(screen: FirstScreen | None = None) -> type[Driver] | None:
    """The driver for this system, which takes over from `screen`; `None` lets Textual choose its own (not Linux)."""
    if sys.platform != "linux":
        return None
    from chatterm.tui.linux_driver import PromptLinuxDriver

    if screen is None:
        return PromptLinuxDriver

    class TakingOver(PromptLinuxDriver):
        first_screen = screen

    return TakingOver


def terminal_attributes(fd: int) -> list[Any] | None:
    """The line settings of the terminal, to be given to `reset_terminal`; `None` if `fd` is none."""
    if sys.platform == "win32":
        return None
    import termios

    try:
        return termios.tcgetattr(fd)
    except (termios.error, OSError, ValueError):
        return None


def reset_terminal(fd: int, attributes: list[Any] | None = None, limit_seconds: float = 0.2) -> bool:
    """Take the terminal out of the modes of the application, for an end that Textual does not see coming.

    Writes nothing where nobody reads: a terminal that hung up, is no terminal or takes no bytes within
    `limit_seconds` is left alone. Returns whether the sequences were written. Safe to call more than once.
    """
    if sys.platform == "win32" or terminal_attributes(fd) is None:
        return False
    import termios

    # From the background a change of the terminal would stop us instead of ending us.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
    try:
        if attributes is not None:
            termios.tcsetattr(fd, termios.TCSANOW, attributes)
        return _write_within(fd, RESET_SEQUENCES.encode(), limit_seconds)
    except (termios.error, OSError):
        return False
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _write_within(fd: int, data: bytes, limit_seconds: float) -> bool:
    """Write all of `data` if it is taken in time; a blocking write would wait for a stalled terminal."""
    deadline = time.monotonic() + limit_seconds
    was_blocking = os.get_blocking(fd)
    os.set_blocking(fd, False)
    try:
        while data:
            left = max(0.0, deadline - time.monotonic())
            if not select.select([], [fd], [], left)[1]:
                return False
            data = data[os.write(fd, data) :]
    finally:
        os.set_blocking(fd, was_blocking)
    return True


class KeyReader:
    """Reads a terminal's bytes as text, and says how long to wait for more."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._decode = getincrementaldecoder("utf-8")("replace").decode
        self._idle_polls = 0

    def read(self) -> str | None:
        """What was typed; "" when nothing came within the time to wait; `None` when the terminal is gone."""
        unsettled = self._idle_polls * _POLL_SECONDS < _SETTLE_SECONDS
        if not select.select([self._fd], [], [], _POLL_SECONDS if unsettled else _IDLE_SECONDS)[0]:
            self._idle_polls += 1
            return ""
        self._idle_polls = 0
        try:
            data = os.read(self._fd, 65536)
        except OSError:
            return None
        return self._decode(data) if data else None
