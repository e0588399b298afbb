"""Finds, line by line, where a Markdown text can be cut into pieces that are shown each by itself.

This is the first phase of CommonMark's parsing strategy (https://spec.commonmark.org/0.31.2/#phase-1-block-structure)
as far as it decides about cuts; what a piece means is left to the parser. Each decision looks at one complete
line and a state of bounded size, so the same text gives the same pieces however it arrives, and no piece is
longer than a few thousand characters.
"""

from __future__ import annotations

from dataclasses import replace

from chatterm.tui.transcript.block_lines import BlockLines
from chatterm.tui.transcript.containers import indent_of
from chatterm.tui.transcript.leaves import FENCE_BEGUN, Leaf, closes
from chatterm.tui.transcript.pieces import LONGEST_TEXT, Piece, place_to_cut
from chatterm.tui.transcript.stretches import Stretch
from chatterm.tui.transcript.wrap import Join


class Scanner(BlockLines):
    """Takes a text as it comes; `pieces` are those that are complete.

    `references` are the link definitions seen: the label, case folded, to address and title.
    """

    def __init__(self) -> None:
        super().__init__()
        self._partial: str = ""

    def begin_within(self, text: str, stretch: Stretch) -> None:
        """What is fed begins here in the text, with what is open there."""
        before, fence = text[max(0, stretch.begin - 200) : stretch.begin], stretch.fence
        self._before, self._blank = "text", before.rstrip(" \t").endswith("\n\n") or stretch.is_exact
        self._bars = int(not self._blank and text[stretch.begin] == ">")
        join: Join | None = None if not stretch.in_line else " " if before.endswith(" ") else ""
        if fence is not None:
            self._leaf = Leaf("code", 0, None, fence=fence.mark, info=fence.info, opens=False, join=join)
            self._leaf.indent = fence.indent
        elif stretch.table_start:
            self._leaf = Leaf("table", 0, None, table_start=stretch.table_start)
        elif stretch.in_line:
            self._leaf = Leaf("text", 0, None, join=join)
        self._within = stretch.in_line

    def feed(self, text: str) -> None:
        """Takes in more of the text."""
        *whole, self._partial = (self._partial + text).split("\n")
        for line in whole:
            self._line(self._cut(line), ends=True)
        self._partial = self._cut(self._partial)

    def finish(self) -> None:
        """The text is complete."""
        if self._partial:
            self._line(self._partial, ends=True)
            self._partial = ""
        self._close()

    def tail(self) -> list[Piece]:
        """The pieces that would follow if the text ended here, but without a fence line in the making."""
        copy = Scanner()
        copy.__dict__.update(self.__dict__, pieces=[], references={})
        if self._leaf is not None:
            copy._leaf = replace(self._leaf, lines=list(self._leaf.lines))
        if self._is_undecided():
            copy._partial = ""
        copy.finish()
        return copy.pieces

    @property
    def growing_code(self) -> str | None:
        """The text so far of the code piece that is open, the first of `tail`; else None."""
        leaf = self._leaf
        if leaf is None or leaf.kind != "code":
            return None
        rest, matched = (self._partial, leaf.depth) if self._within else self._strip(self._partial)
        elsewhere = matched < leaf.depth or self._is_undecided() or self._goes_into_next_piece(rest)
        return "".join(leaf.lines) + ("" if elsewhere else rest[min(indent_of(rest), leaf.indent) :])

    @property
    def growing_table(self) -> bool:
        """Whether the first piece of `tail` is a table that is open."""
        leaf = self._leaf
        return leaf is not None and leaf.kind == "table" and len(leaf.lines) >= (0 if leaf.table_start else 2)

    def _is_undecided(self) -> bool:
        """Whether the unfinished line may become, or is, the line of a fence."""
        mark = self._strip(self._partial)[0].strip(" ")
        if self._within:
            return False
        if self._leaf is None or self._leaf.kind != "code":
            return FENCE_BEGUN.match(mark) is not None
        # Blanks alone are held back too: behind them a fence may come, and what was shown must not go away.
        return self._leaf.fence.startswith(mark) or closes(mark, self._leaf.fence)

    def _cut(self, line: str) -> str:
        """Takes in the full pieces of a long line and returns the rest."""
        while len(line) > LONGEST_TEXT:
            end = place_to_cut(line)
            self._line(line[:end], ends=False)
            line = line[end:]
        return line


def scan(text: str, stretch: Stretch | None = None) -> Scanner:
    """A scanner that has taken in the text, or a stretch of it, where what was open before goes on."""
    scanner = Scanner()
    if stretch is not None and text[: stretch.begin].strip():
        scanner.begin_within(text, stretch)
    scanner.feed(text if stretch is None else text[stretch.begin : stretch.end])
    scanner.finish()
    return scanner
