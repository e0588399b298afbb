"""Where a text breaks when it must fit a number of terminal cells."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

from rich.cells import cell_len, split_graphemes

from chatterm.tui.transcript.looks import Span, Spans

Join = str
"""Blanks, a newline, or nothing: what stood between a row and the row before it, put back when text is copied."""

TAB = 4
MOST_MARKS = 8
"""Combining marks shown on one character; terminals choke on thousands."""

# Ranges in which every character fills one cell: text of them alone is measured by its length.
_NOT_NARROW = re.compile(
    r"[^\n -~\xa0-\xac\xae-\u02ff\u0370-\u0377\u0391-\u03ff\u0400-\u0482\u2010-\u2027\u2030-\u205e"
    r"\u2070-\u209c\u2190-\u2199\u21d0-\u21d5\u2200-\u22ff\u2500-\u257f]"
)
_MARK = r"[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
# Joiners that join nothing: Rich takes the character after one for joined, terminals do not.
_STRAY = re.compile(r"(?<=[\n -\xa8\u200d])\u200d+|\u200d+(?=[\n -\xa8])")
_FLOOD = re.compile(rf"({_MARK}{{{MOST_MARKS}}}){_MARK}+")

# East Asian scripts break between any two characters, but closing punctuation stays with what it closes.
_WIDE = "\u2e80-\u303f\u3040-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uff60\U00020000-\U0003fffd"
_CLOSING = "、。，．！？：；」』）】》〉"


class Slice(NamedTuple):
    """The part `text[start:end]` that fits a line; `join` is what was left out before it."""

    start: int
    end: int
    join: Join


class Broken(NamedTuple):
    """The spans of one screen line; `join` is what was left out before it."""

    spans: Spans
    join: Join


def wrap_spans(spans: Spans, width: int, *, folds: bool = False) -> list[Broken]:
    """The spans in lines of at most `width` (>= 2) cells, broken at newlines and, if it `folds`, wherever a line
    is full, else at spaces; at least one line.

    Tabs become spaces up to the next of `TAB` columns.
    """
    text = "".join([span.text for span in spans])
    if _NOT_NARROW.search(text) is not None:
        spans = _shown(spans)
        text = "".join([span.text for span in spans])
    elif len(text) <= width and "\n" not in text:
        return [Broken(spans, "")]
    slices = _slices(text, width, fold if folds else wrap)
    ends = [0, *(piece.end for piece in slices)]
    joins = [text[end : piece.start] for end, piece in zip(ends, slices, strict=False)]
    return [Broken(cut, join) for cut, join in zip(_cut(spans, slices), joins, strict=True)]


def _slices(text: str, width: int, break_line: Callable[[str, int], list[Slice]]) -> list[Slice]:
    if "\n" not in text:
        return break_line(text, width)
    slices: list[Slice] = []
    offset = 0
    for line in text.split("\n"):
        join: Join = "\n" if slices else ""
        for start, end, inside in break_line(line, width):
            slices.append(Slice(offset + start, offset + end, inside if start else join))
        offset += len(line) + 1
    return slices


def _shown(spans: Spans) -> Spans:
    """The spans with no tab, no flood of marks, and no border between them inside a grapheme."""
    shown: list[Span] = []
    column = 0
    for text, look, link in spans:
        if "\t" in text:
            text = (" " * (column % TAB) + text).expandtabs(TAB)[column % TAB :]
        if not text.isascii():
            text = _FLOOD.sub(r"\1", _STRAY.sub("", text))
            text = text if shown else text.lstrip("\u200d")
        column = len(text) - text.rfind("\n") - 1 if "\n" in text else column + len(text)
        if text:
            shown.append(Span(text, look, link))
    text = "".join([span.text for span in shown])
    if len(shown) > 1 and sum([cell_len(span.text) for span in shown]) != cell_len(text):
        return _at_graphemes(shown, text)
    return tuple(shown)


def _at_graphemes(spans: list[Span], text: str) -> Spans:
    """The spans with each border moved to the end of the grapheme that it is in."""
    ends = [end for _, end, _ in split_graphemes(text)[0]]
    moved: list[Span] = []
    at = start = 0
    for span in spans:
        at += len(span.text)
        index = bisect_left(ends, at)
        end = ends[index] if index < len(ends) else len(text)
        if end > start:
            moved.append(span._replace(text=text[start:end]))
            start = end
    return tuple(moved)


def _cut(spans: Spans, slices: list[Slice]) -> list[Spans]:
    """The spans of each slice. Slices come in order and do not overlap."""
    lines: list[Spans] = []
    number = at = 0
    for start, end, _ in slices:
        line: list[Span] = []
        while number < len(spans) and at < end:
            span = spans[number]
            after = at + len(span.text)
            if start <= at and after <= end:
                line.append(span)
            elif part := span.text[max(start - at, 0) : end - at]:
                line.append(span._replace(text=part))
            if after > end:
                break
            at = after
            number += 1
        lines.append(tuple(line))
    return lines


def wrap(text: str, width: int) -> list[Slice]:
    """Rows of at most `width` (>= 2) cells, broken at spaces where there are any; at least one row."""
    if _NOT_NARROW.search(text) is None:
        return list(_wrap_narrow(text, width))
    if cell_len(text) <= width:
        return [Slice(0, len(text), "")]
    return list(_wrap_words(text, width))


def fold(text: str, width: int) -> list[Slice]:
    """Rows of at most `width` (>= 2) cells, broken wherever a row is full; at least one row."""
    if _NOT_NARROW.search(text) is None:
        return [Slice(at, min(at + width, len(text)), "") for at in range(0, len(text) or 1, width)]
    return list(_fold_graphemes(text, 0, width)) or [Slice(0, 0, "")]


def _wrap_narrow(text: str, width: int) -> Iterator[Slice]:
    start, length = 0, len(text)
    join: Join = ""
    while length - start > width:
        space = text.rfind(" ", start, start + width + 1)
        end = start + len(text[start:space].rstrip(" ")) if space > start else start
        if end == start:
            yield Slice(start, start + width, join)
            start, join = start + width, ""
            continue
        yield Slice(start, end, join)
        start, join = space + 1, " "
        while start < length and text[start] == " ":
            start += 1
        if start == length:
            return
    yield Slice(start, length, join)


@lru_cache(maxsize=1)
def _word_pattern() -> re.Pattern[str]:
    """Made on use: it takes longer than all others here."""
    return re.compile(rf" +|[{_WIDE}][{_CLOSING}]*|[^ {_WIDE}]+")


def _wrap_words(text: str, width: int) -> Iterator[Slice]:
    start, end, cells = 0, 0, 0
    join: Join = ""
    for match in _word_pattern().finditer(text):
        word = match[0]
        size = cell_len(word)
        if word[0] == " ":
            cells += size
            continue
        if cells + size > width and end > start:
            yield Slice(start, end, join)
            start, join, cells = match.start(), " " if match.start() > end else "", 0
        if cells + size <= width:
            end, cells = match.end(), cells + size
            continue
        *full, rest = _fold_graphemes(text[start : match.end()], start, width)
        for row in full:
            yield Slice(row.start, row.end, join)
            join = ""
        start, end, cells = rest.start, rest.end, cell_len(text[rest.start : rest.end])
    if end > start or start == 0:
        yield Slice(start, max(end, start), join)


def _fold_graphemes(text: str, offset: int, width: int) -> Iterator[Slice]:
    start, cells = 0, 0
    for at, size in _graphemes(text):
        if cells + size > width:
            yield Slice(offset + start, offset + at, "")
            start, cells = at, 0
        cells += size
    if start < len(text):
        yield Slice(offset + start, offset + len(text), "")


def _graphemes(text: str) -> Iterator[tuple[int, int]]:
    """Start and cells of each grapheme; two regional indicators, which Rich keeps apart, are one flag."""
    flag = -1
    for at, end, size in split_graphemes(text)[0]:
        if "\U0001f1e6" <= text[at] <= "\U0001f1ff":
            if flag < 0:
                flag = at
                if end == len(text) or not "\U0001f1e6" <= text[end] <= "\U0001f1ff":
                    yield at, size
                    flag = -1
                continue
            yield flag, 2
            flag = -1
            continue
        yield at, size
