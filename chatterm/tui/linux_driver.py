"""Textual's driver for Linux with another way to read keys, and to write; see chatterm.tui.driver."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from contextlib import suppress

from textual import events
from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver

from chatterm.tui.driver import KeyReader
from chatterm.tui.first_screen import FirstScreen
from chatterm.tui.front import Front
from chatterm.tui.paste import PasteReader
from chatterm.tui.terminal_writer import TerminalWriter

READY_SECONDS = 0.05
ALTERNATE_SCREEN = "\x1b[?1049h"
LAST_WORDS_SECONDS = 0.15
"""How long a terminal that stands still may take for what puts it back."""


class KeyParser(XTermParser):
    """Knows Alt+Enter, which terminals send as Esc and Enter and Textual takes for Enter alone."""

    def _sequence_to_key_events(self, sequence: str, alt: bool = False) -> Iterable[events.Key]:
        if alt and sequence == "\r":
            return (events.Key("alt+enter", None),)
        return super()._sequence_to_key_events(sequence, alt)


class PromptLinuxDriver(LinuxDriver):
    """Delivers a lone Esc within 10 ms after ESCDELAY, reads pastes whole, ends when the terminal does.

    Never waits for the terminal to take what is painted, as Textual's own writer does: a terminal that stands
    still would hold up the event loop, and with it the reply and the way out.
    """

    first_screen: FirstScreen | None = None
    """What may be on the terminal already."""
    _writer: TerminalWriter | None = None
    _is_alternate = False

    def start_application_mode(self) -> None:
        """Take the terminal; Textual calls this, also when the program was suspended."""
        if self._file is not None:  # Python has none where stderr was closed
            self._writer = TerminalWriter(self._file.fileno(), self._paint_all)
            self._writer.start()
        before = self.first_screen.take() if self.first_screen is not None else None
        self._is_alternate = before is not None
        super().start_application_mode()
        self._is_alternate = False
        if before is not None:
            self.attrs_before = before  # Textual found the settings of the first screen
        # Textual has started its own writer, which has nothing to do.
        super().close()
        self._writer_thread = None

    def write(self, data: str) -> None:
        """Have this written; returns at once."""
        if self._is_alternate and data == ALTERNATE_SCREEN:
            return  # entered already: once more would clear it, and show nothing until the first paint
        if self._writer is not None:
            self._writer.write(data)

    def stop_application_mode(self) -> None:
        """Put the terminal back, before anything that it has not taken yet."""
        if self._writer is not None:
            self._writer.skip()
        super().stop_application_mode()

    def close(self) -> None:
        """Give the terminal up; waits `LAST_WORDS_SECONDS` at most."""
        if self._writer is not None:
            self._writer.stop(LAST_WORDS_SECONDS)
            self._writer = None

    def run_input_thread(self) -> None:
        """Read keys until the driver is told to stop; runs in Textual's input thread.

        Begins when there is somebody to take them: what is typed before waits in the terminal.

        A terminal that hangs up is reported as SIGHUP, once, instead of being read for ever.
        """
        while isinstance(self._app, Front) and not self._app.takes_keys.wait(READY_SECONDS):
            if self.exit_event.is_set():
                return
        keys = KeyReader(self.fileno)
        reader = PasteReader(KeyParser(self._debug))
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

    def _paint_all(self) -> None:
        """The terminal moves again, and lacks what was left out: as after a suspension."""
        with suppress(RuntimeError):  # the loop is closed
            self.send_message(self.SignalResume())
