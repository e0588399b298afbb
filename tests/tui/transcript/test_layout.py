from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from chatterm.tui.transcript.inline import Look, Span, inline_spans
from chatterm.tui.transcript.layout import TEXT, Layout, Line
from chatterm.tui.transcript.live import CUT, Flow, lay_out
from chatterm.tui.transcript.wrap import Row, fold, wrap
from tests.tui.transcript.documents import TEXTS, long_reply, pieces

WIDTHS = st.sampled_from([16, 17, 40, 77, 100])
GUTTER = Span("▌ ", Look("user"))


def shown(text: str, width: int = 40, *, plain: bool = False) -> list[str]:
    return [line.text for line in lay_out(text, Layout(width, plain=plain))]


def copied(lines: list[Line]) -> str:
    parts: list[str] = []
    for number, line in enumerate(lines):
        parts += ["\n" if line.join is None and number else line.join or "", line.text[line.lead :]]
    return "".join(parts)


def looks(text: str) -> dict[str, Look]:
    return {span.text: span.look for span in inline_spans(text, TEXT)}


# ---- wrap ---------------------------------------------------------------------------------------


CHARACTERS = ["a", "b", " ", " ", "漢", "、", "e\u0301", "👩‍💻", "❤\ufe0f", "🇨🇭"]


@given(st.lists(st.sampled_from(CHARACTERS), max_size=50).map("".join), st.integers(2, 20))
def test_rows_fit_and_lose_nothing_but_spaces(text: str, width: int) -> None:
    for rows in (wrap(text, width), fold(text, width)):
        assert rows
        assert all(cell_len(text[row.start : row.end]) <= width for row in rows)
        assert "".join(text[row.start : row.end] for row in rows).replace(" ", "") == text.replace(" ", "")
        assert [row.start for row in rows] == sorted(row.start for row in rows)
    assert "".join(text[row.start : row.end] for row in fold(text, width)) == text


@pytest.mark.parametrize(
    ("text", "width", "rows"),
    [
        ("", 5, [Row(0, 0, "")]),
        ("one two", 7, [Row(0, 7, "")]),
        ("one two", 5, [Row(0, 3, ""), Row(4, 7, " ")]),
        ("one   two", 5, [Row(0, 3, ""), Row(6, 9, " ")]),
        ("abcdefgh", 5, [Row(0, 5, ""), Row(5, 8, "")]),
        ("a bcdefgh", 5, [Row(0, 1, ""), Row(2, 7, " "), Row(7, 9, "")]),
        ("é bcdefgh", 5, [Row(0, 1, ""), Row(2, 7, " "), Row(7, 9, "")]),
        ("漢字漢字", 5, [Row(0, 2, ""), Row(2, 4, "")]),
        ("漢字。字", 4, [Row(0, 1, ""), Row(1, 3, ""), Row(3, 4, "")]),
        ("ab 漢字", 5, [Row(0, 4, ""), Row(4, 5, "")]),
    ],
)
def test_where_a_text_breaks(text: str, width: int, rows: list[Row]) -> None:
    assert wrap(text, width) == rows


def test_an_emoji_sequence_is_never_cut() -> None:
    assert [("👩‍💻" * 5)[row.start : row.end] for row in wrap("👩‍💻" * 5, 5)] == [
        "👩‍💻" * 2,
        "👩‍💻" * 2,
        "👩‍💻",
    ]


# ---- marks inside a line ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("plain", [("plain", TEXT)]),
        ("a **b** c", [("a ", TEXT), ("b", Look("text", bold=True)), (" c", TEXT)]),
        ("*i* _j_", [("i", Look("text", italic=True)), (" ", TEXT), ("j", Look("text", italic=True))]),
        ("***x***", [("x", Look("text", bold=True, italic=True))]),
        ("**a *b* c**", [("a ", Look("text", bold=True)), ("b", Look("text", bold=True, italic=True)),
                         (" c", Look("text", bold=True))]),
        ("~~x~~", [("x", Look("text", strike=True))]),
        ("`a*b*`", [("a*b*", Look("code"))]),
        ("`` ` ``", [("`", Look("code"))]),
        ("snake_case_name 2 * 3 * 4", [("snake_case_name 2 * 3 * 4", TEXT)]),
        ("**open `too", [("**open `too", TEXT)]),
        (r"\*no\*", [("*no*", TEXT)]),
        ("[t](http://u)", [("t", Look("link")), (" (http://u)", Look("dim"))]),
        ("[http://u](http://u)", [("http://u", Look("link"))]),
        ("![alt](p.png)", [("[image: alt]", Look("link")), (" (p.png)", Look("dim"))]),
        ("[w](a_(b)_c)", [("w", Look("link")), (" (a_(b)_c)", Look("dim"))]),
        ("<https://a_b_c>, https://d_e_f.", [("https://a_b_c", Look("link")), (", ", TEXT),
                                            ("https://d_e_f", Look("link")), (".", TEXT)]),
        ("[/b] [@click=app.quit()]", [("[/b] [@click=app.quit()]", TEXT)]),
    ],
)  # fmt: skip
def test_marks(text: str, spans: list[tuple[str, Look]]) -> None:
    joined: list[tuple[str, Look]] = []
    for piece, look in inline_spans(text, TEXT):
        if joined and joined[-1][1] == look:
            joined[-1] = (joined[-1][0] + piece, look)
        else:
            joined.append((piece, look))
    assert joined == spans


@given(TEXTS)
def test_no_letter_is_lost(text: str) -> None:
    letters = re.compile("[ab漢]")
    for line in text.split("\n"):
        spans = inline_spans(line, TEXT)
        assert len(letters.findall("".join(span.text for span in spans))) >= len(letters.findall(line))


HOSTILE = [("", "*a ", ""), ("", "`", ""), ("a", "`", ""), ("", "[", ""), ("", "![", ""), ("", "[a](", ""),
           ("", "> ", ""), ("", ">  ", ""), ("``", " ", "`"), ("```", " ", "`"), ("", "- ", ""), ("", "#", ""),
           ("", "`a`` ", ""), ("", "|", ""), ("", "**a", ""), ("", "_", ""), ("", "漢", ""),
           ("e", "\u0301", ""), ("", "https://", "")]  # fmt: skip


@pytest.mark.parametrize(("head", "unit", "tail"), HOSTILE, ids=["".join(parts) for parts in HOSTILE])
def test_hostile_lines_take_time_in_proportion(head: str, unit: str, tail: str) -> None:
    """Twice the text takes about twice the time, and not four times, once nothing else disturbs the clock."""
    texts = [head + unit * (size // len(unit)) + tail for size in (2000, 4000)]
    costs, noise = [1.0, 1.0], 0.0005
    for tries in range(30):
        for number, text in enumerate(texts):
            started = time.thread_time()
            lay_out(text, Layout(40))
            costs[number] = min(costs[number], time.thread_time() - started)
        if tries > 1 and costs[1] < 3 * costs[0] + noise:
            return
    raise AssertionError(f"{costs[0] * 1000:.2f} ms for half of it, {costs[1] * 1000:.2f} ms for all")


# ---- lines --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("# Title #", ["# Title"]),
        ("## C#", ["## C#"]),
        ("- one\n* two\n+ three", ["• one", "• two", "• three"]),
        ("- [ ] todo\n- [x] done", ["☐ todo", "☑ done"]),
        ("1. one\n2) two", ["1. one", "2) two"]),
        ("> a\n>> b", ["│ a", "│ │ b"]),
        ("***", ["─" * 40]),
        ("> ---", ["│ " + "─" * 38]),
        ("```py\nx = 1\n```\nafter", [" py", " x = 1", "after"]),
        ("```\n**a**\n\n  b\n```", [" **a**", " ", "   b"]),
        ("1. x\n   ```\n   a\n     b\n   ```", ["1. x", "    a", "      b"]),
        ("````\n```\n````\n*a*", [" ```", "a"]),
        ("| a | *b* |", ["| a | *b* |"]),
        ("\n\na\n\n\nb\n\n", ["a", "", "b"]),
        ("", []),
        ("#hashtag", ["#hashtag"]),
    ],
)
def test_what_a_text_looks_like(text: str, lines: list[str]) -> None:
    assert shown(text) == lines


def test_what_is_broken_hangs_under_its_text() -> None:
    assert shown("- aaaa bbbb cccc", 10) == ["• aaaa", "  bbbb", "  cccc"]
    assert shown("10. aaaa bbbb", 10) == ["10. aaaa", "    bbbb"]
    assert shown("> aaaa bbbb cccc", 12) == ["│ aaaa bbbb", "│ cccc"]
    assert shown("## aaaa bbbb", 8) == ["## aaaa", "   bbbb"]
    assert shown("  aaaa bbbb", 8) == ["  aaaa", "  bbbb"]


def test_a_prompt_is_shown_as_it_was_typed() -> None:
    text = "# no *marks*\n\n\n```\n- [x](y)"
    assert shown(text, plain=True) == text.split("\n")


def test_code_fills_its_line_and_its_tag_is_apart() -> None:
    tag, code, after = lay_out("```py\nx\n```\ny", Layout(40))
    assert (tag.fill, code.fill, after.fill) == ("code", "code", "text")
    assert tag.spans[-1] == Span("py", Look("code-tag")) and code.spans[-1] == Span("x", Look("code"))


def test_heading_marks_are_dim() -> None:
    assert lay_out("# T", Layout(40))[0].spans == (
        Span("# ", Look("dim")),
        Span("T", Look("heading", bold=True)),
    )


@given(TEXTS, WIDTHS, st.booleans())
def test_every_line_fits_and_copies_back(text: str, width: int, plain: bool) -> None:
    lines = lay_out(text, Layout(width, GUTTER, plain=plain))
    for line in lines:
        assert cell_len(line.text) <= width + 2
        assert line.text.startswith("▌ ") and 2 <= line.lead <= len(line.text)
        assert all(span.text for span in line.spans)
    if plain:
        rows = [re.sub(" +", " ", row).rstrip(" ") for row in copied(lines).split("\n")]
        typed = text.expandtabs(4).strip("\n").split("\n")
        assert rows == [re.sub(" +", " ", row).rstrip(" ") for row in typed] or not text.strip()


@given(TEXTS, WIDTHS, WIDTHS)
def test_the_text_copied_does_not_depend_on_the_width(text: str, one: int, other: int) -> None:
    def words(width: int) -> str:
        return re.sub("[ ─]+", "", copied(lay_out(text, Layout(width))))

    assert words(one) == words(other)


# ---- streaming ----------------------------------------------------------------------------------


@given(TEXTS, st.lists(st.integers(0, 400), max_size=8), WIDTHS, st.booleans())
def test_streamed_in_any_pieces_is_laid_out_whole(
    text: str, cuts: list[int], width: int, plain: bool
) -> None:
    layout = Layout(width, GUTTER, plain=plain)
    flow = Flow(layout)
    before: list[Line] = []
    for piece in pieces(text, cuts):
        flow.feed(piece)
        assert flow.lines[: len(before)] == before
        before = flow.lines[: flow.stable]
        flow.settle()
    flow.finish()
    assert flow.lines == lay_out(text, layout)


@given(TEXTS, WIDTHS)
def test_at_every_moment_the_lines_depend_on_the_text_alone(text: str, width: int) -> None:
    flow = Flow(Layout(width))
    for at, char in enumerate(text):
        flow.feed(char)
        flow.settle()
        if at % 7 == 0:
            once = Flow(Layout(width))
            once.feed(text[: at + 1])
            once.settle()
            assert flow.lines == once.lines


@pytest.mark.parametrize("word", ["x", "word ", "漢", "**b** "])
@pytest.mark.parametrize("before", ["", "- ", "> ", "```\n"])
def test_a_long_line_is_cut_the_same_however_it_comes(word: str, before: str) -> None:
    text = before + word * (3 * CUT // len(word)) + "end\nnext"
    whole = lay_out(text, Layout(40))
    flow = Flow(Layout(40))
    for at in range(0, len(text), 997):
        flow.feed(text[at : at + 997])
        flow.settle()
    flow.finish()
    assert flow.lines == whole
    assert sum(line.join is None for line in whole) == 2
    kept = re.sub(r"[\s*•]", "", copied(whole))
    assert kept == re.sub(r"[\s*`>-]", "", text)


def test_a_code_fence_in_the_making_does_not_flash() -> None:
    flow = Flow(Layout(40))
    for text, lines in [("a\n", ["a"]), ("``", ["a"]), ("`py", ["a", " py"]), ("\nx\n", ["a", " py", " x"]),
                        ("``", ["a", " py", " x"]), ("`", ["a", " py", " x"])]:  # fmt: skip
        flow.feed(text)
        flow.settle()
        assert [line.text for line in flow.lines] == lines


def test_the_cost_of_a_piece_does_not_grow_with_the_text() -> None:
    def cost(flow: Flow) -> float:
        best = 1.0
        for _ in range(20):
            started = time.thread_time()
            flow.feed("some more words ")
            flow.settle()
            best = min(best, time.thread_time() - started)
        return best

    short, long, endless = Flow(Layout(100)), Flow(Layout(100)), Flow(Layout(100))
    long.feed(long_reply(400_000) + "\n")
    endless.feed("word " * 200_000)
    cost(short)
    assert cost(long) < 10 * cost(short) + 0.001
    assert cost(endless) < 0.01
