"""Summing up, pinning and measuring in a session; what reaches the provider and the history."""

from __future__ import annotations

from dataclasses import replace

from chatterm.backend.context import ContextLimit
from chatterm.backend.conversation_context import COMPACT_PROMPT
from chatterm.backend.session import Prompt
from chatterm.core.events import ContextFitted
from chatterm.core.turn import Outcome, StopReason
from chatterm.tui.turn_text import ending_of, prompt_entry, reply_entry, taken_out_words, with_pin
from tests.backend.conftest import Bench
from tests.backend.test_session import answer
from tests.doubles.tools import PlainTool, toolbox_of
from tests.store.builders import ended, new_turn


def sent(bench: Bench) -> list[str]:
    return [message["text"] for message in bench.provider.bodies()[-1]]


async def talk(bench: Bench, *prompts: str) -> None:
    for prompt in prompts:
        await answer(bench, bench.session.start_turn(Prompt(prompt)), f"re {prompt}")


async def limit(bench: Bench, tokens: int) -> None:
    target = replace(bench.provider.target(), context_limit=lambda: ContextLimit(tokens, "by the settings"))
    await bench.session.use(target)


async def test_a_summary_stands_in_for_what_is_before_it_until_that_is_undone(bench: Bench) -> None:
    await talk(bench, "one", "two")
    await answer(bench, bench.session.compact(), "all of it")
    assert sent(bench) == ["one", "re one", "two", "re two", COMPACT_PROMPT]
    assert [turn.prompt.text for turn in bench.session.turns] == ["one", "two", COMPACT_PROMPT]
    await talk(bench, "three")
    assert sent(bench) == [COMPACT_PROMPT, "all of it", "three"]
    assert await bench.session.context.undo_compact()
    await talk(bench, "four")
    assert sent(bench)[:4] == ["one", "re one", "two", "re two"]
    assert not await bench.session.context.undo_compact()
    summary = bench.session.turns[2].reply
    assert ("summary", (summary.id, False)) in bench.store.log and not summary.is_summary


async def test_a_summary_that_was_stopped_stands_in_for_nothing(bench: Bench) -> None:
    await talk(bench, "one")
    handle = bench.session.compact()
    stream = await bench.provider.opened()
    stream.send(text="half")
    async for event in handle.events():
        if "half" in str(event):
            handle.cancel()
    assert (await handle.result()).outcome is Outcome.CANCELLED
    assert [turn.reply.text for turn in bench.session.turns] == ["re one", "half"]
    await talk(bench, "two")
    assert sent(bench) == ["one", "re one", "two"]


async def test_a_summary_taken_back_at_once_leaves_nothing(bench: Bench) -> None:
    await talk(bench, "one")
    handle = bench.session.compact()
    handle.cancel()
    turn = await handle.result()
    assert turn.outcome is Outcome.WITHDRAWN and not turn.is_own_prompt
    assert taken_out_words(turn) == "Stopped before the reply began. Nothing was summed up."
    assert [turn.prompt.text for turn in bench.session.turns] == ["one"]


async def test_another_model_sums_up_once_and_a_new_try_is_a_summary_too(bench: Bench) -> None:
    await talk(bench, "one")
    await answer(bench, bench.session.compact(bench.provider.target("big")), "short")
    assert bench.session.turns[-1].model == "big"
    assert bench.store.log[-1] == ("model", ("plain", "test-model"))
    again = bench.session.regenerate()
    assert again is not None
    await answer(bench, again, "shorter")
    assert bench.session.turns[-1].reply.is_summary
    assert bench.session.turns[-1].model == "test-model"
    await talk(bench, "two")
    assert sent(bench) == [COMPACT_PROMPT, "shorter", "two"]


async def test_what_does_not_fit_is_told_and_left_out_but_not_what_is_pinned(bench: Bench) -> None:
    await talk(bench, "first " * 60, "second " * 60)
    assert await bench.session.context.pin(bench.session.turns[0].reply.id)
    await limit(bench, 450)
    handle = bench.session.start_turn(Prompt("now"))
    await answer(bench, handle, "yes")
    assert [text.split()[0] for text in sent(bench)] == ["first", "re", "now"]
    (told,) = [event for event in [e async for e in handle.events()] if isinstance(event, ContextFitted)]
    assert (told.left_out, told.is_first, told.limit) == (1, True, 450)
    assert not await bench.session.context.pin(bench.session.turns[0].reply.id)
    await talk(bench, "later")
    assert sent(bench)[0].startswith("second") or sent(bench)[0] == "now"


async def test_a_request_begins_as_the_one_before_until_something_is_left_out(bench: Bench) -> None:
    await limit(bench, 3000)
    bodies: list[list[dict[str, str]]] = []
    for number in range(40):
        handle = bench.session.start_turn(Prompt(f"{number} " + "word " * 60))
        await answer(bench, handle, "re " * 60)
        bodies.append(bench.provider.bodies()[-1])
    cut = [number for number in range(1, 40) if bodies[number][0] != bodies[number - 1][0]]
    assert 10 < cut[0] < 40
    for number in range(1, 40):
        if number not in cut:
            assert bodies[number][: len(bodies[number - 1])] == bodies[number - 1]
        else:
            assert bodies[number][0] in bodies[number - 1]  # from the front alone


async def test_a_prompt_that_is_too_long_is_kept_and_not_sent(bench: Bench) -> None:
    await talk(bench, "one")
    await limit(bench, 400)
    turn = await bench.session.start_turn(Prompt("word " * 600)).result()
    assert len(bench.provider.requests) == 1
    assert turn.outcome is Outcome.FAILED and turn.error is not None
    assert turn.error.message.startswith("This message takes ~")
    assert bench.store.finished[-1].prompt.text == "word " * 600
    await talk(bench, "two")
    assert sent(bench) == ["one", "re one", "two"]


async def test_a_system_prompt_that_is_too_long_is_named(bench: Bench) -> None:
    await limit(bench, 400)
    await bench.session.set_system("rule " * 600)
    turn = await bench.session.start_turn(Prompt("hello")).result()
    assert turn.error is not None and turn.error.message.startswith("The system prompt takes ~")
    assert not bench.provider.requests


async def test_what_goes_out_next_is_measured_without_sending(bench: Bench) -> None:
    await talk(bench, "one")
    await limit(bench, 1000)
    fitted = await bench.session.context.measure()
    assert fitted is not None and 0 < fitted.plan.tokens < 60
    assert [turn.place for turn in fitted.plan.turns] == ["sent", "sent"]
    bench.session.target = None
    assert await bench.session.context.measure() is None


async def test_tools_are_measured_with_what_goes_out_next(bench: Bench) -> None:
    without = await bench.session.context.measure()
    bench.session.toolbox = toolbox_of(
        *(PlainTool(f"tool_with_a_long_name_{number}") for number in range(10))
    )
    measured = await bench.session.context.measure()
    assert without is not None
    assert measured is not None
    assert measured.plan.fixed_tokens > without.plan.fixed_tokens + 100


async def test_what_a_model_reports_corrects_the_next_estimate(bench: Bench) -> None:
    async def turn(text: str, reported: int) -> int:
        handle = bench.session.start_turn(Prompt(text))
        (await bench.provider.opened()).reply("yes", usage=(reported, 1))
        (told,) = [e async for e in handle.events() if isinstance(e, ContextFitted)]
        return told.tokens

    words = "word " * 200
    first = await turn(words, 500)
    again = await turn(words, 1010)
    third = await turn(words, 1520)
    assert first < 250 < again
    assert abs(third / 1520 - 1) < 0.10


# ---- words ---------------------------------------------------------------------------------


def test_endings_tell_of_summaries_and_of_cut_prompts() -> None:
    turn = ended(new_turn("sum up"))
    summary = replace(turn, reply=replace(turn.reply, is_summary=True))
    assert "/compact undo" in ending_of(summary, "r")[0]
    half = replace(summary, stop_reason=StopReason.MAX_TOKENS)
    assert "the summary is not whole" in ending_of(half, "r")[0]
    cut = ending_of(replace(turn, prompt_cut=True), "r")
    assert "read only a part of what was sent" in cut[0] and cut[1] == "warning"


def test_pins_are_shown_beneath_messages() -> None:
    turn = ended(new_turn("hello"))
    prompt = prompt_entry(replace(turn.prompt, pinned=True))
    assert prompt.label == "pinned" and with_pin(prompt, False).label == ""
    reply = reply_entry(replace(turn, reply=replace(turn.reply, pinned=True)), "r")
    assert reply.figures.startswith("pinned · ")
    assert with_pin(reply, True) == reply
    assert with_pin(reply, False) == reply_entry(turn, "r")
