from __future__ import annotations

import re
from collections.abc import Mapping

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len

from chatterm.core.clean import clean, is_clean
from chatterm.core.markdown import literal
from chatterm.tui.transcript.lines import lay
from chatterm.tui.transcript.looks import CODE, CODE_TAG, DIM, TEXT, Look, Span, Spans
from chatterm.tui.transcript.markdown import blocks_of, code_blocks_of
from chatterm.tui.transcript.pieces import Piece
from chatterm.tui.transcript.rows import Block, Row, Table
from tests.cpu_time import in_proportion

LINK = Look("link")
INLINE_CODE = Look("code-inline")


def blocks(text: str, references: Mapping[str, tuple[str, str]] | None = None) -> list[Block]:
    return blocks_of(Piece("markdown", text), references)


def shown(text: str, width: int = 40, references: Mapping[str, tuple[str, str]] | None = None) -> list[str]:
    return [line.text for line in lay(blocks(text, references), width)]


def spans(text: str, references: Mapping[str, tuple[str, str]] | None = None) -> Spans:
    (row,) = blocks(text, references)
    assert isinstance(row, Row)
    return row.spans


def sources(text: str) -> list[str | None]:
    return [block.source for block in blocks(text) if isinstance(block, Row)]


# ---- inside a paragraph -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", [("plain", TEXT)]),
        ("a **b** c", [("a ", TEXT), ("b", Look("text", bold=True)), (" c", TEXT)]),
        ("***x***", [("x", Look("text", bold=True, italic=True))]),
        ("**a *b* c**", [("a ", Look("text", bold=True)), ("b", Look("text", bold=True, italic=True)),
                         (" c", Look("text", bold=True))]),
        ("~~x~~", [("x", Look("text", strike=True))]),
        ("`a*b*`", [("a*b*", INLINE_CODE)]),
        ("**`x`**", [("x", Look("code-inline", bold=True))]),
        ("snake_case_name 2 * 3 * 4", [("snake_case_name 2 * 3 * 4", TEXT)]),
        (r"\*no\*", [("*no*", TEXT)]),
        ("one\ntwo", [("one\ntwo", TEXT)]),
        ("one  \ntwo\\\nthree<br>four", [("one\ntwo\nthree\nfour", TEXT)]),
        ("a <b>c</b>", [("a ", TEXT), ("<b>", DIM), ("c", TEXT), ("</b>", DIM)]),
        ("[/b] [@click=app.quit()]", [("[/b] [@click=app.quit()]", TEXT)]),
        ("&lt;x&gt; &amp;amp;", [("<x> &amp;", TEXT)]),
        ("Well[^1] known.", [("Well", TEXT), ("[1]", LINK), (" known.", TEXT)]),
    ],
)  # fmt: skip
def test_marks(text: str, expected: list[tuple[str, Look]]) -> None:
    assert [(span.text, span.look) for span in spans(text)] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[t](http://a.example/b)", [("t", "http://a.example/b")]),
        ("[**t** u](http://a.example)", [("t", "http://a.example"), (" u", "http://a.example")]),
        ("<https://a.example>", [("https://a.example", "https://a.example")]),
        ("<me@a.example>", [("me@a.example", "mailto:me@a.example")]),
        ("see https://a.example/b_c_d?*e*=f.", [("see ", ""), ("https://a.example/b_c_d?*e*=f",) * 2, (".", "")]),
        ("(https://a.example/b_(c))", [("(", ""), ("https://a.example/b_(c)",) * 2, (")", "")]),
        ("**https://a.example**", [("https://a.example", "https://a.example")]),
        ("[https://a.example](https://a.example)", [("https://a.example", "https://a.example")]),
        ("[](https://a.example)", [("https://a.example", "https://a.example")]),
        ("https:// and xhttps://a.example", [("https:// and xhttps://a.example", "")]),
        ("[t](javascript:alert(1))", [("t", ""), (" (javascript:alert(1))", "")]),
        ("[t](file:///etc/passwd)", [("t", ""), (" (file:///etc/passwd)", "")]),
        ("[t](docs/x.md)", [("t", ""), (" (docs/x.md)", "")]),
        ("[t](http:foo)", [("t", ""), (" (http:foo)", "")]),
        ("[a.example](https://b.example)", [("a.example", "https://b.example"), (" (b.example)", "")]),
        (
            "https://bank.example@b.example/x",
            [("https://bank.example@b.example/x",) * 2, (" (b.example)", "")],
        ),
        ("![A cat](https://a.example/c.png)", [("[image: a.example · A cat]", "https://a.example/c.png")]),
        ("![](data:image/png;base64,xx)", [("[image]", "")]),
        ("[![x](https://a.example/i.png)](https://b.example)", [("[image: a.example · x]", "https://b.example")]),
    ],
)  # fmt: skip
def test_links_lead_where_they_say(text: str, expected: list[tuple[str, str]]) -> None:
    assert [(span.text, span.link) for span in spans(text)] == expected


def test_a_link_into_another_script_shows_its_real_name() -> None:
    assert spans("[t](https://аpple.example)")[0].link == "https://xn--pple-43d.example"


def test_links_by_reference() -> None:
    references = {"a b": ("https://a.example", "A")}
    assert [span.link for span in spans("[t][A B] [a b]", references)] == [
        "https://a.example",
        "",
        "https://a.example",
    ]
    assert spans("[t][a b]") == (Span("[t][a b]", TEXT),)


def test_a_definition_is_shown_as_it_is_and_a_footnote_by_its_number() -> None:
    first, second, third = blocks("[x]: https://a.example 'T'\n[^1]: Some *words*\nmore\n[^n]: Other")
    assert first == Row((Span("[x]: https://a.example 'T'", DIM),))
    assert isinstance(second, Row) and isinstance(third, Row)
    assert second.first == (Span("[1] ", LINK),) and second.hang == (Span("    ", LINK),)
    assert "".join(span.text for span in second.spans) == "Some words\nmore"
    assert second.source == "[^1]: Some *words*\nmore"
    assert third.first == (Span("[n] ", LINK),)


# ---- blocks -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("# Title #", ["# Title"]),
        ("## C#", ["## C#"]),
        ("Title\n=====", ["# Title"]),
        ("- one\n* two\n+ three", ["• one", "• two", "• three"]),
        ("- [ ] todo\n- [x] done\n1. [X] both", ["☐ todo", "☑ done", "1. ☑ both"]),
        ("- [x](https://a.example)", ["• x"]),
        ("1. one\n2) two\n7. seven", ["1. one", "2) two", "7. seven"]),
        ("- a\n  - b\n    1. c\n\n    text", ["• a", "  • b", "    1. c", "    ", "    text"]),
        ("- a\n\n- b", ["• a", "", "• b"]),
        ("- \n- b", ["• ", "• b"]),
        ("- - x", ["• • x"]),
        ("> a\n>> b", ["│ a", "│ │ b"]),
        ("> a\n>\n> b\n\n> c", ["│ a", "│ ", "│ b", "", "│ c"]),
        ("> - a\n>   b", ["│ • a", "│   b"]),
        ("- > a\n  > b", ["• │ a", "  │ b"]),
        ("***", ["─" * 40]),
        ("> ---", ["│ " + "─" * 38]),
        ("a\n\nb", ["a", "", "b"]),
        ("    code\n      more", [" code", "   more"]),
        ("- x\n\n  ```py\n  a = 1\n\n  ```\n  y", ["• x", "  ", "   py", "   a = 1", "   ", "  y"]),
        ("<details>\n<b>x</b>", ["<details>", "<b>x</b>"]),
        ("<!--\n\na", ["<!--", "", "a"]),
        ("#hashtag", ["#hashtag"]),
        ("", []),
    ],
)  # fmt: skip
def test_what_a_text_looks_like(text: str, lines: list[str]) -> None:
    assert shown(text) == lines


def test_what_is_broken_hangs_under_its_text() -> None:
    assert shown("- aaaa bbbb cccc", 10) == ["• aaaa", "  bbbb", "  cccc"]
    assert shown("10. aaaa bbbb", 10) == ["10. aaaa", "    bbbb"]
    assert shown("> aaaa bbbb cccc", 12) == ["│ aaaa bbbb", "│ cccc"]
    assert shown("## aaaa bbbb", 8) == ["## aaaa", "   bbbb"]


def test_a_row_knows_how_it_was_written() -> None:
    assert sources("## A *b*") == ["## A *b*"]
    assert sources("plain") == [None]
    assert sources("- one\n- *two*\n  three") == ["- one", "- *two*\n  three"]
    assert sources("a **b**\nc") == ["a **b**\nc"]
    assert sources("---") == ["---"]
    assert sources("> q") == ["> q"]
    assert sources("- x\n  ~~~\n  a\n  ~~~") == ["- x", "a"]
    assert sources("- x\n  ~~~py\n  a\n  ~~~") == ["- x", "  ~~~py", "a"]


def test_heading_marks_are_dim_and_quotes_have_a_look_of_their_own() -> None:
    (row,) = blocks("# T")
    assert isinstance(row, Row)
    assert (row.first, row.spans) == ((Span("# ", DIM),), (Span("T", Look("heading", bold=True)),))
    assert spans("> q") == (Span("q", Look("quote")),)


def test_the_containers_of_a_piece_stand_before_everything() -> None:
    bar, space = Span("│ ", Look("quote")), Span("  ", TEXT)
    piece = Piece("markdown", "- a\n\n  # b\n\n- c", (bar, space), (bar, space))
    assert [line.text for line in lay(blocks_of(piece), 40)] == [
        "│   • a",
        "│     ",
        "│     # b",
        "│   ",
        "│   • c",
    ]
    (row,) = blocks_of(Piece("markdown", "words", (bar,), (bar,)))
    assert isinstance(row, Row) and row.spans == (Span("words", Look("quote")),)


def test_the_number_of_an_item_can_be_given() -> None:
    (row,) = blocks_of(Piece("markdown", "1. x", ordinal=12))
    assert isinstance(row, Row)
    assert (row.first, row.hang) == ((Span("12. ", Look("bullet")),), (Span("    ", Look("bullet")),))


def test_code() -> None:
    piece = Piece("code", "x = 1\n\ty\n", info="py title", opening="```py title", closing="```")
    rows = code_blocks_of(piece, [(Span("x = 1", CODE),), (Span("\ty", CODE),)])
    pad = (Span(" ", CODE),)
    assert rows == [
        Row((Span("py title", CODE_TAG),), pad, pad, "code", "```py title",
            (Span("copy", CODE_TAG, "action:copy-code"), Span(" ", CODE))),
        Row((Span("x = 1", CODE),), pad, pad, "code", "x = 1"),
        Row((Span("\ty", CODE),), pad, pad, "code", "\ty"),
    ]  # fmt: skip
    lines = lay(rows, 24)
    assert [line.text for line in lines] == [" py title          copy ", " x = 1", "     y"]
    assert [line.lead for line in lines] == [24, 1, 1] and {line.fill for line in lines} == {"code"}
    assert [row.source for row in code_blocks_of(piece._replace(opens=False), [(), ()]) if isinstance(row, Row)] == [
        "x = 1", "\ty",
    ]  # fmt: skip
    assert code_blocks_of(Piece("code", "", opens=False), []) == []
    assert len(code_blocks_of(Piece("code", ""), [])) == 1


def test_a_head_row_too_long_for_its_room_is_cut() -> None:
    rows = code_blocks_of(Piece("code", "", info="a-very-long-language"), [])
    assert [line.text for line in lay(rows, 16)] == [" a-very-lo copy "]
    assert [line.text for line in lay(rows, 7)] == ["  copy "]


# ---- tables -------------------------------------------------------------------------------------

TABLE = "| Name | *Size* |\n|:--|--:|\n| a `x` | 1 |\n| b | 22 |"


def test_a_table() -> None:
    (table,) = blocks(TABLE)
    assert isinstance(table, Table)
    assert table.aligns == ("left", "right") and table.natural == (4, 4) and table.head
    assert table.rows[0].cells == (
        (Span("Name", Look("text", bold=True)),),
        (Span("Size", Look("text", bold=True, italic=True)),),
    )
    assert [row.source for row in table.rows] == [
        "| Name | *Size* |\n|:--|--:|", "| a `x` | 1 |", "| b | 22 |",
    ]  # fmt: skip


def test_a_table_that_goes_on_has_the_columns_of_its_beginning() -> None:
    piece = Piece("markdown", "| a much longer name | **3** |\n| d | 4 |", table_start=TABLE)
    (table,) = blocks_of(piece)
    assert isinstance(table, Table)
    assert table.natural == (4, 4) and not table.head
    assert [row.source for row in table.rows] == ["| a much longer name | **3** |", "| d | 4 |"]
    assert table.rows[0].cells[1] == (Span("3", Look("text", bold=True)),)


def test_too_many_cells_are_shown_as_they_are() -> None:
    text = "|a" * 200 + "\n" + "|-" * 200 + "\n" + "|\n" * 60
    assert [block for block in blocks(text) if isinstance(block, Table)] == []
    assert isinstance(blocks("|a" * 60 + "\n" + "|-" * 60)[0], Table)


# ---- maths --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("the sum $a_1 + b^2$ is", [("the sum ", TEXT), ("a₁ + b²", Look("math")), (" is", TEXT)]),
        (r"a \(x_i\) b", [("a ", TEXT), ("xᵢ", Look("math")), (" b", TEXT)]),
        ("**$x$** is 5", [("x", Look("math", bold=True)), (" is 5", TEXT)]),
        ("$5 and $10", [("$5 and $10", TEXT)]),
        ("between $20/month (basic) and $30", [("between $20/month (basic) and $30", TEXT)]),
        ("it costs $5-$10", [("it costs $5-$10", TEXT)]),
        ("from US$5 and CA$ up", [("from US$5 and CA$ up", TEXT)]),
        ("$5 million or CA$.", [("$5 million or CA$.", TEXT)]),
        ("$HOME/bin:$PATH", [("$HOME/bin:$PATH", TEXT)]),
        (r"\$x\$", [("$x$", TEXT)]),
        ("`$x$`", [("$x$", INLINE_CODE)]),
        (r"$\unknown{x}$", [(r"$\unknown{x}$", Look("math"))]),
        ("so $$x^2$$ then\nmore", [("so\n", TEXT), ("x²", Look("math")), ("\nthen\nmore", TEXT)]),
    ],
)  # fmt: skip
def test_formulas_in_text(text: str, expected: list[tuple[str, Look]]) -> None:
    found = [(span.text, span.look) for span in spans(text)]
    assert "".join(text for text, _ in found) == "".join(text for text, _ in expected)
    assert [(text.strip("\n "), look) for text, look in found] == [(t.strip("\n "), k) for t, k in expected]


@pytest.mark.parametrize(
    "text",
    ["$$\n{}\n$$", "\\[\n{}\n\\]", "\\[ {} \\]", "$${}$$", "\\begin{{align}}\n{}\n\\end{{align}}"],
)
def test_formulas_for_themselves(text: str) -> None:
    source = text.format("x^2 &= y" if "align" in text else "x^2 = y")
    (row,) = blocks(source)
    assert row == Row((Span("x² = y", Look("math")),), source=source)
    before, _, after = blocks(f"> {source.replace(chr(10), chr(10) + '> ')}\n\nend")
    assert isinstance(before, Row) and before.spans == (Span("x² = y", Look("math")),)
    assert after == Row((Span("end", TEXT),))


def test_maths_can_be_shown_as_its_source() -> None:
    for source in ("$$\nx^2\n$$", "\\[ x^2 \\]", "a $x^2$ b", r"a \(x^2\) b"):
        (row,) = blocks_of(Piece("markdown", source), maths=False)
        assert isinstance(row, Row)
        assert "".join(span.text for span in row.spans) == source and Look("math") in [
            s.look for s in row.spans
        ]


def test_a_matrix_has_several_lines_and_one_source() -> None:
    source = "$$\nA = \\begin{pmatrix}1 & 2\\\\3 & 4\\end{pmatrix}\n$$"
    lines = lay(blocks(source), 40)
    assert [line.text for line in lines] == ["A = ⎛ 1  2 ⎞", "    ⎝ 3  4 ⎠"]
    assert [line.join for line in lines] == [None, "\n"] and lines[0].source == source


# ---- what must not happen -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "&#27;[2J &#x202e;x &#x9b;", "`&#27;`", "<a title='&#27;'>", "[t](https://a.example/&#27;x \"&#27;\")",
        "![&#27;](https://a.example)", "| &#27; |\n|--|\n| &#x202e; |", "# &#27;", "a&#10;b &#13;", "[x]: &#27;",
    ],
)  # fmt: skip
def test_entities_bring_nothing_back(text: str) -> None:
    for line in lay(blocks(text), 40):
        assert is_clean(line.text) and "\n" not in line.text
        assert all(is_clean(span.link) for span in line.spans)


ATOMS = [
    *("a ", "word ", "漢字", "👩\u200d💻", "e\u0301", "\t", "\n", "\n\n", "    ", "> ", "- ", "1. ", "# ", "```\n"),
    *("~~~", "*", "**", "_", "~~", "`", "``", "[", "]", "(", ")", "![", "[^1]", "[^1]: ", "[x]: ", "https://a.b"),
    *("<b>", "<"),
    *("|", "\n|a|b|\n|-|-|\n|c|d|\n", "$", "$$", "\\(", "\\)", "\\[", "\\]", "\\", "&#27;", "&amp;", "---\n", "==="),
    *("\\begin{align}", "\\end{align}", "^2", "_i", "\\frac{a}{b}", "<!--", "-->", "<pre>", "- [ ] ", "<br>"),
]  # fmt: skip
TEXTS = st.one_of(st.lists(st.sampled_from(ATOMS), max_size=30).map("".join), st.text(max_size=60).map(clean))


@given(TEXTS, st.integers(16, 100), st.booleans())
def test_whatever_is_written_fits_and_is_clean(text: str, width: int, maths: bool) -> None:
    bar = (Span("│ ", Look("quote")),)
    for line in lay(
        blocks_of(Piece("markdown", text, bar, bar), {"x": ("http://x", "")}, maths=maths), width
    ):
        assert sum(cell_len(span.text) for span in line.spans) <= width
        assert 0 <= line.lead <= len(line.text)
        assert is_clean(line.text) and "\n" not in line.text and "\t" not in line.text
        assert all(span.text for span in line.spans)


WORDS = st.lists(
    st.sampled_from(
        [
            "alpha",
            "beta",
            "漢字",
            "*gamma*",
            "`delta`",
            "**epsilon",
            "- zeta",
            "> eta",
            "1. th",
            "\n",
            "\n\n",
            "[iota](u)",
            "# k",
            "lambda_mu",
            "<b>",
            "$nu",
            "| xi |",
        ]
    ),
    max_size=25,
)


@given(WORDS.map(" ".join), st.integers(16, 60))
def test_no_word_is_lost(text: str, width: int) -> None:
    copied = "".join(
        ("\n" if line.join is None else line.join) + line.text[line.lead :]
        for line in lay(blocks(text), width)
    )
    kept = re.sub(r"[\s\W\d]", "", copied)
    for word in re.findall(r"[a-z]+|[漢字]+", text):
        assert word in kept or word == "th"


HOSTILE = [
    "[",
    "![",
    "[a](",
    "[a][",
    "![a](b",
    "*a ",
    "**a",
    "*_",
    "_",
    "`",
    "`a`` ",
    "> ",
    ">",
    "- ",
    "1. ",
    "~~a",
    "&",
    "&amp;",
    "\\(",
    "\\[",
    "\\[\n",
    "$",
    "$a ",
    "$$",
    "<",
    "<a ",
    "<!--",
    "|a",
    "|\n",
    "https://",
    "http://a ",
    "[^",
    "[^1]: a\n",
    "[x]: a\n",
    "\\begin{align}\n",
    "a\n===\n",
    "```\n",
    "漢",
    "e\u0301",
    "\u0301",
    "👩\u200d",
    "<br>",
    "  \n",
    "**$x$",
    "((",
    "](",
    "a  b",
]


@pytest.mark.parametrize("unit", HOSTILE)
def test_hostile_text_takes_time_in_proportion(unit: str) -> None:
    part, whole = (unit * 4000)[:1000], (unit * 4000)[:4000]
    assert in_proportion(lambda: shown(part, 80), lambda: shown(whole, 80)) is None


@pytest.mark.parametrize(
    "text", [">" * 10_000, "> " * 10_000, "- " * 5_000 + "x", "[" * 50_000, "![" * 50_000, "*a " * 50_000, "`" * 50_000,
             "a`" * 25_000, "|a" * 20_000 + "\n" + "|-" * 20_000, "\n".join("  " * n + "- x" for n in range(200))]
)  # fmt: skip
def test_endless_text_is_shown_as_it_is(text: str) -> None:
    assert (
        in_proportion(lambda: shown(text[: len(text) // 4] + text[-1], 80), lambda: shown(text, 80)) is None
    )
    shown_text = "".join(shown(text, 80))
    assert shown_text.replace(" ", "").replace("\n", "") == text.replace(" ", "").replace("\n", "")


# ---- text that is none ---------------------------------------------------------------------------


@given(st.text(st.sampled_from("ab1 \\`*_[]()|<>$&~#!^=-+:;.'\"{}/@%,?"), max_size=30))
@example("[b]x[/b]").via("names of models")
@example("\\[x\\]").via("begins a formula")
@example("&amp; https://a.example/_b_").via("entities and addresses")
def test_text_that_is_no_markdown_shows_as_it_is(text: str) -> None:
    text = " ".join(text.split()) or "-"
    assert "".join(shown(f"x {literal(text)} x", 1000)) == f"x {text} x"
    page = shown(f"| a | b |\n|-|-|\n| {literal(text)} | y |", 1000)
    assert page[2].rpartition("│")[0].strip() == text
