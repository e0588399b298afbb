"""The bottom row: key hints from the table of commands."""

from __future__ import annotations

from collections.abc import Iterable

from textual import events
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from chatterm.tui.bindings import footer_hints
from chatterm.tui.commands import COMMANDS, Command


class KeyHints(Widget):
    """The first key of every command that has a footer word; hints that do not fit whole are left out."""

    DEFAULT_CSS = """
    KeyHints { height: 1; padding: 0 1; color: $chatterm-dim; }
    """

    class Chosen(Message):
        """A hint was clicked."""

        def __init__(self, command_id: str) -> None:
            super().__init__()
            self.command_id = command_id

    def __init__(self, commands: Iterable[Command] = COMMANDS, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.show_commands(commands)

    def show_commands(self, commands: Iterable[Command], *, walking: bool = False) -> None:
        """Show the hints of a table; `walking`, those for the message that the cursor is on, and else the others."""
        self._hints = footer_hints(commands, walking=walking)
        self._gap = 2 if walking else 3  # there are more of them, and the useful ones fit into 80 columns
        self.refresh()

    def render(self) -> Content:
        """The row; Textual calls this."""
        parts: list[Content] = []
        for start, _, command_id in self._places():
            key, word = next((key, word) for each, key, word in self._hints if each == command_id)
            parts.append(Content(" " * self._gap if start else ""))
            parts.append(Content.assemble(Content.styled(key, "$accent"), " ", word))
        return Content.assemble(*parts)

    def on_click(self, event: events.Click) -> None:
        """Tell which hint was clicked."""
        x = event.x - self.styles.padding.left
        for start, end, command_id in self._places():
            if start <= x < end:
                self.post_message(self.Chosen(command_id))

    def _places(self) -> list[tuple[int, int, str]]:
        places: list[tuple[int, int, str]] = []
        at = 0
        for command_id, key, word in self._hints:
            end = at + len(key) + 1 + len(word)
            if end > self.size.width:
                break
            places.append((at, end, command_id))
            at = end + self._gap
        return places
