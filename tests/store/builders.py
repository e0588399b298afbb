"""Turns and stores for the tests of the store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from chatterm.core.messages import Message, Part, TextPart
from chatterm.core.turn import Outcome, StopReason, Turn
from chatterm.store.database import Database
from chatterm.store.history import History

CONVERSATION = "c0ffee0000000001"


class FixedClock:
    """A clock that moves one second per look, so that every stored time differs."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


def new_turn(
    text: str = "Hello",
    conversation_id: str = CONVERSATION,
    parent: str | None = None,
    replaces: Turn | None = None,
) -> Turn:
    """A turn that was just sent, in the place of another one."""
    prompt = Message(role="user", parts=(TextPart(text),), parent_id=parent)
    reply = Message(role="assistant", parts=(), parent_id=prompt.id)
    return Turn(
        conversation_id=conversation_id,
        prompt=prompt,
        reply=reply,
        provider="ollama",
        model="llama3",
        replaces=replaces.reply.id if replaces else None,
    )


def again(turn: Turn) -> Turn:
    """The same prompt asked once more."""
    reply = Message(role="assistant", parts=(), parent_id=turn.prompt.id)
    return replace(turn, reply=reply, replaces=turn.reply.id)


def ended(turn: Turn, *parts: Part, outcome: Outcome = Outcome.COMPLETE) -> Turn:
    """The turn with its reply."""
    return replace(
        turn,
        reply=replace(turn.reply, parts=parts or (TextPart("Hi."),)),
        outcome=outcome,
        stop_reason=StopReason.END_TURN if outcome is Outcome.COMPLETE else None,
        attempts=1,
    )


async def say(history: History, text: str, reply: str = "Hi.", conversation: str = CONVERSATION) -> Turn:
    """A whole turn after what is shown of the conversation."""
    shown = await history.load(conversation)
    turn = new_turn(text, conversation, shown[-1].message.id if shown else None)
    await history.begin_turn(turn)
    turn = ended(turn, TextPart(reply))
    await history.finish_turn(turn)
    return turn


async def texts(history: History, conversation: str = CONVERSATION) -> list[str]:
    """What is shown, as texts."""
    return [stored.message.text for stored in await history.load(conversation)]


@asynccontextmanager
async def opened(path: Path | None) -> AsyncIterator[tuple[Database, History]]:
    """A history on the database at `path`, closed afterwards."""
    database = Database(path)
    try:
        await database.ready()
        yield database, History(database, FixedClock())
    finally:
        assert database.close(5)
