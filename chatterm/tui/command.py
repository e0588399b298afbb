"""What a command of the table is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Command:
    """One thing the user can do, with every way to ask for it.

    `id` is stable: settings rebind by it. `keys` are Textual key names. `slash` holds whole words
    such as `/model`; the first is the one shown. `argument` is "" for none, "[name]" for optional, "name"
    for required. `footer` is the short word of the key hints, or "". `scope` tells who listens for the keys:
    the application, or the prompt while it has the focus; keys of the scope "message" come before both while
    the cursor is on a message, those of the scope "picker" while the list of models is open.
    """

    id: str
    title: str
    help: str
    keys: tuple[str, ...] = ()
    slash: tuple[str, ...] = ()
    argument: str = ""
    footer: str = ""
    palette: bool = True
    scope: Literal["app", "prompt", "message", "picker"] = "app"
