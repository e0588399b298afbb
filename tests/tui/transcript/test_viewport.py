from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatterm.tui.transcript.document import Document
from chatterm.tui.transcript.entry_list import Extent
from chatterm.tui.transcript.segments import Format
from chatterm.tui.transcript.viewport import Viewport
from tests.tui.transcript.documents import long_reply
from tests.tui.transcript.made import addresses, document, entry, height, in_view, texts


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
        made.settle_live()
        viewport.settle()
        assert in_view(viewport)[:7] == before[:7]
    viewport.to_end()
    assert in_view(viewport)[-1] == "" and in_view(viewport)[-2] == "more"


def test_following_goes_on_while_the_reply_grows() -> None:
    made = conversation(3)
    made.begin_live(entry("live", "", status="live"))
    viewport = scrolled(made)
    live = made.live
    assert live is not None
    for number in range(30):
        live.write(f"line {number}\n")
        made.settle_live()
        viewport.settle()
        assert in_view(viewport)[-2:] == [f"line {number}", ""]


@pytest.mark.parametrize("to", [20, 40, 90])
def test_the_text_at_the_top_stays_there_at_another_width(to: int) -> None:
    words = " ".join(f"w{number}" for number in range(400))
    made = document(*(entry(number, words) for number in range(5)), width=60)
    texts(made)  # so that all heights are known
    viewport = scrolled(made)
    viewport.move_to(height(made, 0) * 2 + 9)
    word = in_view(viewport)[0].split()[0]
    place = viewport.top[0]
    viewport.lay(Format(to))
    assert viewport.top[0] == place and word in in_view(viewport)[0].split()


def test_many_widths_in_a_row_do_not_drift() -> None:
    words = " ".join(f"w{number}" for number in range(400))
    viewport = scrolled(document(*(entry(number, words) for number in range(5)), width=40))
    texts(viewport.document)  # so that all heights are known
    viewport.move_to(height(viewport.document, 0) * 2 + 9)
    before = in_view(viewport)
    for width in (90, 33, 71, 100, 20, 40):
        viewport.lay(Format(width))
        assert before[0].split()[0] in in_view(viewport)[0].split()
    assert in_view(viewport) == before


def test_following_stays_at_the_end_at_another_width() -> None:
    viewport = scrolled(conversation())
    viewport.lay(Format(20))
    assert viewport.following and in_view(viewport) == texts(viewport.document)[-10:]


def test_the_text_at_the_top_stays_there_when_thinking_is_unfolded() -> None:
    made = document(*(entry(number, long_reply(900), thinking="t\n" * 30) for number in range(6)))
    viewport = scrolled(made)
    viewport.move(-40)
    before = in_view(viewport)
    viewport.lay(Format(40, unfolded=True))
    assert in_view(viewport)[0] == before[0]
    viewport.lay(Format(40))
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
    assert viewport.document.entries.place("reply") == 0
    assert viewport.top[0] == before + 1


@settings(deadline=None)
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
                viewport.lay(made.form._replace(width=40 + amount // 3))
            case _:
                viewport.lay(made.form._replace(unfolded=not made.form.unfolded))
        rows = addresses(made)
        assert len(viewport.rows) == min(7, len(rows))
        assert viewport.rows == rows[viewport.y :][:7]
        assert viewport.following == (viewport.rows == rows[-7:])


@pytest.mark.parametrize("line", [1, 4, 9])
def test_what_is_below_stays_when_the_entry_at_the_top_is_read(line: int) -> None:
    made = document()
    after = [entry(f"after-{number}", "what is read") for number in range(30)]
    made.set_entries(after, absent=[Extent(280, 0)] * 3)
    viewport = scrolled(made, 12)
    viewport.show((2, 0, line), 0)
    row = viewport.rows.index((3, 0, 0))
    heights = [made.heights[place] for place in range(3)]
    made.fill(0, [entry(number, "word " * 20 + f"\n{number}\n" * 30) for number in range(3)])
    viewport.fill(0, heights)
    viewport.settle()
    assert viewport.rows.index((3, 0, 0)) == row and in_view(viewport)[row] == "what is read"
