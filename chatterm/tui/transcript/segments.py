"""What an entry shows, in segments that are each laid out at once: about 3,000 characters of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from chatterm.tui.transcript.entries import Entry, Section
from chatterm.tui.transcript.lines import Line, lay
from chatterm.tui.transcript.looks import DIM, TEXT, Look, Span, Spans
from chatterm.tui.transcript.pieces import LONGEST_TEXT, Piece, place_to_cut
from chatterm.tui.transcript.rows import Block, Row
from chatterm.tui.transcript.stretches import Stretch
from chatterm.tui.transcript.wrap import Join

SEGMENT_CHARACTERS = 3000
SEGMENT_ROWS = 64
_SHORT_LINE = 40
"""Characters of a line that are not counted where the line is."""
GUTTER = 2
"""Columns before every line: the accent bar of a prompt, nothing before a reply."""

NOTHING = "empty reply"
_THOUGHT = (Span("│ ", DIM),)
_BLANK = Row(kind="blank")

References = dict[str, tuple[str, str]]


class Card(NamedTuple):
    """A tool call: the rows that are shown of it. It is a segment of its own, so that it can change while what comes
    after it stays where it is."""

    rows: tuple[Row, ...]


Content = Piece | Row | Card


class Format(NamedTuple):
    """How entries are laid out: the room for text in cells, which folds are open, whether maths is converted.

    `turned` are the folds that are not as `unfolded` says for all, by entry and number of the section.
    """

    width: int
    unfolded: bool = False
    maths: bool = True
    turned: frozenset[tuple[str, int]] = frozenset()

    def is_open(self, entry_id: str, number: int) -> bool:
        """Whether this fold is open."""
        return self.unfolded != ((entry_id, number) in self.turned)


class Segment(NamedTuple):
    """Consecutive contents of an entry; `size` characters in at least `rows` rows."""

    contents: tuple[Content, ...]
    size: int
    rows: int

    def estimate(self, width: int) -> int:
        """A guess at the number of lines."""
        return self.rows + self.size // max(width, 1)

    @property
    def has_folds(self) -> bool:
        """Whether there is the head of a fold in it."""
        return any(
            isinstance(content, Card) or (isinstance(content, Row) and _is_head(content))
            for content in self.contents
        )


def entry_segments(entry: Entry, form: Format) -> tuple[list[Segment], References]:
    """All segments of an entry, the blank line after it included, and the link definitions in it."""
    references: References = {}
    return list(grouped(contents_of_entry(entry, form, references))), references


def lay_out(contents: Iterable[Content], form: Format, references: References) -> list[Line]:
    """The lines of some contents."""
    lines: list[Line] = []
    for content in contents:
        laid = lay(_blocks(content, form, references), form.width)
        lines += joined(content, laid) if isinstance(content, Piece) else laid
    return lines


def joined(piece: Piece, lines: list[Line]) -> list[Line]:
    """The lines of a piece; the first one goes on in the row before it where the piece goes on in its line, and
    the last row knows the fence that ends the code."""
    if not lines:
        return lines
    if piece.join is not None:
        source = lines[0].source if lines[0].source is not None else _first_row(lines)
        lines[0] = lines[0]._replace(join=piece.join, source=source)
    if piece.closing:
        at = len(lines) - 1
        while at and lines[at].join is not None:
            at -= 1
        lines[at] = lines[at]._replace(closing=piece.closing)
    return lines


def _first_row(lines: list[Line]) -> str:
    end = next((at for at, line in enumerate(lines[1:], 1) if line.join is None), len(lines))
    parts = [(line.join or "") * (at > 0) + line.text[line.lead :] for at, line in enumerate(lines[:end])]
    return "".join(parts)


def grouped(contents: Iterable[Content]) -> Iterator[Segment]:
    """The contents in segments: one ends with the content that makes it large enough, or before a card."""
    held: list[Content] = []
    size = rows = 0
    for content in contents:
        more = weight(content)
        if isinstance(content, Card):
            if held:
                yield Segment(tuple(held), size, rows)
            yield Segment((content,), *more)
            held, size, rows = [], 0, 0
            continue
        held.append(content)
        size, rows = size + more[0], rows + more[1]
        if is_full(size, rows):
            yield Segment(tuple(held), size, rows)
            held, size, rows = [], 0, 0
    if held:
        yield Segment(tuple(held), size, rows)


def weight(content: Content) -> tuple[int, int]:
    """How many characters there are in how many rows, about; what makes a line a row is not counted in both."""
    if isinstance(content, Card):
        texts = [sum([len(span.text) for span in row.spans]) for row in content.rows[1:]]
        return sum([max(0, length - _SHORT_LINE) for length in texts]), len(content.rows)
    if isinstance(content, Row):
        if _is_head(content):  # whose words are others while it grows
            return 0, 1
        return sum(len(span.text) for span in content.spans), 1
    gap = content.gap is not None
    if content.kind == "code":
        return 0, content.source.count("\n") + content.opens + gap
    breaks = content.source.count("\n")
    return max(0, len(content.source) - _SHORT_LINE * breaks), breaks + 1 + gap


def is_full(size: int, rows: int) -> bool:
    """Whether a segment ends here."""
    return size >= SEGMENT_CHARACTERS or rows >= SEGMENT_ROWS


def fold_head(words: str, number: int, is_open: bool) -> Row:
    """The line that a fold is reduced to, which a click opens or closes."""
    mark = "▾" if is_open else "▸"
    return Row((Span(f"{mark} {words}", Look("fold"), f"action:fold:{number}"),))


def card_of(section: Section, number: int, is_open: bool) -> Card:
    """What is shown of a tool call."""
    head = fold_head(section.head, number, is_open)
    if section.hint:
        head = head._replace(spans=(*head.spans, Span(f"  {section.hint}", DIM)))
    if section.state:
        head = head._replace(end=(Span(section.state, Look(section.state_kind)),))
    return Card((head, *(plain_rows(section.text, DIM, _THOUGHT) if is_open else ())))


def _is_head(row: Row) -> bool:
    return bool(row.spans) and row.spans[0].link.startswith("action:fold:")


def fold_words(section: Section) -> str:
    """The words on the line of a fold."""
    return section.head or f"thought · {len(section.text):,} characters"


def thinking_rows() -> PlainRows:
    """Thinking, or what a tool was given and gave, as it is."""
    return PlainRows(DIM, _THOUGHT)


def plain_rows(text: str, look: Look = TEXT, bar: Spans = (), stretch: Stretch | None = None) -> list[Row]:
    """The rows of a text without marks, or of a stretch of it."""
    if stretch is None:
        rows = PlainRows(look, bar)
        rows.feed(text)
        rows.finish()
        return rows.rows
    rows = PlainRows(look, bar, after=stretch if text[: stretch.begin].strip() else None)
    rows.feed(text[stretch.begin : stretch.end])
    rows.finish(goes_on=bool(text[stretch.end :].strip()))
    return rows.rows


class PlainRows:
    """A growing text without marks: a row for each of its lines, without blank ones at either end.

    Lines without end are cut. `rows` are those that are complete; `after` tells that it is the later part of a text.
    """

    def __init__(self, look: Look = TEXT, bar: Spans = (), after: Stretch | None = None) -> None:
        self.rows: list[Row] = []
        self._look: Look = look
        self._bar: Spans = bar
        self._partial: str = ""
        self._blanks: int = 0
        self._has_begun: bool = after is not None
        self._join: Join | None = (
            "" if after is not None and after.in_line else None
        )  # of the row after a cut

    def feed(self, text: str) -> None:
        """Takes in more of the text."""
        *whole, self._partial = (self._partial + text).split("\n")
        for line in whole:
            rest = self._cut(line)
            if rest.strip() or rest is not line:
                self._put(rest)
            else:
                self._blanks += bool(self.rows) or self._has_begun
            self._join = None
        self._partial = self._cut(self._partial)

    def finish(self, *, goes_on: bool = False) -> None:
        """The text is complete, or this part of it."""
        if self._partial.strip():
            self._put(self._partial)
        self._partial = ""
        if goes_on:
            self.rows += self._held()

    def tail(self) -> list[Row]:
        """The unfinished line."""
        return [*self._held(), self._row(self._partial)] if self._partial.strip() else []

    def _cut(self, line: str) -> str:
        while len(line) > LONGEST_TEXT:
            end = place_to_cut(line)
            self._put(line[:end])
            self._join = " " if line[end - 1] == " " else ""
            line = line[end:]
        return line

    def _put(self, line: str) -> None:
        self.rows += self._held()
        self._blanks = 0
        self.rows.append(self._row(line))

    def _held(self) -> list[Row]:
        return [Row((), self._bar, self._bar, source="")] * self._blanks

    def _row(self, line: str) -> Row:
        text = line.expandtabs(4).rstrip(" ")
        return Row(
            (Span(text, self._look),) if text else (), self._bar, self._bar, source=line, join=self._join
        )


def foot(entry: Entry) -> Iterator[Row]:
    """What stands beneath a reply: how it ended, its figures."""
    nothing = entry.status == "done" and not (entry.sections or entry.ending)
    ending = entry.ending or (NOTHING if nothing else "")
    yield from plain_rows(ending, ending_look(entry))
    yield from plain_rows(entry.figures, DIM)


def rows_beneath(entry: Entry) -> int:
    """How many rows stand beneath the text of the entry, the blank one after it not counted."""
    return len([*foot(entry)] if entry.role == "assistant" else plain_rows(entry.label, DIM))


def ending_look(entry: Entry) -> Look:
    """The look of the line that says how it ended."""
    return DIM if entry.ending_kind == "plain" else Look(entry.ending_kind)


def contents_of_entry(entry: Entry, form: Format, references: References) -> Iterator[Content]:
    """All contents of an entry, the blank line after it included; adds the link definitions in it."""
    for number in range(len(entry.sections) if entry.role == "assistant" else 1):
        yield from contents_of_text(entry, number, form, references)
    yield from beneath(entry)


def contents_of_text(
    entry: Entry, number: int, form: Format, references: References, stretch: Stretch | None = None
) -> Iterator[Content]:
    """The contents of the section with this number, or of the text where there are none; only of a stretch of it."""
    if entry.role != "assistant":
        queued = DIM if entry.status == "queued" else TEXT
        yield from plain_rows(
            entry.text, ending_look(entry) if entry.role == "notice" else queued, stretch=stretch
        )
        return
    section = entry.sections[number]
    if section.kind == "text":
        from chatterm.tui.transcript.scan import scan

        scanner = scan(section.text, stretch)
        references.update(scanner.references)
        yield from scanner.pieces
        return
    if section.kind == "note":
        yield from plain_rows(section.text, DIM)
        return
    is_open = form.is_open(entry.id, number)
    if section.kind == "tool":
        yield card_of(section, number, is_open)
        return
    if stretch is None or not section.text[: stretch.begin].strip():
        yield fold_head(fold_words(section), number, is_open)
    if is_open:
        yield from plain_rows(section.text, DIM, _THOUGHT, stretch)


def beneath(entry: Entry) -> Iterator[Row]:
    """What stands beneath the text of an entry, and the blank line after it."""
    yield from foot(entry) if entry.role == "assistant" else plain_rows(entry.label, DIM)
    yield _BLANK


def _blocks(content: Content, form: Format, references: References) -> Iterator[Block]:
    if isinstance(content, Row):
        yield content
        return
    if isinstance(content, Card):
        yield from content.rows
        return
    if content.gap is not None:
        yield Row(first=content.gap, kind="blank")
    # Imported on use: the parser and the lexers are not needed until there is something to show.
    if content.kind == "code":
        from chatterm.tui.transcript.highlight import highlight
        from chatterm.tui.transcript.markdown import code_blocks_of

        yield from code_blocks_of(content, highlight(content.info, content.source))
    else:
        from chatterm.tui.transcript.markdown import blocks_of

        yield from blocks_of(content, references, maths=form.maths)
