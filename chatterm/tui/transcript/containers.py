"""List items and quotes: which of them a line is in, and what they show before it."""

from __future__ import annotations

import re
from typing import NamedTuple

from chatterm.tui.transcript.looks import TEXT, Look, Span, Spans

MOST_CONTAINERS = 24
"""Deeper nesting is shown at this depth."""

BAR = Span("│ ", Look("quote"))
_QUOTE = re.compile(r" {0,3}>[ \t]?")


class Item(NamedTuple):
    """A list item that is open: its text is indented by `offset` and shown behind `width` columns."""

    offset: int
    width: int
    delimiter: str
    number: int | None


class Quote(NamedTuple):
    """A block quote that is open."""


Containers = tuple[Item | Quote, ...]


def strip(line: str, containers: Containers) -> tuple[str, int]:
    """The line without the marks of the containers it is in, and how many of them that are, from the outside."""
    matched = 0
    for container in containers:
        if isinstance(container, Quote):
            mark = _QUOTE.match(line)
            if mark is None:
                break
            line = line[mark.end() :]
        else:
            if "\t" in line[: container.offset]:
                line = expand_indent(line)
            if not line.strip(" \t"):
                line = ""
            elif indent_of(line) < container.offset:
                break
            else:
                line = line[container.offset :]
        matched += 1
    return line, matched


def prefix(containers: Containers) -> Spans:
    """What stands before the text in these containers."""
    return tuple(BAR if isinstance(each, Quote) else Span(" " * each.width, TEXT) for each in containers)


def quotes(containers: Containers) -> int:
    """How many of them are quotes."""
    return sum(isinstance(each, Quote) for each in containers)


def indent_of(line: str) -> int:
    """The number of spaces at the beginning."""
    return len(line) - len(line.lstrip(" "))


def expand_indent(line: str) -> str:
    """The line with the tabs of its indent as spaces."""
    text = line.lstrip(" \t")
    indent = line[: len(line) - len(text)]
    return indent.expandtabs(4) + text if "\t" in indent else line
