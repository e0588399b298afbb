"""The source of what is selected."""

from __future__ import annotations

from chatterm.tui.transcript.containers import BAR
from chatterm.tui.transcript.document import Document, contents_of, references_of
from chatterm.tui.transcript.looks import Spans
from chatterm.tui.transcript.pieces import Piece
from chatterm.tui.transcript.segments import Card, Content, lay_out
from chatterm.tui.transcript.selection import Mark, RowSource, Selection, put_together, selected_rows
from chatterm.tui.transcript.spots import Spot


def selected_text(document: Document, selection: Selection) -> str:
    """The selected text: of rows that are selected as a whole, their source; soft breaks are taken out.

    Only segments that are selected in part are laid out for it.
    """
    first, last = selection.ordered
    copy = _Copy()
    for place in range(first.place, min(last.place, len(document) - 1) + 1):
        segment = first.segment if place == first.place else 0
        end = last.segment if place == last.place else document.segments(place) - 1
        while segment <= min(end, document.segments(place) - 1):
            start = Mark(place, segment, Spot(0, 0))
            uncut = _uncut(document, start) if first <= start else None
            if uncut is not None and (place, uncut[1] - 1) < last[:2]:
                copy.add_source(uncut[0])
                segment = uncut[1]
                continue
            contents = contents_of(document, place, segment)
            if contents is not None and first <= start and (place, segment) < last[:2]:
                for content in contents:
                    copy.add(content)
            elif contents is None or any(isinstance(each, Piece) and each.continues for each in contents):
                for _, row in selected_rows(document, place, segment, first, last):
                    copy.add_row(row, ())
            else:
                _add_part(copy, document, start, Selection(first, last))
            segment += 1
    return copy.text


def _uncut(document: Document, start: Mark) -> tuple[str, int] | None:
    """The source of what begins with a segment and was not looked at, and the segment after it."""
    if document.entries[start.place] is None or document.is_live(start.place):
        return None
    return document.body(start.place).uncut(start.segment)


def _add_part(copy: _Copy, document: Document, start: Mark, within: Selection) -> None:
    """Adds what is selected of the segment that begins at a mark."""
    first, last = within
    contents = contents_of(document, start.place, start.segment) or ()
    rows = dict(selected_rows(document, start.place, start.segment, first, last))
    begin = 0
    for content in contents:
        laid = lay_out([content], document.form, references_of(document, start.place))
        end = begin + sum([line.join is None for line in laid])
        numbers = range(begin, end)
        if all(number in rows and rows[number].is_whole for number in numbers):
            copy.add(content)
        else:
            for number in numbers:
                if number in rows:
                    copy.add_row(rows[number], content.hang if isinstance(content, Piece) else ())
        begin = end


class _Copy:
    """Takes contents and rows one after the other; `text` is their source."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._in_code: bool = False

    @property
    def text(self) -> str:
        """All that was taken, without blank lines at its end."""
        parts = self._parts
        while parts and not parts[-1]:
            parts.pop()
        return "\n".join([part.rstrip(" ") for part in parts])

    def add_source(self, source: str) -> None:
        """Takes many contents as they were written: whole lines of the text."""
        self._put(source.rstrip("\n"))
        self._in_code = True  # if a fence is open there

    def add(self, content: Content) -> None:
        """Takes a whole content."""
        if isinstance(content, Card):
            for row in content.rows:
                self.add(row)
            return
        if not isinstance(content, Piece):
            text = "".join([span.text for span in content.spans])
            self._put(text if content.source is None else content.source, content.join)
            return
        marks = _marks(content.hang)
        if content.gap is not None and content.spaced:
            self._put(_marks(content.gap).rstrip())
        if content.kind != "code":
            self._put(_marked(content.source, "" if content.continues else marks, marks), content.join)
            return
        if content.opening:
            self._put(marks + content.opening)
            self._in_code = True
        if content.source:
            source = content.source.removesuffix("\n")
            self._put(_marked(source, "" if content.continues else marks, marks), content.join)
        self._close(marks + content.closing if content.closing else "")

    def add_row(self, row: RowSource, hang: Spans) -> None:
        """Takes what is selected of a row."""
        marks = _marks(hang) if row.is_whole and row.source else ""
        self._put(_marked(row.source, marks, marks), row.join)
        self._in_code |= row.opens
        self._close(marks + row.closing if row.closing else "")

    def _close(self, closing: str) -> None:
        if closing and self._in_code:
            self._put(closing)
            self._in_code = False

    def _put(self, source: str, join: str | None = None) -> None:
        if join is not None and self._parts:
            self._parts[-1] = put_together(self._parts[-1], join, source)
        else:
            self._parts.append(source)


def _marks(prefix: Spans) -> str:
    """What the writer put before a line that has this prefix."""
    return "".join(["> " if span == BAR else span.text for span in prefix])


def _marked(source: str, first: str, marks: str) -> str:
    """The source with marks before its first line, and before the others."""
    if not marks:
        return source
    head, *lines = source.split("\n")
    return "\n".join(
        [first + head, *[(marks + line).rstrip() if not line else marks + line for line in lines]]
    )
