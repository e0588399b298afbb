from __future__ import annotations

import pytest

from chatterm.tui.transcript.copied import selected_text
from chatterm.tui.transcript.selection import Mark, Selection, all_of
from chatterm.tui.transcript.spots import Spot
from tests.cpu_time import within
from tests.tui.transcript.documents import long_reply
from tests.tui.transcript.made import document, entry


def rows(text: str, first: int, stop: int) -> str:
    """What a copy of these rows gives."""
    made = document(entry(1, text), width=60)
    return selected_text(made, Selection(Mark(0, 0, Spot(first, 0)), Mark(0, 0, Spot(stop, 0))))


@pytest.mark.parametrize(
    ("text", "first", "stop"),
    [
        ("intro\n\n> quoted **text**\n> and more\n\nend", 2, 4),
        ("- a\n  - **b**\n  - c", 1, 3),
        ("- a\n  ```py\n  x = 1\n    y\n  ```\n- b", 0, 5),
        ("1. a\n   ```\n   b\n   ```\n2. c", 0, 5),
        ("> - a\n>   - b\n>\n> c", 0, 5),
        ("- a\n\n  ```\n  b\n  ```", 0, 4),
    ],
)
def test_rows_are_copied_as_they_were_written(text: str, first: int, stop: int) -> None:
    copied = rows(text, first, stop)
    assert copied and copied in text
    assert rows(text, 0, 40) == text


def test_a_part_of_a_row_has_no_marks() -> None:
    made = document(entry(1, "> quoted text"), width=60)
    assert selected_text(made, Selection(Mark(0, 0, Spot(0, 2)), Mark(0, 0, Spot(0, 8)))) == "oted t"


@pytest.mark.parametrize(
    "text",
    [
        "A short paragraph.\n\n" * 3200,
        "- an item of words\n" * 3300,
        ("```py\n" + "x = 1\n" * 50 + "```\n") * 200,
    ],
    ids=["paragraphs", "list", "code"],
)
def test_a_long_selection_is_copied_soon_and_as_it_was_written(text: str) -> None:
    made = document(entry(1, text), width=98)
    assert selected_text(made, all_of(made, 0)) == text.rstrip()

    def copy() -> None:
        fresh = document(entry(1, text), width=98)
        selected_text(fresh, all_of(fresh, 0))

    assert within(0.05, copy) is None


def test_a_long_message_is_copied_in_part() -> None:
    text = long_reply(200_000)
    made = document(entry(1, text), width=98)
    made.height(0, 0)
    start = Mark(0, 1, Spot(0, 0))
    copied = selected_text(made, Selection(start, Mark(0, made.segments(0), Spot(0, 0))))
    whole = selected_text(made, all_of(made, 0))
    assert len(copied) > 190_000 and whole.endswith(copied)
