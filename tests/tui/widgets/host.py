"""An application to try one widget in, and texts that attack a screen."""

from __future__ import annotations

import re

from textual.app import App, ComposeResult
from textual.widget import Widget

from chatterm.config.themes import DEFAULT_THEME, load_themes
from chatterm.tui.bindings import textual_bindings
from chatterm.tui.commands import COMMANDS
from chatterm.tui.theming import textual_theme, variable_defaults

PALETTE = load_themes().find(DEFAULT_THEME)

SIZES = [(80, 24), (200, 60)]

HOSTILE = [
    "[/b]",
    "[/INST] [bold",
    "[@click=app.quit()]x[/]",
    "\x1b[2Jgone",
    "\x1b]52;c;aGk=\x07",
    "\x9b31mred",
    "line\nbreak\ttab\r",
    "\u202egnp.exe",
    "\ud83d alone",
    "x" * 5000,
]

UNSAFE = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class Host(App[None], inherit_bindings=False):
    """Shows the widgets given, notes messages, and binds the application's keys as the program does."""

    ENABLE_COMMAND_PALETTE = False
    BINDINGS = textual_bindings(COMMANDS)

    def __init__(self, *widgets: Widget) -> None:
        super().__init__()
        self._widgets = widgets
        self.commands: list[str] = []
        self.register_theme(textual_theme(PALETTE))

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return variable_defaults(PALETTE)

    def on_mount(self) -> None:
        self.theme = PALETTE.name

    def compose(self) -> ComposeResult:
        yield from self._widgets

    def action_command(self, command_id: str) -> None:
        self.commands.append(command_id)


def screen_text(app: App[None]) -> str:
    """The characters on screen, line by line."""
    lines = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in lines)
