from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatterm.tui.transcript.copied import selected_text
from chatterm.tui.transcript.document import Document
from chatterm.tui.transcript.entries import Role
from chatterm.tui.transcript.segments import Format
from chatterm.tui.transcript.selection import (
    Mark,
    Selection,
    all_of,
    line_at,
    mark_at,
    row_at,
    selected_part,
    word_at,
)
from chatterm.tui.transcript.spots import Spot, line_of, spot_of, text_length
from tests.tui.transcript.documents import TEXTS, long_reply
from tests.tui.transcript.made import addresses, document, entry

TEXT = """# Head

Some **bold** words that are broken over more than one line, and `code` in them.

- first
  - nested
1. one

> said

```py
def f():
\treturn 1
```

| a | b |
|---|---|
| 1 | 22 |
"""


def everything(made: Document) -> Selection:
    return Selection(Mark(0, 0, Spot(0, 0)), all_of(made, len(made) - 1).end)


def test_rows_that_are_selected_as_a_whole_give_their_source() -> None:
    made = document(entry("u", "how do I\nwrap?", "user"), entry("r", TEXT))
    copied = selected_text(made, everything(made))
    for line in (
        "how do I", "# Head", "- first", "1. one", "def f():", "\treturn 1", "| a | b |", "|---|---|", "| 1 | 22 |",
        "Some **bold** words that are broken over more than one line, and `code` in them.",
    ):  # fmt: skip
        assert line in copied.split("\n")


def test_a_part_of_a_row_gives_what_is_shown_without_decoration() -> None:
    made = document(
        entry("r", "- some **bold** words, and more of them than go into one line of it"), width=30
    )
    start = mark_at(made, (0, 0, 0), 2 + len("some "))
    end = mark_at(made, (0, 0, 1), 2 + 3, after=True)
    assert selected_text(made, Selection(start, end)) == "bold words, and more of them"
    assert selected_text(made, Selection(end, start)) == "bold words, and more of them"


def test_words_and_rows_are_found_at_a_mark() -> None:
    made = document(entry("r", "say 漢字 twice, snake_case"))
    assert selected_text(made, word_at(made, mark_at(made, (0, 0, 0), 1))) == "say"
    assert selected_text(made, word_at(made, mark_at(made, (0, 0, 0), 19))) == "snake_case"
    assert selected_text(made, row_at(made, mark_at(made, (0, 0, 0), 5))) == "say 漢字 twice, snake_case"
    assert selected_text(made, word_at(made, mark_at(made, (0, 0, 0), 99))) == ""


@given(TEXTS, st.integers(20, 90), st.integers(20, 90), st.data())
def test_a_spot_is_the_same_at_every_width(text: str, before: int, after: int, data: st.DataObject) -> None:
    made = document(entry("r", text), width=before)
    place, segment, number = data.draw(st.sampled_from(addresses(made)))
    lines = made.lines(place, segment)
    char = data.draw(st.integers(0, text_length(lines[number])))
    spot = spot_of(lines, number, char)
    assert spot_of(lines, *line_of(lines, spot)) == spot
    made.lay(Format(after))
    made.height(place, segment)
    if (
        "|" not in text
        and "\t" not in text
        and "~" * 3 not in text
        and "`" * 3 not in text
        and "---" not in text
    ):
        lines = made.lines(place, segment)
        assert spot_of(lines, *line_of(lines, spot)) == spot


@given(TEXTS, st.integers(0, 40), st.integers(0, 40), st.integers(0, 90), st.integers(0, 90))
def test_what_is_painted_as_selected_is_what_is_copied(
    text: str, first: int, last: int, from_cell: int, to_cell: int
) -> None:
    made = document(entry("r", text))
    places = addresses(made)
    start = mark_at(made, places[first % len(places)], from_cell)
    end = mark_at(made, places[last % len(places)], to_cell)
    selection = Selection(start, end)
    copied = selected_text(made, selection)
    for at in places:
        part = selected_part(made, at, selection)
        if part is not None:
            line = made.line(at)
            assert line.lead <= part[0] < part[1] <= len(line.text)
            assert copied or not line.text[slice(*part)].strip()  # white space alone is not copied


def test_a_mark_is_in_its_line() -> None:
    made = document(entry("r", long_reply(3000)))
    for at in addresses(made):
        assert line_at(made, mark_at(made, at, 0)) == at or made.line(at).join is not None


@pytest.mark.parametrize(
    "text",
    [
        "**bold** " + "word " * 900 + "end",
        "- `code` " + "word. " * 900 + "end\n- b",
        "```\n" + "x = 'y' " * 600 + "z\n```\n\nend",
        "漢字" * 3000 + " *a*",
    ],
    ids=["paragraph", "item", "code", "wide"],
)
def test_a_long_line_is_copied_whole(text: str) -> None:
    made = document(entry("r", text))
    assert selected_text(made, all_of(made, 0)) == text


@pytest.mark.parametrize("role", ["user", "notice"])
def test_a_long_line_of_a_prompt_is_copied_as_one_line(role: Role) -> None:
    made = document(entry("u", "words and more of them " * 300 + "end\n\nlast", role))
    assert selected_text(made, all_of(made, 0)) == made.entries[0].source


@given(st.integers(20, 90), st.integers(0, 6000), st.integers(1, 40))
def test_a_part_of_a_long_line_is_copied_with_its_spaces(width: int, start: int, length: int) -> None:
    text = "word " * 1500 + "end"
    made = document(entry("r", text), width=width)
    rows = [at for at in addresses(made) if at[1] == 0]
    row = "".join([(made.line(at).join or "") + made.line(at).text for at in rows])
    start = min(start, len(row) - 1)
    end = min(start + length, len(row))
    part = Selection(Mark(0, 0, Spot(0, start)), Mark(0, 0, Spot(0, end)))
    assert selected_text(made, part) == text[start:end].rstrip(" ")


FENCED = [
    "a\n\n```py\nx\n\ny\n```\n\nb",
    "~~~~\nx\n~~~~\n\nb",
    "```py\n" + "\n".join(["x = 1"] * 300) + "\n```",
    "a\n\n```\n```\n\nb",
    "```py\nnever closed",
]


@pytest.mark.parametrize("text", FENCED, ids=["between", "tildes", "long", "empty", "open"])
@pytest.mark.parametrize("streams", [False, True])
def test_code_is_copied_with_both_its_fences(text: str, streams: bool) -> None:
    made = document(entry("r", "" if streams else text, status="live" if streams else "done"))
    if streams:
        made.set_entries([])
        made.begin_live(entry("r", "", status="live"))
        assert made.live is not None
        for char in text:
            made.live.write(char)
            made.settle_live()
        made.end_live(entry("r", text))
    assert selected_text(made, all_of(made, 0)) == text


def test_lines_of_code_are_copied_without_a_fence() -> None:
    made = document(entry("r", "```py\nx\ny\n```\n\nb"))
    head, first, last, beyond = (Mark(0, 0, Spot(row, 0)) for row in (0, 1, 2, 4))
    end = last._replace(spot=Spot(2, 1))
    assert selected_text(made, Selection(first, end)) == "x\ny"
    assert selected_text(made, Selection(first, beyond._replace(spot=Spot(4, 1)))) == "x\ny\n\nb"
    assert selected_text(made, Selection(head, first._replace(spot=Spot(1, 1)))) == "```py\nx"
    assert selected_text(made, Selection(head, end)) == "```py\nx\ny\n```"


@given(
    st.text("ab \n", min_size=1, max_size=200), st.integers(4, 40), st.integers(0, 200), st.integers(0, 200)
)
def test_runs_of_blanks_are_copied_and_keep_the_place(text: str, width: int, start: int, end: int) -> None:
    line = " ".join(text.split("\n")) + "end"
    made = document(entry("u", line, "user"), width=200)
    start, end = sorted((min(start, len(line)), min(end, len(line))))
    part = Selection(Mark(0, 0, Spot(0, start)), Mark(0, 0, Spot(0, end)))
    whole = selected_text(made, part)
    made.lay(Format(width))
    assert selected_text(made, part) == whole
    if 0 < start < end < len(line):
        assert whole == line[start:end].rstrip(" ")
