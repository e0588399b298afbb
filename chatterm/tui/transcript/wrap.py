"""Where a text breaks when it must fit a number of terminal cells."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from rich.cells import cell_len, split_graphemes

Join = Literal["", " "]
"""What stood between a row and the row before it, and is put back when the text is copied."""

# East Asian scripts break between any two characters, but closing punctuation stays with what it closes.
_WIDE = "\u2e80-\u303f\u3040-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uff60\U00020000-\U0003fffd"
_CLOSING = "、。，．！？：；」』）】》〉"
_WORD = re.compile(rf" +|[{_WIDE}][{_CLOSING}]*|[^ {_WIDE}]+")


class Row(NamedTuple):
    """A piece `text[start:end]` that fits; `join` is what was left out before it."""

    start: int
    end: int
    join: Join


def wrap(text: str, width: int) -> list[Row]:
    """Rows of at most `width` (>= 2) cells, broken at spaces where there are any; at least one row."""
    if text.isascii():
        return list(_wrap_ascii(text, width))
    if cell_len(text) <= width:
        return [Row(0, len(text), "")]
    return list(_wrap_words(text, width))


def fold(text: str, width: int) -> list[Row]:
    """Rows of at most `width` (>= 2) cells, broken wherever a row is full; at least one row."""
    if text.isascii():
        return [Row(at, min(at + width, len(text)), "") for at in range(0, len(text) or 1, width)]
    return list(_fold_graphemes(text, 0, width)) or [Row(0, 0, "")]


def _wrap_ascii(text: str, width: int) -> Iterator[Row]:
    start, length = 0, len(text)
    join: Join = ""
    while length - start > width:
        space = text.rfind(" ", start, start + width + 1)
        end = start + len(text[start:space].rstrip(" ")) if space > start else start
        if end == start:
            yield Row(start, start + width, join)
            start, join = start + width, ""
            continue
        yield Row(start, end, join)
        start, join = space + 1, " "
        while start < length and text[start] == " ":
            start += 1
        if start == length:
            return
    yield Row(start, length, join)


def _wrap_words(text: str, width: int) -> Iterator[Row]:
    start, end, cells = 0, 0, 0
    join: Join = ""
    for match in _WORD.finditer(text):
        word = match[0]
        size = cell_len(word)
        if word[0] == " ":
            cells += size
            continue
        if cells + size > width and end > start:
            yield Row(start, end, join)
            start, join, cells = match.start(), " " if match.start() > end else "", 0
        if cells + size <= width:
            end, cells = match.end(), cells + size
            continue
        *full, rest = _fold_graphemes(text[start : match.end()], start, width)
        for row in full:
            yield Row(row.start, row.end, join)
            join = ""
        start, end, cells = rest.start, rest.end, cell_len(text[rest.start : rest.end])
    if end > start or start == 0:
        yield Row(start, max(end, start), join)


def _fold_graphemes(text: str, offset: int, width: int) -> Iterator[Row]:
    start, cells = 0, 0
    for at, _, size in split_graphemes(text)[0]:
        if cells + size > width:
            yield Row(offset + start, offset + at, "")
            start, cells = at, 0
        cells += size
    if start < len(text):
        yield Row(offset + start, offset + len(text), "")
