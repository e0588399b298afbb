"""Tables of labels and values, as Markdown for a page. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from chatterm.core.clean import clean_line
from chatterm.core.markdown import literal

Row = tuple[str, str]


def table(title: str, rows: Iterable[Row]) -> str:
    """The rows beneath a heading; texts from outside are shown as they are."""
    lines = [f"| {cell(name)} | {cell(value)} |" for name, value in rows]
    return "\n".join([f"| {title} | |", "|-|-|", *lines])


def cell(text: str) -> str:
    """Text that is no Markdown and stays in its cell."""
    return literal(clean_line(text, 500))
