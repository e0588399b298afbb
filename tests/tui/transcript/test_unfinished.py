from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatterm.tui.transcript.document import Document
from chatterm.tui.transcript.unfinished import closed
from tests.tui.transcript.documents import TEXTS
from tests.tui.transcript.made import entry


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a **bold", "a **bold**"),
        ("a **bold** b", "a **bold** b"),
        ("a **", "a "),
        ("a *it", "a *it*"),
        ("a ***both", "a ***both***"),
        ("a **bold *it", "a **bold *it***"),
        ("a **bold ", "a **bold** "),
        ("~~gone", "~~gone~~"),
        ("a `co", "a `co`"),
        ("a ``co", "a ``co``"),
        ("a `", "a "),
        ("a `b` **c", "a `b` **c**"),
        ("a `**` b", "a `**` b"),
        ("- item", "- item"),
        ("* item", "* item"),
        ("* **item", "* **item**"),
        ("2 * 3", "2 * 3"),
        (r"a \*b", r"a \*b"),
        ("snake_case_", "snake_case_"),
        ("see [the docs](https://a.ex", "see the docs"),
        ("see [the do", "see the do"),
        ("see ![pic](https://a.ex", "see "),
        ("see [a](https://b) c", "see [a](https://b) c"),
        ("x[0", "x[0"),
        ("- [", "- "),
        ("- [ ] t", "- [ ] t"),
        ("first **line\nsecond", "first **line\nsecond"),
        ("", ""),
    ],
)
def test_what_was_opened_is_closed(source: str, expected: str) -> None:
    assert closed(source) == expected


@given(TEXTS)
def test_any_text_can_be_closed(source: str) -> None:
    assert len(closed(source)) <= len(source) + 400


@given(st.text(st.sampled_from("*`~[]()! a\n"), max_size=30))
def test_it_is_closed_once(source: str) -> None:
    once = closed(source)
    assert len(closed(once)) <= len(once) + 8


def test_bold_text_is_bold_from_its_first_letter() -> None:
    made = Document(60)
    made.begin_live(entry(1, "", status="live"))
    assert made.live is not None
    seen: list[str] = []
    for char in "so **bold** it `is` here":
        made.live.write(char)
        made.settle_live()
        line = made.line((0, 0, 0))
        seen.append(line.text)
        assert all(span.look.bold for span in line.spans if "bold".startswith(span.text.strip() or "-"))
    assert not any("*" in text or "`" in text for text in seen)
