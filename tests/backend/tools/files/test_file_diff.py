"""A diff says exactly what changes, or how much of it is not shown, and never takes long."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from chatterm.backend.tools.files.diff import SHOWN_LINES, counts, unified_diff
from tests.cpu_time import within

TEXTS = st.lists(st.sampled_from(["a", "b", "c", "", " ", "-x", "+y", "\r", "\u2028"]), max_size=40).map(
    "\n".join
)


def applied(before: str, diff: str) -> str:
    """What a unified diff makes of a text."""
    old, new, at = before.split("\n"), list[str](), 0
    for line in diff.split("\n")[2:]:
        if head := re.fullmatch(r"@@ -(\d+),(\d+) \+\d+,\d+ @@", line):
            start = int(head[1]) - (1 if int(head[2]) else 0)
            new += old[at:start]
            at = start
        elif line.startswith("\\"):
            continue
        else:
            if line[0] in " -":
                assert old[at] == line[1:]
                at += 1
            if line[0] in " +":
                new.append(line[1:])
    rest = old[at:]
    # Whether the text ends with a line end is what the marks say.
    return "\n".join(new + rest)


@given(TEXTS, TEXTS)
def test_a_diff_makes_the_new_text_of_the_old(before: str, after: str) -> None:
    diff = unified_diff(before, after, "a")
    if before == after:
        assert diff == ""
        return
    assert applied(before, diff).rstrip("\n") == after.rstrip("\n")
    lines = diff.split("\n")[2:]
    came = sum(line.startswith("+") for line in lines)
    went = sum(line.startswith("-") for line in lines)
    assert counts(before, after) == (came, went)


def test_a_missing_line_end_is_a_change() -> None:
    assert unified_diff("a\n", "a", "x").split("\n")[2:] == [
        "@@ -1,1 +1,1 @@",
        "-a",
        "+a",
        "\\ no newline at the end",
    ]


def test_a_change_far_from_another_is_shown_apart() -> None:
    before = "".join(f"{n}\n" for n in range(100))
    after = before.replace("10\n", "ten\n").replace("90\n", "ninety\n")
    diff = unified_diff(before, after, "x")
    assert [line for line in diff.split("\n") if line.startswith("@@")] == [
        "@@ -8,7 +8,7 @@",
        "@@ -88,7 +88,7 @@",
    ]
    assert diff.split("\n")[-8:] == [" 87", " 88", " 89", "-90", "+ninety", " 91", " 92", " 93"]


def test_what_is_not_shown_is_counted() -> None:
    lines = unified_diff(None, "x\n" * 5000, "a").split("\n")
    assert len(lines) == SHOWN_LINES + 1
    assert lines[-1] == "... 3,003 more lines of the change are not shown"
    assert unified_diff(None, "y" * 1500 + "\n", "a").endswith("y... 501 more characters of this line")


def test_no_change_takes_long_to_compare() -> None:
    # Many lines that are alike in changing order are what takes a comparison longest.
    before = "".join(f"{n % 97}\n" for n in range(1000))
    after = "".join(f"{n * 31 % 97}\n" for n in range(1000))
    assert within(1.0, lambda: unified_diff("start\n" + before, "begin\n" + after, "a")) is None
    large = "x\ny\n" * 100_000
    assert within(1.0, lambda: unified_diff("a\n" + large + "b", "c\n" + large + "d", "a")) is None
