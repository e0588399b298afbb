"""The cursor on a message: where it goes, what comes into view, and the end of a selection moved by keys."""

from __future__ import annotations

import asyncio

import pytest

from chatterm.core.errors import StoreError
from chatterm.tui.transcript import selection as select
from chatterm.tui.transcript.copied import selected_text
from chatterm.tui.transcript.earlier_view import Earlier
from chatterm.tui.transcript.entries import Entry, Section
from chatterm.tui.transcript.entry_list import Extent
from chatterm.tui.transcript.selection import Selection
from chatterm.tui.transcript.transcript import Transcript
from chatterm.tui.transcript.viewport import Viewport
from tests.tui.transcript.made import document, entry, in_view
from tests.tui.transcript.test_transcript import SIZE, Host, numbered, painted, prompt


def lines(count: int, word: str = "line") -> str:
    return "\n\n".join(f"{word} {number}" for number in range(count))


def marked(transcript: Transcript) -> list[str]:
    """The lines with the cursor's bar."""
    return [line[2:] for line in painted(transcript) if line.startswith("█")]


# ---- what comes into view --------------------------------------------------------------------------------


def viewport(*texts: str, height: int = 10) -> Viewport:
    made = Viewport(document(*(entry(number, text) for number, text in enumerate(texts))))
    made.height = height
    made.settle()
    return made


def test_an_entry_comes_into_view_whole_by_as_little_as_that_takes() -> None:
    view = viewport(lines(20, "a"), "b\n\nc", lines(20, "d"))
    view.show_entry(1)
    assert in_view(view)[:5] == ["b", "", "c", "", "d 0"]
    view.to_start()
    view.show_entry(1)
    assert in_view(view)[-4:] == ["b", "", "c", ""]
    before = view.rows
    view.show_entry(1)
    assert view.rows == before


def test_an_entry_without_room_begins_at_the_top() -> None:
    view = viewport("a", lines(20, "b"), "c")
    view.show_entry(1)
    assert in_view(view)[0] == "b 0"
    view.to_end()
    view.show_entry(1)
    assert in_view(view)[0] == "b 0" and not view.following


def test_the_end_is_not_followed_while_there_is_a_cursor() -> None:
    view = viewport(lines(20, "a"))
    view.cursor, view.following = 0, False
    view.settle()
    assert not view.following
    view.cursor = None
    view.settle()
    assert view.following


def test_the_cursor_stays_on_its_entry() -> None:
    view = viewport("a", "b", "c")
    view.cursor = 1
    view.removed(view.document.remove("0"))
    assert view.cursor == 0
    view.inserted(view.document.insert(entry(3, "d")))
    assert view.cursor == 0
    view.cursor = 2
    view.removed(view.document.remove("3"))
    assert view.cursor == 1


# ---- walking ---------------------------------------------------------------------------------------------


async def test_there_is_nothing_to_walk_without_messages() -> None:
    host = Host()
    async with host.run_test(size=SIZE) as pilot:
        assert not host.transcript.start_walking()
        host.transcript.set_empty_text("Nothing was said yet.")
        await pilot.pause()
        assert not host.transcript.start_walking() and await host.transcript.walked() is None
        assert not host.transcript.turn_folds() and not host.transcript.select_message()
        assert not host.transcript.extend(rows=1)


async def test_the_bar_is_beside_the_message_and_not_beside_the_blank_line_after_it() -> None:
    host = Host()
    async with host.run_test(size=SIZE) as pilot:
        transcript = host.transcript
        transcript.set_entries([prompt("p", "one\ntwo"), entry("r", "reply\n\nmore")])
        assert transcript.start_walking()
        await pilot.pause()
        assert marked(transcript) == ["reply", "", "more"]
        transcript.walk(-1)
        transcript.walk(-1)
        await pilot.pause()
        assert marked(transcript) == ["one", "two"]
        transcript.stop_walking()
        await pilot.pause()
        assert marked(transcript) == [] and transcript.following


async def test_scrolling_takes_the_cursor_along() -> None:
    host = Host()
    async with host.run_test(size=SIZE) as pilot:
        transcript = host.transcript
        transcript.set_entries([entry(number, lines(3, f"e{number}")) for number in range(20)])
        transcript.start_walking()
        transcript.page_up()
        transcript.page_up()
        await pilot.pause()
        assert painted(transcript)[-1].startswith("█") and "e19 0" not in marked(transcript)
        transcript.scroll_to_start()
        await pilot.pause()
        assert marked(transcript)[0] == "e0 0"
        transcript.page_down()
        transcript.page_down()
        await pilot.pause()
        assert marked(transcript)[0].startswith("e6") and painted(transcript)[0].startswith("█")
        transcript.scroll_to_end()
        await pilot.pause()
        assert marked(transcript)[0] == "e19 0" and transcript.following


async def test_entries_that_show_nothing_are_passed_over_once_they_are_read() -> None:
    reading = asyncio.Event()

    async def read(first: int, count: int) -> list[Entry]:
        await reading.wait()
        return [
            Entry(id=f"nothing-{number}", role="notice") if 5 <= number < 9 else shown
            for number, shown in enumerate(numbered(first, count), first)
        ]

    host = Host()
    async with host.run_test(size=SIZE) as pilot:
        transcript = host.transcript
        transcript.set_entries(numbered(10, 1), Earlier([Extent(400, 1)] * 10, read))
        transcript.start_walking()
        transcript.walk_to_first()
        for _ in range(8):
            transcript.walk(1)
        waiting = asyncio.create_task(transcript.walked())
        await pilot.pause()
        assert not waiting.done()
        reading.set()
        shown = await waiting
        assert shown is not None and shown.id == "9"
        await pilot.pause()
        assert marked(transcript)[0] == "entry 9"


async def test_a_message_that_cannot_be_read_is_none() -> None:
    async def read(first: int, count: int) -> list[Entry]:
        await asyncio.sleep(0)
        raise StoreError("The history cannot be read.", "Try again.")

    host = Host()
    async with host.run_test(size=SIZE):
        transcript = host.transcript
        transcript.set_entries(numbered(30, 10), Earlier([Extent(400, 1)] * 30, read))
        transcript.start_walking()
        transcript.walk_to_first()
        async with asyncio.timeout(5):
            assert await transcript.walked() is None
        assert not transcript.turn_folds() and not transcript.select_message()


async def test_leaving_wakes_who_waits_for_a_message() -> None:
    async def read(first: int, count: int) -> list[Entry]:
        await asyncio.Event().wait()
        return []

    host = Host()
    async with host.run_test(size=SIZE) as pilot:
        transcript = host.transcript
        transcript.set_entries(numbered(30, 10), Earlier([Extent(400, 1)] * 30, read))
        transcript.start_walking()
        transcript.walk_to_first()
        waiting = asyncio.create_task(transcript.walked())
        await pilot.pause()
        transcript.set_entries([entry("r", "another conversation")])
        async with asyncio.timeout(5):
            assert await waiting is None
        assert not transcript.walking


@pytest.mark.parametrize("top", [0, 60])
async def test_folds_are_turned_where_they_are(top: int) -> None:
    reply = Entry(
        id="r",
        role="assistant",
        sections=(
            *(Section("thinking", lines(9, "why")), Section("text", lines(25, "text"))),
            *(Section("tool", lines(9, "argument"), "called x"), Section("text", lines(25, "end"))),
        ),
    )
    host = Host()
    async with host.run_test(size=SIZE) as pilot:
        transcript = host.transcript
        transcript.set_entries([reply])
        transcript.scroll_to_start()
        transcript.scroll_lines(top)
        transcript.start_walking()
        await pilot.pause()
        before = painted(transcript)
        heads = [row for row, line in enumerate(before) if "▸" in line]
        assert transcript.turn_folds()
        await pilot.pause()
        after = painted(transcript)
        row = next(row for row, line in enumerate(after) if "▾" in line)
        assert row == (heads or [0])[0] and ("argument 0" if heads and top else "why 0") in after[row + 1]
        assert transcript.turn_folds()
        await pilot.pause()
        assert not any("argument" in line or "why" in line for line in painted(transcript))
        assert not heads or painted(transcript) == before


async def test_the_end_of_the_selection_is_kept_in_view() -> None:
    host = Host()
    async with host.run_test(size=SIZE) as pilot:
        transcript = host.transcript
        transcript.set_entries([entry("r", lines(60))])
        transcript.start_walking()
        assert transcript.select_message()
        assert transcript.selected_text == lines(60)
        for _ in range(2 * 40):
            assert transcript.extend(rows=-1)
        await pilot.pause()
        assert "line 18" in transcript.selected_text and "line 19" not in transcript.selected_text
        assert any("line 19" in line for line in painted(transcript))


async def test_what_a_live_reply_waits_for_is_not_selected() -> None:
    host = Host()
    async with host.run_test(size=SIZE) as pilot:
        transcript = host.transcript
        transcript.begin_live(Entry(id="r", role="assistant", status="live"))
        transcript.write("one\n\ntwo")
        transcript.set_waiting("no text for 3 s")
        await pilot.pause()
        transcript.start_walking()
        assert transcript.select_message() and transcript.selected_text == "one\n\ntwo"
        shown = await transcript.walked()
        assert shown is not None and shown.source == "one\n\ntwo"


# ---- the end of a selection --------------------------------------------------------------------------------


def test_a_mark_moves_by_what_is_seen_as_one_character_and_through_all_rows() -> None:
    made = document(entry(0, "a👩‍👩‍👧é\n\n- x", figures="figures"), entry(1, "end"))
    begin, end = select.text_of(made, 0, 1)
    walked = [begin]
    while walked[-1] != (after := select.moved(made, walked[-1], characters=1)):
        walked.append(after)
    texts = [selected_text(made, Selection(begin, mark)) for mark in walked]
    assert texts[:5] == ["", "a", "a👩‍👩‍👧", "a👩‍👩‍👧é", "a👩‍👩‍👧é"]
    assert walked[-1].place == 1 and end in walked
    back = [walked[-1]]
    while back[-1] != (before := select.moved(made, back[-1], characters=-1)):
        back.append(before)
    assert back == walked[::-1]


def test_a_mark_moves_by_rows_over_segments_and_stops_at_both_ends() -> None:
    made = document(entry(0, lines(200)), entry(1, "last"))
    assert made.segments(0) > 2
    mark = select.text_of(made, 0, 0).end
    rows = 1
    while mark != (before := select.moved(made, mark, rows=-1)):
        mark, rows = before, rows + 1
    assert rows == 2 * 200 - 1 and mark == select.text_of(made, 0, 0).start
    for _ in range(2 * 200):
        mark = select.moved(made, mark, rows=1)
    assert mark.place == 1
