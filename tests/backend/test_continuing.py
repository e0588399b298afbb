"""A reply that was cut is gone on with: one reply, nothing lost, nothing said twice, and what it took is told."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from chatterm.backend.continuing import asked_on, joined, require_continuable, seam_of
from chatterm.backend.joining import HOLD_SECONDS
from chatterm.backend.metrics import figures_of
from chatterm.backend.session import Prompt
from chatterm.backend.target import Target
from chatterm.backend.turn_handle import TurnHandle
from chatterm.backend.turn_pieces import with_round
from chatterm.core.errors import (
    BadRequestError,
    ChattermError,
    ConnectionFailedError,
    OverloadedError,
    TruncatedStreamError,
)
from chatterm.core.events import GoneOn, Streamed, TextDelta
from chatterm.core.messages import Message, OpaquePart, TextPart, ThinkingPart, ToolCallPart
from chatterm.core.reducer import Draft
from chatterm.core.timings import Timings
from chatterm.core.turn import Outcome, StopReason
from chatterm.core.usage import Usage
from tests.backend.conftest import Bench, streamed
from tests.backend.test_metrics import a_turn

WHOLE = "The river rises in a lake and runs to the sea."


async def cut_after(bench: Bench, text: str, *, thinking: str = "") -> None:
    """A turn whose reply the network cut."""
    handle = bench.session.start_turn(Prompt("tell me"))
    stream = await bench.provider.opened()
    if thinking:
        stream.send(thinking=thinking)
    if text:
        stream.send(text=text)
    stream.fail(ConnectionFailedError("The connection broke."))
    await handle.result()


async def use(bench: Bench, **changes: object) -> None:
    """Use the model with other traits."""
    assert bench.session.target is not None
    await bench.session.use(replace(bench.session.target, **changes))  # type: ignore[arg-type]  # by name


async def shown(handle: TurnHandle) -> str:
    """All text that the front end is given."""
    events = [event async for event in handle.events()]
    return "".join(
        event.event.text
        for event in events
        if isinstance(event, Streamed) and isinstance(event.event, TextDelta)
    )


async def test_the_pieces_are_one_reply_in_the_same_place(bench: Bench) -> None:
    await cut_after(bench, "The river rises in a lake")
    [cut] = bench.session.turns
    handle = bench.session.continue_reply()
    stream = await bench.provider.opened()
    stream.reply("rises in a lake and runs to the sea.", usage=(30, 12))
    assert await shown(handle) == " and runs to the sea."
    [turn] = bench.session.turns
    assert turn.reply.parts == (TextPart(WHOLE),)
    assert (turn.outcome, turn.stop_reason) == (Outcome.COMPLETE, StopReason.END_TURN)
    assert turn.prompt is cut.prompt
    assert turn.reply.parent_id == cut.reply.parent_id
    assert turn.reply.id != cut.reply.id
    assert turn.replaces == cut.reply.id
    [seam] = turn.seams
    assert (seam.characters, seam.repeated, seam.why) == (25, 15, "The connection broke.")
    assert (turn.attempts, figures_of(turn).retries) == (2, 0)
    assert bench.store.finished[-1] == turn


async def test_a_model_without_prefill_is_asked_in_words_that_nobody_sees(bench: Bench) -> None:
    await cut_after(bench, "The river rises in a lake\n")
    handle = bench.session.continue_reply()
    (await bench.provider.opened()).reply("in a lake and")
    await handle.result()
    first, reply, ask = bench.provider.bodies()[-1]
    assert (first["text"], reply) == ("tell me", {"role": "assistant", "text": "The river rises in a lake"})
    assert ask["role"] == "user"
    assert "…The river rises in a lake\n" in ask["text"]
    assert [turn.prompt.text for turn in bench.session.turns] == ["tell me"]
    assert [turn.prompt.text for turn in bench.store.finished] == ["tell me", "tell me"]


async def test_a_model_with_prefill_gets_the_reply_as_the_last_message(bench: Bench) -> None:
    await use(bench, model="prefill")
    await cut_after(bench, "The river ")
    handle = bench.session.continue_reply()
    (await bench.provider.opened()).reply(" rises")
    await handle.result()
    assert [item["text"] for item in bench.provider.bodies()[-1]] == ["tell me", "The river"]
    assert bench.session.turns[-1].reply.text == "The river rises"
    later = bench.session.start_turn(Prompt("more"))
    (await bench.provider.opened()).reply("yes")
    await later.result()
    assert [item["text"] for item in bench.provider.bodies()[-1]] == ["tell me", "The river rises", "more"]


async def test_a_model_that_refuses_prefill_is_asked_in_words_from_then_on(bench: Bench) -> None:
    await use(bench, model="prefill")
    await cut_after(bench, "The river")
    handle = bench.session.continue_reply()
    (await bench.provider.opened()).fail(BadRequestError("prefill is not supported", status=400))
    (await bench.provider.opened()).reply("The river rises")
    turn = await handle.result()
    assert turn.reply.text == "The river rises"
    assert [len(body) for body in bench.provider.bodies()[1:]] == [2, 3]
    again = bench.session.continue_reply()
    (await bench.provider.opened()).reply("river rises.")
    assert (await again.result()).reply.text == "The river rises."
    assert len(bench.provider.bodies()[-1]) == 3
    assert [seam.characters for seam in bench.session.turns[-1].seams] == [9, 15]


@pytest.mark.parametrize("came", ["nothing", "thinking"])
@pytest.mark.parametrize("how", ["stopped", "failed", "quit"])
async def test_where_no_text_came_the_reply_is_as_it_was(bench: Bench, came: str, how: str) -> None:
    await cut_after(bench, "The river")
    before = bench.session.turns
    handle = bench.session.continue_reply()
    stream = await bench.provider.opened()
    if came == "thinking":
        stream.send(thinking="hm")
        await streamed(handle)
    if how == "failed":
        stream.fail(OverloadedError("Too busy."))
    else:
        handle.cancel() if how == "stopped" else handle.interrupt()
    turn = await handle.result()
    assert not turn.is_kept
    assert bench.session.turns == before
    assert not bench.store.finished[-1].is_kept


async def test_stopped_with_new_text_it_keeps_both_pieces_and_can_go_on_again(bench: Bench) -> None:
    await cut_after(bench, "The river rises", thinking="first")
    handle = bench.session.continue_reply()
    stream = await bench.provider.opened()
    stream.send(thinking="second")
    stream.send(text="river rises in a")
    await streamed(handle, TextDelta)
    handle.cancel()
    turn = await handle.result()
    assert turn.outcome is Outcome.CANCELLED
    assert turn.reply.parts == (
        ThinkingPart("first"),
        ThinkingPart("second"),
        TextPart("The river rises in a"),
    )
    last = bench.session.continue_reply()
    (await bench.provider.opened()).reply("rises in a lake")
    assert (await last.result()).reply.text == "The river rises in a lake"
    assert [seam.why for seam in bench.session.turns[-1].seams] == ["The connection broke.", "stopped"]


async def test_text_that_may_be_said_again_is_held_for_a_moment_only(bench: Bench) -> None:
    await use(bench, model="prefill")
    await cut_after(bench, "The river rises in a lake and")
    handle = bench.session.continue_reply()
    stream = await bench.provider.opened()
    stream.send(text="The river")
    async with asyncio.timeout(HOLD_SECONDS * 20):  # nothing more comes: only time lets it go
        async for event in handle.events():
            if isinstance(event, Streamed):
                assert event.event == TextDelta("The river")
                break
    handle.cancel()
    assert (await handle.result()).reply.text == "The river rises in a lake andThe river"


async def test_after_a_cut_a_reply_goes_on_once_by_itself(bench: Bench) -> None:
    await use(bench, continues_once=True)
    handle = bench.session.start_turn(Prompt("tell me"))
    first = await bench.provider.opened()
    first.send(text="The river rises in a lake")
    first.fail(ConnectionFailedError("The connection broke."))
    second = await bench.provider.opened()
    second.send(text="in a lake and runs")
    second.fail(TruncatedStreamError("The reply ended too early."))
    events = [event async for event in handle.events()]
    turn = await handle.result()
    assert [event.why for event in events if isinstance(event, GoneOn)] == ["The connection broke."]
    assert (turn.outcome, turn.reply.text) == (Outcome.INTERRUPTED, "The river rises in a lake and runs")
    assert (len(turn.seams), turn.attempts, turn.replaces) == (1, 2, None)
    assert len(bench.provider.requests) == 2
    assert "".join(text for _, text in bench.store.chunks) in turn.reply.text


@pytest.mark.parametrize("how", ["stop", "refusal", "no text", "not set"])
async def test_nothing_else_goes_on_by_itself(bench: Bench, how: str) -> None:
    await use(bench, continues_once=how != "not set")
    handle = bench.session.start_turn(Prompt("tell me"))
    stream = await bench.provider.opened()
    stream.send(**({"thinking": "hm"} if how == "no text" else {"text": "The river"}))
    await streamed(handle)
    if how == "stop":
        handle.cancel()
    else:
        error = OverloadedError if how == "refusal" else ConnectionFailedError
        stream.fail(error("It is over."))
    assert (await handle.result()).outcome in (Outcome.CANCELLED, Outcome.INTERRUPTED)
    assert len(bench.provider.requests) == 1


async def test_stopped_while_it_goes_on_by_itself_it_keeps_what_was_shown(bench: Bench) -> None:
    await use(bench, continues_once=True)
    handle = bench.session.start_turn(Prompt("tell me"))
    stream = await bench.provider.opened()
    stream.send(text="The river")
    stream.fail(ConnectionFailedError("The connection broke."))
    await bench.provider.opened()
    handle.cancel()
    turn = await handle.result()
    assert (turn.outcome, turn.reply.text) == (Outcome.CANCELLED, "The river")


async def test_another_model_that_answered_goes_on_and_the_next_turn_is_ours(bench: Bench) -> None:
    await cut_after(bench, "The river")
    assert bench.session.target is not None
    other = replace(bench.session.target, model="other", fallbacks=list[Target])
    handle = bench.session.continue_reply(other)
    (await bench.provider.opened()).reply("The river rises")
    assert (await handle.result()).model == "other"
    assert bench.session.target.model != "other"


def test_what_cannot_be_continued_says_so() -> None:
    empty, calls = a_turn(), a_turn()
    thought = replace(empty, reply=replace(empty.reply, parts=(ThinkingPart("hm"), TextPart(" \n"))))
    call = (TextPart("I look."), ToolCallPart("1", "look", "{}"))
    calls = replace(calls, reply=replace(calls.reply, parts=call))
    for turn in (replace(empty, reply=replace(empty.reply, parts=())), thought):
        with pytest.raises(ChattermError, match="empty reply"):
            require_continuable(turn)
    with pytest.raises(ChattermError, match="ends with a tool call"):
        require_continuable(calls)


def test_figures_are_added_up_and_unknown_where_one_is() -> None:
    first = replace(
        a_turn(),
        outcome=Outcome.CANCELLED,
        usage=Usage(input=10, output=5, cost=0.5),
        timings=Timings(
            started=100.0, sent=101.0, first_delta=102.0, first_text=102.0, last_delta=104.0, finished=105.0
        ),
    )
    second = replace(
        first,
        seams=(seam_of(first),),
        usage=Usage(input=20, output=7),
        timings=Timings(
            started=900.0, sent=900.5, first_delta=901.0, first_text=901.0, last_delta=904.0, finished=904.5
        ),
    )
    turn = joined(first, second, repeated=3)
    assert turn.usage == Usage(input=30, output=12)
    assert (turn.timings.ttft, turn.timings.generation_seconds, turn.timings.total_seconds) == (1.0, 5.0, 9.5)
    assert (turn.seams[0].why, turn.seams[0].repeated) == ("stopped", 3)
    recovered = joined(replace(first, usage=Usage(), timings=Timings()), second, repeated=0)
    assert recovered.usage == Usage()
    assert recovered.timings.generation_seconds is None
    third = replace(
        second,
        timings=Timings(started=909.0, sent=909.5, first_delta=910.0, last_delta=911.0, finished=912.5),
    )
    whole = with_round(turn, third, third.reply.parts).timings
    assert (whole.ttft, whole.generation_seconds, whole.total_seconds) == (1.0, 6.0, 17.5)
    assert with_round(recovered, third, third.reply.parts).timings.total_seconds is None


def test_nothing_sealed_goes_out_with_the_reply_so_far() -> None:
    parts = (ThinkingPart("hm"), OpaquePart("x", "seal"), TextPart("one \n"))
    message = Message(role="assistant", parts=parts)
    [so_far] = asked_on(message, "")
    assert so_far.parts == (TextPart("one"),)
    assert so_far.id != message.id


def test_a_draft_goes_on_with_the_last_text_and_puts_thinking_before_it() -> None:
    draft = Draft((ThinkingPart("a"), TextPart("one"), OpaquePart("x", "seal")))
    assert not draft.has_output
    draft.apply(TextDelta(" two"))
    assert draft.parts() == (ThinkingPart("a"), TextPart("one two"))
    assert draft.has_text
