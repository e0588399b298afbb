"""Logical lines: what would be one line on an endless screen. They know no width."""

from __future__ import annotations

from typing import Literal, NamedTuple

from chatterm.tui.transcript.looks import Spans
from chatterm.tui.transcript.wrap import Join

RowKind = Literal["text", "code", "rule", "blank"]
Align = Literal["left", "center", "right"]


class Row(NamedTuple):
    """One logical line.

    `first` stands before its first screen line and `hang` before the others (bullets, bars of quotes); neither
    is copied. A `text` row breaks at spaces, a `code` row wherever it is full; a `rule` fills the width; a
    `blank` row is empty but for `first`. A newline in the text breaks it too (hard breaks, maths in several
    lines). `end` stands at the right end; a row with an `end` is one line, cut where it is too long, and none of
    it is copied but its `source`. `source` is what a copy of the whole row gives, as the writer wrote it; None
    where that is the text of the spans. `join` is for a text row that goes on in the row before it, as a long
    line does that was cut: what stands between the two.
    """

    spans: Spans = ()
    first: Spans = ()
    hang: Spans = ()
    kind: RowKind = "text"
    source: str | None = None
    end: Spans = ()
    join: Join | None = None


class TableRow(NamedTuple):
    """The cells of one row of a table, and the source it was read from: for the head that is two lines."""

    cells: tuple[Spans, ...]
    source: str


class Table(NamedTuple):
    """A table, or the part of one that goes on from another part.

    `natural` is the width in cells that each column wants, taken from the first part alone, so that all parts
    of a table have the same columns. `head` is whether the first of `rows` is the head.
    """

    rows: tuple[TableRow, ...]
    aligns: tuple[Align, ...]
    natural: tuple[int, ...]
    head: bool
    first: Spans = ()
    hang: Spans = ()


Block = Row | Table
"""What a text is laid out from, in order."""
