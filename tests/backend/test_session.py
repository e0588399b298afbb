"""The session's promises: one turn at a time, a queue that can be taken back, and edits that lose nothing."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from chatterm.backend.payload_cache import PayloadCache
from chatterm.backend.session import WARM_SECONDS, Prompt, Session
from chatterm.backend.target import Target
from chatterm.backend.turn_handle import TurnHandle
from chatterm.backend.worker import Worker
from chatterm.core.errors import ConnectionFailedError, TurnInProgressError
from chatterm.core.turn import Options, Outcome
from tests.backend.conftest import Bench


async def answer(bench: Bench, handle: TurnHandle, text: str) -> None:
    (await bench.provider.opened()).reply(text)
    await handle.result()


async def test_a_second_turn_is_refused_while_one_runs(bench: Bench) -> None:
    handle = bench.session.start_turn(Prompt("one"))
    with pytest.raises(TurnInProgressError):
        bench.session.start_turn(Prompt("two"))
    handle.cancel()
    await handle.result()


async def test_queued_prompts_go_out_in_order_and_can_be_taken_back(bench: Bench) -> None:
    handle = bench.session.start_turn(Prompt("one"))
    bench.session.queue(Prompt("two"))
    bench.session.queue(Prompt("three"))
    assert bench.session.take_back() == Prompt("three")
    assert bench.session.start_next() is None
    await answer(bench, handle, "1")
    second = bench.session.start_next()
    assert second is not None
    await answer(bench, second, "2")
    assert [turn.prompt.text for turn in bench.session.turns] == ["one", "two"]
    assert bench.session.start_next() is None
    assert bench.session.take_back() is None


async def test_regenerate_asks_the_same_prompt_again_without_the_old_reply(bench: Bench) -> None:
    await answer(bench, bench.session.start_turn(Prompt("one")), "first")
    old = bench.session.turns[0]
    handle = bench.session.regenerate()
    assert handle is not None
    await answer(bench, handle, "second")
    assert [turn.reply.text for turn in bench.session.turns] == ["second"]
    assert bench.session.turns[0].prompt is old.prompt
    assert [message["text"] for message in bench.provider.bodies()[-1]] == ["one"]


async def test_a_withdrawn_regeneration_brings_the_old_reply_back(bench: Bench) -> None:
    await answer(bench, bench.session.start_turn(Prompt("one")), "first")
    handle = bench.session.regenerate()
    assert handle is not None
    handle.cancel()
    assert (await handle.result()).outcome is Outcome.WITHDRAWN
    assert [turn.reply.text for turn in bench.session.turns] == ["first"]


async def test_an_edited_prompt_takes_the_place_of_the_last(bench: Bench) -> None:
    await answer(bench, bench.session.start_turn(Prompt("one")), "1")
    await answer(bench, bench.session.start_turn(Prompt("tow")), "2")
    old = bench.session.turns[1]
    await answer(bench, bench.session.resend(Prompt("two")), "2b")
    assert [turn.prompt.text for turn in bench.session.turns] == ["one", "two"]
    assert bench.session.turns[1].prompt.parent_id == old.prompt.parent_id
    assert [message["text"] for message in bench.provider.bodies()[-1]] == ["one", "1", "two"]


async def test_messages_form_a_chain(bench: Bench) -> None:
    await answer(bench, bench.session.start_turn(Prompt("one")), "1")
    await answer(bench, bench.session.start_turn(Prompt("two")), "2")
    first, second = bench.session.turns
    assert first.prompt.parent_id is None
    assert first.reply.parent_id == first.prompt.id
    assert second.prompt.parent_id == first.reply.id


async def test_switching_the_model_inside_a_conversation(bench: Bench) -> None:
    await answer(bench, bench.session.start_turn(Prompt("one")), "1")
    await bench.session.use(bench.provider.target("other"))
    await answer(bench, bench.session.start_turn(Prompt("two")), "2")
    assert [turn.model for turn in bench.session.turns] == ["test-model", "other"]
    assert len(bench.provider.bodies()[-1]) == 3


async def test_lone_surrogates_and_nul_in_a_prompt_are_made_storable(bench: Bench) -> None:
    handle = bench.session.start_turn(Prompt("a\x00b\ud83dc [/INST]"))
    assert handle.turn.prompt.text == "a\u2400b\ufffdc [/INST]"
    handle.cancel()
    await handle.result()


async def test_a_regeneration_that_fails_brings_the_old_reply_back(bench: Bench) -> None:
    await answer(bench, bench.session.start_turn(Prompt("one")), "first")
    bench.provider.open_errors.append(ConnectionFailedError("no way"))
    handle = bench.session.regenerate()
    assert handle is not None
    turn = await handle.result()
    assert turn.outcome is Outcome.FAILED
    assert turn.replaces == bench.session.turns[0].reply.id
    assert [turn.reply.text for turn in bench.session.turns] == ["first"]
    await answer(bench, bench.session.start_turn(Prompt("go on")), "second")
    assert [message["text"] for message in bench.provider.bodies()[-1]] == ["one", "first", "go on"]


async def test_a_regeneration_that_breaks_off_keeps_what_came(bench: Bench) -> None:
    await answer(bench, bench.session.start_turn(Prompt("one")), "first")
    handle = bench.session.regenerate()
    assert handle is not None
    stream = await bench.provider.opened()
    stream.send(text="half")
    stream.end()
    await handle.result()
    assert [turn.reply.text for turn in bench.session.turns] == ["half"]


async def test_a_reply_that_another_process_still_writes_is_not_sent(bench: Bench) -> None:
    await answer(bench, bench.session.start_turn(Prompt("one")), "first")
    bench.session.turns = (replace(bench.session.turns[0], outcome=None),)
    await answer(bench, bench.session.start_turn(Prompt("two")), "second")
    assert [message["text"] for message in bench.provider.bodies()[-1]] == ["two"]


async def test_warming_is_done_once_in_a_while_and_for_the_model_in_use(bench: Bench) -> None:
    now, warmed = 100.0, list[tuple[str, Options]]()
    session = Session(bench.store, Worker(PayloadCache(), no_blobs, lambda: now), clock=lambda: now)
    session.warm()  # without a model there is nothing to be done

    def target(model: str) -> Target:
        async def warm(options: Options) -> None:
            warmed.append((model, options))

        return replace(bench.provider.target(model), warm=warm, options={"num_ctx": 1})

    await session.use(target("first"))
    session.options = {"num_ctx": 2}
    for _ in range(3):
        session.warm()
        await asyncio.sleep(0)
    assert warmed == [("first", {"num_ctx": 2})]
    now += WARM_SECONDS
    session.warm()
    await session.use(target("second"))
    session.warm()
    await asyncio.sleep(0)
    assert [model for model, _ in warmed] == ["first", "second"]  # the one that had not begun is left out

    now += WARM_SECONDS
    handle = session.start_turn(Prompt("one"))
    session.warm()
    await answer(bench, handle, "1")
    session.warm()
    await asyncio.sleep(0)
    assert len(warmed) == 2  # the turn left its connection


async def test_warming_tells_nothing_and_ends_with_the_session(bench: Bench) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def refused(_: Options) -> None:
        begun.set()
        raise ConnectionFailedError("nobody there")

    async def endless(_: Options) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    for warm in (refused, endless):
        begun.clear()
        await bench.session.use(replace(bench.provider.target(), warm=warm))
        bench.session.warm()
        await begun.wait()
    await bench.session.aclose()
    await asyncio.wait_for(ended.wait(), 1)


async def no_blobs(digests: frozenset[str]) -> dict[str, bytes]:
    return {}
