"""Whether a command line opens the chat screen, told without the parser of options, which costs 80 ms."""

from __future__ import annotations

TYPE_CHECKING = False  # importing it from `typing` costs as much as the first screen
if TYPE_CHECKING:
    from collections.abc import Sequence

VALUED = (
    *("--provider", "--model", "-m", "--base-url", "--system", "--resume", "-o", "--theme"),
    *("--record", "--replay", "--speed"),
)
FLAGS = ("--continue", "-c", "--no-tools", "--no-save", "--save", "--cache")


def chat_options(arguments: Sequence[str]) -> dict[str, str] | None:
    """The options with their values, "" for a flag; None for what may be anything but the chat screen."""
    options: dict[str, str] = {}
    rest = iter(arguments)
    for word in rest:
        name, equals, value = word.partition("=")
        if word in FLAGS:
            options[word] = ""
        elif word in VALUED:
            value = next(rest, None)
            if value is None:
                return None
            options[word] = value
        elif equals and name in VALUED and name.startswith("--"):
            options[name] = value
        elif word[:2] in VALUED:
            options[word[:2]] = word[2:]
        else:
            return None
    return options
