"""Code in colours: of a whole text, and of one that grows. Pure; pygments is loaded by the first use."""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise

from chatterm.tui.transcript.languages import HEAD_LINES, PLAIN, guess, named, words
from chatterm.tui.transcript.lexers import grammar
from chatterm.tui.transcript.lexing import Place, Token
from chatterm.tui.transcript.looks import CODE, Span, Spans

USUAL = (
    *("python", "bash", "json", "javascript", "typescript", "yaml", "html", "sql", "java", "go", "rust"),
    *("c", "cpp", "csharp", "css"),
)
"""The languages of most replies."""

LINE_CHARACTERS = 500
"""A line is lexed up to here; what follows is plain, in spans of at most as many characters."""

LINES_AHEAD = 2
"""How many lines after its own decide what a line looks like."""

_SLICE = 4_000
"""How many characters are taken in at once, and how many of those done with are kept at most."""

_BEHIND = 200
"""How many characters before it a rule may look back at."""


def warm(names: tuple[str, ...] = USUAL) -> None:
    """Loads lexers so that no text waits for them: 5 to 60 ms each, so call it with one at a time, when idle.

    The first call also gets ready for code without a name.
    """
    guess("words")
    for name in names:
        grammar(name)


def highlight(info: str, code: str) -> list[Spans]:
    """The spans of each line of `code`, in the language that the info string of its fence names.

    Where it names none, the first lines tell, or it is plain. A newline at the end makes no line.
    """
    growing = GrowingCode(info)
    growing.feed(code)
    growing.finish()
    return growing.lines


class _Cursor:
    """How far a text is lexed: the position, the lexer there (None for plain), and the line so far."""

    __slots__ = ("at", "place", "spans")

    def __init__(self, at: int, place: Place | None, spans: list[Span]) -> None:
        self.at: int = at
        self.place: Place | None = place
        self.spans: list[Span] = spans

    def copy(self) -> _Cursor:
        return _Cursor(self.at, None if self.place is None else self.place.copy(), list(self.spans))


class GrowingCode:
    """Code that comes in pieces. After `finish`, `lines` is what `highlight` gives for all of it.

    `lines` is up to date after each `feed`, and `stable` tells how many of them never change any more. A feed
    takes time for its own length and that of a few lines, whatever came before.
    """

    def __init__(self, info: str) -> None:
        self.lines: list[Spans] = []
        self.stable: int = 0
        self._language: str | None = _named(info)
        self._known: bool = False
        self._text: str = ""  # long lines are cut, and what is long done with is gone
        self._ends: list[int] = []  # behind each newline that is not done with
        self._done: _Cursor = _Cursor(0, None, [])  # nothing changes before it any more
        self._last: tuple[_Cursor, int] | None = None  # in the last line, and the number of lines before it
        self._rows: int = 0  # newlines so far
        self._width: int = 0  # characters after the last one
        self._heads: int = 0  # spans of the last line without what was cut off
        self._tails: dict[int, list[Span]] = {}  # what was cut off, by the number of the line
        self._closed: bool = False

    def feed(self, text: str) -> None:
        """Takes the next piece of the code, of any length."""
        shown = self._rows, self._width
        for start in range(0, len(text), _SLICE):
            self._add(text[start : start + _SLICE])
            self._settle()
        if self._width > LINE_CHARACTERS < shown[1] and self._rows == shown[0]:
            self._lengthen()
        else:
            self._show()

    def finish(self) -> None:
        """Says that no more code comes."""
        self._closed, self._last = True, None
        self._settle()
        self._show()
        self.stable = len(self.lines)

    def _add(self, text: str) -> None:
        """Takes in a text, without what is too far right in its line."""
        parts, length = [self._text], len(self._text)
        for number, line in enumerate(text.split("\n")):
            if number:
                parts.append("\n")
                length += 1
                self._ends.append(length)
                self._rows, self._width = self._rows + 1, 0
                self._last = None
            room = max(0, LINE_CHARACTERS - self._width)
            parts.append(line[:room])
            length += len(parts[-1])
            self._width += len(line)
            if len(line) > room:
                _extend(self._tails.setdefault(self._rows, []), line[room:])
        self._text = "".join(parts)

    def _settle(self) -> None:
        """Goes on as far as no later text can change anything."""
        if not self._known:
            self._find_language()
            if not self._known:
                return
        if not (self._closed or len(self._ends) > LINES_AHEAD):
            return
        del self.lines[self.stable :]
        self._go(self._done, to_end=self._closed)
        self.stable = len(self.lines)
        del self._ends[: bisect_right(self._ends, self._done.at)]
        cut = self._text.rfind("\n", 0, max(0, self._done.at - _BEHIND)) + 1 if self._done.at > _SLICE else 0
        if cut:
            self._text = self._text[cut:]
            self._done.at -= cut
            self._ends = [end - cut for end in self._ends]

    def _show(self) -> None:
        """Shows what comes after, as if nothing followed.

        Where only the last line has grown, what it leads to in the lines above is left until it is complete.
        """
        cursor, kept = (self._done, self.stable) if self._last is None else self._last
        cursor = cursor.copy()
        del self.lines[kept:]
        if not self._known:
            cursor.place = _place(self._guess())
        self._go(cursor, to_end=True)
        self._heads = len(cursor.spans)
        if cursor.spans:
            self._close(cursor.spans)

    def _lengthen(self) -> None:
        """Shows the end of a long line, where nothing else is new."""
        self.lines[-1] = (*self.lines[-1][: self._heads], *self._tails[self._rows])

    def _go(self, cursor: _Cursor, *, to_end: bool) -> None:
        """Lexes on to the end, or as far as enough lines follow, and adds the lines."""
        text, ends = self._text, self._ends
        while cursor.at < len(text):
            line = bisect_right(ends, cursor.at)
            if not to_end and len(ends) - line <= LINES_AHEAD:
                return
            if line == len(ends) and self._known and not self._closed and self._last is None:
                self._last = cursor.copy(), len(self.lines)
            stop = ends[line] if line < len(ends) else len(text)
            view = ends[line + LINES_AHEAD] if line + LINES_AHEAD < len(ends) else len(text)
            tokens: list[Token] = []
            if cursor.place is None:
                tokens.append((cursor.at, CODE))
                end = stop
            else:
                end = cursor.place.scan(text, cursor.at, stop, view, tokens)
            cursor.spans = self._put(text, tokens, end, cursor.spans)
            cursor.at = end

    def _put(self, text: str, tokens: list[Token], end: int, spans: list[Span]) -> list[Span]:
        """Adds tokens to the line that has these spans so far, and to new ones; returns the last line's."""
        for (start, look), (stop, _) in pairwise((*tokens, (end, CODE))):
            for number, part in enumerate(text[start:stop].split("\n")):
                if number:
                    self._close(spans)
                    spans = []
                if part:
                    before = spans.pop().text if spans and spans[-1].look == look else ""
                    spans.append(Span(before + part, look))
        return spans

    def _close(self, spans: list[Span]) -> None:
        self.lines.append((*spans, *self._tails.get(len(self.lines), ())))

    def _find_language(self) -> None:
        """Decides on the language as soon as enough of the text is there."""
        if self._language is None:
            self._known = self._rows >= HEAD_LINES
        else:
            self._known = self._language != "php" or self._rows >= HEAD_LINES or bool(self._text.strip())
        self._known |= self._closed
        if self._known:
            self._done.place = _place(self._guess())

    def _guess(self) -> str:
        """The language, as far as the text so far tells it."""
        language = self._language if self._language is not None else guess(self._text)
        return "php-page" if language == "php" and self._text.lstrip().startswith("<") else language


def _named(info: str) -> str | None:
    """What the info string says, in our own words or in those of pygments."""
    language = named(info)
    if language is not None:
        return language
    return next((word for word in words(info) if grammar(word) is not None), None)


def _place(language: str) -> Place | None:
    found = grammar(language) if language != PLAIN else None
    return None if found is None else Place(found)


def _extend(tail: list[Span], text: str) -> None:
    """Adds to the cut off part of a line: spans that are full, and a last one."""
    last = tail.pop().text if tail else ""
    text = last + text
    tail.extend(
        Span(text[start : start + LINE_CHARACTERS], CODE) for start in range(0, len(text), LINE_CHARACTERS)
    )
