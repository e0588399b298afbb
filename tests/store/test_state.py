"""What is remembered between starts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from chatterm.store.database import Database
from chatterm.store.history import UNDO_TIME, History
from chatterm.store.state import PROMPTS_KEPT, StateStore
from tests.store.builders import CONVERSATION, FixedClock, opened, say


@pytest.fixture
def state(database: Database, clock: FixedClock) -> StateStore:
    return StateStore(database, clock)


@pytest.mark.parametrize("value", [True, 0, 1.5, "text", ["a", "b"], {"a": {"b": None}}])
async def test_a_value_is_remembered(path: Path, value: object) -> None:
    async with opened(path) as (database, _):
        state = StateStore(database)
        await state.put("key", "before")
        await state.put("key", value)
    async with opened(path) as (database, _):
        assert await StateStore(database).get("key") == value


async def test_a_default_stands_in_for_nothing_and_for_another_type(state: StateStore) -> None:
    assert await state.get("key") is None
    assert await state.get("key", ["x"]) == ["x"]
    await state.put("key", "a text")
    assert await state.get("key", ["x"]) == ["x"]
    assert await state.get("key", "") == "a text"


async def test_what_cannot_be_stored_is_replaced(state: StateStore) -> None:
    await state.put("k\ud800\0", ["\ud800", 2**70, {"\0": Path("/a")}])
    assert await state.get("k\ud800\0") == ["\ufffd", 2**63 - 1, {"\u2400": "/a"}]
    await state.put_draft("\0", "\udfff")
    assert await state.draft("\0") == "\ufffd"
    await state.append_prompt("a\0")
    assert await state.prompts() == ["a\u2400"]


async def test_a_draft_is_kept_until_it_is_empty(state: StateStore) -> None:
    assert await state.draft("new") == ""
    await state.put_draft("new", "one")
    await state.put_draft("new", "two\n")
    await state.put_draft("other", "x")
    assert await state.draft("new") == "two\n"
    await state.put_draft("new", "")
    assert await state.draft("new") == ""
    assert await state.draft("other") == "x"


async def test_prompts_come_oldest_first_without_a_repeat(state: StateStore) -> None:
    for text in ("a", "b", "b", "a"):
        await state.append_prompt(text)
    assert await state.prompts() == ["a", "b", "a"]
    assert await state.prompts(2) == ["b", "a"]


async def test_only_so_many_prompts_are_kept(state: StateStore) -> None:
    for number in range(PROMPTS_KEPT + 5):
        await state.append_prompt(str(number))
    kept = await state.prompts(PROMPTS_KEPT * 2)
    assert (kept[0], kept[-1], len(kept)) == ("5", str(PROMPTS_KEPT + 4), PROMPTS_KEPT)


async def test_drafts_and_prompts_go_with_their_conversation(
    state: StateStore, history: History, clock: FixedClock
) -> None:
    await say(history, "secret")
    await state.append_prompt("secret", CONVERSATION)
    await state.append_prompt("open")
    await state.put_draft(CONVERSATION, "secret too")
    await history.delete(CONVERSATION)
    assert await state.draft(CONVERSATION) == "secret too"
    clock.now += UNDO_TIME + timedelta(minutes=1)
    await history.purge_deleted()
    assert await state.draft(CONVERSATION) == ""
    assert await state.prompts() == ["open"]


async def test_a_model_list_is_kept_for_each_service(state: StateStore) -> None:
    fetched = datetime(2026, 5, 4, 3, 2, 1, 7, tzinfo=timezone(timedelta(hours=2)))
    assert await state.model_list("openai", "http://a") is None
    await state.put_model_list("openai", "http://a", fetched, b"old")
    await state.put_model_list("openai", "http://a", fetched, b"\x00new")
    await state.put_model_list("openai", "http://b", fetched, b"other")
    found = await state.model_list("openai", "http://a")
    assert found == (fetched, b"\x00new")
    assert found[0].tzinfo is UTC
