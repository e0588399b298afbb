"""What Ollama is asked in the common words, and when it cut a conversation without a word."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chatterm.backend.providers.base import Endpoint, WireRequest
from chatterm.backend.providers.ollama import Ollama, loaded_contexts, truncated_silently
from chatterm.core.errors import (
    AuthenticationError,
    BadRequestError,
    ContextTooLongError,
    OverloadedError,
    ProviderError,
    RateLimitedError,
)
from chatterm.core.messages import (
    FilePart,
    Message,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
)
from chatterm.core.turn import Effort, Parameters, ToolSpec, TurnRequest
from tests.providers.conversations import said, wire_request
from tests.providers.replay import decode_data

TOOL = ToolSpec(name="now", description="The time", parameters={"type": "object", "properties": {}})


def build(*messages: Message, model: str = "qwen3", **fields: Any) -> WireRequest:
    messages = messages or (said("user", "Hi"),)
    asked = {name: fields.pop(name) for name in list(fields) if name in Parameters.__dataclass_fields__}
    request = TurnRequest(model=model, messages=messages, parameters=Parameters(**asked), **fields)
    endpoint = Endpoint(provider="ollama", base_url="https://ollama.com", api_key="the-key")
    return wire_request(Ollama(), request, endpoint, {})


def sent(*messages: Message, **fields: Any) -> dict[str, Any]:
    return json.loads(build(*messages, **fields).body)


def test_parameters_go_into_options() -> None:
    body = sent(temperature=0.5, top_p=0.9, seed=1, max_tokens=20, stop=("a",), options={"num_ctx": 4096})
    assert body["options"] == {
        "temperature": 0.5,
        "top_p": 0.9,
        "seed": 1,
        "num_predict": 20,
        "stop": ["a"],
        "num_ctx": 4096,
    }
    assert sent(seed=1, options={"seed": 2})["options"] == {"seed": 2}
    assert "options" not in sent(seed=1, options={"seed": None})
    assert "options" not in sent(seed=1, refused=frozenset({"options.seed"}))


@pytest.mark.parametrize(
    ("model", "effort", "think"),
    [
        ("qwen3", "none", False),
        ("qwen3", "minimal", True),
        ("qwen3", "max", True),
        ("gpt-oss:20b", "none", "low"),
        ("gpt-oss:20b", "medium", "medium"),
        ("someone/gpt-oss", "max", "high"),
    ],
)
def test_thinking_by_effort(model: str, effort: Effort, think: bool | str) -> None:
    assert sent(model=model, effort=effort)["think"] == think
    assert "think" not in sent(model=model, effort=effort, refused=frozenset({"think"}))
    assert "think" not in sent(model=model)


def test_a_schema_and_tools() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "number"}}}
    body = sent(schema=schema, tools=(TOOL,))
    assert body["format"] == schema
    assert body["tools"][0]["function"]["name"] == "now"


def test_a_reply_in_one_piece() -> None:
    request = build(streams=False)
    assert json.loads(request.body)["stream"] is False
    assert request.framing is None
    reply = {
        "model": "m",
        "message": {"content": "Hi", "thinking": "Hm"},
        "done": True,
        "done_reason": "stop",
    }
    parts = decode_data(Ollama().new_decoder(), reply).draft.parts()
    assert parts == (ThinkingPart("Hm"), TextPart("Hi"))


def test_the_key_of_the_cloud_goes_with_the_request() -> None:
    assert build().headers["authorization"] == "Bearer the-key"
    assert build().url == "https://ollama.com/api/chat"


def test_a_round_of_tools() -> None:
    call = said("assistant", ThinkingPart("Hm."), ToolCallPart("c1", "now", '{"zone": "UTC"}'))
    items = sent(said("user", "?"), call, said("tool", ToolResultPart("c1", "12:00")))["messages"]
    assert items[1] == {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"id": "c1", "function": {"name": "now", "arguments": {"zone": "UTC"}}}],
        "thinking": "Hm.",
    }
    assert items[2] == {"role": "tool", "content": "12:00", "tool_call_id": "c1", "tool_name": "now"}
    cut = sent(said("user", "?"), call, said("user", "!"))["messages"]
    assert [item["role"] for item in cut] == ["user", "assistant", "tool", "user"]


def test_pdf_files_are_named_where_they_cannot_go() -> None:
    body = sent(said("user", FilePart("a.pdf", "application/pdf", "1")))
    assert "a.pdf" in body["messages"][0]["content"]


REFUSALS: list[tuple[int, str, type[ProviderError], str | None]] = [
    (400, '"gemma:2b" does not support thinking', BadRequestError, "think"),
    (400, "registry.ollama.ai/library/gemma:2b does not support tools", BadRequestError, "tools"),
    (400, "think value 'low' is not supported for this model", BadRequestError, "think"),
    (400, "the input length exceeds the context length", ContextTooLongError, None),
    (401, "unauthorized", AuthenticationError, None),
    (429, "you have reached your hourly usage limit", RateLimitedError, None),
    (503, "server busy, please try again.  maximum pending requests exceeded", OverloadedError, None),
]


@pytest.mark.parametrize(("status", "words", "kind", "parameter"), REFUSALS)
def test_refusals(status: int, words: str, kind: type[ProviderError], parameter: str | None) -> None:
    error = Ollama().parse_error(status, {}, json.dumps({"error": words}).encode())
    assert type(error) is kind
    assert getattr(error, "parameter", None) == parameter


@pytest.mark.parametrize(
    ("sent_tokens", "reported", "context", "cut"),
    [
        (100, 90, 4096, False),
        (4000, 3900, 4096, False),
        (9000, 4090, 4096, True),
        (9000, None, 4096, True),
        (5000, 3000, 4096, False),  # the estimate may be that far off
        (3000, 4096, 4096, True),
        (3000, 4095, 4096, True),
        (9000, 800, 4096, True),
        (9000, 4096, None, False),
    ],
)
def test_a_cut_conversation_is_told(
    sent_tokens: int, reported: int | None, context: int | None, cut: bool
) -> None:
    assert truncated_silently(sent_tokens, reported, context) is cut


def test_the_context_of_loaded_models() -> None:
    body = {"models": [{"name": "a:latest", "context_length": 4096}, {"name": "b"}, {"context_length": 1}, 7]}
    assert loaded_contexts(json.dumps(body).encode()) == {"a:latest": 4096}
    assert loaded_contexts(b"<html>") == {}
