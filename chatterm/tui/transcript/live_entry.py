"""A reply that grows: laid out as it comes, at a cost that does not grow with it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from chatterm.tui.transcript.entries import Entry, Section
from chatterm.tui.transcript.lines import Line
from chatterm.tui.transcript.live_sections import LiveCard, LiveText, LiveThinking
from chatterm.tui.transcript.live_tail import LiveTail, MergedReferences, WaitingLine
from chatterm.tui.transcript.looks import DIM
from chatterm.tui.transcript.rows import Row
from chatterm.tui.transcript.segments import (
    Card,
    Content,
    Format,
    References,
    Segment,
    card_of,
    fold_head,
    fold_words,
    foot,
    is_full,
    lay_out,
    plain_rows,
    weight,
)

_BLANK = Line()


class LiveEntry:
    """A reply that grows. `closed` are the segments that are complete; the lines are those of the last one.
    A segment that is a tool call may change later.

    The segments are those of the entry that the reply becomes. `settle` brings the lines up to date.
    """

    def __init__(self, entry: Entry, form: Format) -> None:
        self.entry: Entry = entry
        self.closed: list[Segment] = []
        self._sections: list[LiveText | LiveThinking | LiveCard] = []
        self.altered: set[int] = set()
        """The closed segments that changed; who shows them takes them out."""
        self._fresh: list[list[Line]] = []
        self._waiting: WaitingLine = WaitingLine()
        self._merged: MergedReferences = MergedReferences()
        self.lay(form)
        for section in entry.sections:
            if section.kind in ("tool", "note"):
                self.put_card(section)
            else:
                (self.write_thinking if section.kind == "thinking" else self.write)(section.text)
        self.settle()

    def lay(self, form: Format) -> None:
        """Lays out the last segment in another format; what is closed is only grouped anew."""
        self._form: Format = form
        self.closed.clear()
        self._fresh.clear()
        self._open: list[Content] = []
        self._lines: list[Line] = []
        self._weight: tuple[int, int] = (0, 0)
        self._tail: LiveTail = LiveTail(form)
        self._changed: int = 0
        self._is_stale: bool = True  # whether something came in since the tail was laid out
        sections, self._sections = self._sections, []
        for section in sections:
            if isinstance(section, LiveCard):
                self._add_card(section.section)
                continue
            section.start_over()
            for content in self._opening(section):
                self._group(content)
            for content in [
                *self._contents(section),
                *(self._closing(section) if section is not sections[-1] else ()),
            ]:
                self._group(content)
        self._lines = lay_out(self._open, form, self.references)
        self._fresh.clear()
        self.altered.clear()
        self.settle()

    # ---- growing ----------------------------------------------------------------------------

    def write(self, text: str) -> None:
        """Adds to the text."""
        self._take_in(LiveText, text)

    def write_thinking(self, text: str) -> None:
        """Adds to the thinking."""
        self._take_in(LiveThinking, text)

    def put_card(self, card: Section) -> None:
        """Shows a tool call, or a note, after what is there; a call that is shown already changes in its place."""
        for number, held in enumerate(self._sections):
            if isinstance(held, LiveCard) and card.call_id and held.section.call_id == card.call_id:
                held.section, shown = card, self._card(card, number)
                self.closed[held.segment] = Segment((shown,), *weight(shown))
                self.altered.add(held.segment)
                return
        self._end_last()
        self._add_card(card)

    def wait(self, text: str | None) -> None:
        """Shows that the reply is waited for, in these words; the spinner turns with each call."""
        self._changed = min(self._changed, len(self._lines) + len(self._tail.lines))
        self._waiting.show(text, self._form.width)

    def settle(self) -> int:
        """Lays out what is unfinished; the number of the first line of the last segment that changed.

        Where a segment was closed since the last call, that is 0.
        """
        if self._sections and self._is_stale:
            self._is_stale = False
            self._lay_tail(self._sections[-1])
        changed, self._changed = self._changed, len(self._lines) + len(self._tail.lines)
        return changed

    def finish(self, entry: Entry) -> list[Segment] | None:
        """Nothing more comes: the segments of the entry that the reply became; None where its texts are others.

        Afterwards `take_fresh` gives the lines of the last segments.
        """
        self._end_last()
        came = [_identity(section) for section in self.sections]
        if came != [_identity(section) for section in entry.sections]:
            return None
        self._put([*foot(entry), Row(kind="blank")])
        if self._open:
            self.closed.append(Segment(tuple(self._open), *self._weight))
            self._fresh.append(self._lines)
        return [_with_heads(segment, entry, self._form) for segment in self.closed]

    def take_fresh(self) -> list[list[Line]]:
        """The lines of the segments that were closed since the last call, the last of `closed`."""
        fresh, self._fresh = self._fresh, []
        return fresh

    # ---- lines ------------------------------------------------------------------------------

    @property
    def text(self) -> str:
        """The text so far, without thinking."""
        return "\n\n".join(section.text for section in self._sections if section.kind == "text")

    @property
    def sections(self) -> list[Section]:
        """All of it so far."""
        return [section.section for section in self._sections]

    @property
    def is_waiting(self) -> bool:
        """Whether the line is shown that says what it waits for."""
        return bool(self._waiting.lines)

    @property
    def segments(self) -> list[Segment]:
        """All segments so far, the last one as if the reply ended here."""
        last = self._sections[-1] if self._sections else None
        tail = () if last is None or isinstance(last, LiveCard) else last.tail()
        return [*self.closed, Segment((*self._open, *tail), *self._weight)]

    @property
    def references(self) -> References:
        """The link definitions so far."""
        found = [each.references for each in self._sections if isinstance(each, LiveText) and each.references]
        return self._merged.of(found)

    @property
    def height(self) -> int:
        """How many lines the last segment has."""
        return len(self._lines) + len(self._tail.lines) + len(self._waiting.lines) + 1

    @property
    def lines(self) -> list[Line]:
        """The lines of the last segment."""
        return [*self._lines, *self._tail.lines, *self._waiting.lines, _BLANK]

    def line(self, number: int) -> Line:
        """One line of the last segment. Raises `IndexError`."""
        for lines in (self._lines, self._tail.lines, self._waiting.lines):
            if number < len(lines):
                return lines[number]
            number -= len(lines)
        if number:
            raise IndexError(number)
        return _BLANK

    # ---- sections ---------------------------------------------------------------------------

    def _end_last(self) -> None:
        """Nothing more is added to the last section."""
        last = self._sections[-1] if self._sections else None
        if last is not None and not isinstance(last, LiveCard):
            last.finish()
            self._put(self._contents(last))
            self._put(self._closing(last))
        self._changed = min(self._changed, len(self._lines))
        self._tail.clear()

    def _add_card(self, section: Section) -> None:
        """Shows a section that is no text: a tool call is a segment of its own."""
        number = len(self._sections)
        if section.kind == "tool":
            if self._open:
                self._close()
            self._sections.append(LiveCard(section, len(self.closed)))
            self._put([self._card(section, number)])
        else:
            self._sections.append(LiveCard(section, -1))
            self._put(plain_rows(section.text, DIM))

    def _card(self, section: Section, number: int) -> Card:
        return card_of(section, number, self._form.is_open(self.entry.id, number))

    def _take_in(self, kind: type[LiveText] | type[LiveThinking], text: str) -> None:
        section = self._sections[-1] if self._sections else None
        if not isinstance(section, kind):
            self._end_last()
            section = kind()
            self._put(self._opening(section))
        self._is_stale = True
        section.write(text)
        self._put(self._contents(section))

    def _opening(self, section: LiveText | LiveThinking) -> Sequence[Content]:
        """Adds the section; what it begins with."""
        self._sections.append(section)
        if section.kind == "text" or not self._is_open():
            return ()
        return [fold_head("thinking", len(self._sections) - 1, True)]

    def _contents(self, section: LiveText | LiveThinking) -> Sequence[Content]:
        contents = section.take()
        return contents if section.kind == "text" or self._is_open() else ()

    def _closing(self, section: LiveText | LiveThinking) -> Sequence[Content]:
        """What comes after the contents of a section that is over."""
        if section.kind == "text" or self._is_open():
            return ()
        words = fold_words(Section("thinking", section.text))
        return [fold_head(words, len(self._sections) - 1, False)]

    def _is_open(self) -> bool:
        return self._form.is_open(self.entry.id, len(self._sections) - 1)

    # ---- laying out -------------------------------------------------------------------------

    def _put(self, contents: Iterable[Content]) -> None:
        """Lays out contents for good."""
        for content in contents:
            self._changed = min(self._changed, len(self._lines))
            self._lines += self._tail.finished(content, self.references)
            self._group(content)

    def _lay_tail(self, section: LiveText | LiveThinking | LiveCard) -> None:
        if isinstance(section, LiveText):
            settled = self._tail.lay_text(section, self.references)
        elif isinstance(section, LiveThinking):
            folded = [fold_head(section.words, len(self._sections) - 1, False)]
            settled = self._tail.lay(section.tail() if self._is_open() else folded)
        else:
            settled = self._tail.lay(())
        self._changed = min(self._changed, len(self._lines) + settled)

    def _group(self, content: Content) -> None:
        """Puts the content into the open segment, which is closed if it is full then."""
        self._open.append(content)
        size, rows = weight(content)
        self._weight = (self._weight[0] + size, self._weight[1] + rows)
        if isinstance(content, Card) or is_full(*self._weight):
            self._close()

    def _close(self) -> None:
        """Another segment is open from now on."""
        self.closed.append(Segment(tuple(self._open), *self._weight))
        self._fresh.append(self._lines)
        self._open, self._weight, self._lines, self._changed = [], (0, 0), [], 0


def _with_heads(segment: Segment, entry: Entry, form: Format) -> Segment:
    """The segment with the heads of folds as they are in the entry."""
    if not segment.has_folds:
        return segment
    heads: dict[str, Row | Card] = {}
    for number, section in enumerate(entry.sections):
        is_open = form.is_open(entry.id, number)
        if section.kind == "thinking":
            head = fold_head(fold_words(section), number, is_open)
            heads[_link(head)] = head
        elif section.kind == "tool":
            card = card_of(section, number, is_open)
            heads[_link(card)] = card
    contents = tuple(heads.get(_link(content), content) for content in segment.contents)
    return segment._replace(contents=contents)


def _identity(section: Section) -> tuple[str, str]:
    """What a section that grew has in common with what it became."""
    return section.kind, section.call_id if section.kind == "tool" else section.text


def _link(content: Content) -> str:
    """What a click on it is about; "" where it is no head of a fold."""
    row = content.rows[0] if isinstance(content, Card) else content
    return row.spans[0].link if isinstance(row, Row) and row.spans else ""
