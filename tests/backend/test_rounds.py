"""Turns with tools: ask, run what is called, ask again; stopped anywhere the history stays whole."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

from chatterm.backend.session import Prompt
from chatterm.backend.turn_handle import TurnHandle
from chatterm.config.model import ToolSettings
from chatterm.core.errors import ModelNotFoundError, ServerError, StoreError
from chatterm.core.events import (
    AttemptStarted,
    ConsentAsked,
    StageChanged,
    Streamed,
    StreamFinished,
    ToolFinished,
    ToolStarted,
)
from chatterm.core.messages import Part, TextPart, ToolCallPart, ToolResultPart
from chatterm.core.tools import Decision, ToolOutcome
from chatterm.core.turn import Outcome, Stage, StopReason, Turn
from tests.backend.conftest import Bench
from tests.doubles.patience import soon
from tests.doubles.provider import GatedProvider, GatedStream
from tests.doubles.tools import Gate, PlainTool, toolbox_of


def calls(stream: GatedStream, *names: str, text: str = "", arguments: str = "{}") -> None:
    """A response that calls these tools, with the ids c0, c1, ... unless a name has one as NAME:ID."""
    if text:
        stream.send(text=text)
    for number, name in enumerate(names):
        name, _, call_id = name.partition(":")
        stream.send(call=[call_id or f"c{number}", name, arguments])
    stream.send(done="tool_calls")
    stream.end()


async def answered(bench: Bench, handle: TurnHandle, text: str = "so it is") -> Turn:
    """The next request is answered with this text, and the turn ends."""
    (await bench.provider.opened()).reply(text, usage=(5, 2))
    return await soon(handle.result(), "did not end")


async def test_results_go_back_in_call_order_and_the_answer_follows(bench: Bench) -> None:
    slow, quick = Gate("slow"), PlainTool("quick")
    bench.session.toolbox = toolbox_of(PlainTool("slow", slow), quick)
    handle = bench.session.start_turn(Prompt("go"))
    stream = await bench.provider.opened()
    stream.send(usage=[3, 1])
    calls(stream, "slow", "quick", text="let me see")
    finished: list[str] = []
    async for event in handle.events():
        if isinstance(event, ToolFinished):
            finished.append(event.run.name)
            slow.open.set()
            if len(finished) == 2:
                break
    turn = await answered(bench, handle)
    assert finished == ["quick", "slow"]
    assert turn.outcome is Outcome.COMPLETE
    assert turn.reply.parts == (
        TextPart("let me see"),
        *(ToolCallPart("c0", "slow", "{}"), ToolCallPart("c1", "quick", "{}")),
        *(ToolResultPart("c0", "slow"), ToolResultPart("c1", "done")),
        TextPart("so it is"),
    )
    assert [(run.name, run.round, run.outcome) for run in turn.tool_runs] == [
        ("slow", 0, ToolOutcome.OK),
        ("quick", 0, ToolOutcome.OK),
    ]
    assert (turn.usage.input, turn.usage.output, turn.attempts) == (8, 3, 1)
    first, second = bench.provider.bodies()
    assert second[: len(first)] == first
    assert second[1:] == [
        {"role": "assistant", "text": "let me see", "calls": ["c0", "c1"]},
        {"role": "tool", "text": "", "results": [["c0", "slow"], ["c1", "done"]]},
    ]
    assert json.loads(bench.provider.requests[1].body)["tools"] == ["slow", "quick"]


async def test_the_next_turn_begins_with_the_bytes_of_the_last(bench: Bench) -> None:
    bench.session.toolbox = toolbox_of(PlainTool("tool"))
    handle = bench.session.start_turn(Prompt("go"))
    calls(await bench.provider.opened(), "tool")
    await answered(bench, handle)
    second = bench.session.start_turn(Prompt("and"))
    await answered(bench, second)
    *_, before, after = bench.provider.bodies()
    assert after[: len(before)] == before
    assert [item["role"] for item in after] == ["user", "assistant", "tool", "assistant", "user"]


async def test_calls_are_stored_before_their_tools_run_and_results_before_the_next_request(
    bench: Bench,
) -> None:
    gate = Gate()
    bench.session.toolbox = toolbox_of(PlainTool("tool", gate))
    handle = bench.session.start_turn(Prompt("go"))
    calls(await bench.provider.opened(), "tool", text="look")
    await soon(gate.running.wait(), "did not run")
    assert bench.store.log[-1] == ("parts", (TextPart("look"), ToolCallPart("c0", "tool", "{}")))
    gate.open.set()
    stream = await bench.provider.opened()
    name, parts = bench.store.log[-1]
    assert name == "parts"
    assert parts == (*(TextPart("look"), ToolCallPart("c0", "tool", "{}")), ToolResultPart("c0", gate.text))
    stream.reply("done")
    await handle.result()


async def test_a_stop_while_tools_run_leaves_a_history_that_can_be_sent(bench: Bench) -> None:
    gate = Gate()
    bench.session.toolbox = toolbox_of(PlainTool("hangs", gate), PlainTool("quick"))
    handle = bench.session.start_turn(Prompt("go"))
    calls(await bench.provider.opened(), "hangs", "quick")
    async for event in handle.events():
        if isinstance(event, ToolFinished):
            break
    assert handle.cancel()
    turn = await soon(handle.result(), "did not end")
    assert gate.cancelled
    assert turn.outcome is Outcome.CANCELLED
    assert turn.reply.parts[2:] == (
        ToolResultPart("c0", "Cancelled by the user.", is_error=True),
        ToolResultPart("c1", "done"),
    )
    assert [run.outcome for run in turn.tool_runs] == [ToolOutcome.CANCELLED, ToolOutcome.OK]
    bench.session.toolbox = None
    await answered(bench, bench.session.start_turn(Prompt("and now")))
    assert [item["role"] for item in bench.provider.bodies()[-1]] == ["user", "assistant", "tool", "user"]


async def test_a_stop_before_the_next_response_keeps_the_round(bench: Bench) -> None:
    bench.session.toolbox = toolbox_of(PlainTool("tool"))
    handle = bench.session.start_turn(Prompt("go"))
    calls(await bench.provider.opened(), "tool")
    stream = await bench.provider.opened()
    handle.cancel()
    turn = await soon(handle.result(), "did not end")
    assert turn.outcome is Outcome.CANCELLED
    assert turn.reply.parts == (ToolCallPart("c0", "tool", "{}"), ToolResultPart("c0", "done"))
    await soon(stream.closed.wait(), "did not close")


async def test_a_stop_while_results_are_stored_keeps_the_round_once(bench: Bench) -> None:
    bench.session.toolbox = toolbox_of(PlainTool("tool"))
    handle = bench.session.start_turn(Prompt("go"))
    stream = await bench.provider.opened()
    stream.send(usage=[3, 1])
    keep, storing = bench.store.keep_parts, asyncio.Event()

    async def hold(reply_id: str, parts: tuple[Part, ...]) -> None:
        if any(isinstance(part, ToolResultPart) for part in parts):
            storing.set()
            await asyncio.Event().wait()
        await keep(reply_id, parts)

    bench.store.keep_parts = hold
    calls(stream, "tool", text="look")
    await soon(storing.wait(), "was not stored")
    assert handle.cancel()
    turn = await soon(handle.result(), "did not end")
    assert turn.outcome is Outcome.CANCELLED
    assert turn.reply.parts == (
        TextPart("look"),
        ToolCallPart("c0", "tool", "{}"),
        ToolResultPart("c0", "done"),
    )
    assert (turn.usage.input, turn.usage.output, len(turn.tool_runs)) == (3, 1, 1)


async def test_a_stop_after_the_marker_of_a_response_with_calls_is_no_complete_turn(bench: Bench) -> None:
    tool = PlainTool("tool")
    bench.session.toolbox = toolbox_of(tool)
    handle = bench.session.start_turn(Prompt("go"))
    stream = await bench.provider.opened()
    stream.send(call=["c0", "tool", "{}"])
    stream.send(done="tool_calls")
    async for event in handle.events():
        if isinstance(event, Streamed) and isinstance(event.event, StreamFinished):
            break
    assert handle.cancel()
    turn = await soon(handle.result(), "did not end")
    assert (turn.outcome, tool.runs) == (Outcome.CANCELLED, 0)


async def test_a_turn_that_ends_between_rounds_is_that_of_the_model_that_answered(bench: Bench) -> None:
    second = GatedProvider()
    second.address = "plain://second"
    target = replace(second.target("second"), provider="second-co")
    await bench.session.use(replace(bench.provider.target(), fallbacks=lambda: [target]))
    bench.session.toolbox = toolbox_of(PlainTool("tool"), settings=ToolSettings(rounds=1))
    bench.provider.open_errors.append(ModelNotFoundError("no such model"))
    handle = bench.session.start_turn(Prompt("go"))
    calls(await second.opened(), "tool")
    async for event in handle.events():
        if isinstance(event, ConsentAsked):
            assert handle.decide(event.call.call_id, Decision.DENY)
    turn = handle.turn
    assert turn.outcome is Outcome.INTERRUPTED
    assert (turn.provider, turn.model, turn.asked) == ("second-co", "second", "plain/test-model")


async def test_a_failure_after_a_round_keeps_it_and_asks_nobody_else(bench: Bench) -> None:
    bench.session.toolbox = toolbox_of(PlainTool("tool"))
    handle = bench.session.start_turn(Prompt("go"))
    calls(await bench.provider.opened(), "tool")
    (await bench.provider.opened()).fail(ServerError("out of order"))
    turn = await soon(handle.result(), "did not end")
    assert turn.outcome is Outcome.INTERRUPTED
    assert [type(part) for part in turn.reply.parts] == [ToolCallPart, ToolResultPart]
    assert len(bench.provider.requests) == 2


async def test_consent_is_waited_for_and_a_no_is_told_to_the_model(bench: Bench) -> None:
    tool = PlainTool("tool", harmless=False)
    bench.session.toolbox = toolbox_of(tool)
    handle = bench.session.start_turn(Prompt("go"))
    calls(await bench.provider.opened(), "tool", "tool:other", arguments='{"a": 1}')
    stages: list[Stage] = []
    async for event in handle.events():
        if isinstance(event, StageChanged):
            stages.append(event.stage)
        if isinstance(event, ConsentAsked):
            assert tool.runs == 0
            assert not handle.decide("nobody", Decision.ONCE)
            assert handle.decide(event.call.call_id, Decision.DENY)
            assert not handle.decide(event.call.call_id, Decision.ONCE)
        if isinstance(event, AttemptStarted) and Stage.TOOLS in stages:
            break
    turn = await answered(bench, handle)
    assert tool.runs == 0
    assert Stage.ASKING in stages
    assert {run.outcome for run in turn.tool_runs} == {ToolOutcome.DENIED}
    assert turn.tool_runs[1].same_as == "c0"


async def test_a_stop_while_consent_is_asked_runs_nothing(bench: Bench) -> None:
    tool = PlainTool("tool", harmless=False)
    bench.session.toolbox = toolbox_of(tool)
    handle = bench.session.start_turn(Prompt("go"))
    calls(await bench.provider.opened(), "tool")
    async for event in handle.events():
        if isinstance(event, ConsentAsked):
            handle.cancel()
            break
    turn = await soon(handle.result(), "did not end")
    assert tool.runs == 0
    assert turn.outcome is Outcome.CANCELLED
    assert not handle.decide("c0", Decision.ONCE)


async def test_three_invalid_calls_in_a_row_end_the_turn(bench: Bench) -> None:
    bench.session.toolbox = toolbox_of(PlainTool("tool"))
    handle = bench.session.start_turn(Prompt("go"))
    calls(await bench.provider.opened(), "nope", "tool")
    calls(await bench.provider.opened(), "nope:d0")
    calls(await bench.provider.opened(), "tool:e0", arguments="[1")
    calls(await bench.provider.opened(), "nope:f0")
    turn = await soon(handle.result(), "did not end")
    assert turn.outcome is Outcome.INTERRUPTED
    assert turn.error is not None
    assert "3 invalid tool calls in a row" in turn.error.message
    assert [run.outcome.value for run in turn.tool_runs] == ["invalid", "ok", "invalid", "invalid", "invalid"]


async def test_after_so_many_rounds_the_user_is_asked(bench: Bench) -> None:
    bench.session.toolbox = toolbox_of(PlainTool("tool"), settings=ToolSettings(rounds=2))
    handle = bench.session.start_turn(Prompt("go"))
    asked: list[str] = []

    async def decide() -> None:
        async for event in handle.events():
            if isinstance(event, ConsentAsked):
                asked.append(event.access.target)
                handle.decide(event.call.call_id, Decision.ONCE if len(asked) == 1 else Decision.DENY)

    deciding = asyncio.ensure_future(decide())
    for number in range(4):
        calls(await bench.provider.opened(), f"tool:c{number}")
    turn = await soon(handle.result(), "did not end")
    await deciding
    assert asked == ["2", "4"]
    assert turn.outcome is Outcome.INTERRUPTED
    assert turn.error is not None
    assert "4 rounds" in turn.error.message
    assert [run.round for run in turn.tool_runs] == [0, 1, 2, 3]
    assert (turn.sent_messages, turn.encoded_messages) == (7, 7)


async def test_ids_that_are_used_twice_are_told_apart(bench: Bench) -> None:
    bench.session.toolbox = toolbox_of(PlainTool("tool"))
    handle = bench.session.start_turn(Prompt("go"))
    calls(await bench.provider.opened(), "tool:x", "tool:x")
    calls(await bench.provider.opened(), "tool:x")
    turn = await answered(bench, handle)
    ids = [part.call_id for part in turn.reply.parts if isinstance(part, ToolCallPart)]
    assert ids == ["x", "x_2", "x_3"]
    assert [part.call_id for part in turn.reply.parts if isinstance(part, ToolResultPart)] == ids


async def test_what_a_filter_stopped_runs_no_tool(bench: Bench) -> None:
    tool = PlainTool("tool")
    bench.session.toolbox = toolbox_of(tool)
    handle = bench.session.start_turn(Prompt("go"))
    stream = await bench.provider.opened()
    stream.send(call=["c0", "tool", "{}"])
    stream.send(done="content_filter")
    stream.end()
    turn = await soon(handle.result(), "did not end")
    assert tool.runs == 0
    assert (turn.outcome, turn.stop_reason) == (Outcome.COMPLETE, StopReason.CONTENT_FILTER)


async def test_a_store_that_fails_holds_up_no_tool(bench: Bench) -> None:
    gate = Gate()
    bench.session.toolbox = toolbox_of(PlainTool("tool", gate))
    handle = bench.session.start_turn(Prompt("go"))
    stream = await bench.provider.opened()
    bench.store.failure = StoreError("The disk is full.")
    calls(stream, "tool", text="look")
    await soon(gate.running.wait(), "did not run")
    bench.store.failure = None
    gate.open.set()
    turn = await answered(bench, handle)
    assert turn.outcome is Outcome.COMPLETE
    assert bench.store.finished == [turn]


async def test_a_reply_with_tools_can_be_gone_on_with(bench: Bench) -> None:
    bench.session.toolbox = toolbox_of(PlainTool("tool"))
    handle = bench.session.start_turn(Prompt("go"))
    calls(await bench.provider.opened(), "tool")
    stream = await bench.provider.opened()
    stream.send(text="The answer is for")
    async for event in handle.events():
        if isinstance(event, StageChanged) and event.stage is Stage.STREAMING:
            break
    handle.cancel()
    await handle.result()
    again = bench.session.continue_reply()
    stream = await bench.provider.opened()
    calls(stream, "tool:c9", text="answer is forty-")
    (await bench.provider.opened()).reply("two.")
    turn = await soon(again.result(), "did not end")
    assert [item["role"] for item in bench.provider.bodies()[2]] == [
        "user",
        "assistant",
        "tool",
        "assistant",
        "user",
    ]
    assert turn.reply.parts == (
        *(ToolCallPart("c0", "tool", "{}"), ToolResultPart("c0", "done")),
        TextPart("The answer is forty-"),
        *(ToolCallPart("c9", "tool", "{}"), ToolResultPart("c9", "done")),
        TextPart("two."),
    )
    assert [run.round for run in turn.tool_runs] == [0, 1]


async def test_tools_of_a_summary_are_not_offered(bench: Bench) -> None:
    bench.session.toolbox = toolbox_of(PlainTool("tool"))
    await answered(bench, bench.session.start_turn(Prompt("go")))
    await answered(bench, bench.session.compact())
    assert "tools" in json.loads(bench.provider.requests[0].body)
    assert "tools" not in json.loads(bench.provider.requests[1].body)


async def test_the_time_of_tools_is_in_the_whole_and_not_in_the_rate(bench: Bench) -> None:
    gate = Gate()
    bench.session.toolbox = toolbox_of(PlainTool("tool", gate))
    handle = bench.session.start_turn(Prompt("go"))
    calls(await bench.provider.opened(), "tool", text="look")
    await soon(gate.running.wait(), "did not run")
    await asyncio.sleep(0.1)  # what is measured
    gate.open.set()
    turn = await answered(bench, handle)
    assert turn.timings.total_seconds is not None
    assert turn.timings.generation_seconds is not None
    assert turn.timings.total_seconds - turn.timings.generation_seconds >= 0.1
    assert turn.tool_runs[0].seconds is not None
    assert turn.tool_runs[0].seconds >= 0.1
    assert any(isinstance(event, ToolStarted) for event in await handle.batch())
