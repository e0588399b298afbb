"""The unfinished end of a reply that grows: laid out anew as little as can be."""

from __future__ import annotations

from collections.abc import Sequence

from chatterm.core.clean import clean_line
from chatterm.tui.transcript.lines import Line, lay
from chatterm.tui.transcript.live_sections import LiveCode, LiveText
from chatterm.tui.transcript.live_table import LiveTable
from chatterm.tui.transcript.looks import DIM, Look, Span
from chatterm.tui.transcript.pieces import Piece
from chatterm.tui.transcript.rows import Row
from chatterm.tui.transcript.segments import Content, Format, References, lay_out

_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


class WaitingLine:
    """The line beneath a reply that is waited for."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self._frame: int = 0

    def show(self, text: str | None, width: int) -> None:
        """Shows these words, and turns the spinner; None takes the line away."""
        self.lines = []
        if text is not None:
            spin = Span(_SPINNER[self._frame % len(_SPINNER)] + " ", Look("spinner"))
            self.lines = lay([Row((spin, Span(clean_line(text), DIM)))], width)
            self._frame += 1


class LiveTail:
    """The lines of what is unfinished, in a format; what grows at the end of a text is kept as far as it is settled."""

    def __init__(self, form: Format) -> None:
        self.lines: list[Line] = []
        self._form: Format = form
        self._growing: LiveCode | LiveTable | None = None

    def clear(self) -> None:
        """Nothing is unfinished."""
        self.lines, self._growing = [], None

    def finished(self, content: Content, references: References) -> list[Line]:
        """The lines of a content that is complete; most of what grew is there. Then nothing is unfinished."""
        growing, lines = self._growing, None
        if isinstance(content, Piece) and growing is not None:
            if isinstance(growing, LiveTable):
                lines = growing.finish(content, references) if content.kind == "markdown" else None
            elif content.kind == "code":
                lines = growing.finish(content)
        self.clear()
        return lay_out([content], self._form, references) if lines is None else lines

    def lay(self, contents: Sequence[Content]) -> int:
        """Lays out contents that are no text; how many lines are as before."""
        before, self.lines = self.lines, lay_out(contents, self._form, {})
        return self._settled(before, 0)

    def lay_text(self, section: LiveText, references: References) -> int:
        """Lays out the tail of a text; how many lines are as before."""
        before = self.lines
        return self._settled(before, self._lay_text(section, references))

    def _settled(self, before: list[Line], known: int) -> int:
        while known < min(len(before), len(self.lines)) and before[known] == self.lines[known]:
            known += 1
        return known

    def _lay_text(self, section: LiveText, references: References) -> int:
        """Lays out the tail of a text; how many of its lines are known to be as before."""
        tail, code = section.tail(), section.growing_code
        piece = next((content for content in tail[:1] if isinstance(content, Piece)), None)
        rest, growing, settled = None, self._growing, 0
        if piece is not None and code is not None and piece.kind == "code":
            if not isinstance(growing, LiveCode) or not growing.goes_on(code):
                growing = LiveCode(piece, self._form.width)
            settled, rest = len(growing.settled), growing.feed(code)
        elif piece is not None and section.growing_table:
            growing = growing if isinstance(growing, LiveTable) else LiveTable(piece, self._form)
            rest = growing.feed(piece, references)
        if rest is None or growing is None:
            self._growing = None
            self.lines = lay_out(tail, self._form, references)
            return 0
        known = min(settled, len(self.lines)) if growing is self._growing else 0
        self._growing = growing
        self.lines = growing.settled + rest + lay_out(tail[1:], self._form, references)
        return known


class MergedReferences:
    """Definitions of several texts as one, put together only when there are more."""

    def __init__(self) -> None:
        self._counts: list[int] = []
        self._all: References = {}

    def of(self, found: list[References]) -> References:
        """Those of these texts; of two with one label the later one."""
        if len(found) < 2:
            return found[0] if found else {}
        counts = [len(references) for references in found]
        if counts != self._counts:
            self._counts = counts
            self._all = {label: target for each in found for label, target in each.items()}
        return self._all
