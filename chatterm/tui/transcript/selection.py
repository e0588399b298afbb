"""What is selected in a document, held by what was written and not by where it stands on the screen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from rich.cells import cell_len, split_graphemes

from chatterm.tui.transcript.document import Address, Document
from chatterm.tui.transcript.lines import Line
from chatterm.tui.transcript.spots import Spot, line_of, spot_of, text_length

_WORD = re.compile(r"\w+|[^\w\s]+|\s+")


class Mark(NamedTuple):
    """A place between two characters: the entry, the segment in it, the spot in that. Marks are in order."""

    place: int
    segment: int
    spot: Spot


class Selection(NamedTuple):
    """What is between two marks; `end` may come before `start`, as a mouse moves."""

    start: Mark
    end: Mark

    @property
    def ordered(self) -> tuple[Mark, Mark]:
        """The two marks, the earlier one first."""
        return (self.start, self.end) if self.start <= self.end else (self.end, self.start)


def mark_at(document: Document, address: Address, cell: int, *, after: bool = False) -> Mark:
    """The mark before the character at a cell of a line, or after it; decoration counts as cells."""
    place, segment, number = address
    lines = document.lines(place, segment)
    number = min(number, len(lines) - 1)
    char = _char_at(lines[number], cell, after)
    return Mark(place, segment, spot_of(lines, number, char))


def word_at(document: Document, mark: Mark) -> Selection:
    """The word at a mark."""
    text = _row_text(document, mark)
    for match in _WORD.finditer(text):
        if match.start() <= mark.spot.char < match.end():
            return _in_row(mark, match.start(), match.end())
    return _in_row(mark, len(text), len(text))


def row_at(document: Document, mark: Mark) -> Selection:
    """The whole row at a mark: a paragraph, a list item, a line of code."""
    return _in_row(mark, 0, len(_row_text(document, mark)))


def all_of(document: Document, place: int) -> Selection:
    """The whole entry."""
    return Selection(Mark(place, 0, Spot(0, 0)), Mark(place, document.segments(place), Spot(0, 0)))


def text_of(document: Document, place: int, beneath: int) -> Selection:
    """The entry without the blank row at its end and without so many rows before that, to its last character."""
    skipped = beneath + 1
    for segment in reversed(range(document.segments(place))):
        texts = [row.text for row in row_sources(document.lines(place, segment))]
        over = max(0, skipped - len(texts))
        texts, skipped = texts[: max(0, len(texts) - skipped)], over
        while texts and not texts[-1]:
            texts.pop()
        if texts:
            end = Mark(place, segment, Spot(len(texts) - 1, len(texts[-1])))
            return Selection(Mark(place, 0, Spot(0, 0)), end)
    return Selection(Mark(place, 0, Spot(0, 0)), Mark(place, 0, Spot(0, 0)))


def moved(document: Document, mark: Mark, *, characters: int = 0, rows: int = 0) -> Mark:
    """The mark one character or row further on, or back where that is -1; the mark itself at either end.

    Characters are those that the user sees as one.
    """
    row, char = mark.spot
    text = _row_text(document, mark)
    if not rows:
        ends = [0, *(end for _, end, _ in split_graphemes(text)[0])]
        on = [end for end in ends if (end > char if characters > 0 else end < char)]
        if on:
            return mark._replace(spot=Spot(row, on[0] if characters > 0 else on[-1]))
    step = rows or characters
    other = _row_beside(document, mark, step)
    if other is None:
        return mark
    length = len(_row_text(document, other))
    at = min(char, length) if rows else (0 if step > 0 else length)
    return other._replace(spot=other.spot._replace(char=at))


def _row_beside(document: Document, mark: Mark, step: int) -> Mark | None:
    """The beginning of the row after the one with the mark, or before; None where there is none."""
    place, segment, (row, _) = mark
    row += step
    while not 0 <= row < (count := _rows_in(document, place, segment)):
        segment += step
        if not 0 <= segment < document.segments(place):
            place += step
            if not 0 <= place < len(document) or document.entries[place] is None:
                return None
            segment = 0 if step > 0 else document.segments(place) - 1
        row = row - count if step > 0 else row + _rows_in(document, place, segment)
    return Mark(place, segment, Spot(row, 0))


def _rows_in(document: Document, place: int, segment: int) -> int:
    lines = document.lines(place, segment)
    return sum(at == 0 or line.join is None for at, line in enumerate(lines))


def selected_part(document: Document, address: Address, selection: Selection) -> tuple[int, int] | None:
    """Which characters of a line are selected, decoration counted in; None for none."""
    first, last = selection.ordered
    place, segment, number = address
    if (place, segment) < first[:2] or (place, segment) > last[:2]:
        return None
    lines = document.lines(place, segment)
    line = lines[number]
    length = text_length(line)
    begin = spot_of(lines, number)
    here, after = Mark(place, segment, begin), Mark(place, segment, begin._replace(char=begin.char + length))
    if last <= here or first > after:
        return None
    start = first.spot.char - begin.char if here < first else 0
    end = last.spot.char - begin.char if last < after else length
    return (line.lead + start, line.lead + end) if end > start else None


class RowSource(NamedTuple):
    """The text of a row, and its source; `is_whole` is whether all of it is selected.

    `join` is what stands before it where it began earlier; `opens` and `closing` are those of its lines.
    """

    text: str
    source: str
    join: str | None
    opens: bool = False
    closing: str = ""
    is_whole: bool = True


def selected_rows(
    document: Document, place: int, segment: int, first: Mark, last: Mark
) -> Iterator[tuple[int, RowSource]]:
    """What is selected of each row of a segment, by its number: as the source."""
    for number, row in enumerate(row_sources(document.lines(place, segment))):
        here = Mark(place, segment, Spot(number, 0))
        after = here._replace(spot=Spot(number, len(row.text)))
        if after < first or here > last or (here == last and row.text):
            continue
        if first <= here and after <= last:
            yield number, row
            continue
        start = first.spot.char if here < first else 0
        end = last.spot.char if last < after else None
        part = row.text[start:end]
        yield number, RowSource(part, part, None if start else row.join, is_whole=False)


def row_sources(lines: list[Line]) -> Iterator[RowSource]:
    """All rows of these lines."""
    begin = 0
    for end in range(1, len(lines) + 1):
        if end == len(lines) or lines[end].join is None:
            yield _row_of(lines[begin:end])
            begin = end


def _row_of(lines: list[Line]) -> RowSource:
    """The row of these lines; each line with a source begins a part of it."""
    text = source = part = ""
    given, before = lines[0].source, ""
    for number, line in enumerate(lines):
        join, shown = line.join or "" if number else "", line.text[line.lead :]
        text += join + shown
        if number and line.source is not None:
            source = put_together(source, before, part if given is None else given)
            part, given, before = shown, line.source, join
        else:
            part += join + shown
    source = put_together(source, before, part if given is None else given)
    closing = next((line.closing for line in lines if line.closing), "")
    return RowSource(text, source, lines[0].join, lines[0].opens, closing)


def put_together(before: str, join: str, after: str) -> str:
    """Two parts of a line; a source has the space that was left out where it was cut."""
    return before + after if join == " " and before.endswith(" ") else before + join + after


def _row_text(document: Document, mark: Mark) -> str:
    texts = list(row_sources(document.lines(mark.place, mark.segment)))
    return texts[min(mark.spot.row, len(texts) - 1)].text if texts else ""  # a segment may show nothing


def _in_row(mark: Mark, start: int, end: int) -> Selection:
    row = mark.spot.row
    return Selection(mark._replace(spot=Spot(row, start)), mark._replace(spot=Spot(row, end)))


def _char_at(line: Line, cell: int, after: bool) -> int:
    """The character of the text, without decoration, at a cell of the line, or the one after it."""
    text, used = line.text, 0
    for start, end, size in split_graphemes(text)[0]:
        used += size
        if used > cell:
            return max(0, (end if after and cell >= 0 else start) - line.lead)
    return len(text) - line.lead


def line_at(document: Document, mark: Mark) -> Address:
    """The line that a mark is in."""
    document.height(mark.place, mark.segment)
    number, _ = line_of(document.lines(mark.place, mark.segment), mark.spot)
    return mark.place, mark.segment, number


def cells(text: str) -> int:
    """The width of a text in cells."""
    return len(text) if text.isascii() else cell_len(text)
