"""The parser's flat list of blocks to rows: containers become prefixes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from rich.cells import cell_len

from chatterm.core.clean import clean, clean_line
from chatterm.tui.transcript.looks import CODE, CODE_TAG, DIM, TEXT, Look, Span, Spans
from chatterm.tui.transcript.pieces import Piece
from chatterm.tui.transcript.rows import Align, Block, Row, Table, TableRow
from chatterm.tui.transcript.spans import formula, spans_of

if TYPE_CHECKING:
    from markdown_it.token import Token

QUOTE = Look("quote")
BULLET = Look("bullet")
MATHS = Look("math")
_BAR = (Span("│ ", QUOTE),)
_PAD = Span(" ", CODE)
_TASK = re.compile(r"\[[ xX]\](?:\s|$)")
_MARKS = re.compile(r"[ \t>]*")


class Prefix(NamedTuple):
    """What stands before the next row, and before those after it."""

    first: Spans = ()
    hang: Spans = ()

    def then(self, first: Spans, hang: Spans) -> Prefix:
        """This prefix with more behind it."""
        return Prefix((*self.first, *first), (*self.hang, *hang))

    def marked(self, mark: Span) -> Prefix:
        """This prefix with a mark behind it, under which the other rows hang."""
        return self.then((mark,), (Span(" " * cell_len(mark.text), mark.look),))


def code_rows(
    prefix: Prefix,
    info: str,
    opening: str | None,
    sources: Sequence[str],
    lines: Sequence[Spans],
    *,
    copies: bool,
) -> Iterator[Row]:
    """The rows of some lines of code: the head row unless `opening` (the fence line) is None, then the lines.

    `copies` is whether the head row has a word that copies the code.
    """
    first, hang = prefix.then((_PAD,), (_PAD,))
    tag = clean_line(info.strip(), 60)
    if opening is not None and (tag or copies):
        end = (Span("copy", CODE_TAG, "action:copy-code"), _PAD) if copies else ()
        spans = (Span(tag, CODE_TAG),) if tag else ()
        yield Row(spans, first, hang, "code", opening, end)
        first = hang
    for source, spans in zip(sources, lines, strict=False):
        yield Row(spans, first, hang, "code", source)
        first = hang


class Walk:
    """Takes the tokens of a source of the given lines; `blocks` is what they show, in the place of the piece."""

    def __init__(self, piece: Piece, lines: Sequence[str], *, maths: bool) -> None:
        self.blocks: list[Block] = []
        self._lines: Sequence[str] = lines
        self._maths: bool = maths
        self._ordinal: int | None = piece.ordinal
        self._prefix: Prefix = Prefix(piece.first, piece.hang)
        self._around: list[
            tuple[Spans, int]
        ] = []  # of each open container: the hang, and how many blocks came before
        self._outermost: int = 0  # how many containers the last block and the next have in common
        self._end: int | None = None  # the source line after the last block
        self._look: Look = QUOTE if any(span.look == QUOTE for span in piece.hang) else TEXT
        self._looks: list[Look] = []

    def take(self, tokens: Sequence[Token]) -> None:
        """Appends what the tokens show."""
        at = 0
        while at < len(tokens):
            token = tokens[at]
            if token.type in ("paragraph_open", "heading_open"):
                self._text(token, tokens[at + 1])
                at += 3
            elif token.type == "table_open":
                end = next(i for i in range(at, len(tokens)) if tokens[i].type == "table_close")
                self._table(token, tokens[at:end])
                at = end + 1
            else:
                if not self._container(token, tokens[at + 1 : at + 3]):
                    self._leaf(token)
                at += 1

    # ---- containers -------------------------------------------------------------------------

    def _container(self, token: Token, after: Sequence[Token]) -> bool:
        kind = token.type
        if kind == "list_item_open":
            self._open(self._prefix.marked(Span(self._item_mark(token, after), BULLET)), self._look)
        elif kind == "blockquote_open":
            self._open(self._prefix.then(_BAR, _BAR), QUOTE)
        elif kind in ("list_item_close", "blockquote_close"):
            self._close()
        else:
            return kind.endswith(("_list_open", "_list_close"))
        return True

    def _open(self, prefix: Prefix, look: Look) -> None:
        self._around.append((self._prefix.hang, len(self.blocks)))
        self._looks.append(self._look)
        self._prefix, self._look = prefix, look

    def _close(self) -> None:
        hang, before = self._around.pop()
        self._look = self._looks.pop()
        if len(self.blocks) == before:  # an empty item shows its bullet
            self.blocks.append(Row((), *self._prefix))
        self._prefix = Prefix(hang, hang)
        self._outermost = min(self._outermost, len(self._around))

    def _item_mark(self, token: Token, after: Sequence[Token]) -> str:
        box = ""
        if len(after) == 2 and after[0].type == "paragraph_open" and (task := _TASK.match(after[1].content)):
            first = (after[1].children or [None])[0]
            if first is not None and first.type == "text" and first.content.startswith(task[0][:3]):
                first.content = first.content[3:].lstrip(" ")
                box = "☐ " if task[0][1] == " " else "☑ "
        if not token.info:
            return box or "• "
        number = token.info
        if self._ordinal is not None and not self._around:
            number = str(self._ordinal)
            self._ordinal += 1
        return f"{number}{token.markup} {box}"

    # ---- blocks -----------------------------------------------------------------------------

    def _begin(self, start: int, end: int) -> Prefix:
        """The prefix for a block from these source lines, after the blank row before it if there is one."""
        between = self._lines[self._end] if self._end is not None and self._end < start else "-"
        if _MARKS.fullmatch(between):
            hangs = [*[hang for hang, _ in self._around], self._prefix.hang]
            self.blocks.append(Row(first=hangs[self._outermost], kind="blank"))
        self._end, self._outermost = end, len(self._around)
        prefix, self._prefix = self._prefix, Prefix(self._prefix.hang, self._prefix.hang)
        return prefix

    def _source(self, start: int, end: int) -> str:
        return "\n".join(self._lines[start:end])

    def _text(self, token: Token, inline: Token) -> None:
        start, end = token.map or (0, 0)
        prefix, look = self._begin(start, end), self._look
        if token.type == "heading_open":
            prefix, look = (
                prefix.marked(Span("#" * int(token.tag[1:]) + " ", DIM)),
                Look("heading", bold=True),
            )
        elif token.info:
            prefix = prefix.marked(Span(f"[{clean_line(token.info)}] ", Look("link")))
        spans = spans_of(inline.children or (), look, maths=self._maths)
        self.blocks.append(_row(spans, prefix, self._source(start, end)))

    def _leaf(self, token: Token) -> None:
        start, end = token.map or (0, 0)
        end += token.type == "amsmath"  # whose last line is left out
        prefix, source = self._begin(start, end), self._source(start, end)
        if token.type in ("fence", "code_block"):
            self.blocks += self._code(token, prefix)
        elif token.type == "hr":
            self.blocks.append(Row((), *prefix, "rule", source))
        elif token.type in ("math_block", "amsmath"):
            shown = formula(token.content, display=True, source=source, maths=self._maths)
            self.blocks.append(_row((Span(shown, MATHS),), prefix, source))
        else:  # HTML, and definitions of links
            for line in clean(token.content).rstrip("\n").split("\n"):
                self.blocks.append(Row((Span(line, DIM),) if line else (), *prefix))
                prefix = Prefix(prefix.hang, prefix.hang)

    def _code(self, token: Token, prefix: Prefix) -> Iterator[Row]:
        sources = token.content.removesuffix("\n").split("\n") if token.content else []
        if token.type == "code_block":
            return code_rows(
                prefix,
                "",
                None,
                sources,
                [(Span(line, CODE),) if line else () for line in sources],
                copies=False,
            )
        from chatterm.tui.transcript.highlight import highlight

        lines = highlight(token.info.strip(), token.content) if sources else []
        opening = self._source(*(token.map or (0, 0))).partition("\n")[0]
        return code_rows(prefix, token.info, opening, sources, lines, copies=False)

    def _table(self, opening: Token, tokens: Sequence[Token]) -> None:
        start, end = opening.map or (0, 0)
        prefix = self._begin(start, end)
        rows: list[TableRow] = []
        cells: list[Spans] = []
        aligns: list[Align] = []
        for number, token in enumerate(tokens):
            if token.type in ("th_open", "td_open"):
                look = self._look._replace(bold=token.type == "th_open")
                cells.append(spans_of(tokens[number + 1].children or (), look, maths=self._maths))
                if token.type == "th_open":
                    aligns.append(_align(str(token.attrs.get("style", ""))))
            elif token.type == "tr_close":
                first = start + len(rows) + bool(rows)
                rows.append(TableRow(tuple(cells), self._source(first, first + (1 if rows else 2))))
                cells = []
        natural = [
            max([cell_width(row.cells[column]) for row in rows if column < len(row.cells)], default=0)
            for column in range(len(aligns))
        ]
        self.blocks.append(Table(tuple(rows), tuple(aligns), tuple(natural), True, *prefix))


def _row(spans: Spans, prefix: Prefix, source: str) -> Row:
    shown = spans[0].text if len(spans) == 1 else "".join([span.text for span in spans])
    return Row(spans, *prefix, "text", source if source != shown else None)


def _align(style: str) -> Align:
    return "center" if "center" in style else "right" if "right" in style else "left"


def cell_width(cell: Spans) -> int:
    """The width of the longest line of a cell."""
    return max([cell_len(line) for line in "".join([span.text for span in cell]).split("\n")])
