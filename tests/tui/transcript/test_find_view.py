"""Finding words in a transcript: its view, its pace, and what changes meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

import pytest

from chatterm.core.errors import StoreError
from chatterm.tui.transcript import search as search_module
from chatterm.tui.transcript.earlier_view import Earlier
from chatterm.tui.transcript.entries import Entry, Section
from chatterm.tui.transcript.entry_list import Extent
from chatterm.tui.transcript.find_view import Tally
from chatterm.tui.transcript.search import Search
from tests.tui.transcript.made import entry
from tests.tui.transcript.test_transcript import SIZE, Host

WORDS = "Some words of a reply, with `code` and more of it, so that a message has its usual size. " * 8
MANY = 10_000


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Let the application go on until something is so."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0)


async def until_complete(host: Host) -> Tally:
    await until(lambda: host.transcript.tally.complete)
    return host.transcript.tally


def many() -> list[Entry]:
    return [
        entry(n, f"reply {n}\n\n{WORDS}" if n % 2 else f"prompt {n}", "assistant" if n % 2 else "user")
        for n in range(MANY)
    ]


async def test_ten_thousand_messages_are_counted_without_a_stall(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host()
    async with host.run_test(size=SIZE) as pilot:
        transcript = host.transcript
        transcript.set_entries(many())
        await pilot.pause()
        slices: list[float] = []
        rest = Search._rest
        began = 0.0

        async def timed(search: Search, seconds: float) -> None:
            nonlocal began
            slices.append(time.thread_time() - began)
            await rest(search, seconds)
            began = time.thread_time()

        monkeypatch.setattr(Search, "_rest", timed)
        tries: list[tuple[float, float]] = []
        for words in ("words", "usual size", "CODE", "message") * 2:
            slices.clear()
            began = time.thread_time()
            transcript.find(words)
            asked = time.thread_time() - began
            tally = await until_complete(host)
            assert tally.total == MANY * 4 and tally.number is not None
            tries.append((asked + slices[0], max(slices)))
            assert len(slices) > 3
            transcript.find("")
        assert min(first for first, _ in tries) < 0.050
        assert min(longest for _, longest in tries) < 0.016


async def test_what_must_be_read_is_read_from_its_end_and_not_kept() -> None:
    asked: list[tuple[int, int]] = []

    async def read(first: int, count: int) -> Sequence[Entry]:
        asked.append((first, count))
        return [entry(n, f"old {n}") for n in range(first, first + count)]

    host = Host()
    async with host.run_test(size=SIZE) as pilot:
        transcript = host.transcript
        transcript.set_entries([entry(n) for n in range(1000, 1060)], Earlier([Extent(10, 0)] * 1000, read))
        await pilot.pause()
        asked.clear()
        transcript.find("old 7")
        tally = await until_complete(host)
        assert tally.total == 111  # 7, 70 to 79, 700 to 799
        steps = [first for first, _ in asked]
        assert steps == sorted(steps, reverse=True)
        assert sum(count for _, count in asked) >= 1000 - 200  # those near to the view may be there
        entries = transcript._document.entries
        assert sum(entries[place] is None for place in range(1000)) > 500


async def test_other_words_end_the_reading() -> None:
    asked: list[int] = []
    held = asyncio.Event()

    async def read(first: int, count: int) -> Sequence[Entry]:
        asked.append(first)
        await held.wait()
        return [entry(n, "old") for n in range(first, first + count)]

    host = Host()
    async with host.run_test(size=SIZE) as pilot:
        transcript = host.transcript
        transcript.set_entries([entry(n) for n in range(1000, 1100)], Earlier([Extent(10, 0)] * 1000, read))
        transcript.find("old")
        await until(lambda: bool(asked))
        assert not transcript.tally.complete
        transcript.find("")
        held.set()
        before = len(asked)
        for _ in range(5):
            await pilot.pause()
        assert len(asked) == before and transcript.tally == Tally()


async def test_it_does_not_go_where_the_user_scrolled_meanwhile() -> None:
    held = asyncio.Event()

    async def read(first: int, count: int) -> Sequence[Entry]:
        await held.wait()
        return [entry(n, "old") for n in range(first, first + count)]

    host = Host()
    async with host.run_test(size=SIZE) as pilot:
        transcript = host.transcript
        transcript.set_entries([entry(n) for n in range(1000, 1100)], Earlier([Extent(10, 0)] * 1000, read))
        await pilot.pause()
        transcript.find("old")
        transcript.scroll_lines(-3)
        top = transcript._viewport.top
        held.set()
        tally = await until_complete(host)
        assert tally.total == 1000 and transcript._viewport.top == top


async def test_a_part_that_cannot_be_read_is_told_of_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_module, "AGAIN_SECONDS", 0.001)

    async def read(first: int, count: int) -> Sequence[Entry]:
        raise StoreError("gone", "")

    host = Host()
    async with host.run_test(size=SIZE) as pilot:
        transcript = host.transcript
        transcript.set_entries(
            [entry(n, "here") for n in range(1000, 1100)], Earlier([Extent(9, 0)] * 1000, read)
        )
        await pilot.pause()
        host.failed.clear()
        transcript.find("here")
        await until(lambda: transcript.tally.failed)
        for _ in range(10):
            await pilot.pause()
        assert len(host.failed) == 1
        assert transcript.tally == Tally(transcript.tally.number, 100, complete=False, failed=True)


async def test_folds_that_open_are_searched() -> None:
    sections = (Section("thinking", "an owl thinks"), Section("text", "text"))
    host = Host()
    async with host.run_test(size=SIZE) as pilot:
        transcript = host.transcript
        transcript.set_entries([Entry(id="1", role="assistant", sections=sections)])
        await pilot.pause()
        transcript.find("owl")
        assert (await until_complete(host)).total == 0
        transcript.toggle_thinking()
        await until(lambda: transcript.tally.total == 1)
        transcript.toggle_thinking()
        await until(lambda: transcript.tally.total == 0)


async def test_folds_that_open_take_nothing_away_from_what_was_found() -> None:
    sections = (Section("thinking", "an owl thinks"), Section("text", "an owl"))
    host = Host()
    async with host.run_test(size=SIZE) as pilot:
        transcript = host.transcript
        entries = [
            *[entry(n, "an owl") for n in range(200)],
            Entry(id="t", role="assistant", sections=sections),
        ]
        transcript.set_entries(entries)
        await pilot.pause()
        transcript.find("owl")
        await until(lambda: transcript.tally.complete and transcript.tally.number is not None)
        tally, found = transcript.tally, transcript._document.entries.found
        transcript.toggle_thinking()
        await until(lambda: transcript.tally.total == 202)
        assert transcript.tally.number == tally.number and transcript._document.entries.found is found
        transcript.toggle_thinking()
        await until(lambda: transcript.tally == tally)


async def test_a_match_stays_marked_when_the_width_changes() -> None:
    def marked() -> list[str]:
        styles = host.transcript._found_styles
        parts = [part for y in range(SIZE[1]) for part in host.transcript.render_line(y)]
        return [part.text for part in parts if part.style and part.style.bgcolor == styles[1].bgcolor]

    host = Host()
    async with host.run_test(size=SIZE) as pilot:
        transcript = host.transcript
        transcript.set_entries([entry(1, "one two three four five six seven eight nine ten " * 3)])
        await pilot.pause()
        transcript.find("nine ten one")
        assert (await until_complete(host)).number == 0
        for width in (60, 30, 18, 60):
            await pilot.resize_terminal(width, SIZE[1])
            assert "".join(marked()).replace(" ", "") == "ninetenone"


async def test_nothing_is_laid_out_while_one_looks_for_words(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host()
    async with host.run_test(size=SIZE) as pilot:
        transcript = host.transcript
        transcript.set_entries([entry(n, "an owl") for n in range(100)])
        await pilot.pause()
        layouts: list[object] = []
        monkeypatch.setattr(host.screen, "_refresh_layout", lambda *given: layouts.append(given))
        for words in ("o", "ow", "owl"):
            transcript.find(words)
            await until_complete(host)
        for _ in range(30):
            transcript.find_next(forward=False)
            await pilot.pause()
        assert layouts == []
