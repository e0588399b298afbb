"""A conversation as a Markdown document."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from chatterm.core.clean import clean, clean_line
from chatterm.core.messages import FilePart, ImagePart
from chatterm.core.turn import Outcome, Turn

_FENCE = re.compile(r"(`{3,}|~{3,})(.*)")
_ITEM = re.compile(r"(?:[-+*]|\d{1,9}[.)]) {1,4}(?! )")
"""What begins a list item, up to its content."""


def to_markdown(title: str, turns: Iterable[Turn]) -> str:
    """The conversation with a heading per message; replies that did not end by themselves say so."""
    blocks = [f"# {clean_line(title) or 'Conversation'}"]
    for turn in turns:
        blocks.append("## You")
        blocks += [
            f"*attached: {clean_line(part.name or part.media_type)}*"
            for part in turn.prompt.parts
            if isinstance(part, FilePart | ImagePart)
        ]
        blocks.append(clean(turn.prompt.text))
        blocks.append(f"## {clean_line(turn.model)}")
        if turn.reply.text:
            blocks.append(clean(turn.reply.text))
        if turn.outcome not in (None, Outcome.COMPLETE):
            blocks.append(f"*{turn.outcome}*")
    return "\n\n".join(blocks) + "\n"


def free_path(folder: Path, title: str) -> Path:
    """A file name made of the title, in `folder`, at which nothing is yet."""
    stem = re.sub(r"[^\w]+", "-", title.lower()).strip("-")[:60] or "conversation"
    path, number = folder / f"{stem}.md", 2
    while path.exists():
        path, number = folder / f"{stem}-{number}.md", number + 1
    return path


def code_blocks(markdown: str) -> list[str]:
    """The contents of the fenced code blocks, in order; an unclosed last one counts.

    Fences as CommonMark 0.31 section 4.5 has them: at most three spaces into what holds them, three or more of
    one character, closed by at least as many of the same. Inside list items (section 5.2) too; there the code
    may stand further left than its fence, which models often do. Code is indented as seen from its fence.
    """
    blocks: list[str] = []
    items, fence = [0], None
    for line in markdown.split("\n"):  # alone: U+2028 and the like are part of a line
        line = line.removesuffix("\r")
        if fence is None:
            fence = _fence_in(line, items)
        elif fence.is_closed_by(line):
            blocks.append("\n".join(fence.lines))
            fence = None
        else:
            fence.lines.append(_outdented(line, fence.column))
    if fence is not None:
        blocks.append("\n".join(fence.lines))
    return blocks


@dataclass(slots=True)
class _Fence:
    """An open fence, its column, the column where what holds it begins, and the code so far."""

    mark: str
    column: int
    container: int
    lines: list[str] = field(default_factory=list[str])

    def is_closed_by(self, line: str) -> bool:
        mark = line.strip(" \t")
        return (
            len(mark) >= len(self.mark)
            and set(mark) == {self.mark[0]}
            and _indent(line.expandtabs(4)) <= self.container + 3
        )


def _fence_in(line: str, items: list[int]) -> _Fence | None:
    """The fence that the line opens. `items` are the columns of what is in open list items; it is kept up."""
    text = line.expandtabs(4)
    column = _indent(text)
    if not text.strip():
        return None
    while column < items[-1]:
        items.pop()
    while column <= items[-1] + 3 and (item := _ITEM.match(text, column)):
        items.append(item.end())
        column = item.end() + _indent(text[item.end() :])
    mark = _FENCE.fullmatch(text, column)
    if mark is None or column > items[-1] + 3 or (mark[1][0] == "`" and "`" in mark[2]):
        return None
    return _Fence(mark[1], column, items[-1])


def _indent(text: str) -> int:
    return len(text) - len(text.lstrip(" "))


def _outdented(line: str, columns: int) -> str:
    """The line without its first columns, as far as they are blank; a tab goes to the next multiple of four."""
    at = 0
    while at < columns and line[:1] in (" ", "\t"):
        at += 4 - at % 4 if line[0] == "\t" else 1
        line = line[1:]
    return line
