"""What each service that speaks Chat Completions is asked, in its own words."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatterm.backend.providers.base import Endpoint, Variant, WireRequest
from chatterm.backend.providers.catalog import APP_TITLE, CATALOG
from chatterm.backend.providers.openai_chat import OpenAIChat
from chatterm.backend.providers.openai_chat_parameters import nearest_level
from chatterm.backend.providers.registry import service
from chatterm.core.messages import (
    FilePart,
    Message,
    OpaquePart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
)
from chatterm.core.turn import Effort, Parameters, ToolSpec, TurnRequest
from tests.providers.conversations import said, wire_request

PDF = FilePart("a.pdf", "application/pdf", "11")
TOOL = ToolSpec(name="now", description="The time", parameters={"type": "object", "properties": {}})
SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "number"}},
    "required": ["n"],
    "additionalProperties": False,
}


BLOBS = {"11": b"%PDF-"}


def build(name: str, *messages: Message, base_url: str = "", **fields: Any) -> WireRequest:
    wire = OpenAIChat(replace(service(name), adapter="openai_chat"))
    asked = {name: fields.pop(name) for name in list(fields) if name in Parameters.__dataclass_fields__}
    messages = messages or (said("user", "Hi"),)
    request = TurnRequest(
        model=fields.pop("model", "m"), messages=messages, parameters=Parameters(**asked), **fields
    )
    url = base_url or service(name).base_url or "http://127.0.0.1:9/v1"
    endpoint = Endpoint(provider=name, base_url=url, api_key="the-key")
    return wire_request(wire, request, endpoint, BLOBS)


def sent(name: str, *messages: Message, **fields: Any) -> dict[str, Any]:
    return json.loads(build(name, *messages, **fields).body)


CALL = said("assistant", ThinkingPart("Hm."), ToolCallPart("call_abc", "now", "{}"))
RESULT = said("tool", ToolResultPart("call_abc", "12:00"))

# ---- parameters ----------------------------------------------------------------------------------


def test_only_what_is_set_is_sent() -> None:
    assert sent("openai").keys() == {"model", "messages", "stream", "stream_options"}


def test_sampling_and_bounds() -> None:
    body = sent("openai", temperature=0.2, top_p=0.9, seed=7, max_tokens=50, stop=("a", "b"))
    assert body["temperature"] == 0.2
    assert body["top_p"] == 0.9
    assert body["seed"] == 7
    assert body["stop"] == ["a", "b"]
    assert body["max_completion_tokens"] == 50
    assert "max_tokens" not in body


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("openai", "max_completion_tokens"),
        ("azure", "max_completion_tokens"),
        ("groq", "max_completion_tokens"),
        ("mistral", "max_tokens"),
        ("deepseek", "max_tokens"),
        ("perplexity", "max_tokens"),
        ("custom", "max_tokens"),
    ],
)
def test_the_bound_of_the_reply_gives_way_to_its_other_name(name: str, field: str) -> None:
    other = ({"max_tokens", "max_completion_tokens"} - {field}).pop()
    assert sent(name, max_tokens=5)[field] == 5
    body = sent(name, max_tokens=5, refused=frozenset({field}))
    assert (body.get(field), body[other]) == (None, 5)
    neither = sent(name, max_tokens=5, refused=frozenset({field, other}))
    assert not {field, other} & neither.keys()


def test_no_more_is_asked_for_than_the_model_can_answer() -> None:
    assert sent("openai", max_tokens=99, max_output_tokens=10)["max_completion_tokens"] == 10


def test_mistral_and_perplexity_have_seeds_of_their_own() -> None:
    assert sent("mistral", seed=1)["random_seed"] == 1
    assert "seed" not in sent("mistral", seed=1)
    assert "seed" not in sent("perplexity", seed=1)


EFFORTS: list[tuple[str, str, Effort, dict[str, Any]]] = [
    ("openai", "gpt-5.4", "low", {"reasoning_effort": "low"}),
    ("openai", "gpt-5.4", "minimal", {"reasoning_effort": "low"}),
    ("openai", "o3", "none", {"reasoning_effort": "low"}),
    ("custom", "anything", "max", {"reasoning_effort": "max"}),
    ("openrouter", "a/b", "xhigh", {"reasoning": {"effort": "xhigh"}}),
    ("groq", "openai/gpt-oss-120b", "none", {"reasoning_effort": "low"}),
    ("groq", "qwen/qwen3-32b", "high", {"reasoning_effort": "default"}),
    ("groq", "qwen/qwen3-32b", "minimal", {"reasoning_effort": "default"}),
    ("groq", "qwen/qwen3-32b", "none", {"reasoning_effort": "none"}),
    ("mistral", "m", "low", {"reasoning_effort": "high"}),
    ("mistral", "m", "none", {"reasoning_effort": "none"}),
    ("perplexity", "sonar-reasoning-pro", "max", {"reasoning_effort": "high"}),
    ("deepseek", "deepseek-v4-pro", "medium", {"thinking": {"type": "enabled"}, "reasoning_effort": "high"}),
    ("deepseek", "deepseek-v4-pro", "none", {"thinking": {"type": "disabled"}}),
    ("zai", "glm-5.3", "xhigh", {"thinking": {"type": "enabled"}, "reasoning_effort": "max"}),
    ("cerebras", "zai-glm-4.7", "high", {}),
    ("llamacpp", "m", "none", {"chat_template_kwargs": {"enable_thinking": False}}),
    (
        "llamacpp",
        "m",
        "high",
        {"chat_template_kwargs": {"enable_thinking": True, "reasoning_effort": "high"}},
    ),
]


@pytest.mark.parametrize(("name", "model", "effort", "fields"), EFFORTS)
def test_effort_in_the_words_of_the_service(
    name: str, model: str, effort: Effort, fields: dict[str, Any]
) -> None:
    body = sent(name, model=model, effort=effort)
    names = ("reasoning_effort", "reasoning", "thinking", "chat_template_kwargs")
    found = {key: body[key] for key in names if key in body}
    assert found == fields


def test_openrouter_takes_effort_or_tokens() -> None:
    assert sent("openrouter", thinking_tokens=500, effort="low")["reasoning"] == {"max_tokens": 500}
    assert sent("openrouter", thinking_tokens=500, effort="none")["reasoning"] == {"effort": "none"}
    assert "reasoning" not in sent("openrouter")
    body = sent("openrouter", effort="low", refused=frozenset({"reasoning.effort"}))
    assert "reasoning" not in body


@given(
    st.sampled_from(["none", "minimal", "low", "medium", "high", "xhigh", "max"]),
    st.lists(st.sampled_from(["none", "minimal", "low", "medium", "high", "max"]), unique=True),
)
def test_who_wants_thinking_gets_it(effort: Effort, levels: list[str]) -> None:
    level = nearest_level(effort, tuple(levels))
    assert level is None or level == effort or level in levels
    if effort != "none":
        assert level != "none"


def test_a_schema_is_strict_where_it_can_be() -> None:
    form = sent("openai", schema=SCHEMA)["response_format"]
    assert form == {"type": "json_schema", "json_schema": {"name": "reply", "schema": SCHEMA, "strict": True}}
    loose: dict[str, Any] = {
        "type": "object",
        "properties": {"n": {"type": "object", "properties": {"a": {}}}},
    }
    assert "strict" not in sent("openai", schema=loose)["response_format"]["json_schema"]


def test_a_service_that_knows_no_schemas_is_told_it_in_words() -> None:
    body = sent("deepseek", schema=SCHEMA, system="Be short.")
    assert body["response_format"] == {"type": "json_object"}
    system = body["messages"][0]
    assert system["role"] == "system"
    assert system["content"].startswith("Be short.\n\n")
    assert json.dumps(SCHEMA, separators=(",", ":")) in system["content"]
    assert "JSON" in sent("deepseek", schema=SCHEMA)["messages"][0]["content"]


def test_the_webs_search() -> None:
    assert sent("openrouter", web_search=True)["plugins"] == [{"id": "web"}]
    assert sent("openai", web_search=True, model="gpt-5-search-api")["web_search_options"] == {}
    for name in ("openai", "perplexity", "groq", "mistral", "custom"):
        assert not {"web_search_options", "plugins", "tools"} & sent(name, web_search=True).keys()


def test_tools() -> None:
    function = {"name": "now", "description": "The time", "parameters": dict(TOOL.parameters)}
    assert sent("openai", tools=(TOOL,))["tools"] == [{"type": "function", "function": function}]
    assert "tool_stream" not in sent("openai", tools=(TOOL,))
    assert sent("zai", tools=(TOOL,))["tool_stream"] is True
    assert "tools" not in sent("openai", tools=(TOOL,), refused=frozenset({"tools"}))


@pytest.mark.parametrize("name", [row.name for row in CATALOG])
def test_a_reply_in_one_piece(name: str) -> None:
    request = build(name, streams=False)
    body = json.loads(request.body)
    assert body["stream"] is False
    assert "stream_options" not in body
    assert request.framing is None
    assert request.headers["accept"] == "application/json"
    assert build(name).framing == "sse"


def test_options_may_not_bring_other_messages() -> None:
    raw = build("openai", options={"messages": [], "tool_choice": "none"}).body
    assert raw.count(b'"messages"') == 1
    assert json.loads(raw)["tool_choice"] == "none"


# ---- addresses and headers -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("https://r.openai.azure.com", "https://r.openai.azure.com/openai/v1/chat/completions"),
        ("https://r.openai.azure.com/", "https://r.openai.azure.com/openai/v1/chat/completions"),
        (
            "https://r.openai.azure.com/openai/deployments/{model}",
            "https://r.openai.azure.com/openai/deployments/my%20gpt/chat/completions?api-version=2024-10-21",
        ),
    ],
)
def test_azure_has_addresses_and_keys_of_its_own(address: str, url: str) -> None:
    request = build("azure", base_url=address, model="my gpt")
    assert request.url == url
    assert request.headers["api-key"] == "the-key"
    assert "authorization" not in request.headers


def test_the_version_of_azure_can_be_chosen() -> None:
    request = build("azure", base_url="https://r/openai/deployments/d", options={"api-version": "2025-01-01"})
    assert request.url.endswith("?api-version=2025-01-01")
    assert b"api-version" not in request.body


def test_openrouter_is_told_which_program_asks() -> None:
    headers = build("openrouter").headers
    assert headers["x-openrouter-title"] == APP_TITLE
    assert headers["http-referer"].startswith("https://")
    assert "x-openrouter-title" not in build("openai").headers


# ---- messages ------------------------------------------------------------------------------------


def test_pdf_files_in_the_words_of_the_service() -> None:
    def parts(name: str) -> Any:
        return sent(name, said("user", "Read", PDF))["messages"][0]["content"]

    url = "data:application/pdf;base64,JVBERi0="
    for name in ("openai", "openrouter", "azure", "litellm"):
        assert parts(name)[1] == {"type": "file", "file": {"filename": "a.pdf", "file_data": url}}
    assert parts("mistral")[1] == {
        "type": "document_url",
        "document_url": url,
        "document_name": "a.pdf",
    }
    assert parts("perplexity")[1] == {
        "type": "file_url",
        "file_url": {"url": "JVBERi0="},
        "file_name": "a.pdf",
    }
    assert parts("groq") == "Read\n\n[file a.pdf left out: the service takes no PDF files]"


def test_reasoning_goes_back_to_deepseek_with_tool_calls_only() -> None:
    answer = said("assistant", ThinkingPart("So."), "It is noon.")
    bare = said("assistant", ToolCallPart("call_abc", "now", "{}"))
    items = sent("deepseek", said("user", "?"), CALL, RESULT, answer, said("user", "!"), bare, RESULT)
    found = [item.get("reasoning_content") for item in items["messages"]]
    # An empty one must be there too: DeepSeek refuses tool calls without it.
    assert found == [None, "Hm.", None, None, None, "", None]
    assert "reasoning_content" not in sent("openai", said("user", "?"), CALL, RESULT)["messages"][1]


def test_ids_of_other_services_are_made_to_fit() -> None:
    long = "chatcmpl-tool-" + "0" * 32
    history = [
        said("user", "?"),
        said("assistant", ToolCallPart(long, "now", "{}"), ToolCallPart("abcDEF123", "now", "{}")),
        said("tool", ToolResultPart(long, "1"), ToolResultPart("abcDEF123", "2")),
    ]
    for name, length in (("mistral", 9), ("openai", 24)):
        items = sent(name, *history)["messages"]
        calls = [call["id"] for call in items[1]["tool_calls"]]
        assert [items[2]["tool_call_id"], items[3]["tool_call_id"]] == calls
        assert (len(calls[0]), calls[0].isalnum(), calls[1]) == (length, True, "abcDEF123")


def test_a_call_without_its_result_is_answered() -> None:
    two = said("assistant", ToolCallPart("c1", "now", "{}"), ToolCallPart("c2", "now", "{}"))
    one = said("tool", ToolResultPart("c1", "12:00"))
    items = sent("openai", said("user", "?"), two, one, said("user", "!"))["messages"]
    assert [item.get("tool_call_id") for item in items] == [None, None, "c1", "c2", None]
    gone = sent("openai", RESULT, said("user", "!"))["messages"]
    assert [item["role"] for item in gone] == ["user"]


@pytest.mark.parametrize("name", ["mistral", "perplexity"])
@given(
    st.lists(
        st.sampled_from([said("user", "u"), said("assistant", "a"), CALL, RESULT, said("assistant")]),
        max_size=8,
    )
)
def test_strict_services_are_sent_turns(name: str, history: list[Message]) -> None:
    roles = [item["role"] for item in sent(name, *history, said("user", "last"))["messages"]]
    assert roles[0] == "user"
    assert roles[-1] == "user"
    for before, after in pairwise(roles):
        allowed = {"user": {"assistant"}, "assistant": {"user", "tool"}, "tool": {"tool", "assistant"}}
        assert after in allowed[before]


def test_a_model_without_a_system_prompt_hears_it_from_the_user() -> None:
    assert sent("openai", model="o1-mini", system="s")["messages"][0]["role"] == "user"
    assert sent("openai", model="o3-mini", system="s")["messages"][0]["role"] == "system"


DETAILS = [{"type": "reasoning.text", "text": "Hm.", "signature": "sig", "index": 0}]


def test_reasoning_details_go_back_to_models_of_their_maker() -> None:
    sealed = OpaquePart("openrouter/anthropic", json.dumps(DETAILS))
    reply = said("assistant", ThinkingPart("Hm."), "Yes.", sealed)

    def back(name: str, model: str, *parts: Message) -> Any:
        return sent(name, said("user", "?"), *parts, model=model)["messages"][1].get("reasoning_details")

    assert back("openrouter", "anthropic/claude-x", reply) == DETAILS
    assert back("openrouter", "~anthropic/latest", reply) == DETAILS
    assert back("openrouter", "openrouter/auto", reply) == DETAILS
    assert back("openrouter", "openai/gpt-x", reply) is None
    assert back("openai", "anthropic/claude-x", reply) is None
    broken = said("assistant", "Yes.", OpaquePart("openrouter/anthropic", "{no json"))
    assert back("openrouter", "anthropic/claude-x", broken) is None


def test_nothing_of_a_reply_is_left_when_only_reasoning_details_are() -> None:
    wire = OpenAIChat(service("openrouter"))
    alone = said("assistant", OpaquePart("openrouter/a", json.dumps(DETAILS)))
    assert wire.encode_message(alone, Variant(family="openrouter/a"), BLOBS.__getitem__) == b""
