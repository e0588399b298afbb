"""Replies of Anthropic, block by block: what is shown, what is kept to go back, how they end."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatterm.backend.providers.anthropic import Anthropic
from chatterm.backend.providers.anthropic_content import message_blocks
from chatterm.backend.providers.anthropic_decoder import AnthropicDecoder
from chatterm.core.errors import (
    AuthenticationError,
    BadRequestError,
    ContextTooLongError,
    ModelNotFoundError,
    OverloadedError,
    ProviderError,
    QuotaExceededError,
    RateLimitedError,
    ServerError,
    TruncatedStreamError,
)
from chatterm.core.events import StreamFinished, StreamStarted, UsageReported
from chatterm.core.messages import (
    Citation,
    CitationsPart,
    Message,
    OpaquePart,
    Part,
    RefusalPart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
)
from chatterm.core.turn import StopReason
from chatterm.core.usage import Usage
from tests.providers.replay import (
    OWN_FOLDER,
    SHARED_FOLDER,
    Recording,
    Replayed,
    decode,
    decode_data,
    frames,
    random_pieces,
    recordings,
    whole,
)

WIRE = Anthropic()
_RECORDED = [
    one
    for folder in (OWN_FOLDER, SHARED_FOLDER)
    for one in recordings(folder)
    if one.adapter.name == "anthropic" and one.streams and one.status == 200
]


def no_blobs(sha256: str) -> bytes:
    raise KeyError(sha256)


def start(model: str = "claude-sonnet-5", **usage: Any) -> dict[str, Any]:
    message: dict[str, Any] = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
    }
    return {"type": "message_start", "message": {**message, "usage": usage or {"input_tokens": 3}}}


def begin(index: int, kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": {"type": kind, **fields}}


def more(index: int, kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **fields}}


def stop(index: int) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


def ending(reason: str | None = "end_turn", usage: Any = None, **delta: Any) -> list[dict[str, Any]]:
    fields = {"stop_reason": reason, "stop_sequence": None, **delta}
    return [{"type": "message_delta", "delta": fields, "usage": usage or {}}, {"type": "message_stop"}]


def read(*events: dict[str, Any] | bytes) -> Replayed:
    return decode_data(AnthropicDecoder("Anthropic"), *events)


def kept(part: Part) -> dict[str, Any]:
    assert isinstance(part, OpaquePart)
    assert part.origin == "anthropic"
    return json.loads(part.data)


def sent_back(replayed: Replayed) -> list[dict[str, object]]:
    """The blocks that the next request has for this reply."""
    assert replayed.error is None
    message = Message(role="assistant", parts=replayed.draft.parts())
    return message_blocks(message, WIRE.variant("claude-sonnet-5"), no_blobs)


def test_thinking_keeps_its_signature() -> None:
    replayed = read(
        start(),
        begin(0, "thinking", thinking="", signature=""),
        more(0, "thinking_delta", thinking="Hm"),
        {"type": "ping"},
        more(0, "thinking_delta", thinking="m."),
        more(0, "signature_delta", signature="s1=="),
        stop(0),
        begin(1, "redacted_thinking", data="abc"),
        stop(1),
        begin(2, "thinking", thinking="", signature=""),
        more(2, "signature_delta", signature="s2=="),
        stop(2),
        begin(3, "text", text=""),
        more(3, "text_delta", text="Yes."),
        stop(3),
        *ending(),
    )
    first, signature, hidden, omitted, words = replayed.draft.parts()
    assert (first, words) == (ThinkingPart("Hmm."), TextPart("Yes."))
    assert kept(signature) == {"type": "thinking", "signature": "s1=="}
    assert kept(hidden) == {"type": "redacted_thinking", "data": "abc"}
    assert kept(omitted) == {"type": "thinking", "signature": "s2=="}
    assert sent_back(replayed) == [
        {"type": "thinking", "thinking": "Hmm.", "signature": "s1=="},
        {"type": "redacted_thinking", "data": "abc"},
        {"type": "thinking", "thinking": "", "signature": "s2=="},
        {"type": "text", "text": "Yes."},
    ]
    assert replayed.draft.stop_reason is StopReason.END_TURN


def test_tool_calls() -> None:
    replayed = read(
        start(),
        begin(0, "tool_use", id="a", name="one", input={}),
        more(0, "input_json_delta", partial_json=""),
        stop(0),
        begin(1, "tool_use", id="b", name="two", input={}, caller={"type": "code", "tool_id": "srv"}),
        more(1, "input_json_delta", partial_json='{"x":'),
        more(1, "input_json_delta", partial_json=" 1}"),
        stop(1),
        begin(2, "tool_use", id="c", name="three", input={"y": 2}, caller={"type": "direct"}),
        stop(2),
        *ending("tool_use"),
    )
    calls = [part for part in replayed.draft.parts() if isinstance(part, ToolCallPart)]
    assert calls == [
        ToolCallPart("a", "one", "{}"),
        ToolCallPart("b", "two", '{"x": 1}'),
        ToolCallPart("c", "three", '{"y":2}'),
    ]
    assert replayed.draft.stop_reason is StopReason.TOOL_CALLS
    caller = {"type": "code", "tool_id": "srv"}
    assert [block.get("caller") for block in sent_back(replayed)] == [None, caller, None]


SEARCH = [
    begin(0, "server_tool_use", id="s1", name="web_search", input={}),
    more(0, "input_json_delta", partial_json='{"query": "x"}'),
    stop(0),
]
FOUND = [
    begin(1, "web_search_tool_result", tool_use_id="s1", content=[{"encrypted_content": "e"}]),
    stop(1),
]
USE = {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "x"}}


def test_blocks_of_the_servers_own_tools_are_kept() -> None:
    replayed = read(start(), *SEARCH, *FOUND, begin(2, "text", text="So."), stop(2), *ending())
    result = {"type": "web_search_tool_result", "tool_use_id": "s1", "content": [{"encrypted_content": "e"}]}
    assert sent_back(replayed) == [USE, result, {"type": "text", "text": "So."}]
    assert replayed.draft.skipped_frames == 0


def test_a_search_that_was_cut_is_not_kept_without_its_result() -> None:
    assert read(start(), *SEARCH).draft.parts() == ()
    paused = read(start(), *SEARCH, *ending("pause_turn"))
    assert paused.draft.stop_reason is StopReason.PAUSE_TURN
    assert sent_back(paused) == [USE]


def test_blocks_that_nobody_knows_are_kept() -> None:
    replayed = read(
        start(),
        begin(0, "compaction", content="A"),
        more(0, "compaction_delta", content="B", extra=[1]),
        stop(0),
        begin(1, "fallback", **{"from": {"model": "a"}, "to": {"model": "b"}}),
        stop(1),
        *ending("compaction"),
    )
    compaction, fallback = map(kept, replayed.draft.parts())
    assert compaction == {"type": "compaction", "content": "AB", "extra": [1]}
    assert fallback == {"type": "fallback", "from": {"model": "a"}, "to": {"model": "b"}}
    assert replayed.draft.stop_reason is StopReason.OTHER


@pytest.mark.parametrize(
    ("citation", "source"),
    [
        (
            {"type": "web_search_result_location", "url": "https://u", "title": "T"},
            Citation("https://u", "T"),
        ),
        ({"type": "web_search_result_location", "url": "https://u", "title": None}, Citation("https://u")),
        ({"type": "search_result_location", "source": "kb/1", "title": "T"}, Citation("kb/1", "T")),
        ({"type": "char_location", "document_index": 0, "document_title": "D"}, Citation("", "D")),
        (
            {"type": "content_block_location", "document_index": 1, "document_title": None},
            Citation("", "Document 2"),
        ),
        (
            {"type": "page_location", "document_index": 0, "document_title": "D", "start_page_number": 3},
            Citation("", "D, page 3"),
        ),
    ],
)
def test_citations(citation: dict[str, Any], source: Citation) -> None:
    replayed = read(
        start(),
        begin(0, "text", text=""),
        more(0, "text_delta", text="It is "),
        stop(0),
        begin(1, "text", text="", citations=[]),
        more(1, "citations_delta", citation=citation),
        more(1, "citations_delta", citation=citation),
        more(1, "text_delta", text="so."),
        stop(1),
        *ending(),
    )
    words, _spans, cited = replayed.draft.parts()
    assert words == TextPart("It is so.")
    assert cited == CitationsPart((source,))
    assert sent_back(replayed) == [
        {"type": "text", "text": "It is "},
        {"type": "text", "text": "so.", "citations": [citation, citation]},
    ]


def test_usage() -> None:
    """The input counts what the cache gave and took; what is not told is not known."""
    cached: dict[str, Any] = {
        "input_tokens": 5,
        "cache_read_input_tokens": 100,
        "cache_creation_input_tokens": 20,
        "output_tokens": 1,
    }
    first = read(start(**cached))
    assert first.draft.usage == Usage(input=125, cache_read=100, cache_write=20)
    thought = {"output_tokens": 9, "input_tokens": 7, "output_tokens_details": {"thinking_tokens": 4}}
    last = read(start(**cached), *ending(usage=thought))
    assert last.draft.usage == Usage(input=127, output=9, cache_read=100, cache_write=20, reasoning=4)
    # Servers that tell the input at the beginning alone fill in zeros at the end.
    assert read(start(), *ending(usage={"input_tokens": 0, "output_tokens": 2})).draft.usage.input == 3
    assert read(start(input_tokens="3"), *ending()).draft.usage == Usage()


def test_a_second_beginning_is_news_of_the_message() -> None:
    replayed = read(
        start(),
        start(),
        begin(0, "text", text="A"),
        stop(0),
        start("claude-opus-4-8"),
        begin(0, "text", text="B"),
        stop(0),
        *ending(),
    )
    assert [event.model for event in replayed.events if isinstance(event, StreamStarted)] == [
        "claude-sonnet-5",
        "claude-opus-4-8",
    ]
    assert len([event for event in replayed.events if isinstance(event, UsageReported)]) == 1
    assert replayed.draft.parts() == (TextPart("AB"),)


@pytest.mark.parametrize(
    ("details", "told"),
    [
        ({"explanation": "It was blocked."}, "It was blocked."),
        ({"explanation": None, "category": "cyber"}, "Anthropic refused to answer: cyber."),
        ({"category": None}, "Anthropic refused to answer."),
        (
            {"explanation": "No.", "recommended_model": "claude-opus-4-8"},
            "No. It recommends the model claude-opus-4-8.",
        ),
        ({"explanation": "No.", "recommended_model": "claude-sonnet-5"}, "No."),
    ],
)
def test_a_refusal(details: dict[str, Any], told: str) -> None:
    replayed = read(
        start(),
        begin(0, "text", text="Well"),
        *ending("refusal", stop_details={"type": "refusal", **details}),
    )
    assert replayed.draft.parts() == (TextPart("Well"), RefusalPart(told))
    assert replayed.draft.stop_reason is StopReason.REFUSAL


@pytest.mark.parametrize(
    ("reason", "meant"),
    [
        ("max_tokens", StopReason.MAX_TOKENS),
        ("stop_sequence", StopReason.STOP_SEQUENCE),
        ("model_context_window_exceeded", StopReason.CONTEXT_FULL),
        ("refusal", StopReason.REFUSAL),
        ("something new", StopReason.OTHER),
        (None, StopReason.OTHER),
    ],
)
def test_why_it_stopped(reason: str | None, meant: StopReason) -> None:
    assert read(start(), *ending(reason)).draft.stop_reason is meant


def test_an_end_without_its_last_event() -> None:
    """Who says why it stopped has stopped; else the reply was cut."""
    assert read(start(), ending("max_tokens")[0]).draft.stop_reason is StopReason.MAX_TOKENS
    cut = read(start(), begin(0, "text", text="A"))
    assert isinstance(cut.error, TruncatedStreamError)
    assert cut.error.retryable
    assert cut.draft.parts() == (TextPart("A"),)
    assert "empty" in str(read().error)


def test_what_comes_after_the_end_or_makes_no_sense_is_counted() -> None:
    after = read(start(), *ending(), {"type": "ping"}, begin(0, "text", text="A"))
    assert (after.draft.skipped_frames, after.draft.parts()) == (1, ())
    odd = (
        b"[1]",
        b"{",
        {"type": "news"},
        more(7, "input_json_delta", partial_json="{"),
        more(0, "news"),
        begin(0, ""),
        stop(0),
        more(0, "citations_delta", citation=3),
    )
    assert read(start(), *odd, *ending()).draft.skipped_frames == 7


def test_a_whole_reply_is_read_as_a_streamed_one() -> None:
    content: list[dict[str, Any]] = [
        {"type": "thinking", "thinking": "Hm.", "signature": "s"},
        {"type": "redacted_thinking", "data": "d"},
        USE,
        {"type": "web_search_tool_result", "tool_use_id": "s1", "content": []},
        {"type": "text", "text": "So", "citations": [{"type": "char_location", "document_title": "D"}]},
        {"type": "text", "text": "."},
        {"type": "tool_use", "id": "a", "name": "one", "input": {"x": 1}},
    ]
    usage = {"input_tokens": 3, "output_tokens": 9}
    body = {**start()["message"], "content": content, "stop_reason": "tool_use", "usage": usage}
    replayed = read(body)
    back: list[dict[str, Any]] = sent_back(replayed)
    assert back == content
    assert replayed.draft.usage == Usage(input=3, output=9)
    assert replayed.draft.stop_reason is StopReason.TOOL_CALLS
    assert isinstance(replayed.events[-1], StreamFinished)


@pytest.mark.parametrize("recording", [pytest.param(one, id=one.name) for one in _RECORDED])
def test_recorded_bytes_cut_in_twenty_ways(recording: Recording) -> None:
    expected = decode(WIRE.new_decoder(), frames("sse", whole(recording.body))).events
    for seed in range(20):
        assert (
            decode(WIRE.new_decoder(), frames("sse", random_pieces(recording.body, seed))).events == expected
        )


@pytest.mark.parametrize("recording", [pytest.param(one, id=one.name) for one in _RECORDED])
def test_recorded_blocks_go_back_as_they_came(recording: Recording) -> None:
    """Joined from their deltas by other means than the decoder's."""
    came: dict[int, dict[str, Any]] = {}
    for frame in frames("sse", whole(recording.body)):
        event: dict[str, Any] = json.loads(frame.data)
        if event["type"] == "content_block_start":
            came[event["index"]] = event["content_block"]
        elif event["type"] == "content_block_delta":
            block, delta = came[event["index"]], event["delta"]
            match delta["type"]:
                case "text_delta":
                    block["text"] += delta["text"]
                case "thinking_delta":
                    block["thinking"] += delta["thinking"]
                case "signature_delta":
                    block["signature"] = delta["signature"]
                case "citations_delta":
                    block["citations"] = [*block.get("citations", []), delta["citation"]]
                case _:
                    block["json"] = block.get("json", "") + delta["partial_json"]
    blocks = [_as_sent(block) for block in came.values()]
    replayed = decode(WIRE.new_decoder(), frames("sse", whole(recording.body)))
    message = Message(role="assistant", parts=replayed.draft.parts())
    back: list[dict[str, Any]] = message_blocks(message, WIRE.variant("claude-sonnet-5"), no_blobs)
    cited = any("citations" in block for block in blocks)
    blocks = _without_blank_texts(blocks) if cited else _joined_texts(blocks)
    refused = any(isinstance(part, RefusalPart) for part in message.parts)
    assert back == blocks or refused


def _as_sent(block: dict[str, Any]) -> dict[str, Any]:
    if arguments := block.pop("json", ""):
        block["input"] = json.loads(arguments)
    if block["type"] == "tool_use" and block.get("caller") == {"type": "direct"}:
        del block["caller"]
    if not block.get("citations", True):
        del block["citations"]
    return block


def _joined_texts(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    joined: list[dict[str, Any]] = []
    for block in blocks:
        if joined and block["type"] == joined[-1]["type"] == "text":
            joined[-1]["text"] += block["text"]
        else:
            joined.append(block)
    return joined


def _without_blank_texts(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """White space alone is no block, so it belongs to the text before it."""
    for before, block in pairwise(blocks):
        if block["type"] == "text" and not block["text"].strip():
            before["text"] += block["text"]
    return [block for block in blocks if block["type"] != "text" or block["text"].strip()]


def error(kind: str, message: str, **more: Any) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message, **more}, "request_id": "req_body"}


KINDS: list[tuple[int, dict[str, Any], type[ProviderError]]] = [
    (
        400,
        error("invalid_request_error", "prompt is too long: 3333404 tokens > 200000 maximum"),
        ContextTooLongError,
    ),
    (
        400,
        error(
            "invalid_request_error",
            "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000",
        ),
        ContextTooLongError,
    ),
    (
        400,
        error("invalid_request_error", "Your credit balance is too low to access the Anthropic API."),
        QuotaExceededError,
    ),
    (
        400,
        error("invalid_request_error", "This model does not support assistant message prefill."),
        BadRequestError,
    ),
    (401, error("authentication_error", "invalid x-api-key"), AuthenticationError),
    (402, error("billing_error", "Pay."), QuotaExceededError),
    (403, error("permission_error", "No."), AuthenticationError),
    (404, error("not_found_error", "model: claude-9"), ModelNotFoundError),
    (404, error("not_found_error", "Not Found"), BadRequestError),
    (413, error("request_too_large", "Too large."), ContextTooLongError),
    (429, error("rate_limit_error", "Too many tokens per minute."), RateLimitedError),
    (
        429,
        error("rate_limit_error", "Limit.", details={"error_code": "enforced_spend_limit_reached"}),
        QuotaExceededError,
    ),
    (500, error("api_error", "Internal server error"), ServerError),
    (504, error("timeout_error", "Timed out."), ServerError),
    (529, error("overloaded_error", "Overloaded"), OverloadedError),
]


@pytest.mark.parametrize(("status", "body", "kind"), KINDS)
def test_errors(status: int, body: dict[str, Any], kind: type[ProviderError]) -> None:
    told = WIRE.parse_error(status, {"retry-after": "7"}, json.dumps(body).encode())
    assert type(told) is kind
    assert body["error"]["message"] in told.message
    assert (told.status, told.request_id, told.retry_after) == (status, "req_body", 7.0)
    assert told.retryable is (status >= 429 and kind is not QuotaExceededError)
    # The word of the service, and the id of its header, come first.
    word = "false" if told.retryable else "true"
    told = WIRE.parse_error(
        status, {"x-should-retry": word, "request-id": "req_h"}, json.dumps(body).encode()
    )
    assert (told.retryable, told.request_id) == (word == "true", "req_h")


def test_an_error_in_the_stream() -> None:
    cut = read(start(), begin(0, "text", text="Hello"), error("overloaded_error", "Overloaded"))
    assert isinstance(cut.error, OverloadedError)
    assert cut.error.retryable
    assert cut.error.request_id == "req_body"
    assert cut.draft.parts() == (TextPart("Hello"),)
    assert isinstance(read(error("api_error", "x")).error, ServerError)
    assert isinstance(read(error("rate_limit_error", "x")).error, RateLimitedError)


@pytest.mark.parametrize(
    ("message", "parameter"),
    [
        ("`temperature` and `top_p` cannot both be specified for this model. Please use only one.", "top_p"),
        ("temperature: Extra inputs are not permitted", "temperature"),
        ("`temperature` is deprecated for this model.", "temperature"),
        ("top_k: Extra inputs are not permitted", "top_k"),
        ("max_tokens: 90000 > 64000, which is the maximum allowed number of output tokens", None),
        ("This model does not support assistant message prefill.", None),
    ],
)
def test_a_parameter_that_is_not_taken(message: str, parameter: str | None) -> None:
    body = json.dumps(error("invalid_request_error", message)).encode()
    told = WIRE.parse_error(400, {}, body)
    assert isinstance(told, BadRequestError)
    assert told.parameter == parameter


def _nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    names = st.sampled_from(["type", "text", "id", "input", "index", "citations", "usage"])
    return st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3)


def _typed(kind: str, fields: dict[str, Any]) -> dict[str, Any]:
    return {"type": kind, **fields}


_LEAVES = st.none() | st.booleans() | st.integers(-3, 2**70) | st.floats()
_JSON: st.SearchStrategy[Any] = st.recursive(
    _LEAVES | st.sampled_from(["", "a", "\ud83d", "end_turn", "refusal"]), _nested, max_leaves=6
)
_KINDS = st.sampled_from(
    [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
        "message",
        "error",
        "ping",
        "?",
    ]
)
_BLOCKS = st.sampled_from(
    ["text", "thinking", "tool_use", "server_tool_use", "web_search_tool_result", "redacted_thinking", ""]
)
_DELTAS = st.sampled_from(
    [
        "text_delta",
        "thinking_delta",
        "signature_delta",
        "input_json_delta",
        "citations_delta",
        "compaction_delta",
    ]
)
_NAMES = [
    "text",
    "thinking",
    "signature",
    "partial_json",
    "citation",
    "input",
    "id",
    "name",
    "content",
    "caller",
]


def _fields(kinds: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    inner = st.dictionaries(st.sampled_from(_NAMES), _JSON, max_size=4)
    return st.builds(_typed, kinds, inner) | _JSON


_EVENTS = st.fixed_dictionaries(
    {"type": _KINDS | _JSON},
    optional={
        "index": st.integers(0, 2) | _JSON,
        "message": st.fixed_dictionaries(
            {}, optional={"content": st.lists(_fields(_BLOCKS), max_size=3), "usage": _JSON}
        )
        | _JSON,
        "content_block": _fields(_BLOCKS),
        "delta": _fields(_DELTAS),
        "usage": _JSON,
        "content": st.lists(_fields(_BLOCKS), max_size=3) | _JSON,
        "stop_reason": _JSON,
        "error": _JSON,
    },
)


@given(st.lists(_EVENTS | st.binary(max_size=8), max_size=8))
def test_nothing_but_named_errors(events: list[Any]) -> None:
    """And whatever was kept can be sent back."""
    replayed = read(*events)
    message = Message(role="assistant", parts=replayed.draft.parts())
    WIRE.encode_message(message, WIRE.variant("claude-sonnet-5"), no_blobs)
