"""The terminal between the start of the process and Textual: raw, with the empty chat screen on it."""

from __future__ import annotations

import os
import sys

from chatterm.tui.skeleton import COLOURS, LEAVE, Look, colours_in, parse_look, picture

TYPE_CHECKING = False  # importing it from `typing` costs as much as the first screen
if TYPE_CHECKING:
    import signal as _signal
    from collections.abc import Mapping
    from types import FrameType
    from typing import Any
else:
    import _signal  # built in; `signal`, which is made of it, costs more than the picture

LOOK_NAME = "look"
"""The file in the state folder that holds the last `Look`."""
DEFAULT_THEME = "chatterm-dark"
USUAL_HINTS = [
    *(("esc", "stop"), ("^l", "model"), ("^s", "conversations")),
    *(("^p", "commands"), ("f2", "metrics"), ("f1", "help")),
]
_ENDING = (_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP)
_LIMIT_BYTES = 10_000
_PAINT_SECONDS = 0.05
"""A terminal that takes longer shows what Textual paints, and no skeleton."""


class FirstScreen:
    """Shown once, then either taken over by the driver or taken back; does nothing where it was not shown."""

    def __init__(self) -> None:
        self._before: list[Any] | None = None
        self.asked_to_end: int | None = None
        """The signal that asked for the end, where that came after the terminal was handed over."""

    def show(self, environ: Mapping[str, str], theme: str | None) -> None:
        """Paint it, if all three standard streams are a terminal that can show it. `theme` is the one asked for.

        What is typed from now on stays with the terminal until somebody reads it.
        """
        if sys.platform != "linux" or environ.get("TERM", "dumb") in ("", "dumb", "unknown"):
            return
        if not all(os.isatty(fd) for fd in (0, 1, 2)):
            return
        import termios

        try:
            columns, rows = os.get_terminal_size(2)
            before = termios.tcgetattr(0)
            raw = termios.tcgetattr(0)
            # As Textual has them: no echo, no lines, no signals from keys, Enter as it is.
            raw[0] &= ~(termios.IXON | termios.IXOFF | termios.ICRNL | termios.INLCR | termios.IGNCR)
            raw[3] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN | termios.ISIG)
            raw[6][termios.VMIN] = 1
            if os.getpgrp() != os.tcgetpgrp(0):  # in the background a change of the terminal would stop us
                return
        except (OSError, termios.error):
            return
        self._before = before
        self.take_signals()
        if not _set_line(raw):
            self._forget()
            return
        coloured = not environ.get("NO_COLOR") and environ.get("COLORTERM") in ("truecolor", "24bit")
        _write(picture(columns, rows, find_look(environ, theme), coloured=coloured))

    def take_signals(self) -> None:
        """From now on a signal that asks for the end puts the terminal back, or is kept for who has taken it."""
        for number in _ENDING:
            _signal.signal(number, self._end)

    def take(self) -> list[Any] | None:
        """Hand the terminal over as it is: its line settings from before; None where nothing is to hand over."""
        before, self._before = self._before, None
        return before

    def restore(self) -> None:
        """Put the terminal back as it was; what was typed meanwhile is for whoever reads it next."""
        if self._before is None:
            return
        _write(LEAVE)
        _set_line(self._before)
        self._forget()

    def _forget(self) -> None:
        self._before = None
        for number in _ENDING:
            _signal.signal(number, _signal.SIG_DFL)

    def _end(self, number: int, frame: FrameType | None) -> None:
        self.asked_to_end = number
        if self._before is not None:
            # Nothing is there to be saved. An exception would come in the middle of an import, or of a C extension.
            self.restore()
            os._exit(128 + number)


def _set_line(settings: list[Any]) -> bool:
    import termios

    try:
        termios.tcsetattr(0, termios.TCSANOW, settings)
    except (OSError, termios.error):
        return False  # the terminal is gone
    return True


def find_look(environ: Mapping[str, str], theme: str | None = None) -> Look:
    """The last look, in the colours of `theme` where that is another one; the usual look where there is none."""
    theme = theme or environ.get("CHATTERM_THEME", "").strip() or None
    last = parse_look(_read(os.path.join(state_folder(environ), LOOK_NAME)))
    if last is not None and theme in (None, last.theme):
        return last
    # The themes that come along; the checkout has them beside the package, a wheel inside it.
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    colours: dict[str, str] = {}
    for name in (theme or DEFAULT_THEME, DEFAULT_THEME):
        for folder in (os.path.join(package, "themes"), os.path.join(os.path.dirname(package), "themes")):
            if len(colours) < len(COLOURS) and name.replace("-", "").isalnum():
                colours = colours_in(_read(os.path.join(folder, f"{name}.toml")))
    hints = last.hints if last is not None else USUAL_HINTS
    return Look(theme or DEFAULT_THEME, theme or DEFAULT_THEME, colours, hints)


def state_folder(environ: Mapping[str, str]) -> str:
    """Where state is kept on Linux: what `chatterm.config.paths` says, found without importing it."""
    if home := environ.get("CHATTERM_HOME"):
        return os.path.join(os.path.expanduser(home), "state")
    folder = environ.get("XDG_STATE_HOME", "")
    if not folder.startswith("/"):
        folder = os.path.expanduser("~/.local/state")
    return os.path.join(folder, "chatterm")


def _read(path: str) -> str:
    try:
        # Not to wait for a pipe that nobody writes to.
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return ""
    try:
        return os.read(fd, _LIMIT_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
    finally:
        os.close(fd)


def _write(text: str) -> None:
    """Write to the terminal as much as it takes in time."""
    import select
    import time

    data, until = text.encode(), time.monotonic() + _PAINT_SECONDS
    was_blocking = os.get_blocking(2)
    os.set_blocking(2, False)
    try:
        while data and select.select([], [2], [], max(0.0, until - time.monotonic()))[1]:
            data = data[os.write(2, data) :]
    except OSError:
        return  # nobody sees it
    finally:
        os.set_blocking(2, was_blocking)
