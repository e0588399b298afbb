from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from chatterm.tui.transcript.lines import Line, lay
from chatterm.tui.transcript.looks import CODE, TEXT, Look, Span, Spans
from chatterm.tui.transcript.rows import Row
from chatterm.tui.transcript.wrap import MOST_MARKS, Slice, fold, wrap, wrap_spans
from tests.cpu_time import in_proportion

BULLET, BAR = Span("• ", Look("bullet")), Span("│ ", Look("quote"))
BOLD = Look("text", bold=True)


def texts(row: Row, width: int) -> list[str]:
    return [line.text for line in lay([row], width)]


def copied(lines: list[Line]) -> str:
    """The text of the lines, as a selection of them gives it."""
    parts = [("\n" if line.join is None else line.join) + line.text[line.lead :] for line in lines]
    return "".join(parts).removeprefix("\n")


# ---- where a text breaks ------------------------------------------------------------------------

CHARACTERS = ["a", "b", " ", " ", "漢", "、", "e\u0301", "👩‍💻", "❤\ufe0f", "🇨🇭", "—", "’"]


@given(st.lists(st.sampled_from(CHARACTERS), max_size=50).map("".join), st.integers(2, 20))
def test_slices_fit_and_lose_nothing_but_spaces(text: str, width: int) -> None:
    for slices in (wrap(text, width), fold(text, width)):
        assert slices
        assert all(cell_len(text[each.start : each.end]) <= width for each in slices)
        assert "".join(text[each.start : each.end] for each in slices).replace(" ", "") == text.replace(
            " ", ""
        )
        assert [each.start for each in slices] == sorted(each.start for each in slices)
    assert "".join(text[each.start : each.end] for each in fold(text, width)) == text


@pytest.mark.parametrize(
    ("text", "width", "slices"),
    [
        ("", 5, [Slice(0, 0, "")]),
        ("one two", 7, [Slice(0, 7, "")]),
        ("one two", 5, [Slice(0, 3, ""), Slice(4, 7, " ")]),
        ("one   two", 5, [Slice(0, 3, ""), Slice(6, 9, " ")]),
        ("abcdefgh", 5, [Slice(0, 5, ""), Slice(5, 8, "")]),
        ("a bcdefgh", 5, [Slice(0, 1, ""), Slice(2, 7, " "), Slice(7, 9, "")]),
        ("é bcdefgh", 5, [Slice(0, 1, ""), Slice(2, 7, " "), Slice(7, 9, "")]),
        ("漢字漢字", 5, [Slice(0, 2, ""), Slice(2, 4, "")]),
        ("漢字。字", 4, [Slice(0, 1, ""), Slice(1, 3, ""), Slice(3, 4, "")]),
        ("ab 漢字", 5, [Slice(0, 4, ""), Slice(4, 5, "")]),
    ],
)
def test_where_a_text_breaks(text: str, width: int, slices: list[Slice]) -> None:
    assert wrap(text, width) == slices


@pytest.mark.parametrize("unit", ["👩‍💻", "🇨🇭", "👍🏽", "❤\ufe0f"])
def test_an_emoji_sequence_is_never_cut(unit: str) -> None:
    text = unit * 5
    assert [text[each.start : each.end] for each in wrap(text, 5)] == [unit * 2, unit * 2, unit]


def test_what_counts_as_one_cell_is_one_cell() -> None:
    """Text is measured by its length alone where that is right: it breaks in the same places as any other."""
    for code in range(0x21, 0x3000):
        text = chr(code) * 40
        slices = fold(text, 20)
        assert all(cell_len(text[each.start : each.end]) <= 20 for each in slices), hex(code)
        assert len(slices) == 1 or cell_len(text) > 20, hex(code)


# ---- spans --------------------------------------------------------------------------------------


def test_looks_and_links_go_on_in_the_next_line() -> None:
    link = Span("three four", Look("link"), "https://a.example")
    broken = wrap_spans((Span("one ", TEXT), Span("two ", BOLD), link), 9)
    assert broken == [
        ((Span("one ", TEXT), Span("two", BOLD)), ""),
        ((link._replace(text="three"),), " "),
        ((link._replace(text="four"),), " "),
    ]


def test_a_newline_breaks_a_line() -> None:
    broken = wrap_spans((Span("a b\n\n", TEXT), Span("c", BOLD)), 2)
    assert ["".join(span.text for span in each.spans) for each in broken] == ["a", "b", "", "c"]
    assert [each.join for each in broken] == ["", " ", "\n", "\n"]


@pytest.mark.parametrize(
    ("spans", "text"),
    [
        ((Span("\tx", CODE),), "    x"),
        ((Span("ab\tx", CODE),), "ab  x"),
        ((Span("ab", CODE), Span("c\tx", CODE)), "abc x"),
        ((Span("abcd", CODE), Span("\tx", CODE)), "abcd    x"),
        ((Span("a\n\tx", CODE),), "a\n    x"),
    ],
)
def test_tabs_go_to_the_next_column_of_four(spans: Spans, text: str) -> None:
    broken = wrap_spans(spans, 40, folds=True)
    assert "\n".join("".join(span.text for span in each.spans) for each in broken) == text


def test_a_flood_of_marks_is_held() -> None:
    (line,) = wrap_spans((Span("e" + "\u0301" * 4000 + "x", TEXT),), 40)
    assert line.spans == (Span("e" + "\u0301" * MOST_MARKS + "x", TEXT),)


@pytest.mark.parametrize("text", ["a\u200db", "\u200dab", "a\u200d\u200d b", "\u200d\u200da \u200db"])
def test_a_joiner_that_joins_nothing_is_left_out(text: str) -> None:
    (line,) = wrap_spans((Span(text, TEXT),), 40)
    assert line.spans == (Span(text.replace("\u200d", ""), TEXT),)


def test_a_border_between_spans_is_moved_out_of_a_grapheme() -> None:
    (line,) = wrap_spans((Span("a👩\u200d", TEXT), Span("💻b", BOLD)), 40)
    assert line.spans == (Span("a👩\u200d💻", TEXT), Span("b", BOLD))


# ---- rows ---------------------------------------------------------------------------------------


def test_a_row_stands_behind_its_prefixes() -> None:
    row = Row((Span("aaa bbb ccc", TEXT),), (BAR, BULLET), (BAR, Span("  ", TEXT)), source="- aaa bbb ccc")
    assert lay([row], 8) == [
        Line((BAR, BULLET, Span("aaa", TEXT)), 4, None, "text", "- aaa bbb ccc"),
        Line((BAR, Span("  ", TEXT), Span("bbb", TEXT)), 4, " ", "text"),
        Line((BAR, Span("  ", TEXT), Span("ccc", TEXT)), 4, " ", "text"),
    ]


def test_code_breaks_wherever_a_line_is_full() -> None:
    row = Row((Span("abcdefgh", CODE),), (Span(" ", CODE),), (Span(" ", CODE),), "code", "abcdefgh")
    assert lay([row], 6) == [
        Line((Span(" ", CODE), Span("abcde", CODE)), 1, None, "code", "abcdefgh"),
        Line((Span(" ", CODE), Span("fgh", CODE)), 1, "", "code"),
    ]


def test_rules_blanks_and_empty_rows() -> None:
    assert lay([Row(kind="rule", first=(BAR,), source="---")], 6) == [
        Line((BAR, Span("────", Look("rule"))), 6, None, "text", "---")
    ]
    assert lay([Row(kind="blank", first=(BAR,)), Row(), Row((), (BULLET,))], 6) == [
        Line((BAR,), 2), Line(), Line((BULLET,), 2),
    ]  # fmt: skip


def test_an_end_stands_at_the_right() -> None:
    row = Row((Span("py", CODE),), (BAR,), (BAR,), "code", "```py", (Span("copy", CODE, "action:x"),))
    assert lay([row], 12) == [
        Line(
            (BAR, Span("py", CODE), Span("    ", CODE), Span("copy", CODE, "action:x")),
            12,
            None,
            "code",
            "```py",
            opens=True,
        )
    ]
    assert [texts(row, width) for width in (9, 8, 6)] == [["│ py copy"], ["│   copy"], ["│ py"]]


def test_long_prefixes_leave_room_for_text() -> None:
    row = Row((Span("word word", TEXT),), (BAR,) * 30, (BAR,) * 30)
    assert texts(row, 40) == ["│ " * 12 + "word word"]
    assert texts(row, 16) == ["│ " * 4 + "word", "│ " * 4 + "word"]
    assert texts(row, 4) == ["│ wo", "│ rd", "│ wo", "│ rd"]
    assert texts(row, 3) == [" wo", " rd", " wo", " rd"]


SPANS = st.lists(
    st.builds(
        Span,
        st.lists(st.sampled_from([*CHARACTERS, "\t", "\n", "word "]), max_size=12).map("".join),
        st.sampled_from([TEXT, BOLD]),
    ),
    max_size=4,
).map(lambda spans: tuple(s for s in spans if s.text))
PREFIXES = st.sampled_from([(), (BAR,), (BULLET,), (BAR, BULLET), (Span("漢 ", TEXT), BAR) * 4, (BAR,) * 30])


@given(SPANS, PREFIXES, PREFIXES, st.sampled_from(["text", "code", "rule", "blank"]), st.integers(4, 60))
def test_every_line_fits_and_copies_back(
    spans: Spans, first: Spans, hang: Spans, kind: str, width: int
) -> None:
    row = Row(spans, first, hang, kind, "source")  # pyright: ignore[reportArgumentType]  # one of the four
    lines = lay([row], width)
    assert lines[0].join is None and lines[0].source == "source"
    assert all(line.join is not None and line.source is None for line in lines[1:])
    for line in lines:
        assert sum(cell_len(span.text) for span in line.spans) <= width
        assert line.lead <= len(line.text) and all(span.text for span in line.spans)
    if kind in ("text", "code"):
        text = "".join(span.text for span in spans)
        assert "".join(copied(lines).split()) == "".join(text.split())
        assert kind == "text" or copied(lines) == text or "\t" in text


@pytest.mark.parametrize(
    "unit", ["word ", "x", "漢", "e\u0301", "👩\u200d💻", "\t", "\n", "\u0301", "\u200d", "a漢 "]
)
@pytest.mark.parametrize("kind", ["text", "code"])
def test_long_rows_take_time_in_proportion(unit: str, kind: str) -> None:
    def laid(size: int) -> list[Line]:
        text = (unit * size)[:size]
        return lay([Row((Span(text, TEXT),), kind="text" if kind == "text" else "code")], 40)

    assert in_proportion(lambda: laid(4_000), lambda: laid(16_000)) is None
