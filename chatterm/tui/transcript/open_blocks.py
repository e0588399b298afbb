"""The blocks that are open while a text is scanned, and the pieces that were made of those that are closed."""

from __future__ import annotations

from chatterm.tui.transcript import containers as around
from chatterm.tui.transcript.containers import Containers, Item, Quote
from chatterm.tui.transcript.leaves import APART, FLOWING, MOST_TEXT_LINES, Leaf, LeafKind
from chatterm.tui.transcript.looks import Spans
from chatterm.tui.transcript.pieces import LONGEST_TEXT, Piece


class OpenBlocks:
    """The containers around the present line, the leaf it goes into, and all pieces so far."""

    def __init__(self) -> None:
        self.pieces: list[Piece] = []
        self._containers: Containers = ()
        self._leaf: Leaf | None = None
        self._before: LeafKind | None = None  # of the leaf that was closed last, and the quotes around it
        self._bars: int = 0
        self._blank: bool = False  # whether a blank line came after it
        self._spaced: bool = False  # whether it came before the leaf that was opened last
        self._ended: Item | None = None  # the list item that ended just now: the next may follow it

    def _open(self, leaf: Leaf) -> None:
        self._leaf = leaf
        leaf.spaced = leaf.gap is not None and self._spaced
        self._ended = None

    def _add(self, line: str) -> None:
        leaf = self._leaf
        assert leaf is not None
        leaf.add(line)
        if (leaf.size > LONGEST_TEXT or len(leaf.lines) >= MOST_TEXT_LINES) and leaf.kind in (
            *FLOWING,
            "indented",
        ):
            self._close()
            kind = "indented" if leaf.kind == "indented" else "text"
            self._open(Leaf(kind, len(self._containers), None, until=leaf.until, defines=leaf.defines))

    def _close(self, closing: str = "") -> None:
        """The open leaf is complete."""
        leaf, self._leaf = self._leaf, None
        if leaf is None or not (leaf.lines or (leaf.kind == "code" and (leaf.opens or closing))):
            return
        inside = self._containers[: leaf.depth]
        self.pieces.append(leaf.piece(around.prefix(inside), closing))
        self._before, self._bars, self._blank = leaf.kind, around.quotes(inside), False

    def _enter(self, container: Item | Quote) -> None:
        self._close()
        if len(self._containers) < around.MOST_CONTAINERS:
            self._containers = (*self._containers, container)
        self._ended = None

    def _leave(self, depth: int) -> None:
        """Closes all containers from this depth on."""
        self._close()
        gone = self._containers[depth]
        self._containers = self._containers[:depth]
        self._ended = gone if isinstance(gone, Item) else None

    def _gap(self, kind: LeafKind) -> Spans | None:
        """What stands on the blank row before a new leaf of this kind; None for no blank row."""
        self._spaced = self._blank
        bars = around.quotes(self._containers)
        apart = kind in (*APART, "heading") or self._before in APART or bars != self._bars
        if self._before is None or not (self._blank or apart):
            return None
        return (around.BAR,) * min(bars, self._bars)
