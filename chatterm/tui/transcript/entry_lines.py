"""An entry to screen lines: the whole of a finished one, and a live one while it grows."""

from __future__ import annotations

from chatterm.core.clean import StreamCleaner, clean_line
from chatterm.tui.transcript.entries import Entry
from chatterm.tui.transcript.inline import Look, Span
from chatterm.tui.transcript.layout import DIM, TEXT, Layout, Line
from chatterm.tui.transcript.live import Flow, lay_out

GUTTER = 2
"""Columns before every text: the accent bar of a prompt, nothing before a reply."""

NOTHING = "empty reply"
_REPLY = Span(" " * GUTTER, TEXT)
_THOUGHT = Span(" " * GUTTER + "│ ", DIM)
_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_BLANK = Line((_REPLY,), lead=GUTTER)


def entry_lines(entry: Entry, width: int, unfolded: bool) -> list[Line]:
    """All lines of an entry whose text may be `width` cells wide, the blank line after it included."""
    if entry.role == "user":
        return [*_prompt(entry, width), _BLANK]
    if entry.role == "notice":
        look = _ending_look(entry)
        return [*lay_out(entry.text, Layout(width, _REPLY, plain=True, look=look)), _BLANK]
    lines: list[Line] = []
    if entry.thinking:
        lines.append(_fold_head("thought", len(entry.thinking), unfolded))
        if unfolded:
            lines += lay_out(entry.thinking, _thinking_layout(width))
    lines += lay_out(entry.text, Layout(width, _REPLY))
    return [*lines, *_foot(entry, width), _BLANK]


def estimated_height(entry: Entry, width: int) -> int:
    """A guess at the number of lines, from the length of the texts alone."""
    size = len(entry.text)
    return 2 + entry.text.count("\n") + size // max(width, 1) + bool(entry.thinking) + bool(entry.figures)


class LiveEntry:
    """A reply that grows. `settle` brings the lines up to date and tells from which on they changed."""

    def __init__(self, entry: Entry, width: int, unfolded: bool) -> None:
        self.entry: Entry = entry
        self._texts: list[str] = [entry.text]
        self._text_size: int = len(entry.text)
        self._thoughts: list[str] = [entry.thinking]
        self._thought_size: int = len(entry.thinking)
        self._cleaners: tuple[StreamCleaner, StreamCleaner] = (StreamCleaner(), StreamCleaner())
        self._foot: list[Line] = [_BLANK]
        self._frame: int = 0
        self.lay(width, unfolded)

    def lay(self, width: int, unfolded: bool) -> None:
        """Lays out all that is there for another width, or with the thinking shown or folded."""
        self._width: int = width
        self._unfolded: bool = unfolded
        self._body: Flow = Flow(Layout(width, _REPLY))
        self._thinking: Flow = Flow(_thinking_layout(width))
        self._changed: int = 0
        self._body.feed(self.text)
        if unfolded:
            self._thinking.feed("".join(self._thoughts))
        self.settle()

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(self._texts)

    def write(self, text: str) -> None:
        """Adds to the text."""
        text = self._cleaners[0].feed(text)
        first = len(self._head) + len(self._thinking.lines) + self._body.stable if self._text_size else 0
        self._changed = min(self._changed, first)
        self._texts.append(text)
        self._text_size += len(text)
        self._body.feed(text)

    def write_thinking(self, text: str) -> None:
        """Adds to the thinking."""
        text = self._cleaners[1].feed(text)
        self._thoughts.append(text)
        self._thought_size += len(text)
        self._changed = 0
        if self._unfolded:
            self._thinking.feed(text)

    def wait(self, text: str | None) -> None:
        """Shows that the reply is waited for, in these words; the spinner turns with each call."""
        self._changed = min(self._changed, self.height - len(self._foot))
        self._foot = [_BLANK]
        if text is not None:
            turn = Span(_SPINNER[self._frame % len(_SPINNER)] + " ", Look("spinner"))
            self._foot.insert(0, Line((_REPLY, turn, Span(clean_line(text), DIM)), GUTTER))
            self._frame += 1

    def settle(self) -> int:
        """Lays out what is unfinished; the first line that changed since the last call."""
        label = "thought" if self._text_size else "thinking"
        self._head: list[Line] = (
            [_fold_head(label, self._thought_size, self._unfolded)] if self._thought_size else []
        )
        self._thinking.settle()
        self._body.settle()
        changed, self._changed = self._changed, self.height
        return changed

    @property
    def height(self) -> int:
        """How many lines there are."""
        return len(self._head) + len(self._thinking.lines) + len(self._body.lines) + len(self._foot)

    def line(self, number: int) -> Line:
        """The line with this number. Raises `IndexError`."""
        for lines in (self._head, self._thinking.lines, self._body.lines, self._foot):
            if number < len(lines):
                return lines[number]
            number -= len(lines)
        raise IndexError(number)

    def finished(self, entry: Entry) -> list[Line]:
        """The lines of the entry that the reply became; what is laid out already is not laid out again."""
        for flow, cleaner, texts in zip(
            (self._body, self._thinking), self._cleaners, (self._texts, self._thoughts), strict=True
        ):
            held = cleaner.finish()
            texts.append(held)
            flow.feed(held)
            flow.finish()
        if entry.role != "assistant" or entry.text != self.text:
            return entry_lines(entry, self._width, self._unfolded)
        if entry.thinking != "".join(self._thoughts):
            return entry_lines(entry, self._width, self._unfolded)
        head = [_fold_head("thought", len(entry.thinking), self._unfolded)] if entry.thinking else []
        thinking = self._thinking.lines if self._unfolded else []
        return [*head, *thinking, *self._body.lines, *_foot(entry, self._width), _BLANK]


def _prompt(entry: Entry, width: int) -> list[Line]:
    queued = entry.status == "queued"
    bar = Span("▌ ", DIM if queued else Look("user"))
    lines = lay_out(entry.text, Layout(width, bar, plain=True, look=DIM if queued else TEXT))
    return [*lines, *lay_out(entry.label, Layout(width, bar, plain=True, look=DIM))]


def _foot(entry: Entry, width: int) -> list[Line]:
    nothing = entry.status == "done" and not (entry.text.strip() or entry.thinking or entry.ending)
    ending = entry.ending or (NOTHING if nothing else "")
    lines = lay_out(ending, Layout(width, _REPLY, plain=True, look=_ending_look(entry)))
    return [*lines, *lay_out(entry.figures, Layout(width, _REPLY, plain=True, look=DIM))]


def _ending_look(entry: Entry) -> Look:
    return DIM if entry.ending_kind == "plain" else Look(entry.ending_kind)


def _thinking_layout(width: int) -> Layout:
    return Layout(max(2, width - 2), _THOUGHT, plain=True, look=DIM)


def _fold_head(word: str, size: int, unfolded: bool) -> Line:
    mark = "▾" if unfolded else "▸"
    return Line((_REPLY, Span(f"{mark} {word} · {size:,} characters", Look("fold"))), GUTTER)
