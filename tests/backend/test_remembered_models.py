"""What is kept of a model that answered, and what of earlier versions is not taken for one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from chatterm.backend.remembered_models import (
    RememberedModel,
    favourite_models,
    keep_favourites,
    last_model,
    recent_models,
    remember_model,
)
from chatterm.core.messages import Message
from chatterm.core.turn import Outcome, Turn
from chatterm.store.database import Database
from chatterm.store.state import StateStore

ANSWERED = Turn(
    conversation_id="c",
    prompt=Message(role="user", parts=()),
    reply=Message(role="assistant", parts=()),
    provider="openai",
    model="gpt",
    outcome=Outcome.COMPLETE,
)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateStore]:
    database = Database(tmp_path / "state.db")
    yield StateStore(database)
    assert database.close(5)


@pytest.mark.parametrize("outcome", [outcome for outcome in Outcome if outcome is not Outcome.COMPLETE])
async def test_a_model_that_did_not_answer_is_not_kept(state: StateStore, outcome: Outcome) -> None:
    await remember_model(ANSWERED, state)
    await remember_model(replace(ANSWERED, model="broken", outcome=outcome), state)
    assert await last_model(state) == RememberedModel("openai", "gpt")
    assert await recent_models(state) == [("openai", "gpt")]


async def test_the_last_one_is_first_and_once_in_the_list(state: StateStore) -> None:
    for model in ("a", "b", "a"):
        await remember_model(replace(ANSWERED, model=model), state)
    assert await recent_models(state) == [("openai", "a"), ("openai", "b")]


async def test_an_address_is_kept_with_its_model_and_out_of_the_list(state: StateStore) -> None:
    await remember_model(replace(ANSWERED, provider="custom", base_url="http://127.0.0.1:8/v1"), state)
    assert await last_model(state) == RememberedModel("custom", "gpt", "http://127.0.0.1:8/v1")
    assert await recent_models(state) == []


@pytest.mark.parametrize(
    "left", [["guide", "manual"], [], ["openai"], ["openai", 5], "openai/gpt", [["openai", "gpt"]]]
)
async def test_what_is_no_model_is_ignored(state: StateStore, left: object) -> None:
    await state.put("last_model", left)
    await state.put("recent_models", [left, ["openai", "gpt"]])
    assert await last_model(state) is None
    assert await recent_models(state) == [("openai", "gpt")]


async def test_favourites_are_kept_in_the_order_of_marking(state: StateStore) -> None:
    assert await favourite_models(state) == []
    await keep_favourites([("openai", "b"), ("ollama", "a")], state)
    assert await favourite_models(state) == [("openai", "b"), ("ollama", "a")]
    await state.put("favourite_models", [["openai"], 7, ["openai", "gpt"]])
    assert await favourite_models(state) == [("openai", "gpt")]
