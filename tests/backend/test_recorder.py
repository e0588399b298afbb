"""What reaches the store while it fails and recovers: all that was shown, in its order, and the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from chatterm.backend import recorder as recording
from chatterm.backend.recorder import FLUSH_CHARACTERS, Recorder
from chatterm.core.errors import StoreError
from chatterm.core.events import StreamEvent, TextDelta, ThinkingDelta
from chatterm.core.messages import Message, TextPart
from chatterm.core.turn import Outcome, Turn
from chatterm.store.database import Database
from chatterm.store.history import History
from tests.doubles.turn_store import MemoryTurnStore

FULL = StoreError("The disk is full.", "Make room.")
CONVERSATION = "c0ffee0000000001"


def new_turn(replaces: str | None = None) -> Turn:
    prompt = Message(role="user", parts=(TextPart("one"),))
    return Turn(
        conversation_id=CONVERSATION,
        prompt=prompt,
        reply=Message(role="assistant", parts=(), parent_id=prompt.id),
        provider="plain",
        model="test-model",
        replaces=replaces,
    )


def ended(turn: Turn, text: str) -> Turn:
    return replace(turn, reply=replace(turn.reply, parts=(TextPart(text),)), outcome=Outcome.COMPLETE)


def large(letter: str) -> TextDelta:
    """A delta that is written at once."""
    return TextDelta(letter * FLUSH_CHARACTERS)


async def until(condition: Callable[[], object]) -> None:
    """Let the loop go on until something is so."""
    for _ in range(5000):
        if condition():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it never became so")


@pytest.fixture
def store() -> MemoryTurnStore:
    return MemoryTurnStore()


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "RETRY_SECONDS", 0.01)


@pytest.fixture
async def history(tmp_path: Path) -> AsyncIterator[History]:
    database = Database(tmp_path / "chatterm.db")
    yield History(database)
    assert database.close(5)


@pytest.mark.usefixtures("soon")
async def test_what_the_store_could_not_take_is_appended_later_in_its_order(store: MemoryTurnStore) -> None:
    recorder, turn = Recorder(store), new_turn()
    await recorder.begin(turn)
    store.failure = FULL
    shown: list[StreamEvent] = [large("a"), ThinkingDelta("b"), TextDelta("c"), large("d"), TextDelta("e")]
    for event in shown:
        recorder.record(event)
    await until(lambda: recorder.problem)
    assert recorder.problem == "The disk is full. Make room."
    assert store.chunks == []
    store.failure = None
    await until(lambda: recorder.problem is None)
    assert store.chunks == [
        ("text", "a" * FLUSH_CHARACTERS),
        ("thinking", "b"),
        ("text", "c" + "d" * FLUSH_CHARACTERS + "e"),
    ]


async def test_a_failing_store_is_not_asked_for_every_chunk(
    store: MemoryTurnStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0
    append = store.append_chunk

    def counted(*chunk: object):
        nonlocal asked
        asked += 1
        return append(*chunk)

    monkeypatch.setattr(store, "append_chunk", counted)
    recorder, turn = Recorder(store), new_turn()
    await recorder.begin(turn)
    store.failure = FULL
    for letter in "abc":
        recorder.record(large(letter))
        await until(lambda: recorder.problem)
        await asyncio.sleep(0)
    assert asked == 1
    store.failure = None
    await recorder.finish(ended(turn, "all"))
    assert recorder.problem is None, "the end has all of it"
    assert store.chunks == []


@pytest.mark.usefixtures("soon")
async def test_a_turn_whose_beginning_failed_is_begun_later(history: History) -> None:
    failing, turn = MemoryTurnStore(), new_turn()
    failing.failure = FULL
    recorder = Recorder(failing)
    await recorder.begin(turn)
    assert recorder.problem
    recorder._store = history  # pyright: ignore[reportPrivateUsage]  # the disk has room again
    recorder.record(TextDelta("shown"))
    await until(lambda: recorder.problem is None)
    prompt, reply = await history.load(CONVERSATION)
    assert (prompt.message.text, reply.message.text, reply.state) == ("one", "shown", None)


async def test_text_that_comes_during_a_write_goes_with_the_next(
    store: MemoryTurnStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "FLUSH_SECONDS", 0.0)
    gate, begun = asyncio.Event(), asyncio.Event()
    append = store.append_chunk

    async def held(*chunk: object) -> None:
        begun.set()
        await gate.wait()
        await append(*chunk)

    monkeypatch.setattr(store, "append_chunk", held)
    recorder = Recorder(store)
    await recorder.begin(new_turn())
    recorder.record(TextDelta("a"))
    await begun.wait()
    recorder.record(large("b"))
    recorder.record(TextDelta("c"))
    gate.set()
    await until(lambda: len(store.chunks) == 2)
    assert store.chunks == [("text", "a"), ("text", "b" * FLUSH_CHARACTERS + "c")]


async def test_nothing_is_appended_behind_the_end(store: MemoryTurnStore) -> None:
    recorder, turn = Recorder(store), new_turn()
    await recorder.begin(turn)
    recorder.record(large("a"))
    recorder.record(ThinkingDelta("b"))
    await recorder.finish(ended(turn, "all"))
    await asyncio.sleep(0)
    assert [name for name, _ in store.log] == ["begin", "finish"]


@pytest.mark.usefixtures("soon")
async def test_an_end_that_could_not_be_stored_is_stored_later(store: MemoryTurnStore) -> None:
    recorder, turn = Recorder(store), new_turn()
    await recorder.begin(turn)
    store.failure = FULL
    await recorder.finish(ended(turn, "all"))
    assert recorder.problem == str(FULL)
    store.failure = None
    await asyncio.wait_for(store.saved.wait(), 5)
    assert [stored.reply.text for stored in store.finished] == ["all"]


async def test_an_end_is_not_offered_for_ever(
    store: MemoryTurnStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "RETRY_SECONDS", 0.0)
    tries = 0

    async def fail(_turn: Turn) -> None:
        nonlocal tries
        tries += 1
        raise FULL

    monkeypatch.setattr(store, "finish_turn", fail)
    recorder, turn = Recorder(store), new_turn()
    await recorder.begin(turn)
    await recorder.finish(ended(turn, "all"))
    await until(lambda: tries > recording.END_RETRIES)
    await asyncio.sleep(0.01)
    assert tries == 1 + recording.END_RETRIES


async def test_a_replacement_that_was_never_begun_is_not_stored_over_what_came_after(
    store: MemoryTurnStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "RETRY_SECONDS", 0.0)
    recorder, turn = Recorder(store), new_turn(replaces="an earlier reply")
    store.failure = FULL
    await recorder.begin(turn)
    await recorder.finish(ended(turn, "all"))
    store.failure = None
    await asyncio.sleep(0.01)
    assert store.log == []


async def test_a_chunk_that_fails_while_the_end_is_stored_is_no_problem(
    store: MemoryTurnStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, gate = asyncio.Event(), asyncio.Event()

    async def held(*_chunk: object) -> None:
        asked.set()
        await gate.wait()
        raise FULL

    monkeypatch.setattr(store, "append_chunk", held)
    recorder, turn = Recorder(store), new_turn()
    await recorder.begin(turn)
    recorder.record(large("a"))
    await asked.wait()
    await recorder.finish(ended(turn, "all"))
    gate.set()
    await asyncio.sleep(0.01)
    assert recorder.problem is None
