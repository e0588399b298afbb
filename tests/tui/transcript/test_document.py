from __future__ import annotations

import pytest

from chatterm.tui.transcript import laid_lines
from chatterm.tui.transcript.entries import Entry, Section
from chatterm.tui.transcript.entry_list import Extent
from chatterm.tui.transcript.segments import Format
from chatterm.tui.transcript.viewport import Viewport
from tests.tui.transcript.documents import long_reply
from tests.tui.transcript.made import addresses, document, entry, texts

OSC = "\x1b]52;c;QUJD\x07"


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
        (entry(1, "a\nb", "user"), ["a", "b", ""]),
        (entry(1, "a", "user", "queued"), ["a", ""]),
        (Entry(id="1", role="user", text="a", label="notes.txt · 2 kB"), ["a", "notes.txt · 2 kB", ""]),
        (entry(1, "**a**", figures="llama3 · 84 tok/s"), ["a", "llama3 · 84 tok/s", ""]),
        (entry(1, "", thinking="ab" * 600), ["▸ thought · 1,200 characters", ""]),
        (entry(1, ""), ["empty reply", ""]),
        (Entry(id="1", role="assistant", text="a", ending="stopped"), ["a", "stopped", ""]),
        (Entry(id="1", role="assistant", text="", ending="refused"), ["refused", ""]),
        (entry(1, "**a** notice", "notice"), ["**a** notice", ""]),
    ],
)
def test_what_an_entry_looks_like(made: Entry, lines: list[str]) -> None:
    assert texts(document(made)) == lines


def test_colours_tell_roles_and_endings() -> None:
    def names(made: Entry) -> set[str]:
        whole = document(made)
        return {
            span.look.name
            for address in addresses(whole)
            for span in whole.line(address).spans
            if span.text.strip()
        }

    assert names(entry(1, "a", "user")) == {"text"}
    assert names(entry(1, "a", "user", "queued")) == {"dim"}
    assert names(Entry(id="1", role="notice", text="a", ending_kind="error")) == {"error"}
    assert names(Entry(id="1", role="assistant", text="a", ending="x", ending_kind="warning")) == {
        "text",
        "warning",
    }


def test_unfolded_thinking_stands_before_the_reply() -> None:
    made = document(entry(1, "reply", thinking="hm\n**hm**"))
    made.lay(Format(40, unfolded=True))
    assert texts(made) == ["▾ thought · 9 characters", "│ hm", "│ **hm**", "reply", ""]


# ---- the document -------------------------------------------------------------------------------


def test_queued_entries_stay_last() -> None:
    made = document(entry("a"))
    assert made.insert(entry("q1", role="user", status="queued")) == 1
    assert made.insert(entry("q2", role="user", status="queued")) == 2
    assert made.begin_live(entry("b", "", status="live")) == 1
    made.replace(entry("q1", role="user"))
    assert made.insert(entry("c")) == 3
    assert [made.entries.place(name) for name in ("a", "b", "q1", "c", "q2")] == [0, 1, 2, 3, 4]
    assert made.remove("q1") == 2
    assert [made.entries.place(name) for name in ("a", "b", "c", "q2")] == [0, 1, 2, 3]


def test_an_id_is_there_once() -> None:
    made = document(entry("a"))
    with pytest.raises(ValueError, match="'a'"):
        made.insert(entry("a"))
    with pytest.raises(ValueError):
        made.set_entries([entry("b"), entry("b")])
    with pytest.raises(KeyError):
        made.replace(entry("z"))


def test_only_what_is_looked_at_is_laid_out() -> None:
    viewport = Viewport(document(*(entry(number, long_reply(300)) for number in range(10_000))))
    viewport.height = 24
    viewport.to_end()
    assert len(viewport.rows) == 24 and len(viewport.document._laid) < 10
    viewport.move_to(viewport.total // 2)
    assert len(viewport.rows) == 24 and len(viewport.document._laid) < 20


def test_of_a_long_reply_only_the_end_is_laid_out() -> None:
    viewport = Viewport(document(entry(1, long_reply(128_000))))
    viewport.height = 40
    viewport.to_end()
    assert viewport.document.segments(0) > 30 and len(viewport.document._laid) <= 3
    assert viewport.y == viewport.total - 40


def test_lines_looked_at_long_ago_are_forgotten_and_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(laid_lines, "KEPT_LINES", 10)
    made = document(*(entry(number, f"a{number}\nb") for number in range(20)))
    before = texts(made)
    assert before[:3] == ["a0", "b", ""]
    assert texts(made) == before


def test_a_fold_is_turned_alone_and_what_is_before_it_stays() -> None:
    sections = (
        Section("thinking", "a\nb"),
        Section("text", "one"),
        Section("tool", "{}", "read_file · 0.03 s"),
    )
    made = document(Entry(id="1", role="assistant", sections=sections))
    folded = ["▸ thought · 3 characters", "one", "▸ read_file · 0.03 s", ""]
    assert texts(made) == folded
    made.turn_fold(0, 2)
    assert texts(made) == [*folded[:2], "▾ read_file · 0.03 s", "│ {}", ""]
    made.lay(made.form._replace(unfolded=True))
    assert texts(made)[:3] == ["▾ thought · 3 characters", "│ a", "│ b"]
    assert texts(made)[-2] == "▸ read_file · 0.03 s"  # turned, seen from the others
    made.turn_fold(0, 2)
    assert texts(made)[-2] == "│ {}"


def test_entries_that_are_not_there_yet_are_asked_for_when_they_are_looked_at() -> None:
    made = document()
    made.set_entries([entry("c"), entry("d")], absent=[Extent(80, 1), Extent(160, 0)])
    assert (len(made), made.heights.total > 12, made.wanted) == (4, True, set())
    viewport = Viewport(made)
    viewport.height = 6
    viewport.to_end()
    assert made.wanted == {1}
    assert [made.line(row).text for row in viewport.rows][-4:] == ["text", "", "text", ""]
    made.fill(0, [entry("a", "one"), entry("b", "two\nmore")])
    made.fill(0, [entry("x", "too late")])
    assert texts(made) == ["one", "", "two", "more", "", "text", "", "text", ""]
    assert made.entries.place("b") == 1
    made.lay(Format(20))
    assert len(texts(made)) == made.heights.total == 9


def test_definitions_of_links_are_found_wherever_they_are() -> None:
    text = "see [docs][d]\n\n" + long_reply(4000) + "\n\n[d]: https://docs.example"
    made = document(entry(1, text))
    assert made.line((0, 0, 0)).spans[1].link == "https://docs.example"
    live = document()
    live.begin_live(entry(1, "", status="live"))
    assert live.live is not None
    live.live.write(text)
    live.settle_live()
    assert live.line((0, 0, 0)).text == "see [docs][d]"
    live.end_live(entry(1, text))
    assert texts(live) == texts(made)
    assert live.line((0, 0, 0)).spans[1].link == "https://docs.example"
