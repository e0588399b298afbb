"""Textual's driver for Linux with another way to read keys, and to write; see chatterm.tui.driver."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import TextIO, cast

from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver

from chatterm.tui.driver import KeyReader
from chatterm.tui.paste import PasteReader


class Output:
    """A terminal to write to; once it is gone, what it is given is dropped.

    Textual's writer thread ends at the first error, and whoever writes afterwards waits for ever for room in
    its queue: after a hang-up the program would not end.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, text: str) -> None:
        """Write, or drop."""
        with suppress(OSError):
            self._file.write(text)

    def flush(self) -> None:
        """Pass on what was written, or drop it."""
        with suppress(OSError):
            self._file.flush()

    def fileno(self) -> int:
        """The terminal's descriptor."""
        return self._file.fileno()


class PromptLinuxDriver(LinuxDriver):
    """Delivers a lone Esc within 10 ms after ESCDELAY, reads pastes whole, ends when the terminal does."""

    def start_application_mode(self) -> None:
        """Take the terminal; Textual calls this, also when the program was suspended."""
        if not isinstance(self._file, Output):
            # Textual's writer thread wants these three methods of a file and no other.
            self._file = cast("TextIO", Output(self._file))
        super().start_application_mode()

    def run_input_thread(self) -> None:
        """Read keys until the driver is told to stop; runs in Textual's input thread.

        A terminal that hangs up is reported as SIGHUP, once, instead of being read for ever.
        """
        keys = KeyReader(self.fileno)
        reader = PasteReader(XTermParser(self._debug))
        while not self.exit_event.is_set():
            text = keys.read()
            if text is None:
                if self.input_tty:
                    os.kill(os.getpid(), signal.SIGHUP)
                return
            for message in reader.feed(text):
                self.process_message(message)
            for message in reader.tick():
                self.process_message(message)
