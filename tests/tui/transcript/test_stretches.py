from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatterm.tui.transcript import stretches as module
from chatterm.tui.transcript.copied import selected_text
from chatterm.tui.transcript.document import Document
from chatterm.tui.transcript.entries import Entry, Role, Section
from chatterm.tui.transcript.excerpts import code_at, folds_of
from chatterm.tui.transcript.find import needle_of
from chatterm.tui.transcript.found_places import place_of, searched_text
from chatterm.tui.transcript.scan import scan
from chatterm.tui.transcript.segments import Format, plain_rows
from chatterm.tui.transcript.selection import all_of
from chatterm.tui.transcript.stretches import Stretch, cut_markdown, cut_plain, defining
from chatterm.tui.transcript.viewport import Viewport
from tests.cpu_time import within
from tests.tui.transcript.documents import BLOCKS, long_reply
from tests.tui.transcript.made import document, entry, texts

HOSTILE = [
    *BLOCKS, "```", "~~~", "  ```", "   ~~~", "- ```", "> ```", "   ```py", "```a`b", "````", "    ```", "\t```",
    "1. b", "10. c", "  - n", "2)", "-", "+", "<pre>", "</pre>", "<!-- ", "-->", "$$", "\\[", "\\begin{x}", "  x",
    "    ind", "===", "a | b", "--|--", "> - e", " ", "[a]: b", "- [c]: d",
]  # fmt: skip
CALM = ["", "", "text", "# h", "see [a]", "```py\nx\n\ny\n```", "1. a\n   ```\n   b\n   ```"]
MANY = st.integers(5, 60)
TEXTS = st.one_of(
    st.lists(st.sampled_from(CALM * 4 + HOSTILE), min_size=5, max_size=60).map("\n".join),
    st.lists(st.sampled_from(CALM * 20 + HOSTILE), min_size=5, max_size=60).map("\n".join),
    st.lists(st.sampled_from(HOSTILE), max_size=60).map("\n".join),
)
SIZES = st.tuples(st.sampled_from([20, 60, 150]), st.sampled_from([2, 5, 9]))
MEGABYTE = 1_000_000
SHAPES = {
    "paragraphs": "A short paragraph.\n\n",
    "quote": "> quoted words here\n",
    "code": "```py\n" + "x = 1\n" * 50 + "```\n",
    "open code": "x y z w\n",
    "list": "- an item of words\n",
    "nested": "- a\n  - b\n    c\n",
    "empty items": "-\n",
    "letters": "x\n",
    "words": "word ",
    "rows": "| 1 | 2 |\n",
    "fences": "```\n```\n",
    "definitions": "[a]: https://a.example\n",
    "blank": "\n",
    "gap": "\n",
}
AFTER = {"gap": "z"}
BEFORE = {"gap": "a", "open code": "```\n", "rows": "| a | b |\n|---|---|\n"}


def long(shape: str) -> str:
    return BEFORE.get(shape, "") + SHAPES[shape] * (MEGABYTE // len(SHAPES[shape])) + AFTER.get(shape, "")


def exact(stretches: list[Stretch]) -> list[Stretch]:
    """The stretches, with each that is not exact put together with the one before."""
    joined = stretches[:1]
    for stretch in stretches[1:]:
        if stretch.is_exact:
            joined.append(stretch)
        else:
            joined[-1] = joined[-1]._replace(end=stretch.end)
    return joined


@given(TEXTS, SIZES)
def test_the_pieces_of_all_stretches_are_those_of_the_text(text: str, sizes: tuple[int, int]) -> None:
    stretches = exact(cut_markdown(text, largest=sizes[0], lines=sizes[1]))
    assert [piece for stretch in stretches for piece in scan(text, stretch).pieces] == scan(text).pieces


@given(TEXTS, SIZES)
def test_stretches_follow_each_other_and_are_short(text: str, sizes: tuple[int, int]) -> None:
    stretches = cut_markdown(text, largest=sizes[0], lines=sizes[1])
    edges = [0, *(edge for stretch in stretches for edge in stretch[:2]), len(text)]
    assert edges == sorted(edges)
    assert not "".join([text[end:begin] for end, begin in zip(edges[::2], edges[1::2], strict=True)]).strip()
    for stretch in stretches:
        source = text[stretch.begin : stretch.end]
        assert len(source) <= 2 * sizes[0] and source.count("\n") <= 2 * sizes[1]
        scan(text, stretch)


def test_safe_places_are_found_in_a_usual_reply() -> None:
    stretches = cut_markdown(long_reply(500_000))
    assert len(stretches) > 10
    assert all(stretch.is_exact for stretch in stretches)


@pytest.mark.parametrize("shape", ["open code", "rows", "list", "quote", "letters", "words"])
def test_what_is_open_goes_on_where_there_is_no_safe_place(shape: str) -> None:
    text = long(shape)[:200_000]
    whole, parts = (
        scan(text).pieces,
        [piece for each in cut_markdown(text) for piece in scan(text, each).pieces],
    )
    kinds = {(piece.kind, piece.info, bool(piece.table_start), piece.first) for piece in parts[1:]}
    assert kinds == {(piece.kind, piece.info, bool(piece.table_start), piece.first) for piece in whole[1:]}
    assert [piece.gap for piece in parts[1:]].count(None) == len(parts) - 1
    together = ["".join([piece.source for piece in pieces]).replace("\n", "") for pieces in (parts, whole)]
    assert together[0] == together[1]


@pytest.mark.parametrize(
    "source",
    ["a\n\nb \n \nc\n" * 4000, "\n" * 3000 + "a\n\n" * 2000 + "\n" * 4000 + "b\n\n\n", "word " * 40_000],
    ids=["blanks", "long blanks", "line"],
)
def test_plain_text_in_stretches_has_the_rows_of_the_whole(source: str) -> None:
    stretches = cut_plain(source)
    assert len(stretches) > 2
    rows = [row for stretch in stretches for row in plain_rows(source, stretch=stretch)]
    whole = plain_rows(source)
    if "\n" in source:
        assert rows == whole
    else:
        assert "".join([row.source or "" for row in rows]) == source.rstrip() and all(
            row.join is not None for row in rows[1:]
        )


def test_links_are_defined_anywhere_in_a_long_text() -> None:
    text = (
        "[x]: https://x.example\n\n"
        + long_reply(200_000)
        + "\n\n```\n[no]: where\n```\n\n- a\n\n  [y]: y.example\n"
    )
    found: dict[str, tuple[str, str]] = {}
    for part in defining(text):
        found |= scan(part).references
    assert found == scan(text).references
    made = document(entry(1, "see [d][x]\n\n" + text), width=80)
    assert made.line((0, 0, 0)).spans[1].link == "https://x.example"


# ---- the document -------------------------------------------------------------------------------


def opened(made: Entry) -> Viewport:
    viewport = Viewport(Document(98))
    viewport.document.set_entries([made])
    viewport.height = 40
    viewport.to_end()
    return viewport


@pytest.mark.parametrize("role", ["assistant", "user"])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_megabyte_is_opened_without_a_stall(shape: str, role: Role) -> None:
    made = entry(1, long(shape), role)
    assert within(0.1, lambda: opened(made)) is None


@pytest.mark.parametrize("shape", ["paragraphs", "quote", "code", "list"])
def test_folds_of_a_megabyte_are_turned_without_a_stall(shape: str) -> None:
    viewport = opened(entry(1, long(shape), thinking="a\nb"))
    viewport.move_to(viewport.total // 2)
    top = viewport.document.line(viewport.rows[0]).text

    def turn() -> None:
        form = viewport.document.form
        viewport.lay(form._replace(unfolded=not form.unfolded))

    assert within(0.1, turn) is None
    assert viewport.document.line(viewport.rows[0]).text == top


def test_a_long_entry_shows_what_it_would_show_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Entry(
        id="1",
        role="assistant",
        sections=(
            Section("thinking", "hm\n\nhm\n" * 40),
            Section("text", long_reply(6000)),
            Section("tool", "{}", "read_file"),
            Section("text", "more\n\n" * 40),
        ),
        figures="figures",
    )
    for unfolded in (False, True):
        whole = document(made)
        whole.lay(Format(40, unfolded))
        assert not whole.body(0).is_long
        with monkeypatch.context() as patch:
            patch.setattr(module, "LARGEST", 500)
            patch.setattr(module.cut_markdown, "__kwdefaults__", {"largest": 500, "lines": 30})
            patch.setattr(module._reach, "__defaults__", (500, 30))
            parts = document(made)
            parts.lay(Format(40, unfolded))
            assert parts.body(0).is_long
            assert texts(parts) == texts(whole)
            assert parts.heights.total == len(texts(whole))
            assert len(folds_of(parts, 0)) == 2
            assert selected_text(parts, all_of(parts, 0)) == selected_text(whole, all_of(whole, 0))


def test_a_place_in_a_long_entry_is_reached_and_left_again() -> None:
    viewport = opened(entry(1, long("paragraphs")))
    total = viewport.total
    viewport.move_to(total // 2)
    assert len(viewport.rows) == 40
    viewport.to_start()
    assert viewport.document.line(viewport.rows[0]).text == "A short paragraph."
    viewport.move(10_000)
    viewport.move(-10_000)
    assert viewport.rows[0] == (0, 0, 0)


def test_words_are_found_and_code_is_copied_in_a_long_entry() -> None:
    text = long_reply(90_000) + "\n\nneedle\n\n```py\n" + "x = 1\n" * 300 + "```\n\n" + long_reply(90_000)
    made = document(entry(1, text), width=80)
    needle = needle_of("needle")
    assert needle is not None
    assert sum(1 for _ in needle.all_in(searched_text(entry(1, text), made.form))) == 1
    shown = place_of(made, 0, 0, 1, needle)
    lines = made.lines(0, shown.segment)
    at = next(number for number, line in enumerate(lines) if line.text == "needle")
    assert code_at(made, (0, shown.segment, at + 3)) == "\n".join(["x = 1"] * 300)


def test_a_long_reply_keeps_its_addresses_when_it_ends() -> None:
    text = long_reply(120_000)
    made = document(width=80)
    made.begin_live(entry(1, "", status="live"))
    assert made.live is not None
    made.live.write(text)
    made.settle_live()
    before = [made.line((0, segment, 0)).text for segment in range(len(made.live.closed))]
    made.end_live(entry(1, text))
    made.body(0).forget()
    assert [made.line((0, segment, 0)).text for segment in range(len(before))] == before
    assert texts(made) == texts(document(entry(1, text), width=80))


@pytest.mark.parametrize("shape", ["x\n", "-\n", "> x\n", "- a\n"])
def test_short_lines_are_laid_out_few_at_a_time(shape: str) -> None:
    made = document(entry(1, shape * 1500), width=98)
    assert all(made.height(0, segment) <= 200 for segment in range(made.segments(0)))
