"""Numbers that are typed after a slash word."""

from __future__ import annotations

from chatterm.core.clean import clean_line
from chatterm.core.errors import ConfigError

_MOST_DIGITS = 9  # more are meant by nobody, and int() refuses thousands of them


def typed_number(text: str) -> int | None:
    """The number that was typed; None where it is none, or one that nobody means."""
    return int(text) if text.isdecimal() and len(text) <= _MOST_DIGITS else None


def number_back(argument: str, example: str) -> int:
    """How many back was typed; 1 for nothing. Raises `ConfigError` with the example for what is no number."""
    if not argument:
        return 1
    if (number := typed_number(argument)) is None:
        raise ConfigError(f"{clean_line(argument, 60)!r} is no number.", example)
    return number
