"""The end of a text that still grows: marks that were opened are closed, so that nothing changes its look twice."""

from __future__ import annotations

import re

_CODE = re.compile(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)")
_OPEN_CODE = re.compile(r"(?<!`)(`{1,2})(?!`)([^`]*)$")
_LINK = re.compile(r"(!?)\[([^\[\]\n]*)\]\([^()\s]*$")
_BEGUN_LINK = re.compile(r"(?<![\w\\\])])!?\[[^\[\]\n]*$")
_MARKS = re.compile(r"(?<!\\)(\*\*\*|\*\*|~~|\*)")
_LINE_START = re.compile(r"[ \t]*[-*+][ \t]|[ \t]*\*+[ \t]*$")


def closed(source: str) -> str:
    """The source of an unfinished piece, as it will look if what it opened is closed next.

    A mark at the very end, with nothing after it yet, is left out; of a link whose address is still coming
    the text is shown. Only the last line is looked at, and at most its last 400 characters.
    """
    begin = max(source.rfind("\n") + 1, len(source) - 400)
    head, line = source[:begin], source[begin:]
    if (code := _OPEN_CODE.search(_CODE.sub(lambda match: "\0" * len(match[0]), line))) is not None:
        if not code[2].strip():
            return head + line[: code.start()]
        return source + code[1]
    line = _LINK.sub(lambda match: "" if match[1] else match[2], line)
    line = _without_open_bracket(line)
    return head + _with_marks(line)


def _without_open_bracket(line: str) -> str:
    """Without the `[` of a link in the making; brackets in code stay."""
    found = _BEGUN_LINK.search(line)
    if found is None or "`" in found[0]:
        return line
    return line[: found.start()] + found[0].lstrip("![")


def _with_marks(line: str) -> str:
    plain = _CODE.sub(lambda match: "\0" * len(match[0]), line)
    bullet = _LINE_START.match(plain)
    opened: list[tuple[str, int]] = []
    for match in _MARKS.finditer(plain, bullet.end() if bullet else 0):
        mark = match[0]
        before, after = plain[match.start() - 1 : match.start()], plain[match.end() : match.end() + 1]
        if opened and opened[-1][0] == mark and before.strip():
            opened.pop()
        elif after.strip() or not after:
            opened.append((mark, match.start()))
    while opened and not line[opened[-1][1] + len(opened[-1][0]) :].strip():
        line = line[: opened.pop()[1]]
    ends = "".join(mark for mark, _ in reversed(opened))
    stripped = line.rstrip(" ") if ends else line
    return stripped + ends + line[len(stripped) :]
