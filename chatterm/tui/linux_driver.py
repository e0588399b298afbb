"""Textual's driver for Linux with another way to read keys; see chatterm.tui.driver."""

from __future__ import annotations

import os
import signal

from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver

from chatterm.tui.driver import KeyReader
from chatterm.tui.paste import PasteReader


class PromptLinuxDriver(LinuxDriver):
    """Delivers a lone Esc within 10 ms after ESCDELAY, reads pastes whole, ends when the terminal does."""

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
