from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from chatterm.tui.transcript.lines import Line, lay
from chatterm.tui.transcript.looks import TEXT, Look, Span
from chatterm.tui.transcript.rows import Align, Table, TableRow
from chatterm.tui.transcript.tables import LEAST, fitted, to_csv


def row(*cells: str) -> TableRow:
    return TableRow(
        tuple((Span(cell, TEXT),) if cell else () for cell in cells), "| " + " | ".join(cells) + " |"
    )


def table(*rows: TableRow, aligns: tuple[Align, ...] = (), head: bool = True) -> Table:
    columns = max(len(each.cells) for each in rows)
    natural = tuple(
        max(sum(cell_len(span.text) for span in each.cells[at]) for each in rows if at < len(each.cells))
        for at in range(columns)
    )
    return Table(rows, aligns or ("left",) * columns, natural, head)


def texts(shown: Table, width: int) -> list[str]:
    return [line.text for line in lay([shown], width)]


def test_columns_are_as_wide_as_they_want_where_there_is_room() -> None:
    shown = table(row("name", "size", "n"), row("a", "12", "x"), aligns=("left", "right", "center"))
    assert texts(shown, 40) == [
        "name │ size │  n",
        "─────┼──────┼────",
        "a    │   12 │  x",
    ]


def test_the_rule_is_decoration_and_rows_know_their_source() -> None:
    first, rule, second = lay([table(row("a"), row("b"))], 20)
    assert (first.source, first.join, first.lead) == ("| a |", None, 0)
    assert (rule.source, rule.join, rule.lead) == (None, "", 3) and rule.spans == (Span("───", Look("rule")),)
    assert (second.source, second.join) == ("| b |", None)
    assert [line.text for line in lay([table(row("a"), row("b"), head=False)], 20)] == ["a", "b"]


def test_cells_are_broken_in_columns_with_fair_shares() -> None:
    shown = table(row("a", "some words here"), row("b", "漢字漢字漢"), head=False)
    assert texts(shown, 14) == [
        "a   │ some",
        "    │ words",
        "    │ here",
        "b   │ 漢字漢字",
        "    │ 漢",
    ]
    lines = lay([shown], 14)
    assert [line.join for line in lines] == [None, "\n", "\n", None, "\n"]
    assert [line.source is None for line in lines] == [False, True, True, False, True]


@pytest.mark.parametrize(
    ("natural", "room", "widths"),
    [
        ((4, 4), 20, [4, 4]),
        ((1, 1), 20, [3, 3]),
        ((4, 40), 20, [4, 16]),
        ((40, 40), 20, [10, 10]),
        ((40, 4, 40), 25, [10, 4, 11]),
        ((9, 9), 6, [3, 3]),
        ((9, 9), 5, None),
        ((), 20, None),
    ],
)
def test_who_gets_the_room(natural: tuple[int, ...], room: int, widths: list[int] | None) -> None:
    assert fitted(natural, room) == widths


def test_more_columns_than_fit_are_shown_cell_by_cell() -> None:
    shown = table(row(*"abcdef"), row("one", "two", "three", "four", "five", "six"))
    assert texts(shown, 16) == [
        "a │ b │ c │ d │",
        "e │ f",
        "─" * 16,
        "one │ two │",
        "three │ four │",
        "five │ six",
    ]


def test_a_cell_with_several_lines_and_missing_cells() -> None:
    shown = table(row("a\nb", "c"), row("d"), head=False)
    assert texts(shown, 20) == ["a   │ c", "b   │ ", "d   │ "]


def test_a_table_behind_a_prefix() -> None:
    bar = (Span("│ ", Look("quote")),)
    shown = table(row("a"), row("b"))._replace(first=bar, hang=bar)
    lines = lay([shown], 20)
    assert [line.text for line in lines] == ["│ a", "│ ───", "│ b"]
    assert [line.lead for line in lines] == [2, 5, 2]


def test_a_table_as_csv() -> None:
    rows = (row("a", "b"), row('say "x", y', ""), row("two\nlines", "漢"))
    assert to_csv(rows) == 'a,b\n"say ""x"", y",\n"two\nlines",漢\n'
    assert list(csv.reader(io.StringIO(to_csv(rows)))) == [
        ["a", "b"],
        ['say "x", y', ""],
        ["two\nlines", "漢"],
    ]


CELLS = st.text(st.sampled_from("ab 漢👩\u200d💻e\u0301\t\n"), max_size=30)
ROWS = st.integers(1, 12).flatmap(
    lambda columns: st.lists(st.lists(CELLS, min_size=columns, max_size=columns), min_size=1, max_size=4)
)


@given(ROWS, st.integers(16, 80), st.booleans())
def test_every_table_fits_and_keeps_its_letters(cells: list[list[str]], width: int, head: bool) -> None:
    shown = table(*(row(*each) for each in cells), head=head)
    lines: list[Line] = lay([shown], width)
    assert all(sum(cell_len(span.text) for span in line.spans) <= width for line in lines)
    letters = "".join(line.text[line.lead :] for line in lines)
    for letter in "ab漢":
        assert letters.count(letter) == sum(cell.count(letter) for each in cells for cell in each)
    assert sum(line.join is None for line in lines) == len(cells)


@given(st.lists(st.integers(0, 100), min_size=1, max_size=20), st.integers(0, 200))
def test_widths_never_exceed_the_room(natural: list[int], room: int) -> None:
    widths = fitted(natural, room)
    if widths is None:
        assert room < LEAST * len(natural)
    else:
        assert sum(widths) <= max(room, 0) and min(widths) >= LEAST
        assert all(width <= max(LEAST, want) for width, want in zip(widths, natural, strict=True))
