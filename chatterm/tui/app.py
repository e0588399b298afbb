"""The Textual application: themes, keys, the second wall against control codes, and a clean way out."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import ClassVar

from textual import events, on
from textual.binding import BindingType
from textual.driver import Driver
from textual.filter import LineFilter
from textual.worker import WorkerFailed

from chatterm.backend.signals import ENDING_SIGNALS
from chatterm.config.themes import Palette
from chatterm.tui.bindings import footer_hints, textual_bindings
from chatterm.tui.clipboard import Clipboard
from chatterm.tui.commands import COMMANDS
from chatterm.tui.driver import driver_class
from chatterm.tui.first_screen import FirstScreen
from chatterm.tui.front import Front
from chatterm.tui.line_filter import CleanFilter
from chatterm.tui.palette import CommandHits
from chatterm.tui.screens.chat import ChatScreen
from chatterm.tui.services import Setup
from chatterm.tui.skeleton import COLOURS, Look
from chatterm.tui.theming import textual_theme, variable_defaults

_ALWAYS = frozenset({"interrupt", "quit"})
"""Commands whose keys work whatever box is open."""

LEAVE_SECONDS = 0.3
"""What saving may take at the end, before all is closed; the program is gone within a second."""


def _always_bindings() -> list[BindingType]:
    bindings = textual_bindings(command for command in COMMANDS if command.id in _ALWAYS)
    return [replace(binding, priority=True) for binding in bindings]


class ChattermApp(Front, inherit_bindings=False):
    """Shows the chat screen until the user leaves; `return_code` is then the exit status."""

    CSS_PATH = "chatterm.tcss"
    TITLE = "chatterm"
    BINDINGS: ClassVar[list[BindingType]] = _always_bindings()
    COMMANDS: ClassVar = {CommandHits}
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = ""  # its key stands in the table like all others

    def __init__(self, setup: Setup, screen: FirstScreen | None = None) -> None:
        self._palette = setup.palette
        super().__init__(driver_class=driver_class(screen))
        self._setup = setup
        self._first = screen
        self._offered: Mapping[str, Palette] = {}
        self._leaving = False
        # One for good: Textual caches what a filter made of a line by the identity of the filter.
        self._wall = CleanFilter()
        self.crashed: Exception | None = None
        """What ended the application although nobody foresaw it; the caller reports it."""
        self.register_theme(textual_theme(self._palette))
        # Before the style sheets are read for the first time: a change afterwards has them read again.
        self.set_reactive(ChattermApp.theme, self._palette.name)
        self.stylesheet.set_variables(self.get_css_variables())
        self.set_class(self._palette.dark, "-dark-mode", update=False)
        self.set_class(not self._palette.dark, "-light-mode", update=False)
        self.takes_keys = threading.Event()
        self.clipboard_writer = Clipboard(self._write_to_terminal, os.environ)
        self.chat = ChatScreen(setup, self)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Our variables exist under every theme."""
        return variable_defaults(self._palette)

    def get_line_filters(self) -> Sequence[LineFilter]:
        """The second wall: whatever slipped past the sanitiser stops here."""
        return [*super().get_line_filters(), self._wall]

    def get_default_screen(self) -> ChatScreen:
        """The one main screen."""
        return self.chat

    def on_mount(self) -> None:
        """Themes, keys and signals."""
        self._bind_keys()
        loop = asyncio.get_running_loop()
        for number in ENDING_SIGNALS:
            loop.add_signal_handler(number, self._signalled, number)
        if self._first is not None and self._first.asked_to_end is not None:
            self._signalled(self._first.asked_to_end)

    def _bind_keys(self) -> None:
        """Bind the keys of the table as the user set them."""
        for binding in textual_bindings(self._setup.commands):
            if binding.id not in _ALWAYS:
                self.bind(binding.key, binding.action, description=binding.description, show=False)
        self.set_keymap(
            {command.id: ",".join(command.keys) for command in self._setup.commands if command.id in _ALWAYS}
        )

    async def action_command(self, command_id: str) -> None:
        """A key of the table was pressed."""
        await self.chat.run_command(command_id)

    async def leave(self, status: int = 0) -> None:
        """End the running turn, keep what is in the prompt, and exit; a second call changes nothing."""
        if self._leaving:
            return
        self._leaving = True
        started = self.chat.started
        try:
            with suppress(TimeoutError):  # a disk or a connection that hangs does not keep the user here
                async with asyncio.timeout(LEAVE_SECONDS):
                    await self.chat.save(LEAVE_SECONDS / 2)
            if started.is_there:
                await started.value.services.close()
        finally:
            if started.is_there:
                # What still follows the reply must not meet a screen that is being taken down.
                started.value.pane.let_go()
            self.exit(status, return_code=status)

    async def action_quit(self) -> None:
        """Textual's own quit is ours."""
        await self.leave()

    def _handle_exception(self, error: Exception) -> None:
        # Textual's own prints a traceback with the values of variables, keys among them.
        cause = error.error if isinstance(error, WorkerFailed) else error
        if self.crashed is None:
            self.crashed = cause if isinstance(cause, Exception) else error
        if self.is_headless:
            super()._handle_exception(error)
        else:
            self.exit(1, return_code=1)

    def offer_themes(self, palettes: Mapping[str, Palette]) -> None:
        """These can be chosen."""
        self._offered = palettes
        for palette in palettes.values():
            self.register_theme(textual_theme(palette))

    def recall_theme(self, remembered: Sequence[str]) -> None:
        """Use the theme that was chosen last, unless another was asked for or set since."""
        if len(remembered) != 2 or self._setup.theme_is_asked_for:
            return
        name, configured = remembered
        if name in self._offered and configured == self._setup.settings.interface.theme:
            self.theme = name

    @property
    def look(self) -> Look:
        """How the screen looks now, for the next start."""
        palette = self._offered.get(self.theme, self._palette)
        colours = {role: palette.colour(role) for role in COLOURS}
        hints = [(key, word) for _, key, word in footer_hints(self._setup.commands)]
        return Look(palette.name, self._setup.settings.interface.theme, colours, hints)

    @on(Driver.SignalResume)
    def _resumed(self) -> None:
        # The terminal was the shell's meanwhile, and Textual paints only what changed.
        self.refresh(layout=True)
        self.screen.refresh(layout=True)

    def on_cursor_position(self, event: events.CursorPosition) -> None:
        """Nobody asks the terminal where its cursor is: many say so for Shift+F3, in the same words."""
        if (event.x, event.y) == (1, 0):
            self.post_message(events.Key("shift+f3", None))

    def _signalled(self, number: int) -> None:
        if self._leaving or (number == signal.SIGINT and self.lends_terminal):
            return  # Ctrl+C in the editor reaches all that share its terminal
        leave = partial(self.run_worker, partial(self.leave, 128 + number))
        if self.chat.is_mounted:
            leave()
        else:  # Textual cannot end while it makes the screen
            self.call_after_refresh(leave)

    def _write_to_terminal(self, sequence: str) -> None:
        if self._driver is not None:
            self._driver.write(sequence)
            self._driver.flush()
