"""Source text cut into pieces that can be shown each by itself."""

from __future__ import annotations

from typing import Literal, NamedTuple

from chatterm.tui.transcript.looks import Spans
from chatterm.tui.transcript.wrap import Join

LONGEST_TEXT = 2000
"""Characters after which a paragraph, or a line without end, is cut."""


class Piece(NamedTuple):
    """A part of a text that is parsed alone: a paragraph, a list item without its nested items, some rows of a
    table, some lines of code.

    `source` has no marks of the containers around it (indents of list items, `>`): what these show is `first`
    before the first row and `hang` before the others. Containers of its own (an item's bullet) are in `source`.
    `gap` is what stands on the blank row before it; None for no blank row; `spaced` is whether there was a blank
    line in the text too. `join` is for a piece that goes on in
    the source line in which the piece before it ended: what stands between the two; else None.

    A `code` piece is the inside of a fence, without the fence lines, each line with its newline; `info` is the
    fence's info string. `opens` says that it begins with the fence's head row, `opening` is that fence line
    and `closing` the one that ends it ("" where the fence goes on in the next piece or was never closed).

    `table_start` is, for rows of a table that began in an earlier piece, the source of that earlier piece with
    its head and delimiter row; these are no part of `source`.

    `ordinal` is the number to show for an ordered list item; None for what the source says.
    """

    kind: Literal["markdown", "code"]
    source: str
    first: Spans = ()
    hang: Spans = ()
    gap: Spans | None = None
    info: str = ""
    opens: bool = True
    opening: str = ""
    closing: str = ""
    table_start: str = ""
    ordinal: int | None = None
    join: Join | None = None
    spaced: bool = False

    @property
    def continues(self) -> bool:
        """Whether it goes on in the line in which the piece before it ended."""
        return self.join is not None


def place_to_cut(line: str) -> int:
    """Where a line longer than `LONGEST_TEXT` is broken off: after a sentence, else a word, else anywhere."""
    for mark in (". ", "。", " "):
        at = line.rfind(mark, LONGEST_TEXT // 2, LONGEST_TEXT)
        if at >= 0:
            return at + len(mark)
    return LONGEST_TEXT
