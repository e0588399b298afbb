"""A piece of Markdown, or of code, to logical lines."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from chatterm.core.clean import clean
from chatterm.tui.transcript.looks import TEXT, Span, Spans
from chatterm.tui.transcript.pieces import Piece
from chatterm.tui.transcript.rows import Block, Row, Table
from chatterm.tui.transcript.walk import Prefix, Walk, code_rows

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

References = Mapping[str, tuple[str, str]]

LONGEST, MOST_BRACKETS, MOST_MARKS, MOST_CELLS = 16_000, 300, 1_000, 4_000
"""A text with more characters, `[`, marks of emphasis or table cells takes too long to parse and is shown as it is."""

_DELIMITERS = re.compile(r"^[ >|:\t-]*-[ |:\t-]*$", re.MULTILINE)


def blocks_of(piece: Piece, references: References | None = None, *, maths: bool = True) -> list[Block]:
    """The rows and tables of a piece of Markdown; never raises.

    `references` are the definitions of links in the text: the label, case folded, to address and title. `maths`
    is whether formulas are converted; else their source is shown. What is not safe to parse is shown as it is.
    """
    if piece.table_start:
        return _more_of_table(piece, references, maths)
    if _takes_long(piece.source):
        return _as_it_is(piece)
    blocks = _walk(piece, piece.source, references, maths)
    return _as_it_is(piece) if blocks is None else blocks


def code_blocks_of(piece: Piece, lines: Sequence[Spans]) -> list[Block]:
    """The rows of a piece of code, of which `lines` are the highlighted lines."""
    sources = piece.source.removesuffix("\n").split("\n") if piece.source else []
    opening = piece.opening if piece.opens else None
    return list(code_rows(Prefix(piece.first, piece.hang), piece.info, opening, sources, lines, copies=True))


def _walk(piece: Piece, source: str, references: References | None, maths: bool) -> list[Block] | None:
    """The blocks of a source in the place of the piece; None if some of it is nested too deep to be parsed."""
    from chatterm.tui.transcript.markdown_grammar import MOST_LEVELS

    parser = _parser()
    env = {"references": _Definitions(parser, references)} if references else {}
    tokens = parser.parse(source, env)
    if any([token.level >= MOST_LEVELS - 1 and token.nesting == 1 for token in tokens]):
        return None
    walk = Walk(piece, source.split("\n"), maths=maths)
    walk.take(tokens)
    return walk.blocks


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    from chatterm.tui.transcript.markdown_grammar import new_parser

    return new_parser()


class _Definitions:
    """Link definitions, as the parser looks them up."""

    def __init__(self, parser: MarkdownIt, references: References) -> None:
        self._parser: MarkdownIt = parser
        self._references: References = references

    def __getitem__(self, label: str) -> dict[str, str]:
        address, title = self._references[label.casefold()]
        return {"href": self._parser.normalizeLink(address), "title": title}

    def get(self, label: str, default: None = None) -> dict[str, str] | None:
        """As that of a dict."""
        try:
            return self[label]
        except KeyError:
            return default


def _more_of_table(piece: Piece, references: References | None, maths: bool) -> list[Block]:
    """Rows of a table without its head, in columns as wide as those of its first part."""
    head = "\n".join(piece.table_start.split("\n")[:2])
    source = f"{head}\n{piece.source}"
    blocks = None if _takes_long(source) else _walk(piece, source, references, maths)
    table = blocks[0] if blocks else None
    natural = _natural(piece.table_start, tuple((references or {}).items()), maths)
    if not isinstance(table, Table) or len(natural) != len(table.natural):
        return _as_it_is(piece)
    return [table._replace(rows=table.rows[1:], head=False, natural=natural), *(blocks or [])[1:]]


@lru_cache(maxsize=256)
def _natural(
    table_start: str, references: tuple[tuple[str, tuple[str, str]], ...], maths: bool
) -> tuple[int, ...]:
    """The widths that the columns of the first part of a table want; () if that is no table."""
    first = blocks_of(Piece("markdown", table_start), dict(references), maths=maths)
    tables = [block for block in first if isinstance(block, Table)]
    return tables[-1].natural if tables else ()


def _takes_long(source: str) -> bool:
    if len(source) > LONGEST or source.count("[") > MOST_BRACKETS:
        return True
    if sum([source.count(mark) for mark in "*_~"]) > MOST_MARKS:
        return True
    if source.count("|") < 50:
        return False
    columns = max([found[0].count("|") for found in _DELIMITERS.finditer(source)], default=0)
    return columns * (source.count("\n") + 1) > MOST_CELLS


def _as_it_is(piece: Piece) -> list[Block]:
    lines = clean(piece.source).split("\n")
    rows = [Row((Span(line, TEXT),) if line else (), piece.hang, piece.hang) for line in lines]
    return [rows[0]._replace(first=piece.first), *rows[1:]]
