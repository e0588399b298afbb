"""Tables fitted to the room there is, and as CSV."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rich.cells import cell_len

from chatterm.tui.transcript.looks import TEXT, Look, Span, Spans
from chatterm.tui.transcript.rows import Align, Table, TableRow
from chatterm.tui.transcript.wrap import wrap_spans

LEAST = 3
"""Cells of a column, at least. A table with more columns than fit is shown cell by cell."""

_RULE = Look("rule")
_BORDER = Span(" │ ", _RULE)


class CellLine(NamedTuple):
    """One screen line of a row of a table. `is_rule` says that it is the rule under the head."""

    spans: Spans
    is_rule: bool = False


def lay_cells(table: Table, room: int) -> Iterator[list[CellLine]]:
    """For each row of the table its screen lines, none wider than `room` (>= 2) cells."""
    widths = fitted(table.natural, room - len(_BORDER.text) * (len(table.natural) - 1))
    for number, row in enumerate(table.rows):
        if widths is None:
            lines = [CellLine(broken.spans) for broken in wrap_spans(_in_one(row), room)]
        else:
            lines = _in_columns(row, widths, table.aligns)
        if table.head and number == 0:
            lines.append(CellLine((Span(_rule(widths, room), _RULE),), True))
        yield lines


def fitted(natural: Sequence[int], room: int) -> list[int] | None:
    """The widths of the columns in `room` cells; None where each could not have `LEAST`.

    Columns that want no more than a fair share get what they want; the others share what is left.
    """
    if room < LEAST * len(natural) or not natural:
        return None
    widths = [max(LEAST, want) for want in natural]
    if sum(widths) <= room:
        return widths
    order = sorted(range(len(widths)), key=widths.__getitem__)
    for number, column in enumerate(order):
        widths[column] = min(widths[column], room // (len(order) - number))
        room -= widths[column]
    return widths


def to_csv(rows: Sequence[TableRow]) -> str:
    """The texts of the cells as comma-separated values (RFC 4180), but with `\\n` after each row."""
    import csv

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([["".join([span.text for span in cell]) for cell in row.cells] for row in rows])
    return text.getvalue()


def _in_one(row: TableRow) -> Spans:
    spans: list[Span] = []
    for number, cell in enumerate(row.cells):
        spans += (_BORDER, *cell) if number else cell
    return tuple(spans)


def _rule(widths: Sequence[int] | None, room: int) -> str:
    return "─┼─".join(["─" * width for width in widths]) if widths else "─" * room


def _in_columns(row: TableRow, widths: Sequence[int], aligns: Sequence[Align]) -> list[CellLine]:
    cells = [wrap_spans(cell, width) for cell, width in zip(row.cells, widths, strict=False)]
    last = len(widths) - 1
    lines: list[CellLine] = []
    for number in range(max([1, *[len(cell) for cell in cells]])):
        spans: list[Span] = []
        for column, (width, align) in enumerate(zip(widths, aligns, strict=True)):
            lines_of_cell = cells[column] if column < len(cells) else []
            part = lines_of_cell[number].spans if number < len(lines_of_cell) else ()
            if column:
                spans.append(_BORDER)
            spans += _aligned(part, width, align, is_last=column == last)
        lines.append(CellLine(tuple(spans)))
    return lines


def _aligned(spans: Spans, width: int, align: Align, *, is_last: bool) -> Iterator[Span]:
    free = width - sum([cell_len(span.text) for span in spans])
    before = {"left": 0, "center": free // 2, "right": free}[align]
    if before:
        yield Span(" " * before, TEXT)
    yield from spans
    if free > before and not is_last:
        yield Span(" " * (free - before), TEXT)
