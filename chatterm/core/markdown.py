"""Text from outside within Markdown that chatterm writes itself."""

from __future__ import annotations

# Brackets are named: with a backslash they would begin a formula.
_ESCAPES = {**{c: f"\\{c}" for c in "\\`*_|<>$&~#"}, "[": "&#91;", "]": "&#93;", "(": "&#40;"}


def literal(text: str) -> str:
    """Markdown that shows just this one line of text, also in a cell of a table."""
    return "".join(_ESCAPES.get(c, c) for c in text)
