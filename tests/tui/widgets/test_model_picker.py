"""The picker: groups, live lists, search, names that are in no list."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from chatterm.backend.model_facts import ModelFacts, TableRow, merged
from chatterm.backend.model_words import age_text
from chatterm.backend.models import ModelList
from chatterm.backend.providers.base import ModelInfo
from chatterm.backend.providers.ollama_models import PullProgress
from chatterm.config.model import ModelSettings
from chatterm.core.errors import ChattermError, ConnectionFailedError
from chatterm.tui.widgets.model_picker import ModelPicker
from chatterm.tui.widgets.model_rows import Choice, Marks, ModelCatalogue, state_text
from tests.cpu_time import seconds
from tests.tui.widgets.host import HOSTILE, SIZES, UNSAFE, Host, screen_text

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def known(provider: str, *names: str) -> ModelList:
    models = tuple(ModelInfo(provider=provider, id=name) for name in names)
    return ModelList(provider=provider, models=models, source="live", fetched_at=NOW)


class PickerHost(Host):
    def __init__(self, **options: object) -> None:
        super().__init__()
        self.answers: list[Choice | None] = []
        chosen = {"providers": ["ollama", "openai"], "recent": [], "current": None} | options
        self.picker = ModelPicker(now=lambda: NOW, **chosen)  # type: ignore[arg-type]  # a table of choices

    def on_mount(self) -> None:
        super().on_mount()
        self.push_screen(self.picker, self.answers.append)

    def shown(self) -> list[str]:
        return [row.text.strip() for row in self.picker.row_list.rows]


async def settle(pilot: Pilot[None]) -> None:
    await pilot.pause()
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()


async def settle_rows(pilot: Pilot[None]) -> None:
    """Until the search is through; what is being pulled goes on."""
    await pilot.pause()
    await pilot.app.workers.wait_for_complete([each for each in pilot.app.workers if each.group == "search"])
    await pilot.pause()


async def shown_line(pilot: Pilot[None], app: PickerHost, text: str) -> None:
    async with asyncio.timeout(5):
        while app.picker.line != text:
            await pilot.pause()


@pytest.mark.parametrize("size", SIZES)
async def test_groups_come_with_their_state_and_the_current_one_is_marked(size: tuple[int, int]) -> None:
    app = PickerHost(recent=[("openai", "gpt")], current=("ollama", "llama3"))
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        assert app.shown() == ["recent", "gpt", "ollama", "openai"]
        app.picker.set_models(known("ollama", "llama3", "qwen3"))
        await settle(pilot)
        assert app.shown() == ["recent", "gpt", "ollama", "● llama3", "qwen3", "openai"]
        lines = screen_text(app).splitlines()
        assert any("ollama" in line and "2 models" in line for line in lines)
        assert any("openai" in line and "asking" in line for line in lines)


async def test_the_cursor_stays_on_its_model_while_lists_arrive() -> None:
    app = PickerHost()
    async with app.run_test() as pilot:
        app.picker.set_models(known("openai", "a", "b"))
        await settle(pilot)
        await pilot.press("down")
        app.picker.set_models(known("ollama", "x", "y", "z"))
        await settle(pilot)
        await pilot.press("enter")
    assert app.answers == [("openai", "b")]


async def test_search_finds_across_providers_recent_ones_first() -> None:
    app = PickerHost(recent=[("openai", "llama-long-name")])
    async with app.run_test() as pilot:
        app.picker.set_models(known("ollama", "llama3", "mistral"))
        app.picker.set_models(known("openai", "llama-long-name", "gpt"))
        await pilot.press(*"llama")
        await settle(pilot)
        assert app.shown() == ["llama-long-name", "llama3", "mistral", "use llama anyway"]
        await pilot.press("down", "enter")
    assert app.answers == [("ollama", "llama3")]


async def test_enter_right_after_typing_means_what_was_typed() -> None:
    app = PickerHost()
    async with app.run_test() as pilot:
        app.picker.set_models(known("openai", "aaa", "bbb"))
        await settle(pilot)
        app.picker.field.value = "bbb"
        app.picker.field.cursor_position = 3
        await app.picker.field.action_submit()
        await pilot.pause()
    assert app.answers == [("openai", "bbb")]


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("new-model", ("ollama", "new-model")),
        ("openai/new", ("openai", "new")),
        ("org/new", ("ollama", "org/new")),
    ],
)
async def test_a_name_in_no_list_can_be_used(typed: str, answer: Choice) -> None:
    app = PickerHost(current=("ollama", "llama3"))
    async with app.run_test() as pilot:
        app.picker.field.value = typed
        await settle(pilot)
        assert app.shown() == [f"use {answer[1]} anyway"]
        await pilot.press("enter")
    assert app.answers == [answer]


@pytest.mark.parametrize(
    ("typed", "rows"),
    [
        ("other", ["use other anyway"]),
        ("guide/other", ["No model fits."]),
        ("ollama/x", ["use x anyway"]),
    ],
)
async def test_the_guide_has_no_models_but_those_listed(typed: str, rows: list[str]) -> None:
    app = PickerHost(providers=["guide", "ollama"], current=("guide", "manual"))
    async with app.run_test() as pilot:
        app.picker.set_models(known("guide", "manual"))
        app.picker.field.value = typed
        await settle(pilot)
        assert app.shown() == rows
        await pilot.press("enter")
    assert app.answers == ([("ollama", typed.removeprefix("ollama/"))] if "use" in rows[0] else [])


async def test_a_click_chooses_and_esc_leaves() -> None:
    app = PickerHost()
    async with app.run_test() as pilot:
        app.picker.set_models(known("ollama", "llama3"))
        await settle(pilot)
        await pilot.click("RowList", offset=(5, 1))
        assert app.answers == [("ollama", "llama3")]
        app.push_screen(ModelPicker(providers=[]), app.answers.append)
        await pilot.pause()
        await pilot.press("enter", "escape")
        assert app.answers == [("ollama", "llama3"), None] and app.commands == []


class Source:
    """Facts, favourites and an Ollama of the test's own."""

    def __init__(self) -> None:
        self.kept: list[Choice] = []
        self.removed: list[Choice] = []
        self.steps: asyncio.Queue[PullProgress | ChattermError] = asyncio.Queue()
        self.names = ["llama3"]
        self.closed = asyncio.Event()

    def facts_of(self, choice: Choice) -> ModelFacts:
        listed = ModelInfo(provider=choice[0], id=choice[1], tools=True, images=True)
        row = TableRow([], 128_000, 2.5, 10.0, 0.25, None, 64_000)
        return merged(listed, ModelSettings(output_tokens=4096), row)

    async def keep_favourites(self, favourites: Sequence[Choice]) -> None:
        self.kept = list(favourites)

    def keeps_models(self, provider: str) -> bool:
        return provider == "ollama"

    async def pull(self, provider: str, model: str) -> AsyncGenerator[PullProgress, None]:
        try:
            while True:
                step = await self.steps.get()
                if isinstance(step, ChattermError):
                    raise step
                yield step
                if step.is_done:
                    self.names.append(model)
                    return
        finally:
            self.closed.set()

    async def remove(self, provider: str, model: str) -> None:
        self.names.remove(model)
        self.removed.append((provider, model))

    async def fetch(self, provider: str) -> ModelList:
        return known(provider, *self.names)


def facts_shown(app: PickerHost) -> list[str]:
    return str(app.picker.query_one("#facts", Static).content).splitlines()


@pytest.mark.parametrize("size", SIZES)
async def test_what_is_known_of_the_model_under_the_cursor_is_shown(size: tuple[int, int]) -> None:
    app = PickerHost(source=Source())
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        before = app.picker.row_list.region
        app.picker.set_models(known("ollama", "llama3", "qwen3"))
        await settle(pilot)
        assert app.picker.row_list.region == before
        assert facts_shown(app) == [
            "context 128k · output 4k · images, tools",
            "$2.5/$10 per million tokens · cached $0.25 · more above 64k",
            "output by your settings; context, price by chatterm's table",
        ]
        assert "context 128k" in screen_text(app)
        app.picker.field.value = "nothing of this name at all"
        await settle(pilot)
        assert "context" in facts_shown(app)[0]  # of "use ... anyway"


async def test_favourites_come_first_and_are_kept() -> None:
    source = Source()
    app = PickerHost(
        source=source, favourites=[("openai", "gpt")], recent=[("ollama", "qwen3"), ("openai", "gpt")]
    )
    async with app.run_test() as pilot:
        app.picker.set_models(known("ollama", "llama3", "qwen3"))
        await settle(pilot)
        assert app.shown() == [
            "favourites",
            "★ gpt",
            "recent",
            "qwen3",
            "ollama",
            "llama3",
            "qwen3",
            "openai",
        ]
        await pilot.press("down", "down")
        assert app.picker.under_cursor == ("ollama", "llama3")
        await pilot.press("ctrl+o")
        await settle(pilot)
        assert source.kept == [("openai", "gpt"), ("ollama", "llama3")]
        assert app.shown()[:4] == ["favourites", "★ gpt", "★ llama3", "recent"]
        assert app.picker.under_cursor == ("ollama", "llama3")
        assert app.picker.line == "llama3 is a favourite now."
        await pilot.press("ctrl+o")
        await settle(pilot)
        assert source.kept == [("openai", "gpt")]


async def test_search_finds_favourites_first_and_aliases() -> None:
    aliases = {"fast": ("openai", "gpt-small"), "big": ("ollama", "llama3:70b")}
    app = PickerHost(aliases=aliases, favourites=[("openai", "llama-x")], recent=[("ollama", "llama3")])
    async with app.run_test() as pilot:
        app.picker.set_models(known("ollama", "llama2", "llama3"))
        app.picker.set_models(known("openai", "llama-x", "gpt-small"))
        app.picker.field.value = "llama"
        await settle(pilot)
        assert app.shown() == ["★ llama-x", "llama3", "llama2", "llama3:70b", "use llama anyway"]
        app.picker.field.value = "fast"
        await settle(pilot)
        assert app.shown() == ["gpt-small"]
        assert app.picker.row_list.rows[0].note == "fast · openai"
        await pilot.press("enter")
    assert app.answers == [("openai", "gpt-small")]


async def test_the_row_under_the_cursor_stays_where_it_is_on_the_screen() -> None:
    app = PickerHost()
    async with app.run_test(size=(80, 24)) as pilot:
        app.picker.set_models(known("openai", *(f"m{number:02}" for number in range(60))))
        await settle(pilot)
        await pilot.press(*["down"] * 30, *["up"] * 5)
        rows = app.picker.row_list
        before = (app.picker.under_cursor, (rows.cursor or 0) - round(rows.scroll_y))
        app.picker.set_models(known("ollama", *(f"l{number:02}" for number in range(40))))
        await settle(pilot)
        assert (app.picker.under_cursor, (rows.cursor or 0) - round(rows.scroll_y)) == before


async def test_a_search_that_ends_when_the_box_was_left_shows_nothing() -> None:
    app = PickerHost(source=Source())
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("escape")
        await pilot.pause()
        await app.picker._search("")
        app.picker.tell("too late")
    assert app.answers == [None]


async def test_a_model_that_is_not_there_is_pulled_and_shown() -> None:
    source = Source()
    app = PickerHost(source=source)
    async with app.run_test() as pilot:
        app.picker.set_models(known("ollama", "llama3"))
        app.picker.field.value = "qwen3"
        await settle_rows(pilot)
        assert app.shown() == ["use qwen3 anyway", "pull qwen3"]
        await pilot.press("down", "enter")
        source.steps.put_nowait(PullProgress("pulling 8eeb", 500_000_000, 2_000_000_000))
        await shown_line(pilot, app, "Pulling qwen3 · 25 %, 0.5 GB of 2.0 GB · esc stops")
        source.steps.put_nowait(PullProgress("success", is_done=True))
        await shown_line(pilot, app, "qwen3 is there.")
        await settle(pilot)
        assert app.shown()[0] == "qwen3"
        await pilot.press("enter")
    assert app.answers == [("ollama", "qwen3")]


async def test_a_pull_is_stopped_by_esc_and_its_failure_is_told() -> None:
    source = Source()
    app = PickerHost(source=source)
    async with app.run_test() as pilot:
        app.picker.set_models(known("ollama", "llama3"))
        app.picker.field.value = "ollama/qwen3"
        await settle_rows(pilot)
        assert app.shown() == ["use qwen3 anyway", "pull qwen3"]
        await pilot.press("down", "enter")
        await pilot.pause()
        await pilot.press("escape")
        await asyncio.wait_for(source.closed.wait(), 5)
        assert app.picker.line.startswith("Stopped; what was fetched is kept")
        assert app.answers == []
        source.steps.put_nowait(ConnectionFailedError("cannot connect to h:1", "Start it with: ollama serve"))
        await pilot.press("enter")
        await shown_line(pilot, app, "cannot connect to h:1. Start it with: ollama serve")
        await pilot.press("escape")
    assert app.answers == [None]


async def test_nothing_is_pulled_from_a_server_that_does_not_answer_or_has_it() -> None:
    app = PickerHost(source=Source())
    async with app.run_test() as pilot:
        app.picker.set_models(ModelList(provider="ollama", error=ConnectionFailedError("cannot connect")))
        app.picker.field.value = "qwen3"
        await settle(pilot)
        assert app.shown() == ["use qwen3 anyway"]
        app.picker.set_models(known("ollama", "qwen3:latest"))
        await settle(pilot)
        assert "pull qwen3" not in app.shown()


async def test_a_model_is_deleted_once_that_is_confirmed() -> None:
    source = Source()
    app = PickerHost(source=source, recent=[("openai", "gpt")])
    async with app.run_test() as pilot:
        app.picker.set_models(known("ollama", "llama3"))
        await settle(pilot)
        await pilot.press("delete")
        assert app.picker.line == "Only models that Ollama keeps can be deleted."
        await pilot.press("down", "delete")
        assert app.picker.line.startswith("Delete 'llama3' from ollama?")
        await pilot.press("up", "down", "delete")  # to move away takes it back
        assert source.removed == []
        await pilot.press("delete")
        await settle(pilot)
        assert source.removed == [("ollama", "llama3")]
        assert "llama3" not in app.shown()
        assert app.picker.line == "'llama3' is deleted."


async def test_the_key_of_deleting_deletes_text_inside_of_it() -> None:
    source = Source()
    app = PickerHost(source=source, query="ab")
    async with app.run_test() as pilot:
        await settle(pilot)
        app.picker.field.cursor_position = 0
        await pilot.press("delete")
        assert app.picker.field.value == "b"


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_names_are_drawn_safely_and_answered_raw(text: str) -> None:
    app = PickerHost()
    async with app.run_test() as pilot:
        app.picker.set_models(known("ollama", text))
        app.picker.set_models(ModelList(provider="openai", error=ConnectionFailedError(text)))
        await settle(pilot)
        assert not UNSAFE.search(screen_text(app))
        await pilot.press("enter")
    assert app.answers == [("ollama", text)]


async def test_50_000_models_are_searched_beside_the_event_loop() -> None:
    names = [f"model-{number}-{'abc'[number % 3]}" for number in range(50_000)]
    app = PickerHost()
    async with app.run_test() as pilot:
        app.picker.set_models(known("ollama", *names))
        await settle(pilot)
        await pilot.press(*"49999")
        await settle(pilot)
        assert app.shown()[0].startswith("model-49999")
        picture = app.picker._picture()

        # A plain search of the same names in the same moment is the measure: machines differ, and are shared.
        plain = min(
            seconds(lambda: [name for name in names if "model-4" in name.casefold()]) for _ in range(3)
        )
        assert min(seconds(lambda: picture.listing("model-4")) for _ in range(3)) < 200 * plain


def test_state_text() -> None:
    hour_ago = NOW - timedelta(hours=1)
    model = (ModelInfo(provider="p", id="m"),)
    error = ConnectionFailedError("cannot connect to host:1")
    assert state_text(None, NOW) == "asking"
    assert state_text(ModelList(provider="p", models=model, source="live", fetched_at=NOW), NOW) == "1 model"
    cached = ModelList(provider="p", models=model, source="cached", fetched_at=hour_ago)
    assert state_text(cached, NOW) == "1 model · 1 h ago, asking again"
    kept = ModelList(provider="p", models=model, source="cached", fetched_at=hour_ago, error=error)
    assert state_text(kept, NOW) == "cannot connect to host:1 Kept list, 1 h ago."
    assert state_text(ModelList(provider="p", error=error), NOW) == "cannot connect to host:1"


@pytest.mark.parametrize(
    ("age", "text"),
    [
        (timedelta(seconds=-5), "just now"),
        (timedelta(minutes=5), "5 min ago"),
        (timedelta(hours=23, minutes=59), "23 h ago"),
        (timedelta(days=1), "1 day ago"),
        (timedelta(days=30), "30 days ago"),
        (timedelta(days=60), "2025-12-31"),
    ],
)
def test_age_text(age: timedelta, text: str) -> None:
    assert age_text(NOW - age, NOW) == text


def test_a_provider_that_nobody_named_is_shown_too() -> None:
    catalogue = ModelCatalogue([], {"extra": known("extra", "m")}, Marks(), NOW)
    assert catalogue.listing("").choices == (None, ("extra", "m"))
