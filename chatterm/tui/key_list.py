"""The list of keys and commands that F1 shows, made from the one table."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from textual.content import Content

from chatterm.tui.commands import Command
from chatterm.tui.key_names import shown_key

_KEYS_WIDTH = 20
_HEADINGS = {"message": "While the cursor is on a message", "picker": "In the list of models"}
_TEXT_WIDTH = 46
"""Together they fit into the box of a terminal of 80 columns."""


def key_list(commands: Iterable[Command]) -> Content:
    """For every command its keys, its title and slash words, and below what it does; those for one place last."""
    rows: list[Content] = []
    shown = sorted(commands, key=lambda command: command.scope in _HEADINGS)
    for at, command in enumerate(shown):
        if command.scope in _HEADINGS and shown[at - 1].scope != command.scope:
            rows += [Content.styled(_HEADINGS[command.scope], "bold $chatterm-heading"), Content("")]
        keys = textwrap.wrap(", ".join(shown_key(key) for key in command.keys), _KEYS_WIDTH - 2)
        texts = [(line, "bold") for line in textwrap.wrap(command.title, _TEXT_WIDTH)]
        words = f"{', '.join(command.slash)} {command.argument}".strip() if command.slash else ""
        texts += [(line, "$chatterm-user") for line in textwrap.wrap(words, _TEXT_WIDTH)]
        texts += [(line, "$chatterm-dim") for line in textwrap.wrap(command.help, _TEXT_WIDTH)]
        for number in range(max(len(keys), len(texts))):
            key = keys[number] if number < len(keys) else ""
            text, style = texts[number] if number < len(texts) else ("", "")
            rows.append(
                Content.assemble(
                    Content.styled(key.ljust(_KEYS_WIDTH), "$accent"), Content.styled(text, style)
                )
            )
        rows.append(Content(""))
    return Content("\n").join(rows[:-1])
