"""The list of keys and commands that F1 shows, made from the one table."""

from __future__ import annotations

from collections.abc import Iterable

from textual.content import Content

from chatterm.tui.commands import Command
from chatterm.tui.key_names import shown_key

_KEYS_WIDTH = 24
_SLASH_WIDTH = 24


def key_list(commands: Iterable[Command]) -> Content:
    """Two lines per command: its keys, its slash words and its title; then what it does."""
    rows: list[Content] = []
    for command in commands:
        keys = ", ".join(shown_key(key) for key in command.keys)
        slash = ", ".join(command.slash)
        words = f"{slash} {command.argument}".strip() if slash else ""
        rows.append(
            Content.assemble(
                Content.styled(keys.ljust(_KEYS_WIDTH), "$accent"),
                " ",
                Content.styled(words.ljust(_SLASH_WIDTH), "$chatterm-user"),
                " ",
                command.title,
            )
        )
        rows.append(Content.styled(f"{'':{_KEYS_WIDTH}} {command.help}", "$chatterm-dim"))
    return Content("\n").join(rows)
