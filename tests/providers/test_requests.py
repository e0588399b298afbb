"""What goes out to each service, byte by byte where it matters."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatterm.backend.providers.base import Endpoint, Limits, ProviderAdapter, Variant, WireRequest
from chatterm.backend.providers.registry import adapter, services
from chatterm.backend.providers.wire_json import encode_json
from chatterm.core.errors import AttachmentError
from chatterm.core.messages import (
    Citation,
    CitationsPart,
    FilePart,
    ImagePart,
    Message,
    OpaquePart,
    Part,
    RefusalPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
)
from chatterm.core.turn import TurnRequest
from tests.providers.conversations import said, wire_request

BLOBS = {"11": b"\x89PNG", "22": b"first line\nsecond line\n", "33": b"caf\xe9"}
LIMITS = Limits(connect_seconds=1.5)
PICTURE = ImagePart("image/png", "11", "cat.png")


def build(name: str, messages: list[Message], **fields: Any) -> WireRequest:
    url = fields.pop("base_url", "http://127.0.0.1:9/v1")
    headers = fields.pop("headers", {})
    request = TurnRequest(model=fields.pop("model", "m"), messages=tuple(messages), **fields)
    endpoint = Endpoint(provider=name, base_url=url, api_key="the-key", headers=headers)
    return wire_request(adapter(name), request, endpoint, BLOBS, LIMITS)


def sent(name: str, *messages: Message, **fields: Any) -> dict[str, Any]:
    return json.loads(build(name, list(messages), **fields).body)


def test_a_conversation_for_openai() -> None:
    request = build(
        "openai",
        [said("user", "Hi"), said("assistant", "Hello."), said("user", "Bye")],
        system="Be short.",
        model="gpt-x",
        options={"temperature": 0.5, "max_completion_tokens": 9},
        base_url="https://api.openai.com/v1/",
    )
    assert request.body == (
        b'{"model":"gpt-x","messages":[{"role":"system","content":"Be short."},'
        b'{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello."},'
        b'{"role":"user","content":"Bye"}],"stream":true,"stream_options":{"include_usage":true},'
        b'"temperature":0.5,"max_completion_tokens":9}'
    )
    assert (request.method, request.url) == ("POST", "https://api.openai.com/v1/chat/completions")
    assert request.headers["authorization"] == "Bearer the-key"
    assert request.headers["content-type"] == "application/json"
    assert request.framing == "sse"
    assert request.limits is LIMITS
    assert "the-key" not in repr(request)


def test_a_conversation_for_ollama() -> None:
    request = build(
        "ollama",
        [said("user", "Hi"), said("assistant", "Hello."), said("user", "Bye")],
        system="Be short.",
        model="llama3",
        options={"num_ctx": 8192, "think": "low", "keep_alive": "5m", "format": "json", "seed": 1},
        base_url="http://127.0.0.1:11434",
    )
    assert request.body == (
        b'{"model":"llama3","messages":[{"role":"system","content":"Be short."},'
        b'{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello."},'
        b'{"role":"user","content":"Bye"}],"stream":true,"think":"low","keep_alive":"5m",'
        b'"format":"json","options":{"num_ctx":8192,"seed":1}}'
    )
    assert (request.method, request.url) == ("POST", "http://127.0.0.1:11434/api/chat")
    assert request.framing == "ndjson"


def test_think_is_sent_to_ollama_only_when_set() -> None:
    assert sent("ollama", said("user", "Hi")).keys() == {"model", "messages", "stream"}
    assert sent("ollama", said("user", "Hi"), options={"think": False})["think"] is False


def test_nested_options_for_ollama_are_taken_together() -> None:
    body = sent("ollama", said("user", "Hi"), options={"options": {"num_ctx": 1, "seed": 2}, "seed": 3})
    assert body["options"] == {"num_ctx": 1, "seed": 3}


@pytest.mark.parametrize("name", ["openai", "ollama"])
def test_the_users_options_win(name: str) -> None:
    body = sent(name, said("user", "Hi"), options={"stream": False, "model": "other", "seed": None})
    assert body["stream"] is False
    assert body["model"] == "other"
    assert "seed" not in json.dumps(body)


@pytest.mark.parametrize("name", ["openai", "ollama"])
def test_all_parameters_can_be_taken_away(name: str) -> None:
    body = sent(name, said("user", "Hi"), options={"stream": None, "stream_options": None})
    assert "stream_options" not in body


@pytest.mark.parametrize("name", ["openai", "ollama"])
def test_own_headers_win_whatever_their_case(name: str) -> None:
    request = build(name, [said("user", "Hi")], headers={"Authorization": "Basic x", "X-Own": "1"})
    assert request.headers["authorization"] == "Basic x"
    assert request.headers["x-own"] == "1"
    assert "Authorization" not in request.headers


def test_no_key_sends_no_authorization() -> None:
    for name in ("llamacpp", "ollama"):
        wire = adapter(name)
        endpoint = Endpoint(provider=name, base_url="http://127.0.0.1:9")
        request = wire.build_request(TurnRequest(model="m", messages=()), [], endpoint, LIMITS)
        assert "authorization" not in request.headers


@pytest.mark.parametrize("name", ["openrouter", "mistral", "perplexity"])
def test_services_that_report_usage_unasked_are_not_asked(name: str) -> None:
    assert "stream_options" not in sent(name, said("user", "Hi"))


def test_an_image_for_openai() -> None:
    item = sent("openai", said("user", "What is", PICTURE, "this?"))["messages"][0]
    assert item["content"] == [
        {"type": "text", "text": "What is"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw=="}},
        {"type": "text", "text": "this?"},
    ]


def test_an_image_for_ollama() -> None:
    item = sent("ollama", said("user", "What is", PICTURE, "this?"))["messages"][0]
    assert item == {"role": "user", "content": "What is\n\nthis?", "images": ["iVBORw=="]}


def test_an_image_alone() -> None:
    assert len(sent("openai", said("user", PICTURE))["messages"][0]["content"]) == 1
    assert sent("ollama", said("user", PICTURE))["messages"][0]["images"] == ["iVBORw=="]


@pytest.mark.parametrize("name", ["openai", "ollama"])
def test_a_model_without_images_is_told_what_is_missing(name: str) -> None:
    fragment = adapter(name).encode_message(
        said("user", "See", PICTURE), Variant(images=False), BLOBS.__getitem__
    )
    text = json.loads(fragment)["content"]
    assert text == "See\n\n[image cat.png left out: the model takes no images]"


@pytest.mark.parametrize("name", ["openai", "ollama"])
def test_a_text_file_is_written_out_under_its_name(name: str) -> None:
    file = FilePart("a\nb.txt", "text/plain", "22")
    item = sent(name, said("user", "Read", file))["messages"][0]
    assert item["content"] == (
        "Read\n\n--- File: a b.txt ---\nfirst line\nsecond line\n--- End of a b.txt ---"
    )


def test_a_file_that_is_not_utf8_is_read_as_far_as_it_goes() -> None:
    item = sent("openai", said("user", FilePart("x.txt", "text/plain", "33")))["messages"][0]
    assert "caf\ufffd" in item["content"]


@pytest.mark.parametrize("name", ["openai", "ollama"])
def test_a_lost_attachment_is_named(name: str) -> None:
    lost = ImagePart("image/png", "99", "dog.png")
    with pytest.raises(AttachmentError, match=r"dog\.png"):
        adapter(name).encode_message(said("user", lost), Variant(), BLOBS.__getitem__)


@pytest.mark.parametrize("name", ["openai", "ollama"])
@pytest.mark.parametrize(
    "parts", [(), ("",), (" \n",), (ThinkingPart("hm"),), (CitationsPart((Citation("http://x"),)),)]
)
def test_an_empty_reply_is_never_sent(name: str, parts: tuple[Part | str, ...]) -> None:
    empty = said("assistant", *parts)
    assert adapter(name).encode_message(empty, Variant(), BLOBS.__getitem__) == b""
    roles = [item["role"] for item in sent(name, said("user", "a"), empty, said("user", "b"))["messages"]]
    assert roles == ["user", "user"]


@pytest.mark.parametrize("name", ["openai", "ollama"])
def test_thinking_stays_here_and_a_refusal_is_text(name: str) -> None:
    reply = said("assistant", ThinkingPart("hm"), OpaquePart("anthropic", "sig"), "Yes.", RefusalPart("No."))
    item = sent(name, said("user", "a"), reply)["messages"][1]
    assert item == {"role": "assistant", "content": "Yes.\n\nNo."}


def test_tool_calls_and_results_for_openai() -> None:
    calls = said("assistant", ToolCallPart("c1", "f", '{"a": 1}'), ToolCallPart("c2", "g", ""))
    results = said("tool", ToolResultPart("c1", "one"), ToolResultPart("c2", "two", is_error=True))
    items = sent("openai", said("user", "go"), calls, results)["messages"]
    assert items[1:] == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}},
                {"id": "c2", "type": "function", "function": {"name": "g", "arguments": "{}"}},
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "one"},
        {"role": "tool", "tool_call_id": "c2", "content": "two"},
    ]


def test_tool_calls_and_results_for_ollama() -> None:
    calls = said(
        "assistant", "So:", ToolCallPart("c1", "f", '{"a": 1}'), ToolCallPart("c2", "g", "[not an object")
    )
    items = sent("ollama", said("user", "go"), calls, said("tool", ToolResultPart("c1", "one")))["messages"]
    assert items[1:] == [
        {
            "role": "assistant",
            "content": "So:",
            "tool_calls": [
                {"id": "c1", "function": {"name": "f", "arguments": {"a": 1}}},
                {"id": "c2", "function": {"name": "g", "arguments": {"arguments": "[not an object"}}},
            ],
        },
        {"role": "tool", "content": "one", "tool_call_id": "c1", "tool_name": "f"},
        {
            "role": "tool",
            "content": "No result: the turn was stopped.",
            "tool_call_id": "c2",
            "tool_name": "g",
        },
    ]


def test_neighbours_of_one_role_are_merged_where_roles_must_alternate() -> None:
    conversation = [
        said("user", "a"),
        said("assistant"),
        said("user", "b", PICTURE),
        said("user", "c"),
        said("assistant", "d"),
        said("assistant", "e"),
    ]
    items = sent("perplexity", *conversation, system="s")["messages"]
    assert [item["role"] for item in items] == ["system", "user", "assistant", "user"]
    assert [part.get("text") for part in items[1]["content"]] == ["a", "b", None, "c"]
    assert items[2]["content"] == "d\n\ne"


def test_tool_results_are_never_merged() -> None:
    calls = said("assistant", ToolCallPart("c1", "f", "{}"), ToolCallPart("c2", "g", "{}"))
    results = said("tool", ToolResultPart("c1", "one"), ToolResultPart("c2", "two"))
    items = sent("mistral", said("user", "go"), calls, results)["messages"]
    assert [item["role"] for item in items] == ["user", "assistant", "tool", "tool"]


def _one_shot(request: WireRequest) -> bytes:
    """The same body encoded in one go."""
    return encode_json(json.loads(request.body))


_TEXTS = st.text(st.characters(codec=None), max_size=20)
_MESSAGES = st.lists(
    st.one_of(
        st.builds(lambda text: said("user", text, PICTURE), _TEXTS),
        st.builds(lambda text: said("user", text), _TEXTS),
        st.builds(lambda text: said("assistant", ThinkingPart("x"), text), _TEXTS),
        st.builds(lambda text: said("assistant", ToolCallPart("c", "f", "{}"), text), _TEXTS),
        st.builds(lambda text: said("tool", ToolResultPart("c", text)), _TEXTS),
    ),
    max_size=6,
)


@given(_MESSAGES, st.sampled_from(["openai", "ollama", "mistral", "gemini"]))
def test_the_joined_body_is_the_one_shot_encoding(messages: list[Message], name: str) -> None:
    """Any text at all, lone surrogates included, gives valid UTF-8 JSON."""
    request = build(name, messages, system="s", options={"seed": 1})
    assert request.body == _one_shot(request)


@given(_MESSAGES, _MESSAGES, st.sampled_from(["openai", "ollama"]))
def test_a_longer_conversation_begins_with_the_shorter_one(
    first: list[Message], more: list[Message], name: str
) -> None:
    first = [*first, said("user", "?")]
    short, long = build(name, first, system="s"), build(name, first + more, system="s")
    beginning = short.body[: short.body.index(b'],"stream"')]
    assert long.body.startswith(beginning)


def _adapters() -> list[ProviderAdapter]:
    return [adapter(row.name) for row in services() if row.name != "guide"]


@pytest.mark.parametrize("wire", _adapters(), ids=lambda wire: wire.name)
def test_every_service_can_be_asked(wire: ProviderAdapter) -> None:
    endpoint = Endpoint(provider=wire.name, base_url="http://127.0.0.1:9")
    hello = said("user", "Hi")
    encoded = [wire.encode_message(hello, wire.variant("m"), BLOBS.__getitem__)]
    body = json.loads(
        wire.build_request(TurnRequest(model="m", messages=(hello,)), encoded, endpoint, LIMITS).body
    )
    assert '"Hi"' in json.dumps(body)
    assert body.get("messages", body.get("contents"))[0]["role"] == "user"
