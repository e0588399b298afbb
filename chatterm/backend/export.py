"""A conversation as a Markdown document."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from chatterm.core.clean import clean, clean_line
from chatterm.core.messages import FilePart, ImagePart
from chatterm.core.turn import Outcome, Turn


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

    Fences as CommonMark 0.31 section 4.5 has them: at most three spaces, three or more of one character,
    closed by at least as many of the same.
    """
    blocks: list[str] = []
    fence, lines = "", list[str]()
    for line in markdown.splitlines():
        mark = re.match(r" {0,3}(`{3,}|~{3,})[ \t]*(.*)$", line)
        if not fence:
            if mark and not (mark[1][0] == "`" and "`" in mark[2]):
                fence, lines = mark[1], []
        elif mark and mark[1][0] == fence[0] and len(mark[1]) >= len(fence) and not mark[2].strip():
            blocks.append("\n".join(lines))
            fence = ""
        else:
            lines.append(line)
    if fence:
        blocks.append("\n".join(lines))
    return blocks
