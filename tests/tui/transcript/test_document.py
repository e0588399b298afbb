from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatterm.tui.transcript import document as document_module
from chatterm.tui.transcript.backlog import Backlog
from chatterm.tui.transcript.document import Document
from chatterm.tui.transcript.entries import Entry, Role, Status
from chatterm.tui.transcript.entry_lines import LiveEntry, entry_lines
from chatterm.tui.transcript.viewport import Viewport
from tests.tui.transcript.documents import TEXTS, long_reply, pieces

OSC = "\x1b]52;c;QUJD\x07"


def entry(
    number: int | str,
    text: str = "text",
    role: Role = "assistant",
    status: Status = "done",
    *,
    thinking: str = "",
    figures: str = "",
) -> Entry:
    return Entry(id=str(number), role=role, text=text, status=status, thinking=thinking, figures=figures)


def document(*entries: Entry, width: int = 40) -> Document:
    made = Document(width)
    made.set_entries(entries)
    return made


def texts(made: Document) -> list[str]:
    return [
        made.line(place, number).text.rstrip()
        for place in range(len(made))
        for number in range(made.height(place))
    ]


def in_view(viewport: Viewport) -> list[str]:
    return [viewport.document.line(*row).text.rstrip() for row in viewport.rows]


# ---- entries ------------------------------------------------------------------------------------


def test_an_entry_cleans_all_its_texts() -> None:
    made = Entry(
        id="1", role="assistant", text=OSC, thinking=OSC, label=f"{OSC}\n2", ending=f"a\r\n{OSC}", figures=OSC
    )
    assert (made.text, made.thinking, made.figures) == ("␛]52;c;QUJD␇",) * 3
    assert (made.label, made.ending) == ("␛]52;c;QUJD␇ 2", "a ␛]52;c;QUJD␇")


@pytest.mark.parametrize(
    ("made", "lines"),
    [
        (entry(1, "a\nb", "user"), ["▌ a", "▌ b", ""]),
        (entry(1, "a", "user", "queued"), ["▌ a", ""]),
        (Entry(id="1", role="user", text="a", label="notes.txt · 2 kB"), ["▌ a", "▌ notes.txt · 2 kB", ""]),
        (entry(1, "**a**", figures="llama3 · 84 tok/s"), ["  a", "  llama3 · 84 tok/s", ""]),
        (entry(1, "", thinking="ab" * 600), ["  ▸ thought · 1,200 characters", ""]),
        (entry(1, ""), ["  empty reply", ""]),
        (Entry(id="1", role="assistant", text="a", ending="stopped"), ["  a", "  stopped", ""]),
        (Entry(id="1", role="assistant", text="", ending="refused"), ["  refused", ""]),
        (entry(1, "**a** notice", "notice"), ["  **a** notice", ""]),
    ],
)
def test_what_an_entry_looks_like(made: Entry, lines: list[str]) -> None:
    assert [line.text.rstrip() for line in entry_lines(made, 40, unfolded=False)] == lines


def test_colours_tell_roles_and_endings() -> None:
    def names(made: Entry) -> set[str]:
        return {
            span.look.name
            for line in entry_lines(made, 40, False)
            for span in line.spans
            if span.text.strip()
        }

    assert names(entry(1, "a", "user")) == {"user", "text"}
    assert names(entry(1, "a", "user", "queued")) == {"dim"}
    assert names(Entry(id="1", role="notice", text="a", ending_kind="error")) == {"error"}
    assert names(Entry(id="1", role="assistant", text="a", ending="x", ending_kind="warning")) == {
        "text",
        "warning",
    }


def test_unfolded_thinking_stands_before_the_reply() -> None:
    made = document(entry(1, "reply", thinking="hm\n**hm**"))
    made.lay(40, unfolded=True)
    assert texts(made) == ["  ▾ thought · 9 characters", "  │ hm", "  │ **hm**", "  reply", ""]


# ---- the live entry -----------------------------------------------------------------------------


@given(TEXTS, TEXTS, st.lists(st.integers(0, 300), max_size=6), st.booleans())
def test_a_live_entry_ends_as_it_would_be_laid_out_whole(
    text: str, thinking: str, cuts: list[int], unfolded: bool
) -> None:
    live = LiveEntry(entry(1, "", status="live"), 40, unfolded)
    for piece in pieces(thinking, cuts):
        live.write_thinking(piece)
    live.settle()
    for piece in pieces(text, cuts):
        before = [live.line(number) for number in range(live.height)]
        live.write(piece)
        changed = live.settle()
        assert [live.line(number) for number in range(min(changed, live.height))] == before[:changed]
    assert live.settle() == live.height
    final = entry(1, text, thinking=thinking, figures="84 tok/s")
    assert live.finished(final) == entry_lines(final, 40, unfolded)


def test_cleaning_works_across_pieces() -> None:
    live = LiveEntry(entry(1, "", status="live"), 40, False)
    for piece in ("a\r", "\nb\ud83d", "\ude00\x1b", "]52;c;x\x07"):
        live.write(piece)
    live.settle()
    assert [live.line(number).text for number in range(2)] == ["  a", "  b😀␛]52;c;x␇"]


def test_the_waiting_line_is_last_and_turns() -> None:
    live = LiveEntry(entry(1, "", status="live"), 40, False)
    live.write("a\nb")
    live.settle()
    live.wait("waiting for llama3 · 3.2 s" + OSC)
    assert live.settle() == 2
    first = live.line(2).text
    assert first.endswith("waiting for llama3 · 3.2 s␛]52;c;QUJD␇")
    live.wait("waiting for llama3 · 3.3 s")
    assert live.settle() == 2
    assert live.line(2).text[2] != first[2]
    live.wait(None)
    live.settle()
    assert live.height == 3


def test_the_fold_counts_live_and_says_when_thinking_is_over() -> None:
    live = LiveEntry(entry(1, "", status="live"), 40, False)
    live.write_thinking("abc")
    assert live.settle() == 0 and live.line(0).text == "  ▸ thinking · 3 characters"
    live.write_thinking("def")
    assert live.settle() == 0 and live.line(0).text == "  ▸ thinking · 6 characters"
    live.write("so")
    assert live.settle() == 0 and live.line(0).text == "  ▸ thought · 6 characters"
    live.write(" it is")
    assert live.settle() == 1


def test_a_backlog_loses_nothing_and_keeps_to_its_budget() -> None:
    text = long_reply(100_000)
    backlog, live = Backlog(), LiveEntry(entry(1, "", status="live"), 40, False)
    backlog.put("thought", thinking=True)
    backlog.put(text, thinking=False)
    backlog.pour(live, 0.0)
    assert backlog and live.text == ""
    rounds = 1
    while backlog:
        backlog.pour(live, 0.0)
        rounds += 1
    assert rounds == 1 + -(-len(text) // 1024)
    assert live.text == text


# ---- the document -------------------------------------------------------------------------------


def test_queued_entries_stay_last() -> None:
    made = document(entry("a"))
    assert made.insert(entry("q1", role="user", status="queued")) == 1
    assert made.insert(entry("q2", role="user", status="queued")) == 2
    assert made.begin_live(entry("b", "", status="live")) == 1
    made.replace(entry("q1", role="user"))
    assert made.insert(entry("c")) == 3
    assert [made.place(name) for name in ("a", "b", "q1", "c", "q2")] == [0, 1, 2, 3, 4]
    assert made.remove("q1") == 2
    assert [made.place(name) for name in ("a", "b", "c", "q2")] == [0, 1, 2, 3]


def test_an_id_is_there_once() -> None:
    made = document(entry("a"))
    with pytest.raises(ValueError, match="'a'"):
        made.insert(entry("a"))
    with pytest.raises(ValueError):
        made.set_entries([entry("b"), entry("b")])
    with pytest.raises(KeyError):
        made.replace(entry("z"))


def test_only_what_is_looked_at_is_laid_out(monkeypatch: pytest.MonkeyPatch) -> None:
    laid: list[str] = []

    def counting(made: Entry, width: int, unfolded: bool) -> list[object]:
        laid.append(made.id)
        return list(entry_lines(made, width, unfolded))

    monkeypatch.setattr(document_module, "entry_lines", counting)
    viewport = Viewport(document(*(entry(number, long_reply(300)) for number in range(10_000))))
    viewport.height = 24
    viewport.to_end()
    assert len(viewport.rows) == 24 and len(laid) < 10
    viewport.move_to(viewport.total // 2)
    assert len(viewport.rows) == 24 and len(laid) < 20


def test_lines_looked_at_long_ago_are_forgotten_and_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document_module, "KEPT_LINES", 10)
    made = document(*(entry(number, f"a{number}\nb") for number in range(20)))
    before = texts(made)
    assert before[:3] == ["  a0", "  b", ""]
    assert texts(made) == before


def test_copying_leaves_decoration_out_and_joins_what_was_wrapped() -> None:
    made = document(
        entry("u", "how do I\nwrap?", "user"),
        entry("r", "- word word word word word\n\n```py\nx = '" + "y" * 40 + "'\n```\n> said"),
    )
    last = (1, made.height(1) - 1, 99)
    assert made.text_between((0, 0, 0), last) == (
        "how do I\nwrap?\n\n• word word word word word\n\npy\nx = '" + "y" * 40 + "'\nsaid\n"
    )
    assert made.text_between((0, 0, 6), (0, 1, 5)) == "do I\nwra"


# ---- the viewport -------------------------------------------------------------------------------


def scrolled(made: Document, height: int = 10) -> Viewport:
    viewport = Viewport(made)
    viewport.height = height
    viewport.to_end()
    return viewport


def conversation(size: int = 30) -> Document:
    return document(*(entry(number, f"entry {number}\n" + long_reply(200)) for number in range(size)))


def test_it_begins_at_the_end_and_follows() -> None:
    viewport = scrolled(conversation())
    whole = texts(viewport.document)
    assert viewport.following and in_view(viewport) == whole[-10:]
    assert viewport.y == len(whole) - 10


def test_scrolling_line_by_line_through_unseen_entries_never_jumps() -> None:
    viewport, whole = scrolled(conversation()), texts(conversation())
    for back in range(1, len(whole) - 9):
        viewport.move(-1)
        assert in_view(viewport) == whole[len(whole) - 10 - back :][:10]
        assert not viewport.following
    viewport.move(-1)
    assert in_view(viewport) == whole[:10]
    for _ in range(len(whole)):
        viewport.move(1)
    assert viewport.following and in_view(viewport) == whole[-10:]


def test_what_is_read_stays_while_a_reply_grows() -> None:
    made = conversation()
    made.begin_live(entry("live", "", status="live"))
    viewport = scrolled(made)
    viewport.move(-3)
    before = in_view(viewport)
    live = made.live
    assert live is not None
    for _ in range(50):
        live.write("more\n")
        live.settle()
        viewport.settle()
        assert in_view(viewport)[:7] == before[:7]
    viewport.to_end()
    assert in_view(viewport)[-1] == "" and in_view(viewport)[-2] == "  more"


def test_following_goes_on_while_the_reply_grows() -> None:
    made = conversation(3)
    made.begin_live(entry("live", "", status="live"))
    viewport = scrolled(made)
    live = made.live
    assert live is not None
    for number in range(30):
        live.write(f"line {number}\n")
        live.settle()
        viewport.settle()
        assert in_view(viewport)[-2:] == [f"  line {number}", ""]


@pytest.mark.parametrize("to", [20, 40, 90])
def test_the_text_at_the_top_stays_there_at_another_width(to: int) -> None:
    words = " ".join(f"w{number}" for number in range(400))
    made = document(*(entry(number, words) for number in range(5)), width=60)
    viewport = scrolled(made)
    viewport.move_to(made.height(0) * 2 + 9)
    word = in_view(viewport)[0].split()[0]
    place = viewport.top[0]
    viewport.lay(to, unfolded=False)
    assert viewport.top[0] == place and word in in_view(viewport)[0].split()


def test_many_widths_in_a_row_do_not_drift() -> None:
    words = " ".join(f"w{number}" for number in range(400))
    viewport = scrolled(document(*(entry(number, words) for number in range(5)), width=40))
    viewport.move_to(viewport.document.height(0) * 2 + 9)
    before = in_view(viewport)
    for width in (90, 33, 71, 100, 20, 40):
        viewport.lay(width, unfolded=False)
        assert before[0].split()[0] in in_view(viewport)[0].split()
    assert in_view(viewport) == before


def test_following_stays_at_the_end_at_another_width() -> None:
    viewport = scrolled(conversation())
    viewport.lay(20, unfolded=False)
    assert viewport.following and in_view(viewport) == texts(viewport.document)[-10:]


def test_the_text_at_the_top_stays_there_when_thinking_is_unfolded() -> None:
    made = document(*(entry(number, long_reply(900), thinking="t\n" * 30) for number in range(6)))
    viewport = scrolled(made)
    viewport.move(-40)
    before = in_view(viewport)
    viewport.lay(made.width, unfolded=True)
    assert in_view(viewport)[0] == before[0]
    viewport.lay(made.width, unfolded=False)
    assert in_view(viewport) == before


def test_what_is_read_stays_when_entries_come_and_go() -> None:
    viewport = scrolled(conversation())
    viewport.move_to(viewport.total // 2)
    before = in_view(viewport)
    viewport.inserted(viewport.document.insert(entry("new", "new")))
    viewport.settle()
    assert in_view(viewport) == before
    viewport.removed(viewport.document.remove("2"))
    viewport.settle()
    assert in_view(viewport) == before


def test_what_is_read_stays_when_an_entry_comes_in_above() -> None:
    viewport = scrolled(document(*(entry(number, "a\nb", "user", "queued") for number in range(20))))
    viewport.move(-15)
    before = viewport.top[0]
    viewport.inserted(viewport.document.insert(entry("reply", "reply")))
    viewport.settle()
    assert viewport.document.place("reply") == 0
    assert viewport.top[0] == before + 1


@given(
    st.integers(0, 12),
    st.lists(st.tuples(st.sampled_from("mtsewu"), st.integers(-60, 60)), max_size=12),
)
def test_the_rows_are_always_a_run_of_the_whole(size: int, moves: list[tuple[str, int]]) -> None:
    made = document(*(entry(number, long_reply(80 + 40 * number), thinking="t") for number in range(size)))
    viewport = scrolled(made, 7)
    for kind, amount in moves:
        match kind:
            case "m":
                viewport.move(amount)
            case "t":
                viewport.move_to(amount)
            case "s":
                viewport.to_start()
            case "e":
                viewport.to_end()
            case "w":
                viewport.lay(40 + amount // 3, made.unfolded)
            case _:
                viewport.lay(made.width, not made.unfolded)
        rows = [(place, line) for place in range(len(made)) for line in range(made.height(place))]
        assert len(viewport.rows) == min(7, len(rows))
        assert viewport.rows == rows[viewport.y :][:7]
        assert viewport.following == (viewport.rows == rows[-7:])
