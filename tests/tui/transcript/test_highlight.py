from __future__ import annotations

import gc
import re
import subprocess
import sys
import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatterm.tui.transcript import lexers
from chatterm.tui.transcript.highlight import LINE_CHARACTERS, GrowingCode, highlight
from chatterm.tui.transcript.lexing import Grammar
from chatterm.tui.transcript.looks import LOOKS, Spans
from tests.cpu_time import within
from tests.tui.transcript.code_samples import SAMPLES

INFOS = [*SAMPLES, "", "nonsense", "php", "console", "pycon", "jsx", "scss", "perl", "make", "elixir"]
SCRAPS = (
    *("", "'", '"', "`", "/*", "*/", "\n", "\n\n", "(", "}", "<!--", '"""', "<<EOF\n", "EOF\n", "\\", "{"),
    *("</script>", "<script>\n", "```\n", "x" * 30, "x" * 900, "$ ", ">>> ", "=begin\n", "?>", "漢字", "\t"),
)


def marked(lines: list[Spans]) -> str:
    """Lines as text, with the first letter of its look before each coloured span: `‹k›def f`."""
    return "\n".join(
        "".join(f"‹{look.name[5]}›{text}" if look.name != "code" else f"‹›{text}" for text, look, _ in line)
        for line in lines
    )


def text_of(lines: list[Spans]) -> str:
    return "\n".join("".join(span.text for span in line) for line in lines)


def looks_of(lines: list[Spans]) -> list[set[str]]:
    return [{span.look.name for span in line if span.text.strip()} for line in lines]


@pytest.mark.parametrize(
    ("info", "code", "lines"),
    [
        ("py", "def f(): # c\n", "‹k›def‹› ‹f›f‹›(): ‹c›# c"),
        ("py", "x = 'a' + 1", "‹›x = ‹s›'a'‹› + ‹n›1"),
        ("js", "let a = `b` // c", "‹k›let‹› a = ‹s›`b`‹› ‹c›// c"),
        ("rust", "let n: u8 = 1;", "‹k›let‹› n: ‹t›u8‹› = ‹n›1‹›;"),
        ("jsonc", '{"a": [1, true]} // c', '‹›{‹k›"a"‹›: [‹n›1‹›, ‹k›true‹›]} ‹c›// c'),
        ("php", "echo 'a';", "‹k›echo‹› ‹s›'a'‹›;"),
        ("php", "<b>\n<?php echo 'a';", "‹›<b>\n‹k›<?php‹› ‹k›echo‹› ‹s›'a'‹›;"),
        ("console", "$ echo 'a'\nif b\n", "‹c›$ ‹f›echo‹› ‹s›'a'\n‹›if b"),
        ("pycon", ">>> if 1:\n...     x\nif", "‹c›>>> ‹k›if‹› ‹n›1‹›:\n‹c›... ‹›    x\n‹›if"),
        ("diff", "-a\n+b\n c", "‹k›-a\n‹s›+b\n‹› c"),
        ("text", "if 'a'", "‹›if 'a'"),
        ("", "import a", "‹k›import‹› a"),
        ("", "so it is", "‹›so it is"),
        ("py", "\n\n", "\n"),
    ],
)
def test_what_code_looks_like(info: str, code: str, lines: str) -> None:
    assert marked(highlight(info, code)) == lines


@pytest.mark.parametrize(
    ("info", "opener", "middle", "closer", "look"),
    [
        ("js", "/**", " * if 'a' {", " */", "code-comment"),
        ("c", "/*", "don't return", "*/", "code-comment"),
        ("css", "/*", "a { b: c }", "*/", "code-comment"),
        ("html", "<!--", "<p class='a'>", "-->", "code-comment"),
        ("lua", "--[[", "if end", "]]", "code-comment"),
        ("haskell", "{-", "if 'a'", "-}", "code-comment"),
        ("go", "`", "SELECT 'a", "`", "code-string"),
        ("bash", "cat <<EOF", "if 'a", "EOF", "code-string"),
        ("bash", "awk '", "print $1", "'", "code-string"),
        ("php", "<<<EOT", "if 'a", "EOT", "code-string"),
        ("ruby", "<<~SQL", "if 'a", "  SQL", "code-string"),
        ("csharp", '@"', "if 'a", 'b"', "code-string"),
        ("python", '    """Words', "if 'a'", '    """', "code-string"),
        ("python", "x = f'''", "if 'a'", "'''", "code-string"),
        ("markdown", "```python", "# not a heading", "```", "code-string"),
    ],
)
def test_tokens_of_many_lines_are_seen_whole(
    info: str, opener: str, middle: str, closer: str, look: str
) -> None:
    after = "if (1) return" if info != "markdown" else "# Heading"
    lines = looks_of(highlight(info, "\n".join([opener, *[middle] * 20, closer, after])))
    assert lines[1:21] == [{look}] * 20
    assert look in lines[21]
    assert look not in lines[22]


def test_a_closer_of_a_string_opens_no_other() -> None:
    lines = looks_of(highlight("python", 'x = f"""\na\n"""\nif y:\n' + "    pass\n" * 9))
    assert lines[4] == {"code-keyword"}


def test_pages_have_scripts_and_styles_of_any_length() -> None:
    script = "\n".join(["<script type='a'>", *["const a = 1; // b"] * 20, "</script>", "<p>const</p>"])
    lines = looks_of(highlight("html", script))
    assert lines[1:21] == [{"code-keyword", "code", "code-number", "code-comment"}] * 20
    assert lines[22] == {"code", "code-keyword"}
    style = "\n".join(["<style>", *["a { margin: 1px }"] * 20, "</style>"])
    assert all("code" in line and len(line) > 1 for line in looks_of(highlight("vue", style)))


def test_nothing_gives_no_line() -> None:
    assert highlight("python", "") == []
    assert highlight("", "\n") == [()]


def test_every_look_is_known() -> None:
    names = {
        name for info, code in SAMPLES.items() for line in looks_of(highlight(info, code)) for name in line
    }
    assert names == {name for name in LOOKS if name.startswith("code")} - {"code-tag", "code-inline"}


# ---- code that grows ----------------------------------------------------------------------------


@st.composite
def broken_code(draw: st.DrawFn) -> str:
    """A sample with scraps put in and pieces taken out, so that all that can be left open is."""
    code = draw(st.sampled_from(list(SAMPLES.values())))
    for at, cut, scrap in draw(
        st.lists(st.tuples(st.floats(0, 1), st.integers(0, 9), st.sampled_from(SCRAPS)), max_size=6)
    ):
        place = int(at * len(code))
        code = code[:place] + scrap + code[place + cut :]
    return code


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from(INFOS),
    broken_code(),
    st.lists(st.integers(1, 60), min_size=1, max_size=9),
)
def test_code_that_grew_is_as_if_it_came_whole(info: str, code: str, sizes: list[int]) -> None:
    growing, fixed, at = GrowingCode(info), list[Spans](), 0
    while at < len(code):
        size = sizes[at % len(sizes)]
        growing.feed(code[at : at + size])
        at += size
        assert growing.stable >= len(fixed)
        assert growing.lines[: len(fixed)] == fixed, "a finished line has changed"
        assert text_of(growing.lines) == code[:at].removesuffix("\n")
        fixed = growing.lines[: growing.stable]
    growing.finish()
    assert growing.lines == highlight(info, code)
    assert growing.stable == len(growing.lines)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(sorted(SAMPLES)), st.lists(st.integers(0, 2000), max_size=12))
def test_a_good_text_may_be_cut_anywhere(info: str, cuts: list[int]) -> None:
    code = SAMPLES[info] * 2
    growing = GrowingCode(info)
    for start, end in pairwise(sorted({0, len(code), *(min(cut, len(code)) for cut in cuts)})):
        growing.feed(code[start:end])
    growing.finish()
    assert growing.lines == highlight(info, code)


def test_what_is_finished_is_soon_stable() -> None:
    growing = GrowingCode("js")
    growing.feed("/*\n" + "open\n" * 50 + "x")
    assert len(growing.lines) - growing.stable <= 4
    assert looks_of(growing.lines) == [{"code-comment"}] * 52


def test_empty_feeds_and_no_feeds_are_fine() -> None:
    growing = GrowingCode("")
    growing.feed("")
    growing.finish()
    assert growing.lines == []


# ---- time ---------------------------------------------------------------------------------------


def cpu_of_feeds(growing: GrowingCode, text: str) -> float:
    """The CPU seconds of feeding this in pieces of 12 characters; those of the worst are left out."""
    costs: list[float] = []
    for at in range(0, len(text), 12):
        start = time.process_time()
        growing.feed(text[at : at + 12])
        costs.append(time.process_time() - start)
    return sum(sorted(costs)[: len(costs) * 9 // 10])


@pytest.mark.parametrize("info", ["python", "cpp", "ruby", "yaml", "html", "json", "bash", ""])
def test_a_feed_costs_the_same_however_long_the_code_is(info: str) -> None:
    code = SAMPLES[info or "python"]
    code *= 2000 // code.count("\n") + 1
    piece, middle = code[:1200], code[1200:]
    highlight(info, piece)
    tries: list[tuple[float, float]] = []
    gc.disable()
    try:
        while len(tries) < 5 and not any([last <= 2 * first + 0.002 for first, last in tries]):
            growing = GrowingCode(info)
            first = cpu_of_feeds(growing, piece)
            growing.feed(middle)
            tries.append((first, cpu_of_feeds(growing, piece)))
    finally:
        gc.enable()
    assert any([last <= 2 * first + 0.002 for first, last in tries]), tries


@pytest.mark.parametrize("info", ["json", "text", ""])
def test_an_endless_line_is_plain_behind_its_begin(info: str) -> None:
    line = '{"a": [1, 2, "b"]}, ' * 50_000
    start = time.process_time()
    growing = GrowingCode(info)
    for at in range(0, len(line), 300):
        growing.feed(line[at : at + 300])
    growing.finish()
    assert time.process_time() - start < 10
    assert growing.lines == highlight(info, line)
    assert text_of(growing.lines) == line
    assert {span.look.name for span in growing.lines[0] if len(span.text) == LINE_CHARACTERS} == {"code"}


ODD = [
    "'",
    '"',
    "(",
    "\\",
    " ",
    "a",
    "<",
    "/*",
    "a ",
    "[[",
    "{",
    "`",
    "$(",
    "a.b.",
    "1",
    "<a ",
    "a(b,",
    "*",
    "<<A ",
]


@pytest.mark.parametrize("info", ["python", "js", "cpp", "bash", "html", "ruby", "sql", "yaml", "markdown"])
def test_no_code_takes_long(info: str) -> None:
    highlight(info, SAMPLES[info])
    for odd in ODD:
        code = "\n".join([odd * (LINE_CHARACTERS // len(odd))] * 2)
        assert within(1.0, lambda code=code: highlight(info, code)) is None, odd


@pytest.mark.parametrize("fault", ["raise", "circle", "nowhere", "nothing"])
def test_a_faulty_lexer_gives_plain_code(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def raises(*_: object) -> list[object]:
        raise KeyError("a defect")

    tables = {
        "raise": {"root": [(re.compile(r"\w+").match, raises, None)]},
        "circle": {"root": [(re.compile("").match, None, None)]},
        "nowhere": {"root": [(re.compile(r"\w+").match, None, "no such state")]},
        "nothing": {"root": []},
    }
    monkeypatch.setattr(
        "chatterm.tui.transcript.highlight.grammar", lambda name: Grammar(None, tables[fault])
    )
    assert marked(highlight("python", "ab cd\nef")) == "‹›ab cd\n‹›ef"


# ---- loading ------------------------------------------------------------------------------------


def test_pygments_is_loaded_by_the_first_code_alone() -> None:
    code = """
import sys
from chatterm.tui.transcript.highlight import highlight, warm
from chatterm.tui.transcript import lexers, languages
highlight("text", "a"), highlight("", "words")
assert "pygments" not in sys.modules
warm(("python",))
assert "pygments.lexers.python" in sys.modules
assert "pygments.lexers.javascript" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_names_without_tables_are_plain() -> None:
    assert lexers.grammar("no such language") is None
    assert lexers.grammar("autoit") is None
    assert marked(highlight("autoit", "If 1")) == "‹›If 1"
