"""What goes out to services that speak Responses, byte by byte where it matters."""

from __future__ import annotations

import json
from itertools import groupby
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatterm.backend.providers.base import Endpoint, Limits, WireRequest
from chatterm.backend.providers.catalog import Service
from chatterm.backend.providers.openai_models import reasoning_of
from chatterm.backend.providers.openai_responses import OpenAIResponses
from chatterm.backend.providers.registry import service_at
from chatterm.backend.providers.wire_json import encode_json
from chatterm.core.errors import AttachmentError, BadRequestError, ModelNotFoundError, QuotaExceededError
from chatterm.core.messages import (
    FilePart,
    ImagePart,
    Message,
    OpaquePart,
    Part,
    RefusalPart,
    Role,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
)
from chatterm.core.turn import Effort, Parameters, ToolSpec, TurnRequest
from tests.providers.conversations import said, wire_request
from tests.providers.replay import SHARED_FOLDER, decode_data

BLOBS = {"11": b"\x89PNG", "22": b"first line\n", "33": b"%PDF-1.7"}
ORIGIN = "openai_responses/openai"
SEALED = {
    "type": "reasoning",
    "summary": [{"type": "summary_text", "text": "Hm."}],
    "encrypted_content": "gAAA",
}
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}


def opaque(item: dict[str, Any], origin: str = ORIGIN) -> OpaquePart:
    return OpaquePart(origin, json.dumps(item))


def adapter(name: str = "openai") -> OpenAIResponses:
    return OpenAIResponses(service_at(name, "openai_responses", None))


def build(
    messages: list[Message], *, name: str = "openai", model: str = "gpt-5", **fields: Any
) -> WireRequest:
    request = TurnRequest(model=model, messages=tuple(messages), **fields)
    endpoint = Endpoint(provider=name, base_url="https://api.openai.com/v1/", api_key="the-key")
    return wire_request(adapter(name), request, endpoint, BLOBS)


def sent(*messages: Message, **fields: Any) -> dict[str, Any]:
    return json.loads(build(list(messages), **fields).body)


def items(*messages: Message, **fields: Any) -> list[dict[str, Any]]:
    return sent(*messages, **fields)["input"]


def asked(model: str, name: str = "openai", **parameters: Any) -> dict[str, Any]:
    return sent(said("user", "Hi"), model=model, name=name, parameters=Parameters(**parameters))


def test_a_conversation() -> None:
    request = build(
        [said("user", "Hi"), said("assistant", ThinkingPart("hm"), "Hello."), said("user", "Bye")],
        system="Be short.",
        model="gpt-4o",
        parameters=Parameters(temperature=0.5, max_tokens=99),
    )
    assert request.body == (
        b'{"model":"gpt-4o","instructions":"Be short.","input":[{"role":"user","content":"Hi"},'
        b'{"type":"message","role":"assistant","content":[{"type":"output_text","text":"Hello."}]},'
        b'{"role":"user","content":"Bye"}],"stream":true,"store":false,"max_output_tokens":99,"temperature":0.5}'
    )
    assert (request.method, request.url) == ("POST", "https://api.openai.com/v1/responses")
    assert request.headers["authorization"] == "Bearer the-key"
    assert request.framing == "sse"


def test_a_reply_that_is_not_streamed() -> None:
    request = build([said("user", "Hi")], streams=False)
    assert request.framing is None
    assert request.headers["accept"] == "application/json"
    assert json.loads(request.body)["stream"] is False


def test_the_users_options_win() -> None:
    options = {
        "model": "o3",
        "instructions": None,
        "store": True,
        "reasoning": {"effort": "high"},
        "include": None,
    }
    body = sent(said("user", "Hi"), system="s", options=options)
    assert body == {
        "model": "o3",
        "input": [{"role": "user", "content": "Hi"}],
        "stream": True,
        "store": True,
        "reasoning": {"summary": "auto", "effort": "high"},
    }


def test_what_was_refused_stays_out() -> None:
    refused = frozenset({"reasoning.summary", "include", "store"})
    body = sent(said("user", "Hi"), refused=refused, parameters=Parameters(effort="low"))
    assert body["reasoning"] == {"effort": "low"}
    assert body.keys() == {"model", "input", "stream", "reasoning"}


# ---- parameters ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "effort", "reasoning", "samples"),
    [
        ("gpt-5", None, {"summary": "auto"}, False),
        ("gpt-5", "none", {"effort": "minimal", "summary": "auto"}, False),
        ("gpt-5-nano", "max", {"effort": "high", "summary": "auto"}, False),
        ("openai/gpt-5-mini", "xhigh", {"effort": "high", "summary": "auto"}, False),
        ("o3", "minimal", {"effort": "low", "summary": "auto"}, False),
        ("gpt-5.1", None, None, True),
        ("gpt-5.1", "none", {"effort": "none"}, True),
        ("gpt-5.1", "minimal", {"effort": "low", "summary": "auto"}, False),
        ("gpt-5.2", "max", {"effort": "xhigh", "summary": "auto"}, False),
        ("gpt-5.2-chat-latest", "low", {"effort": "medium", "summary": "auto"}, False),
        ("gpt-5.5", None, {"summary": "auto"}, False),
        ("gpt-5.5", "none", {"effort": "none"}, True),
        ("gpt-6.1-sol", "max", {"effort": "max", "summary": "auto"}, False),
        ("gpt-6-astra", "none", {"effort": "low", "summary": "auto"}, False),
        ("gpt-5-chat-latest", "high", None, True),
        ("gpt-4o", "high", None, True),
    ],
)
def test_effort_and_sampling_by_model(
    model: str, effort: Effort | None, reasoning: dict[str, str] | None, samples: bool
) -> None:
    body = asked(model, effort=effort, temperature=0.2, top_p=0.9)
    assert body.get("reasoning") == reasoning
    assert ("temperature" in body) is ("top_p" in body) is samples
    sealed = ["reasoning.encrypted_content"] if reasoning_of(model) else None
    assert body.get("include") == sealed


def test_other_services_take_effort_as_it_is_asked() -> None:
    assert asked("deepseek-v4-flash", "deepseek", effort="max")["reasoning"] == {"effort": "max"}
    grok = asked("grok-4.3", "xai", temperature=0.0)
    assert grok["include"] == ["reasoning.encrypted_content"]
    assert grok["temperature"] == 0.0
    assert "reasoning" not in grok
    routed = asked("anthropic/claude-x", "openrouter", effort="low", thinking_tokens=2000)
    assert routed["reasoning"] == {"max_tokens": 2000}
    assert "reasoning" not in asked("gpt-4o", thinking_tokens=2000)


def test_parameters_that_responses_has_not() -> None:
    assert asked("gpt-4o", seed=1, stop=("x",)).keys() == {"model", "input", "stream", "store"}


def test_a_reply_is_not_longer_than_the_model_can_answer() -> None:
    for known, told in ((None, 900), (300, 300), (2000, 900)):
        body = sent(said("user", "Hi"), parameters=Parameters(max_tokens=900), max_output_tokens=known)
        assert body["max_output_tokens"] == told


def test_a_schema() -> None:
    told = asked("gpt-4o", schema=SCHEMA)["text"]["format"]
    assert told == {"type": "json_schema", "name": "reply", "schema": SCHEMA, "strict": False}


def test_tools_are_flat_and_a_search_is_one() -> None:
    tool = ToolSpec(name="f", description="Does it.", parameters=SCHEMA)
    body = sent(said("user", "Hi"), tools=(tool,), parameters=Parameters(web_search=True))
    assert body["tools"] == [
        {"type": "function", "name": "f", "description": "Does it.", "parameters": SCHEMA, "strict": False},
        {"type": "web_search"},
    ]
    routed = asked("x/y", "openrouter", web_search=True)
    assert routed["plugins"] == [{"id": "web"}]
    assert "tools" not in routed


# ---- messages ------------------------------------------------------------------------------------


def test_images_text_files_and_documents() -> None:
    prompt = said(
        "user",
        "See",
        ImagePart("image/png", "11", "cat.png"),
        FilePart("a.txt", "text/plain", "22"),
        FilePart("b\n.pdf", "application/pdf", "33"),
        "?",
    )
    assert items(prompt)[0]["content"] == [
        {"type": "input_text", "text": "See"},
        {"type": "input_image", "image_url": "data:image/png;base64,iVBORw==", "detail": "auto"},
        {"type": "input_text", "text": "--- File: a.txt ---\nfirst line\n--- End of a.txt ---"},
        {"type": "input_file", "filename": "b .pdf", "file_data": "data:application/pdf;base64,JVBERi0xLjc="},
        {"type": "input_text", "text": "?"},
    ]
    (alone,) = items(said("user", FilePart("b.pdf", "application/pdf", "33")))[0]["content"]
    assert alone["type"] == "input_file"


def test_a_lost_attachment_is_named() -> None:
    for lost in (ImagePart("image/png", "99", "dog.png"), FilePart("dog.pdf", "application/pdf", "99")):
        with pytest.raises(AttachmentError, match=r"dog\.p"):
            build([said("user", lost)])


def test_a_tool_loop_with_sealed_reasoning() -> None:
    reply = said(
        "assistant",
        ThinkingPart("Hm."),
        opaque({**SEALED, "id": "rs_1", "status": "completed"}),
        "Let me see.",
        opaque({"type": "message", "phase": "commentary"}),
        ToolCallPart("c1", "f", '{"a": 1}'),
        ToolCallPart("c2", "g", ""),
    )
    results = said("tool", ToolResultPart("c1", "one"), ToolResultPart("c2", "", is_error=True))
    assert items(said("user", "go"), reply, results)[1:] == [
        SEALED,
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "Let me see."}],
            "phase": "commentary",
        },
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"a": 1}'},
        {"type": "function_call", "call_id": "c2", "name": "g", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "one"},
        {"type": "function_call_output", "call_id": "c2", "output": ""},
    ]


def test_openrouter_wants_an_id_and_a_status_on_replies() -> None:
    """Its documentation calls both required; other services look ids up, and refuse those that they did not give."""
    reply = said("assistant", "Let me see.", ToolCallPart("c1", "f", "{}"), "So.")
    first, call, second, _ = items(reply, name="openrouter", model="x/y")
    assert (first["id"], first["status"]) == (f"msg_{reply.id}_0", "completed")
    assert (second["id"], second["status"]) == (f"msg_{reply.id}_1", "completed")
    assert "id" not in call
    assert all("id" not in item for item in items(reply))


def kinds(reply: Message, **fields: Any) -> list[str]:
    return [item["type"] for item in items(reply, **fields)]


def test_sealed_reasoning_goes_only_where_it_came_from_and_something_came_of_it() -> None:
    reply = said("assistant", opaque(SEALED), "So.")
    assert kinds(reply) == ["reasoning", "message"]
    assert kinds(reply, name="xai", model="grok-4.3") == ["message"]
    assert kinds(reply, model="gpt-4o") == ["message"]
    assert kinds(said("assistant", "So.", opaque(SEALED))) == ["message"]
    assert kinds(said("assistant", opaque(SEALED), opaque(SEALED, "anthropic"))) == []
    assert kinds(said("assistant", "a", opaque(SEALED, "anthropic"), "b")) == ["message"]
    late = opaque({"type": "late", "item": SEALED})
    assert kinds(said("assistant", "So.", late)) == ["reasoning", "message"]
    assert kinds(said("assistant", OpaquePart(ORIGIN, "[broken"), "So.")) == ["message"]


def test_a_router_takes_back_what_models_of_the_same_maker_sealed() -> None:
    wire, model = adapter("openrouter"), "openai/gpt-5"
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": {"model": model}},
        {"type": "response.output_item.done", "output_index": 0, "item": SEALED},
    ]
    reply = said("assistant", *decode_data(wire.new_decoder(), *events).draft.parts(), "So.")
    assert kinds(reply, name="openrouter", model="openai/gpt-5-mini") == ["reasoning", "message"]
    assert kinds(reply, name="openrouter", model="anthropic/claude-x") == ["message"]


def test_reasoning_in_plain_text_goes_back_beside_its_calls_only() -> None:
    plain = {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [],
        "content": [{"type": "reasoning_text", "text": "Hm"}],
    }
    kept = OpaquePart("openai_responses/deepseek", json.dumps(plain))
    fields = {"name": "deepseek", "model": "deepseek-v4-flash"}
    assert kinds(said("assistant", kept, "So."), **fields) == ["message"]
    call = said("assistant", kept, ToolCallPart("c", "f", "{}"))
    assert items(call, **fields)[0] == plain


def test_a_search_goes_back_as_it_came() -> None:
    search = {"type": "web_search_call", "id": "ws_1", "action": {"type": "search", "query": "x"}}
    reply = said("assistant", opaque(SEALED), opaque(search), "Found.")
    assert items(reply)[:2] == [SEALED, search]


def test_a_history_from_another_provider() -> None:
    long = "x" * 65
    reply = said(
        "assistant",
        ThinkingPart("hm"),
        OpaquePart("anthropic", "sig"),
        "Yes.",
        RefusalPart("No."),
        ToolCallPart(long, "files.read me", "{}"),
    )
    text, call, result = items(reply, said("tool", ToolResultPart(long, "ok")))
    assert text["content"] == [{"type": "output_text", "text": "Yes.\n\nNo."}]
    assert call["name"] == "files_read_me"
    assert call["call_id"] == result["call_id"]
    assert len(call["call_id"]) <= 64


def test_a_call_that_was_never_answered_is_answered() -> None:
    calls = said("assistant", ToolCallPart("c1", "f", "{}"), ToolCallPart("c2", "f", "{}"))
    answered = said("tool", ToolResultPart("c1", "one"))
    outputs = [item.get("call_id") for item in items(calls, answered, said("user", "b"))[2:]]
    assert outputs == ["c1", "c2", None]
    assert [item.get("call_id") for item in items(calls)[2:]] == ["c1", "c2"]


@pytest.mark.parametrize("parts", [(), ("",), (" \n",), (ThinkingPart("hm"),), (opaque(SEALED),)])
def test_an_empty_reply_is_never_sent(parts: tuple[Part | str, ...]) -> None:
    roles = [one["role"] for one in items(said("user", "a"), said("assistant", *parts), said("user", "b"))]
    assert roles == ["user", "user"]


# ---- as other clients were recorded to ask -----------------------------------------------------------

_RECORDED = (
    "xai/responses-grok-4.3-cached-thinking-tool-result-in-2",
    "xai/responses-grok-4.3-cached-thinking-tool-tool-result-in",
    "deepseek/responses-deepseek-v4-flash-cached-text-tool-result-in",
)


def _as_messages(recorded: list[dict[str, Any]], origin: str) -> list[Message]:
    """The conversation that these items tell: what the model told in a row is one reply."""
    told: list[tuple[Role, Part]] = []
    for item in recorded:
        match item.get("type"):
            case "reasoning":
                told.append(("assistant", opaque(item, origin)))
            case "function_call":
                told.append(("assistant", ToolCallPart(item["call_id"], item["name"], item["arguments"])))
            case "function_call_output":
                told.append(("tool", ToolResultPart(item["call_id"], item["output"])))
            case _ if item["role"] == "assistant":
                told.append(("assistant", TextPart(item["content"][0]["text"])))
            case _:
                told.append(("user", TextPart(item["content"])))
    return [said(role, *(part for _, part in parts)) for role, parts in groupby(told, key=lambda one: one[0])]


@pytest.mark.parametrize("name", _RECORDED)
def test_recorded_conversations_go_out_as_they_did(name: str) -> None:
    path = SHARED_FOLDER / f"{name}.json"
    if not path.is_file():
        pytest.skip(f"no recordings in {SHARED_FOLDER}")
    recorded = json.loads(path.read_text(encoding="utf-8"))["request"]["body"]
    provider = name.partition("/")[0]
    found = _as_messages(recorded["input"], f"openai_responses/{provider}")
    ours = sent(*found, name=provider, model=recorded["model"], system=recorded.get("instructions"))
    theirs = [
        {"type": "message", **item} if item.get("role") == "assistant" else item for item in recorded["input"]
    ]
    assert ours["input"] == theirs
    assert len(found) > 2
    for field in ("model", "stream", "store", "include", "instructions"):
        assert field not in recorded or ours[field] == recorded[field]


# ---- the payload cache's laws ----------------------------------------------------------------------

_TEXTS = st.text(st.characters(codec=None), max_size=20)
_MESSAGES = st.lists(
    st.one_of(
        st.builds(lambda text: said("user", text, ImagePart("image/png", "11")), _TEXTS),
        st.builds(lambda text: said("user", text), _TEXTS),
        st.builds(lambda text: said("assistant", opaque(SEALED), text), _TEXTS),
        st.builds(lambda text: said("assistant", text, ToolCallPart("c", "f", "{}")), _TEXTS),
        st.builds(lambda text: said("tool", ToolResultPart("c", text)), _TEXTS),
    ),
    max_size=6,
)


@given(_MESSAGES)
def test_the_joined_body_is_the_one_shot_encoding(messages: list[Message]) -> None:
    request = build(messages, system="s", options={"seed": 1})
    assert request.body == encode_json(json.loads(request.body))


@given(_MESSAGES, _MESSAGES)
def test_a_longer_conversation_begins_with_the_shorter_one(first: list[Message], more: list[Message]) -> None:
    first = [*first, said("user", "?")]
    short, long = build(first, system="s"), build(first + more, system="s")
    assert long.body.startswith(short.body[: short.body.rindex(b'],"stream"')])


# ---- errors and models ---------------------------------------------------------------------------


def error(status: int, **fields: Any) -> Any:
    body = json.dumps({"error": {"message": "No.", "type": "invalid_request_error", "param": None, **fields}})
    return adapter().parse_error(status, {"x-request-id": "req_1"}, body.encode())


def test_refusals() -> None:
    assert type(error(400, code="model_not_found", param="model")) is ModelNotFoundError
    quota = error(429, code="insufficient_quota", type="insufficient_quota")
    assert (type(quota), quota.retryable, quota.request_id) == (QuotaExceededError, False, "req_1")
    for code, param in (
        ("unsupported_parameter", "temperature"),
        ("unsupported_value", "reasoning.effort"),
        ("unsupported_value", "reasoning.summary"),
    ):
        refused = error(400, code=code, param=param)
        assert isinstance(refused, BadRequestError)
        assert refused.parameter == param
    schema = error(400, code="invalid_function_parameters", param="tools[0].parameters")
    assert isinstance(schema, BadRequestError)
    assert schema.parameter is None


def test_the_models_are_those_of_the_service() -> None:
    endpoint = Endpoint(provider="openai", base_url="https://api.openai.com/v1", api_key="k")
    request = adapter().models_request(endpoint, Limits())
    assert request is not None
    assert request.url == "https://api.openai.com/v1/models"
    listed = adapter().parse_models(b'{"data":[{"id":"gpt-5"},{"id":"whisper-1"}]}', "openai")
    assert [model.id for model in listed] == ["gpt-5"]


def test_the_address_and_the_key_are_as_the_service_wants_them() -> None:
    wire = adapter("azure")
    endpoint = Endpoint(provider="azure", base_url="https://mine.openai.azure.com", api_key="the-key")
    request = wire.build_request(TurnRequest(model="gpt-5", messages=()), [], endpoint, Limits())
    assert request.url == "https://mine.openai.azure.com/openai/v1/responses"
    assert request.headers["api-key"] == "the-key"


def test_servers_of_ones_own_are_told_apart() -> None:
    names = {OpenAIResponses(service_at(name, "openai_responses", "http://x/v1")).name for name in ("a", "b")}
    assert names == {"openai_responses/a", "openai_responses/b"}
    assert OpenAIResponses(Service(name="a", title="A")).capabilities.images
