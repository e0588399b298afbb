"""Rows to screen lines at a width."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from rich.cells import cell_len

from chatterm.tui.transcript.looks import CODE, TEXT, Look, Span, Spans
from chatterm.tui.transcript.rows import Block, Row, Table
from chatterm.tui.transcript.wrap import Join, wrap_spans

RULE = Look("rule")
_LEAST, _ENOUGH = 2, 16
"""Cells that are left for text behind prefixes, however long they are: at least, and where there is room."""


class Line(NamedTuple):
    """One line of the screen.

    The first `lead` characters are decoration and not copied. `join` is None where a row begins, else what stood
    between this line and the one before. `fill` names the look of the room that is left. `source` is, on the
    line that begins a row, what a copy of the whole row gives; None where that is its text. A row of which the
    parts were laid out each by itself has one on the first line of each part. `closing` is, on the line that
    begins the last row of a block of code, the fence that ends the block; `opens` is whether it is its head.
    """

    spans: Spans = ()
    lead: int = 0
    join: Join | None = None
    fill: str = TEXT.name
    source: str | None = None
    closing: str = ""
    opens: bool = False

    @property
    def text(self) -> str:
        """All characters of the line, without styles."""
        return "".join([span.text for span in self.spans])


def lay(blocks: Iterable[Block], width: int) -> list[Line]:
    """The lines of the blocks at a width in cells; no line is wider if that is at least 4."""
    lines: list[Line] = []
    for block in blocks:
        lines += _table(block, width) if isinstance(block, Table) else _row(block, width)
    return lines


class _Prefix(NamedTuple):
    spans: Spans
    chars: int
    cells: int


@lru_cache(maxsize=512)
def _fitted(prefix: Spans, width: int) -> _Prefix:
    """The prefix, cut at its beginning where it would leave too little room."""
    most = max(0, width - max(_LEAST, min(_ENOUGH, width // 2)))
    spans = list(prefix)
    cells = [cell_len(span.text) for span in spans]
    while (over := sum(cells) - most) > 0:
        kept = max(0, cells[0] - over)
        if kept == 0:
            del spans[0], cells[0]
            continue
        text = spans[0].text
        while cell_len(text) > kept:
            text = text[1:]
        spans[0], cells[0] = spans[0]._replace(text=text), cell_len(text)
    return _Prefix(tuple(spans), sum([len(span.text) for span in spans]), sum(cells))


def _row(row: Row, width: int) -> Iterator[Line]:
    before = _fitted(row.first, width)
    room = max(_LEAST, width - before.cells)
    if row.kind == "blank":
        yield Line(before.spans, before.chars, source=row.source)
    elif row.kind == "rule":
        rule = Span("─" * room, RULE)
        yield Line((*before.spans, rule), before.chars + room, source=row.source)
    elif row.end:
        is_code = row.kind == "code"
        look = CODE if is_code else TEXT
        spans = (*before.spans, *_with_end(row, room, look))
        yield Line(spans, sum([len(span.text) for span in spans]), None, look.name, row.source, opens=is_code)
    else:
        yield from _broken(row, width, before)


def _broken(row: Row, width: int, before: _Prefix) -> Iterator[Line]:
    hang = _fitted(row.hang, width)
    room = max(_LEAST, width - max(before.cells, hang.cells))
    folds = row.kind == "code"
    fill = CODE.name if folds else TEXT.name
    for number, (spans, join) in enumerate(wrap_spans(row.spans, room, folds=folds)):
        lead = hang if number else before
        line = (*lead.spans, *spans) if lead.chars else spans
        yield (
            Line(line, lead.chars, join, fill)
            if number
            else Line(line, lead.chars, row.join, fill, row.source)
        )


def _with_end(row: Row, room: int, look: Look) -> Spans:
    """The text of the row on one line, and its end at the right where both fit."""
    end_cells = sum([cell_len(span.text) for span in row.end])
    if room <= end_cells:
        return wrap_spans(row.spans, room, folds=True)[0].spans
    spans = wrap_spans(row.spans, room - end_cells - 1, folds=True)[0].spans if room > end_cells + 2 else ()
    used = sum([cell_len(span.text) for span in spans])
    return (*spans, Span(" " * (room - end_cells - used), look), *row.end)


def _table(table: Table, width: int) -> Iterator[Line]:
    from chatterm.tui.transcript.tables import lay_cells

    before, hang = _fitted(table.first, width), _fitted(table.hang, width)
    room = max(_LEAST, width - max(before.cells, hang.cells))
    for row, lines in zip(table.rows, lay_cells(table, room), strict=True):
        for number, (spans, is_rule) in enumerate(lines):
            lead = before.chars + sum([len(span.text) for span in spans]) if is_rule else before.chars
            join: Join = "" if is_rule else "\n"
            source = None if number else row.source
            yield Line((*before.spans, *spans), lead, join if number else None, source=source)
            before = hang
