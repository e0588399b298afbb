"""Finds, at the speed of regular expressions, where a long text can be cut so that each part is scanned alone.

A place is safe where nothing is open: after a blank line, outside fences, before a line at column 0 that is no
quote and no list item. All containers and leaves end there, so that scanning from there on gives the same pieces
as scanning from the beginning. Where there is no such place for long, a text is cut at a line: the fence or the
table that is open there is carried over, and a list that is numbered counts on from what is written.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import lru_cache
from typing import NamedTuple

from chatterm.tui.transcript.leaves import TABLE_LINES, is_table
from chatterm.tui.transcript.pieces import place_to_cut

LARGEST, MOST_LINES = 32_768, 750
"""A stretch is cut at the first safe place after so many characters or lines; it has at most twice as many."""
PLAIN_LINES = 1500
"""As `MOST_LINES`, in a text without marks."""
MOST_FENCES = 4_000
"""After so many fences a text is cut as if there were no more."""
MOST_DEFINING = 131_072
"""Definitions of links are looked for in so many characters of a long text; a line counts as 40 more."""

SAFE = re.compile(r"\n[ \t]*\n(?=[^\s>])(?![-*+](?:[ \t\n]|\Z)|[0-9]{1,9}[.)])")
_BLANKS = re.compile(r"[ \t\n]*")
_LINE = re.compile(r"\n(?=\S)")
_PLAIN = re.compile(r"\S[ \t]*\n")
_FENCE = re.compile(r"^( {0,3})(`{3,}|~{3,})([^\n]*)\n?", re.MULTILINE)
_SPANNING = re.compile(r"<(?:pre|script|style|textarea|!--)|\$\$|\\\[|\\begin\{", re.IGNORECASE)
_BLANK_LINE = re.compile(r"\n[ \t]*\n")
_DEFINITION = re.compile(r"[ \t>]*\[[^\[\]\\^\n][^\[\]\\\n]{0,200}\]:[ \t]*\S")


class Fence(NamedTuple):
    """A block of code in the text, with its fence lines; `is_sure` tells whether it is one in any surroundings."""

    begin: int
    end: int
    indent: int
    mark: str
    info: str
    is_sure: bool = True


class Stretch(NamedTuple):
    """A part of a text. What was open before it goes on in it: a `fence`, a table, or a `line` that was cut.

    `is_exact` is whether scanning it alone gives the pieces that scanning the whole text gives.
    """

    begin: int
    end: int
    fence: Fence | None = None
    table_start: str = ""
    in_line: bool = False
    is_exact: bool = True


def is_long(text: str) -> bool:
    """Whether a text is cut at all."""
    return _reach(text, 0) < len(text) and _reach(text, _reach(text, 0)) < len(text)


def cut_markdown(text: str, *, largest: int = LARGEST, lines: int = MOST_LINES) -> list[Stretch]:
    """The stretches of a text in Markdown in their order; only blank lines are between them, before and after."""
    fences = fences_in(text)
    begins = [fence.begin for fence in fences]
    sure = next((fence.begin for fence in fences if not fence.is_sure), len(text))
    if len(fences) == MOST_FENCES:
        sure = min(sure, fences[-1].end)
    stretches = [Stretch(_past_blanks(text, 0), len(text))]
    while (soon := _reach(text, stretches[-1].begin, largest, lines)) < len(text):
        late = _reach(text, soon, largest, lines)
        past = _past_blanks(text, soon) if _around(soon, fences, begins) is None else soon
        if past > late or late == len(text):
            stretches[-1] = stretches[-1]._replace(end=soon if past > late else late)
            if past <= late or past == len(text):
                break
            stretches.append(Stretch(past, len(text), is_exact=False))
            continue
        at = _next(text, soon, late, fences, begins)
        if not (at.is_exact or at.fence or at.in_line):
            at = at._replace(table_start=_table_around(text, stretches[-1], at.begin))
        stretches[-1] = stretches[-1]._replace(end=at.begin)
        stretches.append(at._replace(is_exact=at.is_exact and at.begin <= sure))
    return stretches


def cut_plain(text: str) -> list[Stretch]:
    """The stretches of a text that is shown as it is: they begin after a line that is not blank, if there is one."""
    text = text.rstrip()
    stretches = [Stretch(_past_blanks(text, 0), len(text))]
    while (soon := _reach(text, stretches[-1].begin, lines=PLAIN_LINES)) < len(text):
        late = _reach(text, soon, lines=PLAIN_LINES)
        if late == len(text):
            break
        found = _PLAIN.search(text, soon, late)
        at = Stretch(found.end(), len(text)) if found else _at_a_line(text, soon, late)
        stretches[-1] = stretches[-1]._replace(end=at.begin)
        stretches.append(at)
    return stretches


def _past_blanks(text: str, at: int) -> int:
    """The beginning of the first line from this place on that is not blank; the end where there is none."""
    found = _BLANKS.match(text, at)
    end = found.end() if found else at
    return end if end == len(text) else max(at, text.rfind("\n", at, end) + 1)


def _next(text: str, soon: int, late: int, fences: list[Fence], begins: list[int]) -> Stretch:
    """The stretch that begins at the first safe place from `soon` to `late`, else at a line."""
    at = soon
    while (found := SAFE.search(text, at, late)) is not None and found.end() + 12 < late:
        inside = _around(found.end(), fences, begins)
        if inside is None:
            return Stretch(found.end(), len(text))
        at = inside.end - 1
        if at >= late:
            break
    made = _at_a_line(text, soon, late)
    return made._replace(fence=_around(made.begin, fences, begins))


def _around(at: int, fences: list[Fence], begins: list[int]) -> Fence | None:
    """The block of code that this place is inside of."""
    number = bisect_right(begins, at) - 1
    return fences[number] if number >= 0 and fences[number].begin < at < fences[number].end else None


def _at_a_line(text: str, soon: int, late: int) -> Stretch:
    found = _LINE.search(text, soon, late)
    end = found.end() if found else text.find("\n", soon, late) + 1
    if end:
        return Stretch(end, len(text), is_exact=False)
    return Stretch(min(late, soon + place_to_cut(text[soon:late])), len(text), in_line=True, is_exact=False)


def _table_around(text: str, before: Stretch, at: int) -> str:
    """The first rows of the table that the line after this stretch goes on; "" for none."""
    blank = text.rfind("\n\n", before.begin, at)
    if blank < 0 and before.table_start:
        return before.table_start
    lines = text[blank + 2 if blank >= 0 else before.begin : at].split("\n", TABLE_LINES + 2)[
        : TABLE_LINES + 2
    ]
    return "\n".join(lines) if len(lines) > 2 and is_table(*lines[:2]) else ""


def _reach(text: str, begin: int, largest: int = LARGEST, lines: int = MOST_LINES) -> int:
    """The place that so many characters or lines are before."""
    end = min(len(text), begin + largest)
    run = _lines(lines).match(text, begin, end)
    return run.end() if run else end


@lru_cache(maxsize=8)
def _lines(count: int) -> re.Pattern[str]:
    return re.compile(rf"(?:[^\n]*\n){{{count}}}")


# ---- fences -------------------------------------------------------------------------------------


def fences_in(text: str) -> list[Fence]:
    """The blocks of code that are in no container."""
    fences: list[Fence] = []
    at = 0
    if "```" not in text and "~~~" not in text:
        return fences
    while len(fences) < MOST_FENCES and (opening := _FENCE.search(text, at)) is not None:
        indent, mark, info = opening.groups()
        if mark[0] == "`" and "`" in info:
            at = opening.end()
            continue
        closing = _closing(mark[0], len(mark)).search(text, opening.end())
        end = closing.end() if closing else len(text)
        before = text[fences[-1].end if fences else 0 : opening.start()]
        is_sure = _stands_alone(before) and len(opening[0]) < 1900
        if indent:
            is_sure = is_sure and closing is not None and _is_even(text, opening, closing, before)
        fences.append(Fence(opening.start(), end, len(indent), mark, info.strip(), is_sure))
        at = end
    return fences


def _stands_alone(before: str) -> bool:
    """Whether no HTML or formula that was begun in the paragraph before may go on."""
    if not before.strip():
        return True
    blank = [found.end() for found in _BLANK_LINE.finditer(before, max(0, before.rfind("\n\n") - 1))]
    return _SPANNING.search(before, blank[-1] if blank else 0) is None


def _is_even(text: str, opening: re.Match[str], closing: re.Match[str], before: str) -> bool:
    """Whether the fence ends where it does in a list item too, and no other is open around it."""
    indent = opening[1]
    body = text[opening.end() : closing.start()].split("\n")
    inside = all(not line.strip() or line.startswith(indent) for line in body)
    return inside and closing[1] == indent and "```" not in before and "~~~" not in before


@lru_cache(maxsize=64)
def _closing(character: str, length: int) -> re.Pattern[str]:
    return re.compile(rf"^( {{0,3}}(?:\t[ \t]*)?){character}{{{length},}}[ \t]*(?:\n|\Z)", re.MULTILINE)


# ---- definitions --------------------------------------------------------------------------------


def defining(text: str) -> list[str]:
    """The parts of a long text, from safe place to safe place, in which links may be defined."""
    parts: list[str] = []
    fences = fences_in(text) if "]:" in text else []
    begins = [fence.begin for fence in fences]
    left, at = MOST_DEFINING, 0
    for _ in range(MOST_FENCES):
        found = text.find("]:", at)
        if found < 0 or left <= 0:
            break
        at = found + 2
        start = text.rfind("\n", 0, found) + 1
        if _DEFINITION.match(text, start) is None or _around(start, fences, begins) is not None:
            continue
        begin = _safe_before(text, start)
        end = SAFE.search(text, found)
        at = min(end.end() if end else len(text), found + LARGEST)
        parts.append(text[begin:at])
        left -= at - begin + 40 * text.count("\n", begin, at)
    return parts


def _safe_before(text: str, at: int) -> int:
    begin = max(0, at - 4000)
    safe = [found.end() for found in SAFE.finditer(text, begin, at + 1)]
    return safe[-1] if safe else begin and text.rfind("\n", 0, begin) + 1
