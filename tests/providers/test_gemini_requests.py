"""What goes out to Gemini."""

from __future__ import annotations

import json
from base64 import b64encode
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatterm.backend.providers.base import Endpoint, WireRequest
from chatterm.backend.providers.gemini import Gemini
from chatterm.backend.providers.registry import service
from chatterm.core.messages import (
    FilePart,
    ImagePart,
    Message,
    OpaquePart,
    RefusalPart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
)
from chatterm.core.turn import Parameters, ToolSpec, TurnRequest
from tests.providers.conversations import said, wire_request
from tests.providers.replay import SHARED_FOLDER, decode_data

BLOBS = {"11": b"\x89PNG", "22": b"%PDF-1.7", "33": b"a,b\n"}
GEMINI_3, GEMINI_2 = "gemini-3-flash-preview", "gemini-2.5-flash"
STAND_IN = "skip_thought_signature_validator"
WEATHER = ToolSpec(name="weather", description="Tell it", parameters={"type": "object", "properties": {}})


def build(
    *messages: Message, model: str = GEMINI_2, base_url: str = "https://h/v1beta", **fields: Any
) -> WireRequest:
    parameters = Parameters(**{name: fields.pop(name) for name in Parameters.__slots__ if name in fields})
    request = TurnRequest(model=model, messages=messages, parameters=parameters, **fields)
    endpoint = Endpoint(provider="gemini", base_url=base_url, api_key="the-key", headers={"X-Own": "1"})
    return wire_request(Gemini(), request, endpoint, BLOBS)


def sent(*messages: Message, **fields: Any) -> dict[str, Any]:
    return json.loads(build(*messages, **fields).body)


def contents(*messages: Message, **fields: Any) -> list[tuple[str, list[dict[str, Any]]]]:
    return [(one["role"], one["parts"]) for one in sent(*messages, **fields)["contents"]]


def config(**fields: Any) -> dict[str, Any]:
    return sent(said("user", "Hi"), **fields).get("generationConfig", {})


def thinking(model: str, **fields: Any) -> dict[str, Any] | None:
    return config(model=model, **fields).get("thinkingConfig")


# ---- the request ---------------------------------------------------------------------------


def test_a_conversation() -> None:
    request = build(
        said("user", "Hi"),
        said("assistant", "Hello."),
        said("user", "More"),
        model="gemini-2.0-flash",
        system="Be brief",
    )
    assert json.loads(request.body) == {
        "contents": [
            {"role": "user", "parts": [{"text": "Hi"}]},
            {"role": "model", "parts": [{"text": "Hello."}]},
            {"role": "user", "parts": [{"text": "More"}]},
        ],
        "systemInstruction": {"parts": [{"text": "Be brief"}]},
    }
    assert request.body.startswith(b'{"contents":[{"role":"user","parts":[{"text":"Hi"}]}')


def test_where_it_goes_and_the_key_only_in_a_header() -> None:
    request = build(said("user", "Hi"))
    assert request.url == "https://h/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse"
    assert request.headers["x-goog-api-key"] == "the-key"
    assert request.headers["x-own"] == "1"
    assert "authorization" not in request.headers
    assert b"the-key" not in request.body
    assert request.framing == "sse"
    whole = build(said("user", "Hi"), streams=False)
    assert whole.url == "https://h/v1beta/models/gemini-2.5-flash:generateContent"
    assert whole.framing is None
    assert whole.body == request.body
    asked = build(said("user", "Hi"), options={"stream": False, "model": "other"})
    assert asked.url == "https://h/v1beta/models/other:generateContent"
    assert (asked.framing, asked.body) == (None, request.body)


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("models/gemini-3-pro", "models/gemini-3-pro"),
        ("tunedModels/mine-1", "tunedModels/mine-1"),
        ("x?key=1#y", "models/x%3Fkey%3D1%23y"),
    ],
)
def test_model_names_with_and_without_their_folder(model: str, path: str) -> None:
    assert build(said("user", "Hi"), model=model).url.startswith(f"https://h/v1beta/{path}:stream")


@pytest.mark.parametrize("base_url", ["https://h", "https://h/", "https://h/v1beta", "https://h/v1beta/"])
def test_an_address_without_a_version_is_given_one(base_url: str) -> None:
    assert build(said("user", "Hi"), base_url=base_url).url.startswith("https://h/v1beta/models/")
    assert build(said("user", "Hi"), base_url="https://h/v1").url.startswith("https://h/v1/models/")


def test_the_service() -> None:
    row = service("gemini")
    assert row.key_env == ("GEMINI_API_KEY", "GOOGLE_API_KEY")
    assert row.base_url_env == ("GOOGLE_GEMINI_BASE_URL",)


def test_parameters_in_geminis_words() -> None:
    given = {"temperature": 0.0, "top_p": 0.5, "seed": 7, "max_tokens": 100, "stop": ("END",)}
    assert config(model="gemini-2.0-flash", **given) == {
        "temperature": 0.0,
        "topP": 0.5,
        "seed": 7,
        "maxOutputTokens": 100,
        "stopSequences": ["END"],
    }
    schema = {"type": "object"}
    assert config(model="gemini-2.0-flash", schema=schema) == {
        "responseMimeType": "application/json",
        "responseJsonSchema": schema,
    }


def test_options_win_and_what_was_refused_stays_out() -> None:
    body = sent(
        said("user", "Hi"),
        temperature=0.5,
        options={"generationConfig": {"topK": 3, "temperature": 1}, "safetySettings": []},
        refused=frozenset({"generationConfig.thinkingConfig"}),
    )
    assert body["generationConfig"] == {"topK": 3, "temperature": 1}
    assert body["safetySettings"] == []
    assert "generationConfig" not in sent(said("user", "Hi"), options={"generationConfig": None})


@pytest.mark.parametrize(
    ("model", "given", "expected"),
    [
        ("gemini-2.0-flash", {"effort": "high"}, None),
        ("gemma-3-27b-it", {"effort": "high"}, None),
        ("gemini-2.5-flash-image", {}, None),
        ("gemini-2.5-flash", {}, {"includeThoughts": True}),
        ("gemini-2.5-flash-lite", {}, None),
        ("gemini-2.5-flash-lite", {"effort": "minimal"}, {"includeThoughts": True, "thinkingBudget": 512}),
        ("gemini-2.5-flash", {"effort": "none"}, {"thinkingBudget": 0}),
        ("gemini-2.5-flash", {"effort": "max"}, {"includeThoughts": True, "thinkingBudget": 24576}),
        ("gemini-2.5-flash", {"thinking_tokens": 99_999}, {"includeThoughts": True, "thinkingBudget": 24576}),
        ("gemini-2.5-flash", {"thinking_tokens": 6400}, {"includeThoughts": True, "thinkingBudget": 6400}),
        ("gemini-2.5-pro", {"effort": "none"}, {"includeThoughts": True, "thinkingBudget": 128}),
        ("gemini-2.5-pro", {"effort": "max"}, {"includeThoughts": True, "thinkingBudget": 32768}),
        ("gemini-3-flash-preview", {}, {"includeThoughts": True}),
        ("gemini-3-flash-preview", {"effort": "none"}, {"includeThoughts": True, "thinkingLevel": "MINIMAL"}),
        ("gemini-3-pro-preview", {"effort": "none"}, {"includeThoughts": True, "thinkingLevel": "LOW"}),
        ("gemini-3-pro-preview", {"effort": "medium"}, {"includeThoughts": True, "thinkingLevel": "HIGH"}),
        (
            "gemini-3.1-pro-preview",
            {"effort": "medium"},
            {"includeThoughts": True, "thinkingLevel": "MEDIUM"},
        ),
        ("gemini-3.8-flash", {"effort": "minimal"}, {"includeThoughts": True, "thinkingLevel": "LOW"}),
        ("gemini-4-argon", {"effort": "xhigh"}, {"includeThoughts": True, "thinkingLevel": "HIGH"}),
        ("gemini-flash-latest", {"effort": "low"}, {"includeThoughts": True, "thinkingLevel": "LOW"}),
        ("gemini-3.5-flash", {"thinking_tokens": 2000}, {"includeThoughts": True, "thinkingLevel": "MEDIUM"}),
        ("gemini-3.5-flash", {"thinking_tokens": 99_999}, {"includeThoughts": True, "thinkingLevel": "HIGH"}),
    ],
)
def test_how_much_it_may_think(model: str, given: dict[str, Any], expected: dict[str, Any] | None) -> None:
    assert thinking(model, **given) == expected
    assert thinking(f"models/{model}", **given) == expected


def test_tools_and_search() -> None:
    declared: dict[str, Any] = {
        "name": "weather",
        "description": "Tell it",
        "parametersJsonSchema": {"type": "object", "properties": {}},
    }
    hi = said("user", "Hi")
    assert sent(hi, tools=(WEATHER,))["tools"] == [{"functionDeclarations": [declared]}]
    assert sent(hi, web_search=True)["tools"] == [{"googleSearch": {}}]
    both = sent(hi, tools=(WEATHER,), web_search=True, model=GEMINI_3)
    assert both["tools"] == [{"googleSearch": {}}, {"functionDeclarations": [declared]}]
    assert both["toolConfig"] == {"includeServerSideToolInvocations": True}


def test_earlier_models_take_one_of_schema_search_and_tools() -> None:
    hi, schema = said("user", "Hi"), {"type": "object"}
    assert sent(hi, tools=(WEATHER,), web_search=True)["tools"] == [{"googleSearch": {}}]
    assert "tools" not in sent(hi, tools=(WEATHER,), web_search=True, schema=schema)
    assert len(sent(hi, tools=(WEATHER,), web_search=True, schema=schema, model=GEMINI_3)["tools"]) == 2


# ---- the contents --------------------------------------------------------------------------


def test_attachments_between_texts() -> None:
    picture, paper = ImagePart("image/png", "11", "cat.png"), FilePart("a.pdf", "application/pdf", "22")
    table = FilePart("t.csv", "text/csv", "33")
    assert contents(said("user", "Look:", picture, paper, table, "What?")) == [
        (
            "user",
            [
                {"text": "Look:"},
                {"inlineData": {"mimeType": "image/png", "data": b64encode(BLOBS["11"]).decode()}},
                {"inlineData": {"mimeType": "application/pdf", "data": b64encode(BLOBS["22"]).decode()}},
                {"text": "--- File: t.csv ---\na,b\n--- End of t.csv ---"},
                {"text": "What?"},
            ],
        )
    ]


def test_neighbours_of_one_role_are_one_content_and_nothing_empty_is_sent() -> None:
    thought = said("assistant", ThinkingPart("hm"), " ")
    assert contents(said("user", "a"), thought, said("user", "b"), said("assistant", "c", "d")) == [
        ("user", [{"text": "a"}, {"text": "b"}]),
        ("model", [{"text": "c"}, {"text": "d"}]),
    ]


def called(call_id: str, name: str, arguments: str = "{}") -> ToolCallPart:
    return ToolCallPart(call_id, name, arguments)


def test_tool_calls_and_their_results() -> None:
    assert contents(
        said("user", "Weather?"),
        said("assistant", called("c1", "weather", '{"city":"Ulm"}'), called("c2", "time", "no object")),
        said("tool", ToolResultPart("c1", "rain"), ToolResultPart("c2", "broken", is_error=True)),
        said("assistant", "Rain."),
    )[1:] == [
        (
            "model",
            [
                {"functionCall": {"id": "c1", "name": "weather", "args": {"city": "Ulm"}}},
                {"functionCall": {"id": "c2", "name": "time", "args": {"arguments": "no object"}}},
            ],
        ),
        (
            "user",
            [
                {"functionResponse": {"id": "c1", "name": "weather", "response": {"result": "rain"}}},
                {"functionResponse": {"id": "c2", "name": "time", "response": {"error": "broken"}}},
            ],
        ),
        ("model", [{"text": "Rain."}]),
    ]


def test_every_call_has_its_result_and_every_result_its_call() -> None:
    """Stopped tools, a conversation that was cut at its beginning, results one by one, one id used twice."""
    turns = contents(
        said("tool", ToolResultPart("gone", "x")),
        said("assistant", called("c1", "f"), called("c1", "g")),
        said("tool", ToolResultPart("c1", "1")),
        said("tool", ToolResultPart("c1", "2")),
        said("assistant", called("c3", "h")),
        said("user", "Never mind"),
        said("assistant", called("c4", "k")),
    )
    assert [role for role, _ in turns] == ["user", *("model", "user") * 3]
    answers = [
        [part["functionResponse"]["name"] for part in parts if "functionResponse" in part]
        for _, parts in turns
    ]
    assert answers == [[], [], ["f", "g"], [], ["h"], [], ["k"]]
    assert "error" in turns[4][1][0]["functionResponse"]["response"]
    assert turns[4][1][1] == {"text": "Never mind"}


def test_results_in_a_users_message_keep_the_rest_of_it() -> None:
    turns = contents(
        said("user", "Go."),
        said("assistant", called("c1", "f")),
        said("user", ToolResultPart("c1", "1"), "And now?"),
    )
    assert turns[2][1][1] == {"text": "And now?"}
    assert turns[2][1][0]["functionResponse"]["name"] == "f"


def test_calls_of_other_models_get_the_stand_in_where_signatures_are_wanted() -> None:
    foreign = OpaquePart("anthropic", '{"signature": "theirs"}')
    history = (
        said("user", "?"),
        said("assistant", ThinkingPart("hm"), foreign, "Wait.", called("a", "f"), called("b", "f")),
        said("tool", ToolResultPart("a", "1"), ToolResultPart("b", "2")),
        said("assistant", called("c", "f")),
        said("tool", ToolResultPart("c", "3")),
    )
    calls = [
        part for _, parts in contents(*history, model=GEMINI_3) for part in parts if "functionCall" in part
    ]
    assert [part.get("thoughtSignature") for part in calls] == [STAND_IN, None, STAND_IN]
    assert STAND_IN not in json.dumps(contents(*history, model=GEMINI_2))
    assert "theirs" not in json.dumps(contents(*history, model=GEMINI_3))


def test_an_own_signature_is_not_replaced() -> None:
    reply = said("assistant", called("a", "f"), OpaquePart("gemini", '{"signature":"mine"}'))
    assert contents(said("user", "?"), reply, model=GEMINI_3)[1][1][0]["thoughtSignature"] == "mine"


def test_a_longer_conversation_begins_with_the_shorter_one() -> None:
    turns = (said("user", "a"), said("assistant", "b"), said("user", "c"), said("assistant", "d"))
    shorter, longer = build(*turns[:3]).body, build(*turns, said("user", "e")).body
    assert longer.startswith(shorter[: shorter.index(b'{"text":"c"}]}') + 14])


_IDS = st.sampled_from(["a", "b", "toolu_1"])
_SAID = st.sampled_from(["", " ", "words", "\ud83d", "\x00"])
_OPAQUE = st.sampled_from(
    [
        '{"signature":"s"}',
        '{"signed":[[0,2,"s"]]}',
        '{"part":{"toolCall":{"id":"x"}}}',
        '{"data":"sealed"}',
        "no JSON",
    ]
)
_REPLY_PARTS = st.one_of(
    st.builds(TextPart, _SAID),
    st.builds(ThinkingPart, _SAID),
    st.builds(RefusalPart, _SAID),
    st.builds(ToolCallPart, _IDS, st.just("f"), st.sampled_from(["{}", "", "[1]", '{"a":"b"}'])),
    st.builds(OpaquePart, st.sampled_from(["gemini", "anthropic", "openai_responses"]), _OPAQUE),
)
_HISTORY = st.lists(
    st.one_of(
        st.builds(lambda text: said("user", TextPart(text)), _SAID),
        st.builds(lambda parts: said("assistant", *parts), st.lists(_REPLY_PARTS, max_size=4)),
        st.builds(
            lambda ids: said("tool", *(ToolResultPart(one, "r") for one in ids)),
            st.lists(_IDS, max_size=3),
        ),
    ),
    max_size=6,
)


@given(_HISTORY, st.sampled_from([GEMINI_2, GEMINI_3]))
def test_any_history_of_any_provider_is_valid(history: list[Message], model: str) -> None:
    turns = contents(*history, model=model)
    assert all(first[0] != second[0] for first, second in pairwise(turns))
    waiting: list[str] = []
    for role, parts in turns:
        calls = [part for part in parts if "functionCall" in part]
        results = [part["functionResponse"] for part in parts if "functionResponse" in part]
        assert parts
        assert all(part["text"] or "thoughtSignature" in part for part in parts if "text" in part)
        assert not calls if role == "user" else not results
        assert sorted(result["id"] for result in results) == sorted(waiting)
        assert all(result["name"] == "f" and isinstance(result["response"], dict) for result in results)
        assert all(isinstance(part["functionCall"]["args"], dict) for part in calls)
        assert not calls or "thoughtSignature" in calls[0] or model == GEMINI_2
        assert "sealed" not in json.dumps(parts)
        waiting = [part["functionCall"]["id"] for part in calls]
    assert not waiting


# ---- requests as they were recorded --------------------------------------------------------


def _recorded() -> list[Any]:
    found: list[Any] = []
    for path in sorted((SHARED_FOLDER / "gemini").glob("gen-*.json")):
        body = json.loads(path.read_text(encoding="utf-8"))["request"]["body"]
        if len(body["contents"]) > 1:
            found.append(pytest.param(body, id=path.stem))
    return found or [pytest.param(None, marks=pytest.mark.skip(reason=f"no recordings in {SHARED_FOLDER}"))]


def _message(content: dict[str, Any], calls: list[ToolCallPart]) -> Message:
    """The recorded content as the message that it would be in a conversation of chatterm's."""
    if content["role"] == "model":
        reply = decode_data(
            Gemini().new_decoder(), {"candidates": [{"content": content, "finishReason": "STOP"}]}
        )
        calls += [part for part in reply.draft.parts() if isinstance(part, ToolCallPart)]
        return Message(role="assistant", parts=reply.draft.parts())
    results = (
        ToolResultPart(calls.pop(0).call_id, "x") for part in content["parts"] if "functionResponse" in part
    )
    others = (
        TextPart(part["text"]) if "text" in part else FilePart("f", part["inlineData"]["mimeType"], "22")
        for part in content["parts"]
        if "functionResponse" not in part
    )
    is_results = any("functionResponse" in part for part in content["parts"])
    return Message(role="tool" if is_results else "user", parts=(*results, *others))


def _shape(turns: list[dict[str, Any]]) -> list[Any]:
    """What must be the same: roles, order, texts, calls with signatures, names of results."""
    shaped: list[Any] = []
    for turn in turns:
        said = "".join(part.get("text", "") for part in turn["parts"])
        calls = [
            (part["functionCall"]["name"], part["functionCall"]["args"], part.get("thoughtSignature"))
            for part in turn["parts"]
            if "functionCall" in part
        ]
        names = [part["functionResponse"]["name"] for part in turn["parts"] if "functionResponse" in part]
        data = [part["inlineData"]["mimeType"] for part in turn["parts"] if "inlineData" in part]
        shaped.append((turn["role"], said, calls, names, data))
    return shaped


@pytest.mark.parametrize("body", _recorded())
def test_recorded_conversations_come_out_alike(body: dict[str, Any]) -> None:
    calls: list[ToolCallPart] = []
    messages = [_message(content, calls) for content in body["contents"]]
    ours = sent(*messages, model=GEMINI_2)["contents"]
    assert _shape(ours) == _shape(body["contents"])
