"""What messages are marked with: pinned, a summary, a prompt that was cut."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chatterm.core.errors import StoreError
from chatterm.store.history import History
from chatterm.store.turns import turns_of
from tests.store.builders import CONVERSATION, ended, new_turn


@pytest.mark.parametrize("is_summary", [True, False])
async def test_marks_are_stored(history: History, is_summary: bool) -> None:
    turn = new_turn("hello")
    turn = replace(turn, reply=replace(turn.reply, is_summary=is_summary))
    await history.begin_turn(turn)
    await history.finish_turn(replace(ended(turn), prompt_cut=True))
    assert await history.turn_pin(turn.prompt.id)
    (stored,) = turns_of(CONVERSATION, await history.load(CONVERSATION))
    assert (stored.prompt.pinned, stored.reply.pinned) == (True, False)
    assert stored.reply.is_summary is is_summary and stored.prompt_cut
    await history.set_summary(turn.reply.id, False)
    assert not await history.turn_pin(turn.prompt.id)
    (stored,) = turns_of(CONVERSATION, await history.load(CONVERSATION))
    assert not stored.prompt.pinned and not stored.reply.is_summary


async def test_a_message_that_is_not_stored_cannot_be_pinned(history: History) -> None:
    with pytest.raises(StoreError, match="not stored"):
        await history.turn_pin("nobody")


async def test_a_pin_outlives_the_prompt_being_asked_again(history: History) -> None:
    turn = new_turn("hello")
    await history.begin_turn(turn)
    await history.finish_turn(ended(turn))
    await history.turn_pin(turn.prompt.id)
    reply = replace(turn.reply, id="0123456789abcdef")
    again = replace(turn, id="x", reply=reply, replaces=turn.reply.id)
    await history.begin_turn(again)
    await history.finish_turn(ended(again))
    (stored,) = turns_of(CONVERSATION, await history.load(CONVERSATION))
    assert stored.prompt.pinned and stored.reply.id == reply.id
