"""Conversations move between providers: whatever one of them left in a history, every other one can be sent."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatterm.backend.payload_cache import PayloadCache
from chatterm.backend.providers.base import Endpoint, Limits
from chatterm.backend.providers.wire_json import encode_json
from chatterm.core.messages import (
    Citation,
    CitationsPart,
    FilePart,
    ImagePart,
    Message,
    OpaquePart,
    Part,
    RefusalPart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
)
from chatterm.core.turn import TurnRequest
from tests.providers.conversations import (
    ADAPTERS,
    BLOBS,
    CONVERSATIONS,
    REDACTED,
    SEALED,
    SIGNATURE,
    THOUGHT_SIGNATURE,
    own_parts,
    own_parts_behind,
    said,
)
from tests.providers.histories import recorded_histories
from tests.providers.replay import OWN_FOLDER, SHARED_FOLDER
from tests.providers.wire_laws import breaches, model_of, sent, wires

WIRES = wires()
EVERY_WIRE = pytest.mark.parametrize("name", WIRES)

_ORIGINS = [
    "anthropic",
    "anthropic-compatible",
    "gemini",
    "openai_responses/openai",
    "openai_responses/xai",
    "openai_responses/custom",
    "openai_responses/openrouter/anthropic",
    "openrouter/anthropic",
    "openrouter/openai",
    "elsewhere",
]

# ---- recorded replies ------------------------------------------------------------------------------


OWN_SECRETS = {
    "anthropic": {SIGNATURE, REDACTED["data"]},
    "gemini": {THOUGHT_SIGNATURE},
    "openai by Responses": {SEALED["encrypted_content"]},
    "openrouter": {"or-sig"},
}
"""What of the conversations is this adapter's own."""


def own_origins(name: str) -> set[str]:
    """Origins of opaque parts that this adapter takes back from the model that it is asked for here."""
    if name.endswith("by Responses"):
        return {WIRES[name].variant(model_of(name)).family}
    return {"openrouter/anthropic"} if name == "openrouter" else {name}


def strings(value: object) -> set[str]:
    """All strings in a JSON value."""
    if isinstance(value, str):
        return {value}
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return {text for child in children for text in strings(child)}


def secrets(messages: Sequence[Message], own: set[str]) -> set[str]:
    """What is in the opaque parts of others and nowhere else in the conversation, as far as it is long."""
    parts = [part for message in messages for part in message.parts]
    others = [part for part in parts if isinstance(part, OpaquePart) and part.origin not in own]
    known = "\n".join(str(part) for part in parts if part not in others)
    found = {text for part in others for text in strings(json.loads(part.data))}
    return {text for text in found if len(text) > 20 and repr(text)[1:-1] not in known}


@EVERY_WIRE
@pytest.mark.parametrize("folder", [OWN_FOLDER, SHARED_FOLDER], ids=["own", "shared"])
def test_every_recorded_reply_moves_on(folder: Path, name: str) -> None:
    histories = recorded_histories(folder)
    if not histories:
        pytest.skip(f"no recordings in {folder}; CHATTERM_RECORDINGS names another folder")
    wrong: dict[str, object] = {}
    hidden = 0
    for recording, messages in histories.items():
        body = sent(name, WIRES[name], messages).body
        if found := breaches(name, body):
            wrong[recording] = found
        foreign = secrets(messages, own_origins(name))
        hidden += len(foreign)
        if leaked := strings(json.loads(body)) & foreign:
            wrong[recording] = leaked
    assert wrong == {}
    assert hidden or folder == OWN_FOLDER


@EVERY_WIRE
def test_what_one_provider_sealed_no_other_is_shown(name: str) -> None:
    messages = CONVERSATIONS["foreign history"]("nobody").messages
    shown = strings(json.loads(sent(name, WIRES[name], messages).body))
    sealed = {SIGNATURE, THOUGHT_SIGNATURE, SEALED["encrypted_content"], REDACTED["data"], "or-sig"}
    mine = OWN_SECRETS.get(name, set())
    assert mine <= sealed
    assert shown & sealed == mine


# ---- histories that no provider would make ---------------------------------------------------------

_TEXTS = st.text(st.characters(codec=None), max_size=8) | st.sampled_from(["", " \n", "Hi.", "\u2028"])
_CALL_IDS = st.sampled_from(
    ["c1", "c2", "functions.weather:0", "toolu_01", "x" * 70, "é\ud800", "a b", "a.b"]
)
_SIGNED = [each for name in ADAPTERS for each in (*own_parts(name), *own_parts_behind(name))]
_DATA = st.sampled_from(
    [
        "",
        "[]",
        "{",
        '{"type":"thinking","signature":"s"}',
        '{"type":"late","item":{"type":"reasoning"}}',
        '{"signed":[[0,1,"s"]]}',
        '{"part":{"text":"","thoughtSignature":"s"}}',
        '{"type":"message"}',
    ]
)
_ARGUMENTS = st.sampled_from(["", "{}", '{"city": "Rome"}', "[1]", "{cut", '"\\ud800"'])
_CALLS = st.builds(ToolCallPart, _CALL_IDS, st.sampled_from(["weather", "a b", ""]), _ARGUMENTS)
_SPOKEN: st.SearchStrategy[Part] = st.one_of(
    st.builds(TextPart, _TEXTS),
    st.builds(ThinkingPart, _TEXTS),
    st.builds(RefusalPart, _TEXTS),
    st.builds(OpaquePart, st.sampled_from(_ORIGINS), _DATA),
    st.sampled_from(_SIGNED),
    st.just(CitationsPart((Citation("https://weather.example", "Weather"),))),
)
_PROMPTS = st.lists(
    st.builds(TextPart, _TEXTS)
    | st.sampled_from([ImagePart("image/png", "11"), FilePart("a.pdf", "application/pdf", "22")])
    | st.just(FilePart("notes.txt", "text/plain", "33")),
    max_size=3,
).map(lambda parts: said("user", *parts))


@st.composite
def replies(draw: st.DrawFn) -> Message:
    """A reply; no two of its calls have one id."""
    parts = draw(st.lists(_SPOKEN, max_size=4))
    calls = draw(st.lists(_CALLS, max_size=3, unique_by=lambda call: call.call_id))
    return said("assistant", *draw(st.permutations([*parts, *calls])))


@st.composite
def histories(draw: st.DrawFn) -> list[Message]:
    """Prompts, replies and results in any order; most results are of a call before."""
    messages: list[Message] = []
    for _ in range(draw(st.integers(0, 6))):
        calls = [part for part in messages[-1].parts if isinstance(part, ToolCallPart)] if messages else []
        ids = [call.call_id for call in calls] or ["c1"]
        answers = st.just(["stray"]) | st.lists(st.sampled_from(ids), max_size=3, unique=True)
        result = st.builds(ToolResultPart, st.just(""), _TEXTS, st.booleans())
        match draw(st.sampled_from(["prompt", "reply", "reply", "results", "all results"])):
            case "prompt":
                messages.append(draw(_PROMPTS))
            case "reply":
                messages.append(draw(replies()))
            case kind:
                given_ids = ids if kind == "all results" else draw(answers)
                made = [ToolResultPart(i, draw(result).content, draw(st.booleans())) for i in given_ids]
                messages.append(said("tool", *made))
    return messages


@EVERY_WIRE
@given(messages=histories())
@settings(max_examples=60, deadline=None)
def test_any_history_is_sent_as_services_demand_it(name: str, messages: list[Message]) -> None:
    assert breaches(name, sent(name, WIRES[name], messages).body) == []


@EVERY_WIRE
@given(messages=histories())
@settings(max_examples=20, deadline=None)
def test_the_payload_cache_changes_nothing(name: str, messages: list[Message]) -> None:
    """Fragments from the cache make the same body as fragments encoded for this request."""
    wire, cache, request = WIRES[name], PayloadCache(), TurnRequest(model="m", messages=tuple(messages))
    variant, endpoint = wire.variant("m"), Endpoint(provider=name, base_url="http://127.0.0.1:9")
    fresh = [wire.encode_message(message, variant, BLOBS.__getitem__) for message in messages]
    for message, fragment in zip(messages, fresh, strict=True):
        cache.hold(message, wire, variant, fragment)
    held = cache.lookup(request.messages, wire, variant)
    bodies = [
        wire.build_request(request, [f or b"" for f in fragments], endpoint, Limits()).body
        for fragments in (held, fresh, fresh)
    ]
    assert None not in held
    assert bodies[0] == bodies[1] == bodies[2]


@EVERY_WIRE
@pytest.mark.parametrize("arguments", ["{cut", "[1]", '{"a": NaN}', '{"a": "\ud800"}'])
def test_arguments_that_are_no_object_go_out_as_one(name: str, arguments: str) -> None:
    """A stopped call leaves such; many services read the arguments of a history, and fail."""
    cut = [
        said("user", "Go."),
        said("assistant", ToolCallPart("c1", "weather", arguments)),
        said("user", "So?"),
    ]
    assert breaches(name, sent(name, WIRES[name], cut).body) == []


@EVERY_WIRE
def test_a_call_at_the_very_end_is_answered(name: str) -> None:
    called = [said("user", "Go."), said("assistant", ToolCallPart("c1", "weather", "{}"))]
    assert breaches(name, sent(name, WIRES[name], called).body) == []


@EVERY_WIRE
def test_results_are_told_by_the_call_right_before(name: str) -> None:
    """Some servers count the ids of calls anew in each reply."""
    rounds = [
        message
        for tool in ("weather", "clock")
        for message in (
            said("assistant", ToolCallPart("call_0", tool, "{}")),
            said("tool", ToolResultPart("call_0", "Fine.")),
        )
    ]
    assert breaches(name, sent(name, WIRES[name], [said("user", "Go."), *rounds]).body) == []


@EVERY_WIRE
def test_a_history_without_its_first_prompt_is_sound(name: str) -> None:
    cut = [said("assistant", "Hello."), said("user", "Go on.")]
    assert breaches(name, sent(name, WIRES[name], cut).body) == []


# ---- growing conversations -------------------------------------------------------------------------


@st.composite
def sessions(draw: st.DrawFn) -> list[list[Message]]:
    """The requests of a session: each turn a prompt, rounds of calls that all got results, and an answer."""
    requests: list[list[Message]] = []
    messages: list[Message] = []
    numbers = iter(range(100))
    for _ in range(draw(st.integers(1, 3))):
        messages.append(said("user", "Go.", *draw(_PROMPTS).parts))
        requests.append(list(messages))
        for _ in range(draw(st.integers(0, 2))):
            calls = [
                ToolCallPart(f"call_{next(numbers)}", "weather", "{}") for _ in range(draw(st.integers(1, 2)))
            ]
            messages.append(said("assistant", *draw(st.lists(_SPOKEN, max_size=3)), *calls))
            messages.append(said("tool", *(ToolResultPart(c.call_id, draw(_TEXTS)) for c in calls)))
            requests.append(list(messages))
        messages.append(said("assistant", *draw(st.lists(_SPOKEN, max_size=3)), "Done."))
    return requests


def beginning(body: bytes) -> bytes:
    """The body up to the end of its messages, byte for byte, without the bracket that closes them."""
    fields = json.loads(body)
    messages = encode_json(next(fields[key] for key in ("contents", "input", "messages") if key in fields))
    return body[: body.index(messages) + len(messages) - 1]


@EVERY_WIRE
@given(requests=sessions())
@settings(max_examples=30, deadline=None)
def test_a_request_begins_with_the_one_before(name: str, requests: list[list[Message]]) -> None:
    """So that the provider's own cache of prompts is hit."""
    bodies = [sent(name, WIRES[name], messages).body for messages in requests]
    for before, after in pairwise(bodies):
        assert after.startswith(beginning(before))
