"""The part of the table of commands for the list of models."""

from __future__ import annotations

from chatterm.tui.command import Command

PICKER_COMMANDS: tuple[Command, ...] = (
    Command(
        "favourite",
        "Favourite",
        "Keeps the model under the cursor at the top of the list, or no longer.",
        ("ctrl+o",),
        palette=False,
        scope="picker",
    ),
    Command(
        "delete_model",
        "Delete the model",
        "Deletes the model under the cursor from Ollama; pressed twice.",
        ("delete", "ctrl+x"),
        palette=False,
        scope="picker",
    ),
)
