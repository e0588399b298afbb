"""The picker: groups, live lists, search, names that are in no list."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from textual.pilot import Pilot

from chatterm.backend.model_words import age_text
from chatterm.backend.models import ModelList
from chatterm.backend.providers.base import ModelInfo
from chatterm.core.errors import ConnectionFailedError
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
