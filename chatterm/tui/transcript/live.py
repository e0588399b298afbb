"""Text that grows: laid out as it comes, at a cost that does not grow with it."""

from __future__ import annotations

from chatterm.tui.transcript.layout import Layout, Line, State

CUT = 4096
"""Longer source lines are laid out in pieces, so that one endless line costs no more than many short ones."""


class Flow:
    """The layout of a growing text: however it arrives, its lines are the same.

    Lines before `stable` never change again. `settle` brings `lines` up to date with what was fed.
    """

    def __init__(self, layout: Layout) -> None:
        self.lines: list[Line] = []
        self.stable: int = 0
        self._layout: Layout = layout
        self._state: State = State()
        self._tail: str = ""

    def feed(self, text: str) -> None:
        """Takes in more of the text, already cleaned. Costs time for this and the unfinished line only."""
        if self.stable < len(self.lines):
            del self.lines[self.stable :]
        *whole, self._tail = (self._tail + text).split("\n")
        for source in whole:
            self._commit(self._cut(source), cut=False)
        self._tail = self._cut(self._tail)
        self.stable = len(self.lines)

    def settle(self) -> None:
        """Lays out the unfinished last line."""
        del self.lines[self.stable :]
        if self._tail and not self._layout.is_undecided(self._tail, self._state):
            self.lines += self._layout.lay(self._tail, self._state)[0]

    def finish(self) -> None:
        """The text is complete: its last line is laid out as such."""
        if self._tail:
            self.feed("\n")

    def _cut(self, source: str) -> str:
        """Lays out all full pieces of a long line and returns the rest."""
        while len(source) > CUT:
            end = source.rfind(" ", CUT // 2, CUT) + 1 or CUT
            self._commit(source[:end], cut=True)
            source = source[end:]
        return source

    def _commit(self, source: str, *, cut: bool) -> None:
        lines, self._state = self._layout.lay(source, self._state, cut=cut)
        self.lines += lines


def lay_out(text: str, layout: Layout) -> list[Line]:
    """The lines of a whole text."""
    flow = Flow(layout)
    flow.feed(text)
    flow.finish()
    return flow.lines
