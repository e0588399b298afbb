from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatterm.tui.transcript.leaves import LONGEST_CODE, MOST_CODE_LINES
from chatterm.tui.transcript.pieces import LONGEST_TEXT, Piece
from chatterm.tui.transcript.scan import Scanner
from tests.cpu_time import in_proportion
from tests.tui.transcript.documents import TEXTS, pieces

GIANTS = [
    "word " * 3000,
    "x" * 9000,
    "line\n" * 1500,
    "- item " + "word " * 900,
    "> " + "quoted " * 900,
    "```py\n" + "x = 1\n\ny = 2\n" * 200 + "```\nafter",
    "```\n" + "z" * 7000 + "\n```",
    "| a | b |\n|---|---|\n" + "| 1 | 2 |\n" * 120,
    "- a\n  ```\n  b\n\n  c\n  ```\n  d",
]
SPLIT_TEXTS = st.one_of(
    TEXTS,
    st.lists(st.sampled_from(GIANTS), max_size=2).map("\n".join),
    st.tuples(TEXTS, TEXTS).map("\n".join),
)


def scanned(text: str) -> list[Piece]:
    scanner = Scanner()
    scanner.feed(text)
    scanner.finish()
    return scanner.pieces


def outline(text: str) -> list[tuple[str, str]]:
    """What stands before each piece, and its source; code in brackets with its info string."""
    return [
        (
            "".join(span.text for span in piece.first),
            f"[{piece.info}:{piece.source}]" if piece.kind == "code" else piece.source,
        )
        for piece in scanned(text)
    ]


@given(SPLIT_TEXTS, st.lists(st.integers(0, 20_000), max_size=8))
def test_the_pieces_are_the_same_however_the_text_arrives(text: str, cuts: list[int]) -> None:
    scanner = Scanner()
    for part in pieces(text, cuts):
        scanner.feed(part)
        scanner.tail()  # changes nothing
    scanner.finish()
    assert scanner.pieces == scanned(text)


@given(SPLIT_TEXTS, st.integers(0, 20_000))
def test_the_tail_is_what_would_follow_if_the_text_ended_here(text: str, end: int) -> None:
    scanner = Scanner()
    scanner.feed(text[:end])
    unfinished = scanner._is_undecided()
    whole = [*scanner.pieces, *scanner.tail()]
    if not unfinished:
        assert whole == scanned(text[:end])
    code = scanner.growing_code
    if code is not None and scanner.tail():
        assert scanner.tail()[0].source.removesuffix("\n") == code.removesuffix("\n")


@given(SPLIT_TEXTS)
def test_no_piece_is_long_and_no_word_is_lost(text: str) -> None:
    made = scanned(text)
    for piece in made:
        assert len(piece.source) <= LONGEST_CODE + 2 * LONGEST_TEXT + len(piece.table_start)
        assert piece.kind != "code" or piece.source.count("\n") <= MOST_CODE_LINES + 1
    words = "".join(piece.opening + piece.source + piece.closing for piece in made)
    for char in "abcdefghijklmnopqrstuvwxyz漢":
        assert words.count(char) == text.count(char)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("one\ntwo\n\nthree", [("", "one\ntwo"), ("", "three")]),
        ("# a\ntext\n## b", [("", "# a"), ("", "text"), ("", "## b")]),
        ("a\n===\nb\n---\nc\n\n---", [("", "a\n==="), ("", "b\n---"), ("", "c"), ("", "---")]),
        ("- a\n- b\n  more\n- c", [("", "- a"), ("", "- b\nmore"), ("", "- c")]),
        ("- a\n  - b\n      - c\n- d", [("", "- a"), ("  ", "- b"), ("    ", "- c"), ("", "- d")]),
        ("1. a\n\n   text\n2. b", [("", "1. a"), ("   ", "text"), ("", "2. b")]),
        ("- a\nlazy\n\nout", [("", "- a\nlazy"), ("", "out")]),
        ("born in\n1984. It", [("", "born in\n1984. It")]),
        ("see:\n1. a", [("", "see:"), ("", "1. a")]),
        ("> a\n> b\n\nc", [("│ ", "a\nb"), ("", "c")]),
        ("> - a\n>   > b", [("│ ", "- a"), ("│   │ ", "b")]),
        ("> a\nlazy", [("│ ", "a\nlazy")]),
        ("```py\na\n\nb\n```\nc", [("", "[py:a\n\nb\n]"), ("", "c")]),
        ("~~~\n```\n~~~", [("", "[:```\n]")]),
        ("- a\n  ```\n  b\n    c\n  ```\n  d", [("", "- a"), ("  ", "[:b\n  c\n]"), ("  ", "d")]),
        ("- ```\n  b\n  ```", [("", "-"), ("  ", "[:b\n]")]),
        ("```\nopen", [("", "[:open\n]")]),
        ("text\n|a|b|\n|-|-|\n|1|2|\n\nc", [("", "text"), ("", "|a|b|\n|-|-|\n|1|2|"), ("", "c")]),
        ("| a |\n|---|---|", [("", "| a |\n|---|---|")]),
        ("$$\n- x\n> y\n$$\nz", [("", "$$\n- x\n> y\n$$"), ("", "z")]),
        ("<pre>\n\n</pre>", [("", "<pre>"), ("", "</pre>")]),
        ("    code\n    more\n\ntext", [("", "    code\n    more"), ("", "text")]),
        ("- a\n\t- b", [("", "- a"), ("  ", "- b")]),
        ("* * *\n- - -", [("", "* * *"), ("", "- - -")]),
        ("", []),
    ],
)  # fmt: skip
def test_where_a_text_is_cut(text: str, expected: list[tuple[str, str]]) -> None:
    assert outline(text) == expected


def test_numbers_go_on_as_the_standard_counts_them() -> None:
    assert [piece.ordinal for piece in scanned("1. a\n1. b\n\n1. c\n\ntext\n\n7) d\n7) e\n- f")] == [
        1, 2, 3, None, 7, 8, None,
    ]  # fmt: skip


def test_blank_rows_stand_where_the_writer_left_them_and_around_blocks() -> None:
    def gaps(text: str) -> list[bool]:
        return [piece.gap is not None for piece in scanned(text)]

    assert gaps("a\n\nb\n- c\n- d\n\n- e") == [False, True, False, False, True]
    assert gaps("a\n```\nb\n```\nc\n# d\ne") == [False, True, True, True, False]
    assert [piece.gap for piece in scanned("> a\n>\n> b")][1] == scanned("> a")[0].first


def test_references_are_found_wherever_they_are_defined() -> None:
    scanner = Scanner()
    scanner.feed(
        'text [a]\n\n[A  b]: https://a.example "Title"\n[^1]: note\n```\n[c]: https://c.example\n```\n'
    )
    scanner.finish()
    assert scanner.references == {"a b": ("https://a.example", "Title")}


def test_references_that_follow_each_other_line_by_line_are_all_found() -> None:
    scanner = Scanner()
    scanner.feed("".join([f"[{number}]: https://example.org/{'x' * 60}/{number}\n" for number in range(200)]))
    scanner.feed("\n[^1]: note\nthat goes on\n[a]: https://a.example\nwords\n[b]: no definition\n")
    scanner.finish()
    assert list(scanner.references) == [*map(str, range(200)), "a"]


def test_a_line_without_end_is_cut_after_sentences() -> None:
    made = scanned("A sentence of some words. " * 300)
    assert all(piece.source.rstrip().endswith(".") for piece in made)
    assert [piece.continues for piece in made] == [False] + [True] * (len(made) - 1)


def test_rows_of_a_long_table_know_its_beginning() -> None:
    made = scanned("| a | b |\n|---|---|\n" + "| 1 | 2 |\n" * 100)
    assert len(made) > 1 and not made[0].table_start
    assert all(piece.table_start == made[0].source for piece in made[1:])


@pytest.mark.parametrize(
    "text", ["> " * 2000, "- " * 2000, "1. " * 2000, "[" * 4000, "`" * 4000, "* " * 2000, "- b\n" * 1000,
             "```\n" + "c\n" * 2000, "\t" * 4000, "|" * 4000, "word " * 800, "-\n" * 2000, "   - \n" * 1000]
)  # fmt: skip
def test_the_time_is_proportional_to_the_text(text: str) -> None:
    assert in_proportion(lambda: scanned(text * 4), lambda: scanned(text * 16)) is None
