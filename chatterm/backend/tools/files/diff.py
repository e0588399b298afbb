"""The change to a file, to be read before it is allowed."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher

SHOWN_LINES = 2000
SHOWN_CHARACTERS = 1000
"""Of one line."""

COMPARED_LINES = 1000
"""What is compared line by line of each side, once the same beginning and end are set aside: a comparison takes
time with the square of it. Of more, all of the one side goes and all of the other comes."""

_AROUND = 3

_Change = tuple[str, int, int, int, int]
"""A piece of both sides, as `SequenceMatcher.get_opcodes` has it."""


def unified_diff(before: str | None, after: str, name: str) -> str:
    """The change as a unified diff; `before` None is a new file. What is left out is counted in the last line.

    "" if nothing changes.
    """
    if before == after:
        return ""
    old, new = _lines(before or ""), _lines(after)
    shown = [f"--- {name if before is not None else '/dev/null'}", f"+++ {name}"]
    left_out = 0
    for line in _hunks(old, new):
        if len(shown) < SHOWN_LINES:
            shown.append(_short(line))
        else:
            left_out += 1
    if left_out:
        shown.append(f"... {left_out:,} more lines of the change are not shown")
    return "\n".join(shown)


def counts(before: str | None, after: str) -> tuple[int, int]:
    """How many lines come and how many go."""
    came = went = 0
    for kind, i1, i2, j1, j2 in _changes(_lines(before or ""), _lines(after)):
        if kind != "equal":
            came, went = came + j2 - j1, went + i2 - i1
    return came, went


def _lines(text: str) -> list[str]:
    """Lines without their ends. A last line without one is told apart, by what patches have for it."""
    lines = text.split("\n")
    if lines[-1]:
        lines[-1] += "\n\\ no newline at the end"
    else:
        lines.pop()
    return lines


def _hunks(old: list[str], new: list[str]) -> Iterator[str]:
    for group in _groups(_changes(old, new)):
        (_, i1, _, j1, _), (_, _, i2, _, j2) = group[0], group[-1]
        yield f"@@ -{_span(i1, i2)} +{_span(j1, j2)} @@"
        for kind, a1, a2, b1, b2 in group:
            if kind == "equal":
                yield from (f" {line}" for line in old[a1:a2])
                continue
            yield from (f"-{line}" for line in old[a1:a2])
            yield from (f"+{line}" for line in new[b1:b2])


def _changes(old: list[str], new: list[str]) -> list[_Change]:
    """All pieces in order, first those that are the same at both ends."""
    head = _same(old, new)
    tail = _same(old[head:][::-1], new[head:][::-1])
    i2, j2 = len(old) - tail, len(new) - tail
    found: list[_Change] = [("equal", 0, head, 0, head)]
    if max(i2, j2) - head > COMPARED_LINES:
        found.append(("replace", head, i2, head, j2))
    else:
        matcher = SequenceMatcher(None, old[head:i2], new[head:j2])
        found += [(k, a + head, b + head, c + head, d + head) for k, a, b, c, d in matcher.get_opcodes()]
    found.append(("equal", i2, len(old), j2, len(new)))
    return [each for each in found if each[1:] and (each[2] > each[1] or each[4] > each[3])]


def _same(one: list[str], other: list[str]) -> int:
    for number, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return number
    return min(len(one), len(other))


def _groups(changes: list[_Change]) -> Iterator[list[_Change]]:
    """Changes with the few same lines around them; those with few lines between them go together."""
    group: list[_Change] = []
    for number, (kind, i1, i2, j1, j2) in enumerate(changes):
        if kind != "equal":
            group.append((kind, i1, i2, j1, j2))
            continue
        is_last = number == len(changes) - 1
        if group and (is_last or i2 - i1 > 2 * _AROUND):
            end = min(_AROUND, i2 - i1)
            yield [*group, (kind, i1, i1 + end, j1, j1 + end)]
            group = []
        if not is_last:
            start = min(_AROUND, i2 - i1) if not group else i2 - i1
            group.append((kind, i2 - start, i2, j2 - start, j2))
    if group and any(each[0] != "equal" for each in group):
        yield group


def _span(first: int, after: int) -> str:
    count = after - first
    return f"{first + 1 if count else first},{count}"


def _short(line: str) -> str:
    if len(line) <= SHOWN_CHARACTERS:
        return line
    return f"{line[:SHOWN_CHARACTERS]}... {len(line) - SHOWN_CHARACTERS:,} more characters of this line"
