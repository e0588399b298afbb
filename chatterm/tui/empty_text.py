"""What the transcript says while there is nothing in it: what to do first."""

from __future__ import annotations

from collections.abc import Iterable

from chatterm.backend.target import Target
from chatterm.backend.targets import GUIDE
from chatterm.tui.commands import Command
from chatterm.tui.key_names import shown_key


def empty_text(commands: Iterable[Command], target: Target | None) -> str:
    """The first words for who answers now; keys are those of the table. Markdown."""
    table = tuple(commands)

    def key(command_id: str) -> str:
        found = next((command for command in table if command.id == command_id), None)
        words = (*map(shown_key, found.keys[:1]), *found.slash[:1]) if found is not None else ()
        return next(iter(words), command_id)

    if target is None:
        first = f"No model is chosen yet. {key('model')} lists those that can be had."
    elif target.adapter.name == GUIDE:
        first = (
            "The guide answers questions about chatterm from its manual; no model is involved.\n"
            "Ask for example: how do I use Ollama?\n\n"
            f"To talk to a model, press {key('model')}."
        )
    else:
        first = f"Type a message and press {key('send')}; {key('stop')} stops a reply at any time."
    return (
        f"{first}\n\n"
        f"- {key('model')} chooses a model, {key('conversations')} lists conversations\n"
        f"- {key('palette')} lists the commands, {key('help')} the keys\n"
        "- @path attaches a file, /help TOPIC opens the manual\n"
    )
