from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatterm.tui.transcript.backlog import Backlog
from chatterm.tui.transcript.document import Document
from chatterm.tui.transcript.entries import Entry, Section
from chatterm.tui.transcript.live_entry import LiveEntry
from chatterm.tui.transcript.segments import Format
from tests.cpu_time import within
from tests.tui.transcript.documents import TEXTS, long_reply, pieces
from tests.tui.transcript.made import addresses, document, entry, texts

OSC = "\x1b]52;c;QUJD\x07"


def live_document(form: Format) -> tuple[Document, LiveEntry]:
    made = document(width=form.width)
    made.lay(form)
    made.begin_live(entry(1, "", status="live"))
    assert made.live is not None
    return made, made.live


@given(TEXTS, TEXTS, st.lists(st.integers(0, 300), max_size=6), st.booleans(), st.integers(20, 90))
def test_a_live_entry_ends_as_it_would_be_laid_out_whole(
    text: str, thinking: str, cuts: list[int], unfolded: bool, width: int
) -> None:
    form = Format(width, unfolded)
    made, live = live_document(form)
    for piece in pieces(thinking, cuts):
        live.write_thinking(piece)
    for piece in pieces(text, cuts):
        live.write(piece)
        made.settle_live()
    final = entry(1, text, thinking=thinking, figures="84 tok/s")
    made.end_live(final)
    whole = document(width=width)
    whole.lay(form)
    whole.set_entries([final])
    assert [made.line(at) for at in addresses(made)] == [whole.line(at) for at in addresses(whole)]
    assert addresses(made) == addresses(whole) and made.heights.total == len(addresses(made))


@given(TEXTS, st.lists(st.integers(0, 300), max_size=6))
def test_only_the_lines_it_tells_of_change(text: str, cuts: list[int]) -> None:
    made, live = live_document(Format(40))
    for piece in pieces(text, cuts):
        before = [made.line(at) for at in addresses(made)]
        live.write(piece)
        segment, line = made.settle_live()
        kept = sum(made.height(0, at) for at in range(segment)) + line
        assert [made.line(at) for at in addresses(made)[:kept]] == before[:kept]


@given(TEXTS, st.lists(st.tuples(st.integers(0, 300), st.integers(20, 90), st.booleans()), max_size=4))
def test_another_format_in_the_middle_changes_nothing_else(
    text: str, changes: list[tuple[int, int, bool]]
) -> None:
    made, live = live_document(Format(40))
    live.write_thinking("first\n\nsecond")
    parts = pieces(text, [cut for cut, _, _ in changes])
    for number, part in enumerate(parts):
        live.write(part)
        made.settle_live()
        if number < len(changes):
            made.lay(Format(*changes[number][1:]))
    form = made.form
    final = entry(1, text, thinking="first\n\nsecond")
    if text:
        made.end_live(final)
        whole = document(width=form.width)
        whole.lay(form)
        whole.set_entries([final])
        assert texts(made) == texts(whole)


def test_a_long_reply_is_kept_in_segments_that_are_laid_out_once() -> None:
    made, live = live_document(Format(80))
    text = long_reply(40_000)
    for at in range(0, len(text), 500):
        live.write(text[at : at + 500])
        made.settle_live()
    assert made.segments(0) > 8
    assert all((("1", segment) in made._laid) for segment in range(made.segments(0) - 1))
    assert made.heights.total == len(addresses(made))
    made.lay(Format(60))
    assert len(made._laid) == 0  # at another width only what is looked at
    made.height(0, made.segments(0) - 1)
    assert len(made._laid) == 0


def test_cleaning_works_across_pieces() -> None:
    live = LiveEntry(entry(1, "", status="live"), Format(40))
    for piece in ("a\r", "\nb\ud83d", "\ude00\x1b", "]52;c;x\x07"):
        live.write(piece)
    live.settle()
    assert [live.line(number).text for number in range(2)] == ["a", "b😀␛]52;c;x␇"]


def test_the_waiting_line_is_last_and_turns() -> None:
    live = LiveEntry(entry(1, "", status="live"), Format(40))
    live.write("a\nb")
    live.settle()
    live.wait("waiting for llama3 · 3.2 s" + OSC)
    assert live.settle() == 2
    first = live.line(2).text
    assert first.endswith("waiting for llama3 · 3.2 s␛]52;c;QUJD␇")
    live.wait("waiting for llama3 · 3.3 s")
    assert live.settle() == 2
    assert live.line(2).text[0] != first[0]
    live.wait(None)
    live.settle()
    assert live.height == 3


def test_the_fold_counts_live_and_says_when_thinking_is_over() -> None:
    live = LiveEntry(entry(1, "", status="live"), Format(40))
    live.write_thinking("abc")
    assert live.settle() == 0 and live.line(0).text == "▸ thinking · 3 characters · abc"
    live.write_thinking("def")
    assert live.settle() == 0 and live.line(0).text == "▸ thinking · 6 characters · abcdef"
    live.write("so")
    assert live.settle() == 0 and live.line(0).text == "▸ thought · 6 characters"
    live.write(" it is")
    assert live.settle() == 1


def test_a_backlog_loses_nothing_and_keeps_to_its_budget() -> None:
    text = long_reply(100_000)
    backlog, live = Backlog(), LiveEntry(entry(1, "", status="live"), Format(40))
    backlog.put("thought", thinking=True)
    backlog.put(text, thinking=False)
    backlog.pour(live, 0.0)
    assert backlog and live.text == ""
    rounds = 1
    while backlog:
        backlog.pour(live, 0.0)
        rounds += 1
    assert rounds > max(len(text) // 512, text.count("\n") // 16)
    assert live.text == text


@pytest.mark.parametrize(
    "text",
    [
        "```js\nf(\n  `a`,\n   ```no end\n)\n```",
        "~~~\n  ~x\n~~~",
        "```\n" + "One sentence. " + "no end of words " * 200 + "\n```",
        "> ```\n>   `a\n> ```",
        "a | b\n-|-\n\\begin{align}\nx\n\\end{align}\nc | d",
        "a | b\n-|-\n$$\nx\n$$\nc | d\n<!-- | \n --> | e",
    ],
    ids=["backticks", "tildes", "long", "quote", "environment", "dollars"],
)
def test_what_came_by_single_characters_is_as_laid_out_whole(text: str) -> None:
    made, live = live_document(Format(40))
    for character in text:
        live.write(character)
        made.settle_live()
    made.end_live(entry(1, text))
    assert texts(made) == texts(document(entry(1, text)))


def test_a_reply_is_cut_into_the_same_segments_whatever_its_fold_says() -> None:
    text = "\n\n".join(["x" * 99] * 29) + "\n\n" + "y" * 60 + "\n\n" + "z" * 60 + "\n\n" + "z" * 60
    made, live = live_document(Format(40))
    live.write_thinking("a thought")
    live.write(text)
    final = Entry(
        id="1", role="assistant", sections=(Section("thinking", "a thought", "h" * 80), Section("text", text))
    )
    made.end_live(final)
    whole = document(final)
    assert [made.height(0, at) for at in range(made.segments(0))] == [
        whole.height(0, at) for at in range(whole.segments(0))
    ]


@pytest.mark.parametrize("shape", ["-\n", "- a\n", "x\n", "> a\n", "[a]: b\n"])
def test_a_frame_of_short_lines_keeps_to_its_budget(shape: str) -> None:
    backlog = Backlog()
    made, live = live_document(Format(98))
    live.write(shape * 500)
    made.settle_live()

    def frame() -> None:
        backlog.clear()
        backlog.put((shape * 512)[:512], thinking=False)
        backlog.pour(live, 0.0)
        made.settle_live()

    assert within(0.006, frame) is None


def test_definitions_are_not_copied_with_each_piece() -> None:
    made, live = live_document(Format(40))
    live.write("".join([f"[{number}]: https://a.example/{number}\n" for number in range(100)]))
    assert len(live.references) == 100
    assert live.references is live.references
    live.write_thinking("hm")
    live.write("[b]: c\n\n[0]: d\n\n")
    assert live.references is live.references
    assert live.references["b"] == ("c", "")
    assert made.live is live
