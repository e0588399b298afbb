"""The sections of a reply that grows: text, thinking, and the code at the end of a text."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from chatterm.core.clean import StreamCleaner
from chatterm.tui.transcript.entries import Section, SectionKind
from chatterm.tui.transcript.lines import Line, lay
from chatterm.tui.transcript.looks import Spans
from chatterm.tui.transcript.pieces import Piece
from chatterm.tui.transcript.rows import Row
from chatterm.tui.transcript.scan import Scanner
from chatterm.tui.transcript.segments import Content, PlainRows, References, joined, thinking_rows
from chatterm.tui.transcript.unfinished import closed

LIVE_TAIL = 60
"""Characters of the newest thinking on the line of its fold."""


class _Growing(ABC):
    """A section that grows: cleaned as it comes, and laid out as far as it is complete."""

    kind: SectionKind

    def __init__(self, layout: Scanner | PlainRows) -> None:
        self._layout: Scanner | PlainRows = layout
        self._texts: list[str] = []
        self._cleaner: StreamCleaner = StreamCleaner()
        self._size: int = 0
        self._taken: int = 0

    @property
    @abstractmethod
    def _complete(self) -> Sequence[Content]: ...

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(self._texts)

    @property
    def section(self) -> Section:
        """The section that it is so far."""
        return Section(self.kind, self.text)

    def write(self, text: str) -> None:
        """Takes in more."""
        self._add(self._cleaner.feed(text))

    def finish(self) -> None:
        """Nothing more comes."""
        self._add(self._cleaner.finish())
        self._layout.finish()

    def take(self) -> Sequence[Content]:
        """The contents that became complete since the last call."""
        complete = self._complete
        taken, self._taken = self._taken, len(complete)
        return complete[taken:]

    def start_over(self) -> None:
        """The next `take` gives everything again."""
        self._taken = 0

    def _add(self, text: str) -> None:
        self._texts.append(text)
        self._size += len(text)
        self._layout.feed(text)


class LiveText(_Growing):
    """Text of a reply that grows: the contents that are complete, and those that would follow if it ended."""

    kind = "text"

    def __init__(self) -> None:
        self._scanner: Scanner = Scanner()
        super().__init__(self._scanner)

    @property
    def _complete(self) -> Sequence[Content]:
        return self._scanner.pieces

    @property
    def references(self) -> References:
        """The link definitions so far."""
        return self._scanner.references

    def tail(self) -> Sequence[Content]:
        """What would follow if the text ended here, with the marks closed that were opened."""
        pieces = self._scanner.tail()
        if pieces and pieces[-1].kind == "markdown" and not self.growing_table:
            pieces[-1] = pieces[-1]._replace(source=closed(pieces[-1].source))
        return pieces

    @property
    def growing_code(self) -> str | None:
        """The code so far where the tail begins with a piece of code."""
        return self._scanner.growing_code

    @property
    def growing_table(self) -> bool:
        """Whether the tail begins with a table."""
        return self._scanner.growing_table


class LiveThinking(_Growing):
    """Thinking that grows. It is shown line by line when it is unfolded."""

    kind = "thinking"

    def __init__(self) -> None:
        self._rows: PlainRows = thinking_rows()
        super().__init__(self._rows)

    @property
    def _complete(self) -> Sequence[Content]:
        return self._rows.rows

    @property
    def words(self) -> str:
        """How much there is, and the last of it."""
        newest = "".join(self._texts[-LIVE_TAIL:])[-2 * LIVE_TAIL :]
        line = " ".join(newest.split())
        line = line if len(line) <= LIVE_TAIL else "…" + line[-LIVE_TAIL:].partition(" ")[2]
        return f"thinking · {self._size:,} characters · {line}"

    def tail(self) -> Sequence[Content]:
        """The unfinished line."""
        return self._rows.tail()


class LiveCard:
    """A tool call, whole whenever it is shown, and shown anew when something changes; or a note."""

    def __init__(self, section: Section, segment: int) -> None:
        self.section = section
        self.segment = segment
        """The number of the segment that it is."""

    @property
    def kind(self) -> SectionKind:
        """What it is."""
        return self.section.kind

    @property
    def text(self) -> str:
        """All of it."""
        return self.section.text


class LiveCode:
    """The code at the end of a text that grows: lines that will not change are laid out once."""

    def __init__(self, piece: Piece, width: int) -> None:
        from chatterm.tui.transcript.highlight import GrowingCode

        self._piece: Piece = piece._replace(opens=False, gap=None)
        self._width: int = width
        self._growing: GrowingCode = GrowingCode(piece.info)
        self._fed: int = 0
        self._laid: int = 0
        self.settled: list[Line] = (
            [] if piece.gap is None else lay([Row(first=piece.gap, kind="blank")], width)
        )
        if piece.opens:
            self.settled += self._lay(piece._replace(gap=None), [])

    def feed(self, code: str) -> list[Line]:
        """Takes in all the code so far; returns the lines after `settled`."""
        self._growing.feed(code[self._fed :])
        self._fed = len(code)
        stable = self._growing.stable
        self.settled += self._lay(self._piece, self._growing.lines[self._laid : stable])
        self._laid = stable
        rest = self._lay(self._piece, self._growing.lines[stable:])
        return rest if self.settled else joined(self._piece, rest)

    def goes_on(self, code: str) -> bool:
        """Whether all that was taken in is in this code: a long line is cut where words end, so before its end."""
        return len(code) >= self._fed

    def finish(self, piece: Piece) -> list[Line] | None:
        """All lines of the code, which is complete; None where it ends before what was taken in."""
        if not self.goes_on(piece.source):
            return None
        self._growing.feed(piece.source[self._fed :])
        self._growing.finish()
        lines = self.settled + self._lay(self._piece, self._growing.lines[self._laid :])
        return joined(piece, lines)

    def _lay(self, piece: Piece, lines: Sequence[Spans]) -> list[Line]:
        from chatterm.tui.transcript.markdown import code_blocks_of

        source = "".join(["".join([span.text for span in line]) + "\n" for line in lines])
        return lay(code_blocks_of(piece._replace(source=source), lines), self._width)
