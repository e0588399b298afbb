"""The list of conversations against a small store in memory."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from textual.pilot import Pilot

from chatterm.core.errors import StoreError
from chatterm.tui.widgets.conversation_list import ConversationList
from tests.tui.widgets.host import HOSTILE, SIZES, UNSAFE, Host, screen_text

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Saved:
    id: str
    title: str
    updated_at: datetime = NOW - timedelta(hours=2)
    model: str | None = "llama3"
    message_count: int = 4


class Shelf:
    """Conversations in memory; `failure` is raised by every change while set."""

    def __init__(self, *titles: str) -> None:
        self.rows = [Saved(f"id{number}", title) for number, title in enumerate(titles)]
        self.hidden: set[str] = set()
        self.failure: StoreError | None = None
        self.gate: asyncio.Event | None = None

    async def load(self, words: str) -> list[Saved]:
        if self.gate is not None:
            await self.gate.wait()
        return [row for row in self.rows if row.id not in self.hidden and words.lower() in row.title.lower()]

    async def rename(self, conversation_id: str, title: str) -> None:
        self._check()
        self.rows = [replace(row, title=title) if row.id == conversation_id else row for row in self.rows]

    async def delete(self, conversation_id: str) -> None:
        self._check()
        self.hidden.add(conversation_id)

    async def undelete(self, conversation_id: str) -> None:
        self._check()
        self.hidden.remove(conversation_id)

    def _check(self) -> None:
        if self.failure is not None:
            raise self.failure


class ListHost(Host):
    def __init__(self, shelf: Shelf, filter_text: str = "") -> None:
        super().__init__()
        self.answers: list[str | None] = []
        self.box = ConversationList(
            load=shelf.load,
            rename=shelf.rename,
            delete=shelf.delete,
            undelete=shelf.undelete,
            filter_text=filter_text,
            now=lambda: NOW,
        )

    def on_mount(self) -> None:
        super().on_mount()
        self.push_screen(self.box, self.answers.append)

    def shown(self) -> list[str]:
        return [row.text for row in self.box.row_list.rows]


async def settle(pilot: Pilot[None]) -> None:
    await pilot.pause()
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()


@pytest.mark.parametrize("size", SIZES)
async def test_enter_resumes_the_row_under_the_cursor(size: tuple[int, int]) -> None:
    app = ListHost(Shelf("nginx", "python", "rust"))
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        assert any(
            "nginx" in line and "llama3 · 4 messages · 2 h ago" in line
            for line in screen_text(app).splitlines()
        )
        await pilot.press("down", "enter")
        await settle(pilot)
    assert app.answers == ["id1"]


async def test_typing_filters_and_a_filter_can_be_given() -> None:
    app = ListHost(Shelf("nginx", "python", "rust"), "py")
    async with app.run_test() as pilot:
        await settle(pilot)
        assert app.shown() == ["python"]
        await pilot.press("x")
        await settle(pilot)
        assert app.shown() == ["No title fits."]
        await pilot.press("enter", "delete", "f2")
        await settle(pilot)
        assert app.answers == []
        await pilot.press("escape")
    assert app.answers == [None]


async def test_enter_right_after_typing_waits_for_what_was_typed() -> None:
    shelf = Shelf("nginx", "rust")
    app = ListHost(shelf)
    async with app.run_test() as pilot:
        await settle(pilot)
        shelf.gate = asyncio.Event()
        await pilot.press(*"rust", "enter")
        assert app.answers == []
        shelf.gate.set()
        await settle(pilot)
    assert app.answers == ["id1"]


@pytest.mark.parametrize("key", ["delete", "ctrl+x"])
async def test_delete_asks_nothing_and_ctrl_z_brings_back(key: str) -> None:
    shelf = Shelf("nginx", "python", "rust")
    app = ListHost(shelf)
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("down", key)
        await settle(pilot)
        assert app.shown() == ["nginx", "rust"] and app.box.row_list.cursor == 1
        assert app.box.line == "Deleted · ^z brings back 'python'"
        await pilot.press(key)
        await settle(pilot)
        await pilot.press("ctrl+z", "ctrl+z", "ctrl+z")
        await settle(pilot)
        assert app.shown() == ["nginx", "python", "rust"]
        assert app.box.line == "Nothing was deleted here."


async def test_delete_within_the_filter_deletes_a_letter() -> None:
    app = ListHost(Shelf("nginx"), "ng")
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("home", "delete")
        await settle(pilot)
        assert app.box.field.value == "g" and app.shown() == ["nginx"]


@pytest.mark.parametrize("key", ["f2", "ctrl+r"])
async def test_rename_in_the_field_and_back_to_the_filter(key: str) -> None:
    shelf = Shelf("nginx", "python")
    app = ListHost(shelf, "n")
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("down", key)
        assert app.box.field.value == "python"
        await pilot.press("3", "enter")
        await settle(pilot)
        assert app.shown() == ["nginx", "python3"] and app.box.field.value == "n"
        assert app.box.line == "Renamed to 'python3'"
        await pilot.press(key, "x", "escape")
        await settle(pilot)
        assert app.shown() == ["nginx", "python3"] and app.answers == []


async def test_a_failure_is_told_and_nothing_changes_on_screen() -> None:
    shelf = Shelf("nginx")
    shelf.failure = StoreError("The disk is full.", "Free some space.")
    app = ListHost(shelf)
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("delete")
        await settle(pilot)
        assert app.shown() == ["nginx"] and app.box.line == "The disk is full. Free some space."


async def test_an_empty_store_says_so() -> None:
    app = ListHost(Shelf())
    async with app.run_test() as pilot:
        await settle(pilot)
        assert app.shown() == ["No conversation is saved yet."]


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_titles(text: str) -> None:
    app = ListHost(Shelf(text))
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("f2")
        await pilot.pause()
        assert not UNSAFE.search(screen_text(app))
        await pilot.press("escape", "delete")
        await settle(pilot)
        assert not UNSAFE.search(screen_text(app)) and app.is_running


@pytest.mark.parametrize("columns", [40, 80])
async def test_age_and_the_way_back_are_never_cut(columns: int) -> None:
    shelf = Shelf("how do I rate-limit one location in nginx without touching the others")
    shelf.rows = [replace(row, model="anthropic/claude-sonnet-4-5-20250929") for row in shelf.rows]
    app = ListHost(shelf)
    async with app.run_test(size=(columns, 24)) as pilot:
        await settle(pilot)
        assert "· 2 h ago " in screen_text(app)
        await pilot.press("delete")
        await settle(pilot)
        assert "^z brings back" in screen_text(app)


async def test_a_short_title_leaves_room_for_a_long_note() -> None:
    shelf = Shelf("nginx")
    shelf.rows = [replace(row, model="anthropic/claude-sonnet-4-5-20250929") for row in shelf.rows]
    app = ListHost(shelf)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert "anthropic/claude-sonnet-4-5-20250929 · 4 messages · 2 h ago" in screen_text(app)
