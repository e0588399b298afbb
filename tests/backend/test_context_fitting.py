"""That what is sent fits: what is left out, what stays, what is refused, and what local servers are asked for."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatterm.backend.context import ContextLimit, ContextPlan, planned, reply_room, require_room
from chatterm.backend.context_fitter import ContextFitter
from chatterm.backend.context_limits import loaded_context, told_limit
from chatterm.backend.model_facts import ModelFacts
from chatterm.backend.providers.base import ModelInfo, OnStage, WireRequest
from chatterm.backend.target import Target
from chatterm.backend.token_estimates import MARGIN, Correction
from chatterm.backend.token_meter import TokenMeter
from chatterm.core.errors import ConnectionFailedError, ContextTooLongError
from chatterm.core.messages import Message, TextPart, ToolCallPart, ToolResultPart
from chatterm.core.turn import Options, Parameters, TurnRequest
from chatterm.core.usage import Usage
from tests.cpu_time import in_proportion
from tests.doubles.patience import PATIENCE_SECONDS
from tests.doubles.provider import GatedProvider, GatedStream

PLAIN = Correction(overhead=0, factor=1 / MARGIN)
"""Tokens are what is counted."""


def turns(count: int, *, pinned: Sequence[int] = (), summary: int | None = None) -> list[Message]:
    """A prompt and a reply for each turn, then the prompt that is to be sent."""
    made: list[Message] = []
    for number in range(count):
        made.append(Message(role="user", parts=(TextPart(f"p{number}"),), pinned=number in pinned))
        made.append(Message(role="assistant", parts=(TextPart(f"r{number}"),), is_summary=number == summary))
    return [*made, Message(role="user", parts=(TextPart("now"),))]


def plan_of(
    messages: Sequence[Message], limit: int | None, each: float = 10, fixed: float = 0, room: int | None = 0
) -> ContextPlan:
    return planned(
        messages,
        [each] * len(messages),
        fixed,
        PLAIN,
        limit=None if limit is None else ContextLimit(limit, "here"),
        max_tokens=room,
    )


def sent(plan: ContextPlan) -> list[str]:
    return [message.text for message in plan.messages]


def test_whole_turns_go_from_the_front() -> None:
    plan = plan_of(turns(3), 55)
    assert sent(plan) == ["p1", "r1", "p2", "r2", "now"]
    assert (plan.left_out, plan.tokens, plan.share) == (1, 50, 50 / 55)
    assert sent(plan_of(turns(3), 10)) == ["now"]
    assert sent(plan_of(turns(3), 70)) == sent(plan_of(turns(3), None)) == [m.text for m in turns(3)]


def test_what_is_kept_free_for_the_reply_counts() -> None:
    assert plan_of(turns(3), 70, room=1).left_out == 1
    assert reply_room(100_000, None) == 4096
    assert reply_room(2000, None) == 500
    assert reply_room(2000, 100) == 100
    assert reply_room(2000, 1_000_000) == 1500


def test_pinned_turns_the_summary_and_the_prompt_stay() -> None:
    plan = plan_of(turns(4, pinned=[1]), 30)
    assert sent(plan) == ["p1", "r1", "now"]
    assert [turn.is_pinned for turn in plan.turns] == [False, True, False, False, False]
    plan = plan_of(turns(5, pinned=[0], summary=2), 70)
    assert sent(plan) == ["p0", "r0", "p2", "r2", "p4", "r4", "now"]
    assert [turn.place for turn in plan.turns] == ["sent", "summarised", "sent", "left out", "sent", "sent"]


def test_only_the_last_summary_stands_in() -> None:
    messages = turns(4, summary=3)
    messages[3] = replace(messages[3], is_summary=True)
    assert sent(plan_of(messages, None)) == ["p3", "r3", "now"]


def test_tool_calls_stay_with_their_results() -> None:
    call = Message(role="assistant", parts=(ToolCallPart("1", "look", "{}"),))
    result = Message(role="tool", parts=(ToolResultPart("1", "found"),))
    prompt = Message(role="user", parts=(TextPart("look it up"),))
    last = Message(role="assistant", parts=(TextPart("There."),))
    messages = [*turns(1)[:2], prompt, call, result, last, *turns(0)]
    for limit in range(10, 80):
        kinds = [message.role for message in plan_of(messages, limit).messages]
        assert kinds.count("tool") == sum(m is call for m in plan_of(messages, limit).messages)
    assert len(plan_of(messages, 50).messages) == 5


@given(
    st.lists(st.tuples(st.integers(0, 50), st.booleans(), st.booleans()), max_size=12),
    st.integers(1, 400),
)
def test_only_what_is_at_the_front_ever_goes(made: list[tuple[int, bool, bool]], limit: int) -> None:
    messages: list[Message] = []
    counted: list[float] = []
    for tokens, pinned, is_summary in made:
        messages.append(Message(role="user", parts=(), pinned=pinned))
        messages.append(Message(role="assistant", parts=(), is_summary=is_summary))
        counted += [tokens, tokens]
    messages.append(Message(role="user", parts=()))
    plan = planned(messages, [*counted, 5], 0, PLAIN, limit=ContextLimit(limit, ""), max_tokens=0)
    assert plan.messages[-1] is messages[-1]
    assert {m.id for m in messages if m.pinned} <= {m.id for m in plan.messages}
    free = [turn for turn in plan.turns[:-1] if not turn.is_pinned and not turn.is_summary]
    places = [turn.place for turn in free if turn.place != "summarised"]
    assert places == sorted(places)  # "left out" before "sent"
    if "left out" in places:  # and no more of them than had to go
        last = [turn for turn in free if turn.place == "left out"][-1]
        assert plan.tokens + last.tokens > limit


@pytest.mark.parametrize(
    ("fixed", "each", "pinned", "what"),
    [
        (200, 10, (), "The system prompt takes ~200 tokens"),
        (20, 90, (), "This message takes ~90 tokens"),
        (20, 30, (0, 1), "With what is pinned or summarised this takes ~170 tokens"),
    ],
)
def test_what_cannot_fit_is_refused_with_the_reason(
    fixed: int, each: int, pinned: tuple[int, ...], what: str
) -> None:
    plan = plan_of(turns(3, pinned=pinned), 100, each=each, fixed=fixed)
    with pytest.raises(ContextTooLongError, match=what) as told:
        require_room(plan, "p", "tiny")
    assert "tiny takes 100 (here). Nothing was sent." in told.value.message
    assert told.value.hint and told.value.model == "tiny"


def test_what_takes_the_room_of_the_reply_is_sent_all_the_same() -> None:
    plan = plan_of(turns(0), 100, each=90, room=50)
    require_room(plan, "p", "m")
    assert sent(plan) == ["now"]
    require_room(plan_of(turns(3), None, each=10**9), "p", "m")


def test_planning_takes_time_in_proportion() -> None:
    few, many = turns(2_500), turns(10_000)
    assert in_proportion(lambda: plan_of(few, 1000), lambda: plan_of(many, 1000)) is None


# ---- requests ------------------------------------------------------------------------------


def target_with(limit: int | None = None, loaded: list[int | None] | None = None) -> Target:
    """A target of this context; with `loaded`, of a local server that tells these, one at a look."""
    target = GatedProvider().target()

    async def told() -> int | None:
        assert loaded is not None
        return loaded.pop(0) if len(loaded) > 1 else loaded[0]

    known = ContextLimit(limit, "by the settings") if limit else None
    return replace(target, context_limit=lambda: known, loaded_context=told if loaded is not None else None)


def request_of(words: int, options: Options | None = None) -> TurnRequest:
    """About that many tokens, as a prompt after one turn."""
    before = turns(1)[:2]
    prompt = Message(role="user", parts=(TextPart("word " * words),))
    return TurnRequest(model="m", messages=(*before, prompt), options=options or {})


async def test_a_hosted_model_is_held_to_its_limit() -> None:
    fitter = ContextFitter(TokenMeter())
    fitted = await fitter.fit(target_with(1000), request_of(900))
    assert (fitted.plan.left_out, len(fitted.request.messages)) == (1, 1)
    assert fitted.is_first
    assert not (await fitter.fit(target_with(10_000), request_of(900))).plan.left_out
    everything = await fitter.fit(target_with(), request_of(100_000))
    assert everything.plan.limit is None and len(everything.request.messages) == 3
    with pytest.raises(ContextTooLongError, match="This message takes"):
        await fitter.fit(target_with(1000), request_of(2000))


async def test_that_something_is_left_out_is_news_once_in_a_conversation() -> None:
    fitter, request = ContextFitter(TokenMeter()), request_of(900)
    again = replace(request, messages=(*request.messages[:2], *turns(0)))
    assert (await fitter.fit(target_with(1000), request)).is_first
    assert not (await fitter.fit(target_with(1000), request)).is_first
    assert not (await fitter.fit(target_with(1000), again)).is_first
    assert (await fitter.fit(target_with(1000), request_of(900))).is_first  # another conversation


@pytest.mark.parametrize(
    ("words", "own", "loaded", "num_ctx", "limit"),
    [
        (10, None, None, None, None),  # so small that nobody need be asked
        (2000, None, None, None, 4096),
        (2000, None, 4096, None, 4096),
        (2000, None, 32_768, 32_768, 32_768),  # as loaded, so that it stays loaded
        (4000, None, None, 8192, 8192),
        (4000, None, 4096, 8192, 8192),
        (7000, None, 4096, 16_384, 16_384),
        (7000, 8192, 4096, 8192, 8192),
        (40_000, 131_072, 8192, 65_536, 65_536),
        (1800, None, 2048, 8192, 8192),
    ],
)
async def test_a_local_server_is_asked_for_the_context_that_is_needed(
    words: int, own: int | None, loaded: int | None, num_ctx: int | None, limit: int | None
) -> None:
    fitted = await ContextFitter(TokenMeter()).fit(target_with(own, [loaded]), request_of(words))
    assert fitted.request.options.get("num_ctx") == num_ctx
    assert (fitted.plan.limit.tokens if fitted.plan.limit else None) == limit
    assert fitted.enlarged_to == (num_ctx if num_ctx != loaded else None)


@pytest.mark.parametrize("options", [{"num_ctx": 2048}, {"options": {"num_ctx": 2048}}])
async def test_a_context_that_is_set_is_kept(options: Options) -> None:
    fitted = await ContextFitter(TokenMeter()).fit(target_with(None, [None]), request_of(1500, options))
    assert fitted.request.options == options
    assert fitted.plan.limit == ContextLimit(2048, "num_ctx as it is set")
    assert fitted.plan.left_out == 0 and fitted.enlarged_to is None


async def test_a_context_once_asked_for_is_asked_for_again() -> None:
    fitter, target = ContextFitter(TokenMeter()), target_with(None, [None, 8192])
    assert (await fitter.fit(target, request_of(4000))).enlarged_to == 8192
    small = await fitter.fit(target, request_of(1))
    assert small.request.options["num_ctx"] == 8192 and small.enlarged_to is None


async def test_a_model_is_warmed_with_the_context_that_was_asked_for() -> None:
    fitter, target = ContextFitter(TokenMeter()), target_with(None, [None])
    assert fitter.as_asked(target, {"seed": 1}) == {"seed": 1}
    await fitter.fit(target, request_of(4000))
    assert fitter.as_asked(target, {"seed": 1}) == {"seed": 1, "num_ctx": 8192}
    assert fitter.as_asked(target, {"num_ctx": 2048}) == {"num_ctx": 2048}


async def test_measuring_remembers_nothing() -> None:
    fitter, target = ContextFitter(TokenMeter()), target_with(None, [None])
    assert (await fitter.measure(target, request_of(4000))).enlarged_to == 8192
    assert (await fitter.fit(target, request_of(4000))).enlarged_to == 8192


async def test_a_server_that_cut_is_told_of_and_not_learnt_from() -> None:
    meter = TokenMeter()
    fitter, target = ContextFitter(meter), target_with(None, [None])
    fitted = await fitter.fit(target, request_of(2500))
    before = meter.correction(target.provider, target.model, tools=False)
    assert fitter.answered(target, fitted, Usage(input=4096))
    assert meter.correction(target.provider, target.model, tools=False) == before
    assert not fitter.answered(target, fitted, Usage(input=2600))
    assert meter.correction(target.provider, target.model, tools=False) != before


async def test_searches_teach_nothing() -> None:
    meter = TokenMeter()
    fitter, target = ContextFitter(meter), target_with(100_000)
    request = replace(request_of(100), parameters=Parameters(web_search=True))
    fitted = await fitter.fit(target, request)
    assert not fitter.answered(target, fitted, Usage(input=50_000))
    assert meter.correction(target.provider, target.model, tools=False) == Correction()


def test_who_tells_the_limit_is_named() -> None:
    info = ModelInfo(provider="p", id="m", context_tokens=8000)
    assert told_limit(ModelFacts(info, {"context_tokens": "table"})) == ContextLimit(
        8000, "by the table of models"
    )
    assert told_limit(ModelFacts(replace(info, context_tokens=None), {})) is None


@pytest.mark.parametrize(
    ("status", "body", "context"),
    [
        (200, b'{"models":[{"name":"llama3:latest","context_length":8192}]}', 8192),
        (200, b'{"models":[{"name":"other","context_length":8192}]}', None),
        (200, b"nonsense", None),
        (500, b"no", None),
        (None, b"", None),
    ],
)
async def test_the_loaded_context_is_asked_of_the_server(
    status: int | None, body: bytes, context: int | None
) -> None:
    @asynccontextmanager
    async def open_stream(request: WireRequest, on_stage: OnStage) -> AsyncGenerator[GatedStream]:
        assert request.url.endswith("/api/ps")
        if status is None:
            raise ConnectionFailedError("Nobody is there.")
        stream = GatedStream(status, {}, PATIENCE_SECONDS)
        stream.whole = body
        yield stream

    target = replace(GatedProvider().target("llama3"), open_stream=open_stream)
    assert await loaded_context(target) == context
