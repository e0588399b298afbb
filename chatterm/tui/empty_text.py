"""What the transcript says while there is nothing in it: what to do first."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from chatterm.backend.target import Target
from chatterm.backend.targets import GUIDE
from chatterm.tui.bindings import key_name
from chatterm.tui.commands import Command


def empty_text(commands: Iterable[Command], target: Target | None) -> str:
    """The first words for who answers now; keys are those of the table. Markdown."""
    key = partial(key_name, tuple(commands))
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
