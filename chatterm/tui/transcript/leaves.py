"""The blocks that lines go into, and the marks by which they begin and end.

After CommonMark (https://spec.commonmark.org/0.31.2/#leaf-blocks) and GitHub's tables
(https://github.github.com/gfm/#tables-extension-).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from chatterm.tui.transcript.containers import indent_of
from chatterm.tui.transcript.looks import Spans
from chatterm.tui.transcript.pieces import Piece
from chatterm.tui.transcript.wrap import Join

LONGEST_CODE = 8000
CODE_LINES = 64
"""From so many lines on code is cut before the next line that looks like a new beginning..."""
MOST_CODE_LINES = 128
"""...and here wherever it is."""
MOST_TEXT_LINES = 64
"""A paragraph with more lines is cut."""
TABLE_LINES = 40

FENCE = re.compile(r"(`{3,})([^`]*)$|(~{3,})(.*)$")
FENCE_BEGUN = re.compile(r"(`{1,2}|~{1,2})$")
HEADING = re.compile(r"#{1,6}(?:[ \t]|$)")
RULE = re.compile(r"([-*_])[ \t]*(?:\1[ \t]*){2,}$")
SETEXT = re.compile(r"(?:=+|-+)[ \t]*$")
MARKER = re.compile(r"([-*+]|(\d{1,9})([.)]))(?=[ \t]|$)")
_DELIMITERS = re.compile(r"\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$")
_PIPE = re.compile(r"(?<!\\)\|")
_REFERENCE = re.compile(
    r"\[([^\[\]\\^][^\[\]\\]{0,200})\]:[ \t]*<?([^\s<>]+)>?(?:[ \t]+[\"'(](.*)[\"')])?[ \t]*$"
)
_NOTE = re.compile(r"\[\^[^\[\]\s]{1,80}\]:[ \t]*\S")
_RAW_HTML = re.compile(r"<(?:(pre|script|style|textarea)(?=[ \t>]|$)|(!--))", re.IGNORECASE)
_DISPLAY_MATHS = re.compile(r"\$\$|\\\[|\\begin\{(\w+\*?)\}")
_MATHS_ENDS = {"$$": "$$", "\\[": "\\]"}

LeafKind = Literal["text", "item", "heading", "rule", "indented", "table", "code"]
APART: tuple[LeafKind, ...] = ("code", "table", "rule", "indented")
"""Kinds with a blank row before and after them."""
FLOWING: tuple[LeafKind, ...] = ("text", "item")
"""Kinds that lines go on in until something else begins."""


@dataclass(slots=True)
class Leaf:
    """The block that lines go into; `depth` containers are around it, `size` counts its characters.

    `until` is text before which nothing else begins: raw HTML and display maths are open to it. `defines` is what
    its last line belongs to that was defined there, so that the next line may define something too.
    """

    kind: LeafKind
    depth: int
    gap: Spans | None
    lines: list[str] = field(default_factory=list[str])
    size: int = 0
    ordinal: int | None = None
    until: str = ""
    fence: str = ""
    indent: int = 0
    info: str = ""
    opening: str = ""
    opens: bool = True
    table_start: str = ""
    join: Join | None = None
    defines: Literal["", "link", "note"] = ""
    spaced: bool = False

    def add(self, line: str) -> None:
        """One more line."""
        self.lines.append(line)
        self.size += len(line) + 1

    def piece(self, prefix: Spans, closing: str = "") -> Piece:
        """The block as a piece behind this prefix; `closing` is the line that ends its fence."""
        code = self.kind == "code"
        return Piece(
            "code" if code else "markdown",
            "".join(self.lines) if code else "\n".join(self.lines),
            prefix,
            prefix,
            self.gap,
            self.info,
            self.opens,
            self.opening if self.opens else "",
            closing,
            self.table_start,
            self.ordinal,
            self.join,
            self.spaced,
        )

    @property
    def is_full_code(self) -> bool:
        """Whether no more code goes into this piece."""
        return len(self.lines) >= MOST_CODE_LINES or self.size > LONGEST_CODE

    def is_good_end(self, line: str) -> bool:
        """Whether code had better be cut before this line: a new beginning after a blank line."""
        return len(self.lines) >= CODE_LINES and self.lines[-1] == "\n" and bool(line[:1].strip())


def closes(line: str, fence: str) -> bool:
    """Whether the line ends code that this fence began."""
    mark = line.strip(" \t")
    return len(mark) >= len(fence) and not mark.strip(fence[0]) and indent_of(line) < 4


def open_until(text: str) -> str:
    """The text before whose end no other block begins, for the first line of a paragraph; "" for most."""
    if (html := _RAW_HTML.match(text)) is not None:
        until = f"</{html[1].lower()}>" if html[1] else "-->"
    elif (maths := _DISPLAY_MATHS.match(text)) is not None:
        until = _MATHS_ENDS.get(maths[0], f"\\end{{{maths[1]}}}".lower())
    else:
        return ""
    return "" if until in text[2:].lower() else until


def defines_note(text: str) -> bool:
    """Whether the line begins a footnote."""
    return _NOTE.match(text) is not None


def reference_of(text: str) -> tuple[str, str, str] | None:
    """Label (case folded), address and title, where the line defines a link."""
    match = _REFERENCE.match(text)
    return (" ".join(match[1].split()).casefold(), match[2], match[3] or "") if match else None


def is_table(head: str, delimiters: str) -> bool:
    """Whether these two lines begin a table: as many delimiters as there are heads."""
    if _DELIMITERS.match(delimiters) is None or "|" not in head + delimiters:
        return False
    return _columns(head) == _columns(delimiters)


def _columns(line: str) -> int:
    return len(_PIPE.findall(line.strip().removeprefix("|").removesuffix("|"))) + 1
