"""A reply that is gone on with is stored as one message, and a kill in the midst of it loses neither piece."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from chatterm.core.messages import Message, TextPart, ThinkingPart
from chatterm.core.turn import Outcome, Seam, Turn
from chatterm.store.turns import turns_of
from tests.store.builders import CONVERSATION, again, ended, new_turn, opened, texts

SEAM = Seam(at=1_790_000_000.0, characters=5, why="The connection broke.")


def gone_on_with(turn: Turn) -> Turn:
    """The turn in its place, whose reply begins with the same parts."""
    next_turn = again(turn)
    parts = turn.reply.parts
    reply = Message(role="assistant", parts=parts, parent_id=turn.prompt.id)
    return replace(next_turn, reply=reply, replaces=turn.reply.id, seams=(SEAM,))


async def test_killed_in_the_midst_of_it_both_pieces_are_there(path: Path) -> None:
    cut = ended(new_turn(), ThinkingPart("hm"), TextPart("The r"), outcome=Outcome.INTERRUPTED)
    async with opened(path) as (_, history):
        await history.begin_turn(cut)
        await history.finish_turn(cut)
        joined = gone_on_with(cut)
        await history.begin_turn(joined)
        await history.append_chunk(joined.reply.id, "thinking", "go on")
        await history.append_chunk(joined.reply.id, "text", "iver")
        assert (await texts(history))[-1] == "The river"  # also while it is written
    async with opened(path) as (_, history):
        await history.recover()
        [turn] = turns_of(CONVERSATION, await history.load(CONVERSATION))
    assert turn.reply.parts == (ThinkingPart("hm"), ThinkingPart("go on"), TextPart("The river"))
    assert (turn.outcome, turn.seams) == (Outcome.INTERRUPTED, (SEAM,))


async def test_where_nothing_was_added_the_reply_is_shown_as_it_was(path: Path) -> None:
    cut = ended(new_turn(), TextPart("The r"), outcome=Outcome.CANCELLED)
    async with opened(path) as (_, history):
        await history.begin_turn(cut)
        await history.finish_turn(cut)
        joined = gone_on_with(cut)
        await history.begin_turn(joined)
        none = replace(joined, outcome=Outcome.FAILED, seams=(), reply=replace(joined.reply, parts=()))
        await history.finish_turn(none)
        [turn] = turns_of(CONVERSATION, await history.load(CONVERSATION))
    assert (turn.reply.id, turn.reply.text, turn.seams) == (cut.reply.id, "The r", ())
