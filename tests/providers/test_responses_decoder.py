"""What Responses servers send, in all the ways they send it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatterm.backend.providers.base import Frame
from chatterm.backend.providers.openai_responses_decoder import MOST_ITEM_BYTES, OpenAIResponsesDecoder
from chatterm.core.errors import (
    BadRequestError,
    ProviderError,
    QuotaExceededError,
    RateLimitedError,
    ServerError,
    TruncatedStreamError,
)
from chatterm.core.events import FrameSkipped
from chatterm.core.messages import (
    Citation,
    CitationsPart,
    OpaquePart,
    Part,
    RefusalPart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
)
from chatterm.core.turn import StopReason
from chatterm.core.usage import Usage
from tests.providers.replay import Replayed, decode, decode_data

ORIGIN = "openai_responses/openai"
CREATED = {"type": "response.created", "response": {"id": "resp_1", "model": "gpt-x"}}
COMPLETED: dict[str, Any] = {
    "type": "response.completed",
    "response": {
        "status": "completed",
        "usage": {
            "input_tokens": 10,
            "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2},
            "output_tokens": 7,
            "output_tokens_details": {"reasoning_tokens": 5},
        },
    },
}
SEALED = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"}


def decoder() -> OpenAIResponsesDecoder:
    return OpenAIResponsesDecoder("OpenAI", lambda _: ORIGIN)


def replay(*data: bytes | str | dict[str, Any]) -> Replayed:
    return decode_data(decoder(), *data)


def parts(*data: bytes | str | dict[str, Any]) -> tuple[Part, ...]:
    replayed = replay(*data, COMPLETED)
    assert replayed.error is None
    return replayed.draft.parts()


def event(kind: str, index: int = 0, **fields: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}", "output_index": index, **fields}


def done(item: dict[str, Any], index: int = 0) -> dict[str, Any]:
    return event("output_item.done", index, item=item)


def added(item: dict[str, Any], index: int = 0) -> dict[str, Any]:
    return event("output_item.added", index, item=item)


def text(value: str, index: int = 0, part: int = 0) -> dict[str, Any]:
    return event("output_text.delta", index, content_index=part, delta=value)


def message(value: str, **fields: Any) -> dict[str, Any]:
    return {"type": "message", "content": [{"type": "output_text", "text": value}], **fields}


def skipped(replayed: Replayed) -> list[str]:
    return [one.reason for one in replayed.events if isinstance(one, FrameSkipped)]


def test_the_usage_comes_with_the_end() -> None:
    replayed = replay(CREATED, text("Hi"), COMPLETED)
    draft = replayed.draft
    assert (draft.model, draft.response_id, draft.stop_reason) == ("gpt-x", "resp_1", StopReason.END_TURN)
    assert draft.usage == Usage(input=10, output=7, cache_read=4, cache_write=2, reasoning=5)


def test_costs_as_xai_and_openrouter_tell_them() -> None:
    for told, cost in (({"cost_in_usd_ticks": 10_959_000}, 0.0010959), ({"cost": 0.25}, 0.25), ({}, None)):
        usage = {"type": "response.completed", "response": {"usage": {"output_tokens": 1, **told}}}
        assert replay(text("Hi"), usage).draft.usage.cost == cost


def test_text_that_came_in_increments_is_not_repeated() -> None:
    assert parts(
        added({"type": "message", "id": "msg_1"}),
        text("Good "),
        text("day."),
        event("output_text.done", content_index=0, text="Good day."),
        event("content_part.done", content_index=0, part={"type": "output_text", "text": "Good day."}),
        done(message("Good day.", id="msg_2")),
        {"type": "response.completed", "response": {"output": [message("Good day.")]}},
    ) == (TextPart("Good day."),)


@pytest.mark.parametrize(
    "frames",
    [
        [event("output_text.done", content_index=0, text="Whole.")],
        [done(message("Whole."))],
        [event("output_text.done", text="Whole."), done(message("Whole."))],
        [{"type": "response.completed", "response": {"output": [message("Whole.")]}}],
        [added(message("")), done(message("Whole."))],
    ],
)
def test_text_that_came_whole_is_taken_once(frames: list[dict[str, Any]]) -> None:
    assert parts(*frames) == (TextPart("Whole."),)


def test_messages_are_paragraphs_and_parts_of_one_are_not() -> None:
    assert parts(text("a"), text("b", part=1), text("c", index=1)) == (TextPart("ab\n\nc"),)


def test_parts_of_a_summary_are_paragraphs() -> None:
    def summary(value: str, part: int) -> dict[str, Any]:
        return event("reasoning_summary_text.delta", summary_index=part, delta=value)

    assert parts(
        added({"type": "reasoning"}),
        event("reasoning_summary_part.added", summary_index=0, part={"type": "summary_text", "text": ""}),
        summary("One ", 0),
        summary("thing.", 0),
        event("reasoning_summary_text.done", summary_index=0, text="One thing."),
        summary("Another.", 1),
        event("reasoning_summary_text.delta", 1, summary_index=0, delta="Last."),
        done({"type": "reasoning", "summary": [{"text": "One thing."}, {"text": "Another."}]}),
    ) == (ThinkingPart("One thing.\n\nAnother.\n\nLast."),)


def test_reasoning_and_a_summary_of_it_are_one_thing() -> None:
    whole = {
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": "In short."}],
        "content": [{"type": "reasoning_text", "text": "At length."}],
    }
    (thinking, opaque) = parts(done(whole))
    assert thinking == ThinkingPart("In short.")
    assert isinstance(opaque, OpaquePart)
    assert json.loads(opaque.data) == whole
    first, *_ = parts(event("reasoning_text.delta", delta="At length."), done(whole))
    assert first == ThinkingPart("At length.")


def test_sealed_reasoning_stands_before_what_came_of_it() -> None:
    call = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}
    found = parts(done(SEALED), done(call, 1))
    assert found == (
        OpaquePart(ORIGIN, json.dumps(SEALED, separators=(",", ":"))),
        ToolCallPart("c1", "f", "{}"),
    )


def test_reasoning_that_ends_after_its_text_is_marked() -> None:
    found = parts(added({"type": "reasoning"}), text("Hi", index=1), done(SEALED))
    assert isinstance(found[1], OpaquePart)
    assert json.loads(found[1].data) == {"type": "late", "item": SEALED}


def test_reasoning_with_nothing_in_it_is_not_kept() -> None:
    assert parts(done({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": None})) == ()


def test_the_phase_of_a_message_is_kept() -> None:
    found = parts(text("Let me see."), done(message("Let me see.", phase="commentary")), text("So:", index=1))
    assert found == (
        TextPart("Let me see."),
        OpaquePart(ORIGIN, '{"type":"message","phase":"commentary"}'),
        TextPart("So:"),
    )


def test_calls_whose_ids_rotate() -> None:
    call = {"type": "function_call", "name": "f"}
    assert parts(
        added({**call, "id": "fc_a", "call_id": "c1", "arguments": ""}),
        added({**call, "id": "fc_b", "call_id": "c2", "arguments": ""}, 1),
        event("function_call_arguments.delta", 1, item_id="fc_x", delta='{"b":'),
        event("function_call_arguments.delta", 0, item_id="fc_y", delta='{"a":1}'),
        event("function_call_arguments.delta", 1, item_id="fc_z", delta="2}"),
        event("function_call_arguments.done", 0, arguments='{"a":1}'),
        done({**call, "id": "fc_q", "call_id": "c1", "arguments": '{"a":1}'}, 0),
        done({**call, "id": "fc_r", "call_id": "c2", "arguments": '{"b":2}'}, 1),
    ) == (ToolCallPart("c1", "f", '{"a":1}'), ToolCallPart("c2", "f", '{"b":2}'))


@pytest.mark.parametrize(
    "frames",
    [
        [event("function_call_arguments.done", arguments='{"a":1}')],
        [done({"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"a":1}'})],
        [event("function_call_arguments.delta", delta='{"a":1}')],
    ],
)
def test_arguments_in_any_one_form(frames: list[dict[str, Any]]) -> None:
    began = added({"type": "function_call", "call_id": "c1", "name": "f"})
    replayed = replay(began, *frames, COMPLETED)
    assert replayed.draft.parts() == (ToolCallPart("c1", "f", '{"a":1}'),)
    assert replayed.draft.stop_reason is StopReason.TOOL_CALLS


def test_a_call_that_is_named_only_at_its_end() -> None:
    assert parts(
        added({"type": "function_call"}),
        event("function_call_arguments.delta", delta="{}"),
        done({"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}),
    ) == (ToolCallPart("c1", "f", "{}"),)


def test_a_call_without_arguments_or_an_end() -> None:
    assert parts(added({"type": "function_call", "call_id": "c1", "name": "f"})) == (
        ToolCallPart("c1", "f", "{}"),
    )


def test_items_that_all_have_the_same_index() -> None:
    def call(name: str) -> dict[str, Any]:
        return {"type": "function_call", "call_id": name, "name": name, "arguments": "{}", "id": name}

    assert parts(
        *(added(call("c1")), done(call("c1"))),
        *(added(call("c2")), event("function_call_arguments.delta", delta="[]"), done(call("c2"))),
    ) == (ToolCallPart("c1", "c1", "{}"), ToolCallPart("c2", "c2", "[]"))


def test_events_without_an_index_belong_to_the_item_begun_last() -> None:
    call = {"type": "function_call", "call_id": "c1", "name": "f"}
    assert parts(
        {"type": "response.output_item.added", "item": {"type": "message"}},
        {"type": "response.output_text.delta", "delta": "Hi"},
        {"type": "response.output_item.done", "item": message("Hi")},
        {"type": "response.output_item.added", "item": call},
        {"type": "response.function_call_arguments.delta", "delta": "{}"},
        {"type": "response.output_item.done", "item": call},
    ) == (TextPart("Hi"), ToolCallPart("c1", "f", "{}"))


def test_citations_are_reported_once_each() -> None:
    near, far = ({"type": "url_citation", "url": f"https://{n}", "title": n} for n in ("near", "far"))
    file = {"type": "file_citation", "file_id": "file-1", "filename": "a.txt"}
    nested = {"type": "url_citation", "url_citation": {"url": "https://third", "title": "third"}}
    content = [{"type": "output_text", "text": "Hi", "annotations": [near, far, file, nested]}]
    *_, cited = parts(
        text("Hi"),
        event("output_text.annotation.added", annotation=near),
        event("output_text.annotation.added", annotation=near),
        done({"type": "message", "content": content}),
    )
    sources = [Citation(f"https://{name}", name) for name in ("near", "far")]
    assert cited == CitationsPart((*sources, Citation("", "a.txt"), Citation("https://third", "third")))


def test_a_search_goes_back_as_it_came() -> None:
    search = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"query": "x"}}
    replayed = replay(
        added({"type": "web_search_call"}),
        event("web_search_call.in_progress"),
        event("web_search_call.searching"),
        event("web_search_call.completed"),
        done(search),
        text("Hi", index=1),
        COMPLETED,
    )
    assert skipped(replayed) == []
    (kept, _) = replayed.draft.parts()
    assert isinstance(kept, OpaquePart)
    assert json.loads(kept.data) == search


def test_what_is_too_large_to_keep_is_left_out_visibly() -> None:
    picture = {"type": "image_generation_call", "result": "x" * MOST_ITEM_BYTES}
    replayed = replay(done(picture), COMPLETED)
    assert replayed.draft.parts() == ()
    assert "too large to keep" in skipped(replayed)[0]


def test_refusals() -> None:
    for frames in (
        [
            event("refusal.delta", delta="No"),
            event("refusal.delta", delta="."),
            event("refusal.done", refusal="No."),
        ],
        [event("refusal.done", refusal="No.")],
        [done({"type": "message", "content": [{"type": "refusal", "refusal": "No."}]})],
    ):
        replayed = replay(*frames, COMPLETED)
        assert replayed.draft.parts() == (RefusalPart("No."),)
        assert replayed.draft.stop_reason is StopReason.REFUSAL


@pytest.mark.parametrize(
    ("reason", "stop"),
    [
        ("max_output_tokens", StopReason.MAX_TOKENS),
        ("content_filter", StopReason.CONTENT_FILTER),
        ("something", StopReason.OTHER),
    ],
)
def test_an_incomplete_reply(reason: str, stop: StopReason) -> None:
    end = {"status": "incomplete", "incomplete_details": {"reason": reason}}
    for kind in ("response.incomplete", "response.completed"):
        assert replay(text("Hi"), {"type": kind, "response": end}).draft.stop_reason is stop


def test_openrouter_says_done_after_the_end() -> None:
    replayed = replay(text("Hi"), COMPLETED, "[DONE]")
    assert replayed.error is None
    assert skipped(replayed) == []


def test_an_end_by_done_alone() -> None:
    assert replay(text("Hi"), "[DONE]").draft.stop_reason is StopReason.OTHER


def test_bytes_that_end_too_early() -> None:
    replayed = replay(CREATED, text("Hi"))
    assert isinstance(replayed.error, TruncatedStreamError)
    assert replayed.draft.parts() == (TextPart("Hi"),)
    assert isinstance(replay().error, TruncatedStreamError)


_FLAT = {"type": "error", "code": "rate_limit_exceeded", "message": "Slow down.", "param": None}
_NESTED = {
    "type": "error",
    "error": {"type": "insufficient_quota", "code": "insufficient_quota", "message": "Out."},
}


def _failed(code: str | None, words: str) -> dict[str, Any]:
    error = {"code": code, "message": words}
    return {
        "type": "response.failed",
        "response": {"status": "failed", "error": error, **COMPLETED["response"]},
    }


@pytest.mark.parametrize(
    ("frame", "kind", "retryable", "words"),
    [
        (_FLAT, RateLimitedError, True, "Slow down."),
        (_NESTED, QuotaExceededError, False, "Out."),
        (_failed("server_error", "Broken."), ServerError, True, "Broken."),
        (_failed("rate_limit_exceeded", "Slow."), RateLimitedError, True, "Slow."),
        (_failed("invalid_prompt", "Bad."), BadRequestError, False, "Bad."),
        (_failed("image_content_policy_violation", "No."), BadRequestError, False, "No."),
        (_failed("bio_policy", "No."), BadRequestError, False, "No."),
        (_failed("vector_store_timeout", "Late."), ServerError, True, "Late."),
        (
            {"type": "response.failed", "response": {"status": "failed", "error": None}},
            ServerError,
            True,
            "did not say",
        ),
        ({"error": {"message": "No type.", "code": 502}}, ServerError, True, "No type."),
    ],
)
def test_errors_in_the_stream(
    frame: dict[str, Any], kind: type[ProviderError], retryable: bool, words: str
) -> None:
    replayed = replay(CREATED, text("Hi"), frame)
    assert type(replayed.error) is kind
    assert replayed.error.retryable is retryable
    assert words in replayed.error.message
    assert replayed.draft.parts() == (TextPart("Hi"),)


def test_a_failed_reply_tells_its_usage_first() -> None:
    end = {
        "type": "response.failed",
        "response": {**COMPLETED["response"], "status": "failed", "error": {"code": "x"}},
    }
    assert replay(end).draft.usage.output == 7


def test_unknown_events_are_skipped_visibly() -> None:
    replayed = replay(
        {"type": "response.steer.pending"},
        {"type": "response.output_item.done", "output_index": 9, "item": {}},
        done({"type": "message", "content": [{"type": "output_audio"}]}),
        {"what": 1},
        "[1]",
        "no JSON",
        {"type": "keepalive"},
        COMPLETED,
        COMPLETED,
    )
    assert len(skipped(replayed)) == 7
    assert "'response.steer.pending'" in skipped(replayed)[0]
    assert replayed.error is None


@pytest.mark.parametrize(
    ("status", "more", "stop"),
    [
        ("completed", {}, StopReason.END_TURN),
        ("incomplete", {"incomplete_details": {"reason": "max_output_tokens"}}, StopReason.MAX_TOKENS),
        ("cancelled", {}, StopReason.OTHER),
    ],
)
def test_a_reply_that_was_not_streamed(status: str, more: dict[str, Any], stop: StopReason) -> None:
    thought = {"type": "reasoning", "summary": [{"text": "Hm."}, {"text": "Ah."}]}
    body = {
        **COMPLETED["response"],
        "object": "response",
        "id": "resp_1",
        "model": "gpt-x",
        "error": None,
        "status": status,
        "output": [thought, message("Hi")],
        **more,
    }
    replayed = replay(json.dumps(body, indent=1))
    assert replayed.draft.parts() == (ThinkingPart("Hm.\n\nAh."), TextPart("Hi"))
    assert (replayed.draft.model, replayed.draft.stop_reason) == ("gpt-x", stop)
    assert replayed.draft.usage.output == 7


def test_a_whole_reply_that_failed_or_never_ended() -> None:
    failed = {
        "object": "response",
        "status": "failed",
        "error": {"code": "server_error", "message": "Broken."},
    }
    error = replay(failed).error
    assert isinstance(error, ServerError)
    assert "Broken." in error.message
    assert isinstance(replay({"object": "response", "status": "queued"}).error, TruncatedStreamError)


# ---- whatever comes ------------------------------------------------------------------------------

_KINDS = [
    *(
        "output_text.delta",
        "output_text.done",
        "output_item.added",
        "output_item.done",
        "completed",
        "failed",
    ),
    *(
        "reasoning_summary_text.delta",
        "reasoning_text.done",
        "function_call_arguments.delta",
        "refusal.delta",
    ),
    *("function_call_arguments.done", "output_text.annotation.added", "incomplete", "content_part.added"),
]
_NAMES = st.sampled_from(
    [
        *(
            "type",
            "item",
            "delta",
            "text",
            "output_index",
            "content_index",
            "summary_index",
            "content",
            "summary",
        ),
        *(
            "response",
            "error",
            "usage",
            "output",
            "status",
            "call_id",
            "name",
            "arguments",
            "annotations",
            "id",
        ),
        *("object", "code", "message", "annotation", "encrypted_content", "phase", "url_citation", "url"),
    ]
)
_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(
        ["message", "reasoning", "function_call", "output_text", "response", "error", "completed"]
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_NAMES, inner, max_size=6),
    max_leaves=20,
)
_EVENTS = st.builds(
    lambda kind, fields: {**fields, "type": f"response.{kind}"} if kind else fields,
    st.sampled_from(["", *_KINDS]),
    st.dictionaries(_NAMES, _VALUES, max_size=8),
)


@given(st.lists(_EVENTS, max_size=12), st.integers(0, 40))
def test_any_json_in_any_place_is_an_event_or_a_named_error(events: list[dict[str, Any]], cut: int) -> None:
    """And what is cut in the middle is too."""
    frames = [json.dumps(one).encode() for one in events]
    if frames:
        frames[-1] = frames[-1][: max(0, len(frames[-1]) - cut)]
    replayed = decode(decoder(), [Frame(0.0, frame) for frame in frames])
    assert replayed.error is None or isinstance(replayed.error, ProviderError)
    replayed.draft.parts()
