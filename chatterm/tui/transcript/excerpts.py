"""What was written where a line is shown: the code block that it belongs to, or the table; and where folds are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, takewhile
from typing import NamedTuple

from chatterm.tui.transcript.bodies import Body
from chatterm.tui.transcript.document import Address, Document
from chatterm.tui.transcript.lines import lay
from chatterm.tui.transcript.pieces import Piece
from chatterm.tui.transcript.rows import Block, Table, TableRow
from chatterm.tui.transcript.segments import Content, References, Segment, lay_out
from chatterm.tui.transcript.tables import to_csv


class _Found(NamedTuple):
    """The piece that shows a line, that line in it, and all pieces of the same block of code or table."""

    piece: Piece
    line: int
    run: list[Piece]
    references: References


def code_at(document: Document, address: Address) -> str | None:
    """The code of the block at the line, without its fences; None where there is none."""
    found = _found(document, address)
    if found is None or found.piece.kind != "code":
        return None
    return "".join([piece.source for piece in found.run]).removesuffix("\n")


def table_at(document: Document, address: Address) -> str | None:
    """The table at the line, as comma-separated values; None where there is none."""
    found = _found(document, address)
    if found is None or "|" not in found.piece.source or found.piece.kind == "code":
        return None
    line, number = found.line, -1
    for block in _blocks(found.piece, found.references, document.form.maths):
        is_table = isinstance(block, Table)
        number += is_table
        line -= len(lay([block], document.form.width))
        if line < 0:
            break
    else:
        return None
    tables = _tables(found.run, found.references, document.form.maths)
    return to_csv(tables[-1 if found.piece.table_start else number]) if is_table else None


def tables_in(source: str, *, maths: bool = True) -> list[str]:
    """All tables of a text in Markdown, each as comma-separated values."""
    from chatterm.tui.transcript.scan import Scanner

    scanner = Scanner()
    scanner.feed(source)
    scanner.finish()
    return [to_csv(rows) for rows in _tables(scanner.pieces, scanner.references, maths)]


def folds_of(document: Document, place: int) -> dict[int, Address]:
    """The folds of the entry: by number the line of each head, in their order."""
    heads: dict[int, Address] = {}
    if document.entries[place] is None:
        return heads
    for segment in range(document.segments(place)):
        if not document.is_live(place) and not document.body(place).may_have_folds(segment):
            continue
        document.height(place, segment)
        for number, line in enumerate(document.lines(place, segment)):
            for span in line.spans[:1]:
                if span.link.startswith("action:fold:"):
                    heads[int(span.link.rpartition(":")[2])] = (place, segment, number)
    return heads


def _found(document: Document, address: Address) -> _Found | None:
    place, segment, line = address
    if document.entries[place] is None:
        return None
    shown = _Contents(document, place)
    references = shown.references
    for at, content in enumerate(shown.of(segment) if segment < shown.segments else ()):
        height = len(lay_out([content], document.form, references))
        if line < height:
            line -= isinstance(content, Piece) and content.gap is not None
            if not isinstance(content, Piece) or line < 0:
                return None
            return _Found(content, line, _run(shown, segment, at), references)
        line -= height
    return None


class _Contents:
    """The contents of an entry, by segment, cut as far as they are looked at."""

    def __init__(self, document: Document, place: int) -> None:
        live = document.live if document.is_live(place) else None
        self._live: list[Segment] | None = None if live is None else live.segments
        self._body: Body = document.body(place)
        self.segments: int = len(self._body.heights if self._live is None else self._live)
        self.references: References = self._body.references if live is None else live.references

    def of(self, segment: int) -> tuple[Content, ...]:
        """Those of one segment."""
        known = self._body.segment(segment) if self._live is None else self._live[segment]
        return known.contents


def _run(shown: _Contents, segment: int, at: int) -> list[Piece]:
    """The pieces of the block of code, or of the table, that the piece belongs to."""
    here, run = shown.of(segment), list[Content]()
    above = (content for number in reversed(range(segment)) for content in reversed(shown.of(number)))
    for content in chain(reversed(here[: at + 1]), above):
        run.append(content)
        if not _goes_on(content):
            break
    below = (content for number in range(segment + 1, shown.segments) for content in shown.of(number))
    run = [*reversed(run), *takewhile(_goes_on, chain(here[at + 1 :], below))]
    return [content for content in run if isinstance(content, Piece)]


def _goes_on(content: Content) -> bool:
    """Whether it is more of the code, or of the table, that the piece before it began."""
    return isinstance(content, Piece) and (not content.opens or bool(content.table_start))


def _tables(pieces: Iterable[Piece], references: References, maths: bool) -> list[list[TableRow]]:
    tables: list[list[TableRow]] = []
    for piece in pieces:
        if piece.kind == "code" or "|" not in piece.source:
            continue
        for block in _blocks(piece, references, maths):
            if isinstance(block, Table) and (block.head or not tables):
                tables.append([*block.rows])
            elif isinstance(block, Table):
                tables[-1] += block.rows
            elif piece.table_start and tables:  # a row that is shown as it is
                tables[-1].append(TableRow((block.spans,), ""))
    return tables


def _blocks(piece: Piece, references: References, maths: bool) -> Sequence[Block]:
    from chatterm.tui.transcript.markdown import blocks_of

    return blocks_of(piece, references, maths=maths)
