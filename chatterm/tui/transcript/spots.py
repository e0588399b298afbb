"""Places in laid out lines that do not depend on the width: the row, and the character in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from chatterm.tui.transcript.lines import Line


class Spot(NamedTuple):
    """A character of a segment: the row it is in, and how many characters of the row are before it."""

    row: int
    char: int


def spot_of(lines: Sequence[Line], number: int, char: int = 0) -> Spot:
    """The spot of a character, counted without decoration, of the line with this number."""
    begin = number
    while begin > 0 and lines[begin].join is not None:
        begin -= 1
    row = sum(line.join is None for line in lines[1 : begin + 1])
    before = sum(
        text_length(line) + len(lines[at + 1].join or "") for at, line in _between(lines, begin, number)
    )
    return Spot(row, before + char)


def line_of(lines: Sequence[Line], spot: Spot) -> tuple[int, int]:
    """The number of the line that a spot is in, and the character in it without decoration."""
    row, begin = -1, 0
    for at, line in enumerate(lines):
        if at == 0 or line.join is None:
            row, begin = row + 1, at
            if row == spot.row:
                break
    char, at = spot.char, begin
    while at + 1 < len(lines) and (join := lines[at + 1].join) is not None:
        length = text_length(lines[at])
        if char < length + len(join) or (char == length and not join):
            break
        char -= length + len(join)
        at += 1
    return at, min(char, text_length(lines[at]))


def text_length(line: Line) -> int:
    """The number of characters of the line without decoration."""
    return sum(len(span.text) for span in line.spans) - line.lead


def _between(lines: Sequence[Line], begin: int, end: int) -> list[tuple[int, Line]]:
    return [(at, lines[at]) for at in range(begin, end)]
