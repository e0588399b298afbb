"""Complete lines of a Markdown text to the blocks they open, go on in and close."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Literal

from chatterm.tui.transcript import containers as around
from chatterm.tui.transcript.containers import Item, Quote, expand_indent, indent_of
from chatterm.tui.transcript.leaves import (
    FENCE,
    FLOWING,
    HEADING,
    LONGEST_CODE,
    MARKER,
    RULE,
    SETEXT,
    TABLE_LINES,
    Leaf,
    closes,
    defines_note,
    is_table,
    open_until,
    reference_of,
)
from chatterm.tui.transcript.open_blocks import OpenBlocks
from chatterm.tui.transcript.wrap import Join


class BlockLines(OpenBlocks):
    """Takes one line after the other; each decision looks at this line and the open blocks alone.

    `references` are the link definitions seen: the label, case folded, to address and title.
    """

    def __init__(self) -> None:
        super().__init__()
        self.references: dict[str, tuple[str, str]] = {}
        self._within: bool = False  # what comes next is the rest of a line that was cut

    def _line(self, line: str, *, ends: bool) -> None:
        if self._within:
            self._go_on(line, ends)
        elif not self._into_open(line, ends):
            rest, matched = self._strip(line)
            if rest.strip(" \t"):
                self._begin(rest, matched)
            else:
                self._blank_line(matched)
            if not ends:
                self._break_off(line)
        self._within = not ends

    def _strip(self, line: str) -> tuple[str, int]:
        return around.strip(line, self._containers)

    def _into_open(self, line: str, ends: bool) -> bool:
        """Whether the line went into code, or into text that is open until its end mark."""
        leaf = self._leaf
        if leaf is None:
            return False
        rest, matched = self._strip(line)
        if leaf.kind == "code":
            if matched >= leaf.depth or not line.strip():
                self._into_code(rest, leaf, ends)
                return True
            self._close()
        elif leaf.until and matched >= leaf.depth and rest.strip() and ends:
            self._add(rest)
            if leaf.until in rest.lower():
                self._close()
            return True
        return False

    def _blank_line(self, matched: int) -> None:
        self._close()
        quotes = [at for at, each in enumerate(self._containers) if isinstance(each, Quote) and at >= matched]
        if quotes:
            self._leave(quotes[0])
        self._blank = True

    def _go_on(self, line: str, ends: bool) -> None:
        """More of a line that was cut."""
        leaf = self._leaf
        assert leaf is not None
        if leaf.kind == "code":
            leaf.add(line + "\n" if ends else line)
            if not ends:
                self._split_code(leaf, join="")
            return
        leaf.add(line)
        if not ends:
            self._break_off(line)

    def _break_off(self, line: str) -> None:
        """The line is cut here: its rest is a piece of its own."""
        self._close()
        self._open(Leaf("text", len(self._containers), None, join=" " if line.endswith(" ") else ""))

    # ---- blocks -----------------------------------------------------------------------------

    def _begin(self, rest: str, matched: int) -> None:
        """A line that is not blank, outside code: opens what it opens, and goes where it belongs."""
        if matched < len(self._containers):
            if self._goes_on_lazily(rest):
                self._add(rest.lstrip(" \t"))
                return
            self._leave(matched)
        while rest:
            rest = expand_indent(rest)
            text = rest.lstrip(" ")
            indent = len(rest) - len(text)
            marker = self._marker(text)
            if indent >= 4 and not (marker and self._containers and isinstance(self._containers[-1], Item)):
                self._indented(rest, text)
                return
            if text.startswith(">"):
                self._enter(Quote())
                rest = text[2:] if text[1:2] == " " else text[1:]
                self._blank |= not rest.strip(" ")
            elif marker is not None:
                rest = self._item(text, indent, marker)
            else:
                self._block(text, indent)
                return

    def _goes_on_lazily(self, rest: str) -> bool:
        if self._leaf is None or self._leaf.kind not in FLOWING:
            return False
        text = rest.lstrip(" \t")
        begins = text.startswith(">") or HEADING.match(text) or FENCE.match(text) or RULE.match(text)
        return not begins and self._marker(text) is None

    def _marker(self, text: str) -> re.Match[str] | None:
        """The marker of the list item that begins here."""
        marker = None if RULE.match(text) else MARKER.match(text)
        if marker is None or self._leaf is None or self._leaf.kind not in (*FLOWING, "table"):
            return marker
        if not text[marker.end() :].strip():
            return None
        in_list = any(isinstance(each, Item) for each in self._containers)
        return marker if in_list or marker[2] is None or int(marker[2]) == 1 else None

    def _item(self, text: str, indent: int, marker: re.Match[str]) -> str:
        """Opens a list item; returns what must be looked at again because it begins something else."""
        self._close()
        gap, before = self._gap("item"), self._ended
        after = text[marker.end() :]
        padding = len(after) - len(after.lstrip(" "))
        if padding > 4 or not after.strip():
            padding = 1
        delimiter = marker[3] or marker[1]
        number = int(marker[2]) if marker[2] else None
        if number is not None and before and before.delimiter == delimiter and before.number is not None:
            number = before.number + 1
        width = 2 if number is None else len(str(number)) + 2
        depth = len(self._containers)
        self._enter(Item(indent + marker.end() + padding, width, delimiter, number))
        self._open(Leaf("item", depth, gap, ordinal=number))
        rest = after[padding:] if after.strip() else ""
        inner = rest.lstrip(" ")
        if inner.startswith(">") or FENCE.match(inner) or (MARKER.match(inner) and not RULE.match(inner)):
            self._add(marker[0])
            self._close()
            return rest
        self._add(marker[0] + after[:padding] + rest)
        return ""

    def _block(self, text: str, indent: int) -> None:
        """A line that opens no container."""
        leaf = self._leaf
        grows = leaf is not None and leaf.kind == "text" and bool(leaf.lines)
        if (fence := FENCE.match(text)) is not None:
            self._close()
            mark, info = fence[1] or fence[3], (fence[2] or fence[4] or "").strip()
            leaf = Leaf("code", len(self._containers), self._gap("code"), fence=mark, info=info)
            leaf.indent, leaf.opening = indent, text
            self._open(leaf)
        elif HEADING.match(text) is not None:
            self._alone("heading", text)
        elif grows and SETEXT.match(text):
            self._add(text)
            self._close()
        elif RULE.match(text) is not None:
            self._alone("rule", text)
        elif leaf is not None and leaf.kind == "table":
            self._row(leaf, text)
        elif leaf is not None and grows and is_table(leaf.lines[-1], text):
            self._table(leaf, text)
        elif leaf is not None and leaf.kind in FLOWING:
            if leaf.defines:
                self._define(leaf, text)
            self._add(text)
        else:
            self._paragraph(text)

    def _paragraph(self, text: str) -> None:
        self._close()
        leaf = Leaf("text", len(self._containers), self._gap("text"), until=open_until(text))
        self._open(leaf)
        self._define(leaf, text)
        self._add(text)

    def _define(self, leaf: Leaf, text: str) -> None:
        """A line that begins a paragraph, or comes after a definition in it: it may define a link or a footnote."""
        if (reference := reference_of(text)) is not None:
            self.references.setdefault(reference[0], reference[1:])
            leaf.defines = "link"
        elif defines_note(text):
            leaf.defines = "note"
        elif leaf.defines == "link":
            leaf.defines = ""

    def _alone(self, kind: Literal["heading", "rule"], text: str) -> None:
        self._close()
        self._open(Leaf(kind, len(self._containers), self._gap(kind)))
        self._add(text)
        self._close()

    def _indented(self, rest: str, text: str) -> None:
        leaf = self._leaf
        if leaf is not None and leaf.kind in FLOWING:
            self._add(text)
            return
        if leaf is None or leaf.kind != "indented":
            self._close()
            self._open(Leaf("indented", len(self._containers), self._gap("indented")))
        self._add(rest)

    def _table(self, leaf: Leaf, delimiters: str) -> None:
        head, gap = leaf.lines.pop(), leaf.gap
        self._close()
        table = Leaf("table", len(self._containers), self._gap("table") if leaf.lines else gap)
        self._open(table)
        table.add(head)
        table.add(delimiters)

    def _row(self, leaf: Leaf, text: str) -> None:
        most = TABLE_LINES if leaf.table_start else TABLE_LINES + 2
        if len(leaf.lines) >= most or leaf.size > LONGEST_CODE:
            start = leaf.table_start or "\n".join(leaf.lines)
            self._close()
            leaf = Leaf("table", len(self._containers), None, table_start=start)
            self._open(leaf)
        leaf.add(text)

    def _into_code(self, line: str, leaf: Leaf, ends: bool) -> None:
        if closes(line, leaf.fence):
            self._close(closing=line.strip())
            return
        if self._goes_into_next_piece(line):
            leaf = self._split_code(leaf)
        line = line[min(indent_of(line), leaf.indent) :]
        leaf.add(line + "\n" if ends else line)
        if not ends:
            self._split_code(leaf, join="")

    def _goes_into_next_piece(self, line: str) -> bool:
        """Whether the open code is cut before this line."""
        leaf = self._leaf
        return leaf is not None and not self._within and (leaf.is_full_code or leaf.is_good_end(line))

    def _split_code(self, leaf: Leaf, *, join: Join | None = None) -> Leaf:
        self._close()
        after = replace(leaf, gap=None, lines=[], size=0, opens=False, join=join)
        self._open(after)
        return after
