"""One line of source text to screen lines.

A line is laid out alone, given only what the lines before it left open (`State`): a code fence, a blank line,
or the rest of a line that was cut. The look of a line follows a part of CommonMark
(https://spec.commonmark.org/0.31.2/); lines are not joined to paragraphs, and tables stay as written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from chatterm.tui.transcript.inline import Look, Span, inline_spans
from chatterm.tui.transcript.wrap import Join, Row, fold, wrap

TEXT = Look("text")
DIM = Look("dim")
CODE = Look("code")
NO_GUTTER = Span("", TEXT)
TAB = 4

_FENCE = re.compile(r"([ ]*)(`{3,}|~{3,})([^`]*)$")
_FENCE_BEGUN = re.compile(r"[ ]*(`{1,2}|~{1,2})$")
_HEADING = re.compile(r"[ ]{0,3}(#{1,6})(?:[ ]+|$)(.*)")
_RULE = re.compile(r"[ ]{0,3}([-*_])(?:[ ]*\1){2,}[ ]*$")
_BULLET = re.compile(r"([ ]*)[-*+](?:[ ]+(\[[ xX]\])(?=[ ]|$))?[ ]+(.*)")
_NUMBER = re.compile(r"([ ]*)([0-9]{1,9}[.)])[ ]+(.*)")
_QUOTE = re.compile(r"[ ]{0,3}((?:>[ ]?)+)(.*)")
_TABLE = re.compile(r"[ ]*\|.*\|")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the screen.

    The first `lead` characters are no part of the text and are not copied. `join` is None where a line of
    the text begins, else what stood between this line and the one before it. `fill` names the look of the
    room that is left.
    """

    spans: tuple[Span, ...] = ()
    lead: int = 0
    join: Join | None = None
    fill: str = "text"

    @property
    def text(self) -> str:
        """The words of the line, without lead and styles."""
        return "".join(span.text for span in self.spans)


class _Fence(NamedTuple):
    indent: int
    mark: str

    def closed_by(self, source: str) -> bool:
        line = source.strip(" ")
        return len(line) >= len(self.mark) and not line.strip(self.mark[0])


class _Shape(NamedTuple):
    """How the rows of one source line look. `hang` stands before all rows but the first."""

    first: tuple[Span, ...] = ()
    hang: tuple[Span, ...] = ()
    look: Look = TEXT
    fill: str = "text"
    folds: bool = False
    literal: bool = False
    lead: int = 0


class _Rest(NamedTuple):
    shape: _Shape
    join: Join


class State(NamedTuple):
    """What the lines before have left open; the default is the beginning of a text."""

    begun: bool = False
    blanks: int = 0
    fence: _Fence | None = None
    rest: _Rest | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """How a text is laid out: `width` cells, each line after the `gutter`; `plain` texts have no marks."""

    width: int
    gutter: Span = NO_GUTTER
    plain: bool = False
    look: Look = TEXT

    def lay(self, source: str, state: State, *, cut: bool = False) -> tuple[list[Line], State]:
        """Lines for one source line (without its newline), and the state after it.

        Blank lines are held back until something follows them. `cut` says that the source line goes on: the
        next call then brings its rest.
        """
        if state.rest is None and not source.strip(" \t") and not state.fence and not cut:
            return [], state._replace(blanks=state.blanks + 1) if state.begun else state
        space_follows = cut and source[-1:] in (" ", "\t")
        source = source.expandtabs(TAB)
        blanks = [self._line((), TEXT.name)] * (state.blanks if self.plain else min(state.blanks, 1))
        lines, after = self._rest(source, state) if state.rest else self._begin(source, state)
        if cut:
            shape = after.rest.shape if after.rest else _Shape()
            after = after._replace(rest=_Rest(shape, " " if space_follows and not shape.folds else ""))
        else:
            after = after._replace(rest=None)
        return [*blanks, *lines], after._replace(begun=True, blanks=0)

    def is_undecided(self, source: str, state: State) -> bool:
        """Whether an unfinished line is better not shown yet: a code fence in the making."""
        if self.plain or state.rest is not None:
            return False
        if state.fence is None:
            return _FENCE_BEGUN.match(source) is not None
        line = source.strip(" ")
        return bool(line) and state.fence.mark.startswith(line)

    def _begin(self, source: str, state: State) -> tuple[list[Line], State]:
        if self.plain:
            return self._laid(source, _Shape(look=self.look, literal=True), state)
        if state.fence is not None:
            if state.fence.closed_by(source):
                return [], state._replace(fence=None)
            indent = min(len(source) - len(source.lstrip(" ")), state.fence.indent)
            return self._laid(source[indent:], self._code(state.fence.indent), state)
        if (match := _FENCE.match(source)) is not None:
            fence = _Fence(len(match[1]), match[2])
            tag = match[3].strip()
            lines = self._laid(tag, self._code(fence.indent, Look("code-tag")), state)[0] if tag else []
            return lines, state._replace(fence=fence)
        shape, text = self._quote(source) or self._block(source, self.width)
        return self._laid(text, shape, state)

    def _rest(self, source: str, state: State) -> tuple[list[Line], State]:
        assert state.rest is not None
        shape = state.rest.shape
        return self._laid(source, shape._replace(first=shape.hang), state, state.rest.join)

    def _code(self, indent: int, look: Look = CODE) -> _Shape:
        margin = Span(" " * min(indent, self.width // 2), self.look)
        pad = (margin, Span(" ", look)) if margin.text else (Span(" ", look),)
        return _Shape(pad, pad, look, fill="code", folds=True, literal=True, lead=len(margin.text) + 1)

    def _block(self, source: str, room: int) -> tuple[_Shape, str]:
        """The shape of a line outside code and quotes, and the text without the marks that say so."""
        if (match := _HEADING.match(source)) is not None:
            mark = Span(match[1] + " ", DIM)
            shape = _Shape((mark,), (Span(" " * len(mark.text), DIM),), Look("heading", bold=True))
            return shape, _without_closing(match[2].rstrip(" "))
        if _RULE.match(source) is not None:
            return _Shape(look=Look("rule"), literal=True), "─" * room
        if _TABLE.match(source) is not None:
            return _Shape(look=self.look, folds=True, literal=True), source
        return self._item(source) or self._paragraph(source)

    def _item(self, source: str) -> tuple[_Shape, str] | None:
        if (match := _BULLET.match(source)) is not None:
            box = {None: "•", "[ ]": "☐"}.get(match[2], "☑")
            mark, text = f"{box} ", match[3]
        elif (match := _NUMBER.match(source)) is not None:
            mark, text = f"{match[2]} ", match[3]
        else:
            return None
        space = match[1][: self.width // 2]
        hang = Span(" " * len(space + mark), self.look)
        return _Shape((Span(space, self.look), Span(mark, Look("bullet"))), (hang,), self.look), text

    def _quote(self, source: str) -> tuple[_Shape, str] | None:
        if (match := _QUOTE.match(source)) is None:
            return None
        bars = "│ " * min(match[1].count(">"), max(1, self.width // 8))
        bar = (Span(bars, Look("quote")),)
        shape, text = self._block(match[2], self.width - len(bars))
        look = Look("quote") if shape.look == self.look else shape.look
        shape = _Shape(
            bar + shape.first, bar + shape.hang, look, shape.fill, shape.folds, shape.literal, len(bars)
        )
        return shape, text

    def _paragraph(self, source: str) -> tuple[_Shape, str]:
        text = source.lstrip(" ")
        indent = min(len(source) - len(text), self.width // 2)
        prefix = (Span(" " * indent, self.look),) if indent else ()
        return _Shape(prefix, prefix, self.look), text

    def _laid(
        self, text: str, shape: _Shape, state: State, join: Join | None = None
    ) -> tuple[list[Line], State]:
        size = sum(len(span.text) for span in shape.first)
        room = max(2, self.width - size)
        text = text if shape.folds else text.rstrip(" ")
        spans = [Span(text, shape.look)] if shape.literal else inline_spans(text, shape.look)
        shown = "".join(span.text for span in spans)
        rows = fold(shown, room) if shape.folds else wrap(shown, room)
        lines = [
            self._line(
                (*(shape.hang if number else shape.first), *pieces),
                shape.fill,
                max(shape.lead, size) if number or join is not None else shape.lead,
                row.join if number else join,
            )
            for number, (row, pieces) in enumerate(zip(rows, _cut(spans, rows), strict=True))
        ]
        return lines, state._replace(rest=_Rest(shape, ""))

    def _line(self, spans: tuple[Span, ...], fill: str, lead: int = 0, join: Join | None = None) -> Line:
        shown = tuple(span for span in (self.gutter, *spans) if span.text)
        return Line(shown, len(self.gutter.text) + lead, join, fill)


def _without_closing(heading: str) -> str:
    """The heading without the `#`s that may close it; those of `C#` stay."""
    stripped = heading.rstrip("#")
    return stripped.rstrip(" ") if stripped.endswith(" ") or not stripped else heading


def _cut(spans: list[Span], rows: list[Row]) -> list[list[Span]]:
    """The spans of each row. Rows come in order and do not overlap."""
    cut: list[list[Span]] = []
    number, at = 0, 0
    for start, end, _ in rows:
        pieces: list[Span] = []
        while number < len(spans) and at < end:
            text, look = spans[number]
            piece = text[max(start - at, 0) : end - at]
            if piece:
                pieces.append(Span(piece, look))
            if at + len(text) > end:
                break
            at += len(text)
            number += 1
        cut.append(pieces)
    return cut
