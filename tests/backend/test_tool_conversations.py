"""Conversations with tools over real connections, in every wire format: what the requests carry, and the next turn."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from chatterm.backend.tools.base import TellProgress
from chatterm.backend.tools.runner import CANCELLED, DENIED
from chatterm.core.errors import ToolError
from chatterm.core.events import ConsentAsked, FellBack, Streamed, ToolCallDelta, ToolFinished, ToolStarted
from chatterm.core.messages import OpaquePart, ToolCallPart, ToolResultPart
from chatterm.core.tools import Decision, ToolOutcome
from chatterm.core.turn import Outcome
from tests.doubles import server_replies as replies
from tests.doubles.server_replies import Hang, Send, chunk
from tests.doubles.tool_replies import SPEAKERS, Call, Item, Reply, Speaker
from tests.doubles.tool_talk import Place, Talk, is_prefix, place_in
from tests.doubles.tools import Gate, PlainTool
from tests.providers.wire_laws import breaches

EVERY = pytest.mark.parametrize("name", list(SPEAKERS))

LOOK = Reply(
    text="Let me look. ",
    thinking="Two at once.",
    seal="c2VhbCAx",
    calls=(Call("call_a", "slow", '{"path": "ü 🏔.txt"}'), Call("call_b", "quick", '{"n": 1}')),
)
FAIL = Reply(thinking="Another.", seal="c2VhbCAy", calls=(Call("call_c", "broken", "{}"),))
DENY = Reply(
    text="And now?",
    thinking="Ask.",
    seal="c2VhbCAz",
    calls=(Call("call_d", "guarded", '{"deep": {"list": [1, null, "x"]}}'),),
)
ANSWER = Reply(text="It is done.")


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with place_in(tmp_path / "home" / "chatterm") as found:
        yield found


async def _break(arguments: Mapping[str, object], tell: TellProgress) -> str:
    raise ToolError("No such file: 'x'.", "list_dir shows what is there.")


def sealed_as(speaker: Speaker, *told: Reply) -> list[Reply]:
    """Replies with the seals that go back; of who sends thoughts in the clear, those."""
    if speaker.provider == "ollama":
        return [replace(reply, seal=reply.thinking) for reply in told]
    return list(told)


def expected(talk: Talk, *said: str | Reply | list[Item]) -> list[Item]:
    """What a request says, by who said it: the user, the model, the tools. Ids are those that the calls were given."""
    items: list[Item] = []
    for each in said:
        if isinstance(each, str):
            items.append(("user", each))
        elif isinstance(each, Reply):
            items += talk.speaker.sent(each)
        else:
            items += each
    if talk.speaker.has_ids:
        return items
    own = {call.name: call.call_id for call in calls_of(talk)}
    written = {call.call_id: call.name for reply in (LOOK, FAIL, DENY) for call in reply.calls}
    return [
        (item[0], own[written[str(item[1])]], *item[2:]) if item[0] in ("call", "result") else item
        for item in items
    ]


def calls_of(talk: Talk) -> list[ToolCallPart]:
    turns = talk.session.turns
    return [part for turn in turns for part in turn.reply.parts if isinstance(part, ToolCallPart)]


def assert_lawful(talk: Talk, name: str, first: int = 0) -> None:
    """Each request begins with the bytes of the one before it, and is what the service takes."""
    bodies: Sequence[bytes] = talk.bodies[first:]
    for before, after in itertools.pairwise(bodies):
        assert is_prefix(before, after, talk.speaker)
    for body in bodies:
        assert breaches(name, body) == []


@EVERY
async def test_three_rounds_go_out_in_call_order_and_come_back_from_the_history(
    name: str, place: Place
) -> None:
    slow = Gate("slow ü\n")
    guarded = PlainTool("guarded", harmless=False)
    tools = PlainTool("slow", slow), PlainTool("quick"), PlainTool("broken", _break), guarded
    talk = await place.talk(SPEAKERS[name], *tools)
    handle = talk.start("go", LOOK, FAIL, DENY, ANSWER)
    await talk.until(handle, lambda event: isinstance(event, ToolFinished))
    slow.open.set()
    turn = await talk.end(handle)
    assert (turn.outcome, turn.error, guarded.runs) == (Outcome.COMPLETE, None, 0)
    is_sealed = any(isinstance(part, OpaquePart) for part in turn.reply.parts)
    assert is_sealed is (talk.speaker.seals != "" and name != "ollama")
    order = [event.run.name for event in talk.events if isinstance(event, ToolFinished)]
    assert order == ["quick", "slow", "broken", "guarded"]
    assert [run.outcome.value for run in turn.tool_runs] == ["ok", "ok", "failed", "denied"]

    result, (look, fail, deny, answer) = (
        talk.speaker.result,
        sealed_as(talk.speaker, LOOK, FAIL, DENY, ANSWER),
    )
    looked = [result("call_a", "slow ü\n"), result("call_b", "done {'n': 1}")]
    told = "No such file: 'x'. list_dir shows what is there."
    failed, denied = [result("call_c", told, is_error=True)], [result("call_d", DENIED, is_error=True)]
    rounds: list[str | Reply | list[Item]] = ["go", look, looked, fail, failed, deny, denied]
    assert len(talk.bodies) == 4
    for number in range(4):
        assert talk.items(number) == expected(talk, *rounds[: 1 + 2 * number])

    await talk.ask("and", ANSWER)
    assert talk.items() == expected(talk, *rounds, answer, "and")
    await talk.reopen()
    assert talk.session.turns[0].reply == turn.reply
    assert talk.session.turns[0].tool_runs == turn.tool_runs
    await talk.ask("more", ANSWER)
    assert talk.items() == expected(talk, *rounds, answer, "and", answer, "more")
    assert_lawful(talk, name)


@EVERY
async def test_a_stop_among_the_tools_and_the_turns_after_it(name: str, place: Place) -> None:
    gate = Gate()
    talk = await place.talk(
        SPEAKERS[name], PlainTool("slow", gate), PlainTool("quick"), PlainTool("broken", _break)
    )
    handle = talk.start("go", FAIL, LOOK)
    await talk.until(handle, lambda event: isinstance(event, ToolFinished) and event.run.name == "quick")
    assert handle.cancel()
    turn = await talk.end(handle)
    assert (turn.outcome, gate.cancelled) == (Outcome.CANCELLED, True)
    assert [run.outcome.value for run in turn.tool_runs] == ["failed", "cancelled", "ok"]
    await talk.reopen()
    gate.open.set()
    assert (await talk.ask("once more", replace(ANSWER, text="As you like."))).outcome is Outcome.COMPLETE

    result, (look, fail) = talk.speaker.result, sealed_as(talk.speaker, LOOK, FAIL)
    told = "No such file: 'x'. list_dir shows what is there."
    looked = [result("call_a", CANCELLED, is_error=True), result("call_b", "done {'n': 1}")]
    failed = [result("call_c", told, is_error=True)]
    assert talk.items() == expected(talk, "go", fail, failed, look, looked, "once more")
    assert_lawful(talk, name)


@EVERY
async def test_a_stop_while_a_call_is_written_and_the_turn_after_it(name: str, place: Place) -> None:
    """Half a call is answered like one that never ran."""
    talk = await place.talk(SPEAKERS[name], PlainTool("slow"), PlainTool("quick"))
    place.server.reply(Send(replies.head(talk.speaker.content_type)), *_cut_in_a_call(talk.speaker), Hang())
    handle = talk.start("go")
    await talk.until(
        handle, lambda event: isinstance(event, Streamed) and isinstance(event.event, ToolCallDelta)
    )
    handle.cancel()
    turn = await talk.end(handle)
    assert (turn.outcome, turn.tool_runs) == (Outcome.CANCELLED, ())
    await talk.reopen()
    await talk.ask("and", LOOK, ANSWER)
    assert [item[0] for item in talk.items(1) if item[0] != "sealed"][:4] == [
        "user",
        "said",
        "call",
        "result",
    ]
    assert_lawful(talk, name, 1)


def _cut_in_a_call(speaker: Speaker) -> list[Send]:
    """All up to the middle of the arguments of the first call; formats that send calls whole are cut behind it."""
    frames = list(speaker.frames(replace(LOOK, calls=LOOK.calls[:1], stop=None), speaker.model))
    halves = speaker.provider not in ("gemini", "ollama")
    return [Send(chunk(frame)) for frame in (frames[:-1] if halves else frames)]


@EVERY
async def test_another_model_answers_before_the_first_output_only(name: str, place: Place) -> None:
    other = SPEAKERS["openai_chat" if name != "openai_chat" else "anthropic"]
    talk = await place.talk(SPEAKERS[name], PlainTool("slow"), PlainTool("quick"))
    busy = {"error": {"message": "busy", "type": "overloaded_error"}}
    place.server.reply_status(503, busy)
    await talk.use(other, SPEAKERS[name])
    talk.speaker = SPEAKERS[name]
    handle = talk.start("go", LOOK)
    await talk.until(handle, lambda event: isinstance(event, ToolStarted))
    place.server.reply_status(503, busy)
    turn = await talk.end(handle)
    assert sum(isinstance(event, FellBack) for event in talk.events) == 1
    assert (turn.outcome, len(talk.bodies)) == (Outcome.INTERRUPTED, 3)
    assert [run.outcome for run in turn.tool_runs] == [ToolOutcome.OK, ToolOutcome.OK]
    await talk.use(talk.speaker)
    assert (await talk.ask("again", ANSWER)).outcome is Outcome.COMPLETE
    assert [item[0] for item in talk.items() if item[0] != "sealed"][-4:] == [
        "call",
        "result",
        "result",
        "user",
    ]
    assert_lawful(talk, name, 1)


@EVERY
async def test_the_provider_is_changed_after_turns_with_tools(name: str, place: Place) -> None:
    """Each of them begins once, and goes on with all that the others left."""
    names = [*SPEAKERS]
    names = names[names.index(name) :] + names[: names.index(name)]
    talk = await place.talk(SPEAKERS[name], PlainTool("slow"), PlainTool("quick"))
    talk.session.options = {}
    for number, each in enumerate([*names, name]):
        await talk.use(SPEAKERS[each])
        turn = await talk.ask(f"go {number}", LOOK, replace(ANSWER, text=f"Done {number}."))
        assert (turn.outcome, turn.error) == (Outcome.COMPLETE, None)
        for body in talk.bodies[-2:]:
            assert breaches(each, body) == [] if each != "anthropic" else _but_for_marks(body) == []
        said = [item[1] for item in talk.items() if item[0] in ("user", "said")]
        assert [text for text in said if str(text).startswith(("go", "Done"))] == [
            text for n in range(number + 1) for text in (f"go {n}", f"Done {n}.")
        ][:-1]
        results = [item[2] for item in talk.items() if item[0] == "result"]
        assert results == ["done {'path': 'ü 🏔.txt'}", "done {'n': 1}"] * (number + 1)
        assert ("sealed" in [item[0] for item in talk.items()]) is bool(SPEAKERS[each].seals)
    await talk.reopen()
    before = talk.bodies[-1]
    await talk.ask("last", ANSWER)
    assert talk.items()[: len(talk.speaker.items(before))] == talk.speaker.items(before)


def _but_for_marks(body: bytes) -> list[str]:
    return [breach for breach in breaches("anthropic", body) if breach != "it is not its one-shot encoding"]


@EVERY
async def test_consent_is_asked_for_what_the_wire_said_and_a_yes_runs_it(name: str, place: Place) -> None:
    guarded = PlainTool("guarded", harmless=False)
    talk = await place.talk(SPEAKERS[name], guarded)
    talk.decide = lambda asked: Decision.ONCE
    turn = await talk.ask("go", DENY, ANSWER)
    (asked,) = [event for event in talk.events if isinstance(event, ConsentAsked)]
    assert asked.access.target == "guarded {'deep': {'list': [1, None, 'x']}}"
    assert guarded.runs == 1
    (result,) = [part for part in turn.reply.parts if isinstance(part, ToolResultPart)]
    assert (result.content, result.is_error) == ("done {'deep': {'list': [1, None, 'x']}}", False)
