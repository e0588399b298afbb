"""How Chat Completions replies are read: the ways of the services, and what goes wrong in a stream."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatterm.backend.providers.base import Frame
from chatterm.backend.providers.registry import adapter
from chatterm.core.errors import (
    BadRequestError,
    OverloadedError,
    ProviderError,
    RateLimitedError,
    ServerError,
    TruncatedStreamError,
)
from chatterm.core.events import (
    CitationsReported,
    FrameSkipped,
    RefusalDelta,
    StreamFinished,
    StreamStarted,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallStarted,
    UsageReported,
)
from chatterm.core.messages import Citation, OpaquePart, TextPart
from chatterm.core.timings import ServerTimings
from chatterm.core.turn import StopReason
from chatterm.core.usage import Usage
from tests.cpu_time import in_proportion
from tests.providers.replay import Replayed, decode, decode_data

DONE = "[DONE]"


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **fields: Any) -> dict[str, Any]:
    return {
        "id": "r",
        "model": "m",
        "choices": [{"index": 0, "delta": delta or {}, "finish_reason": finish}],
    } | fields


def read(*data: bytes | str | dict[str, Any]) -> Replayed:
    return decode_data(adapter("custom").new_decoder(), *data)


def text(replayed: Replayed) -> str:
    return "".join(event.text for event in replayed.events if isinstance(event, TextDelta))


def test_the_plain_case() -> None:
    replayed = read(
        chunk({"role": "assistant", "content": ""}), chunk({"content": "Hi"}), chunk(finish="stop"), DONE
    )
    assert replayed.error is None
    assert replayed.events == [StreamStarted("m", "r"), TextDelta("Hi"), StreamFinished(StopReason.END_TURN)]


@pytest.mark.parametrize(
    ("reason", "stop"),
    [
        ("stop", StopReason.END_TURN),
        ("eos", StopReason.END_TURN),
        ("length", StopReason.MAX_TOKENS),
        ("model_length", StopReason.CONTEXT_FULL),
        ("content_filter", StopReason.CONTENT_FILTER),
        ("tool_calls", StopReason.TOOL_CALLS),
        ("function_call", StopReason.TOOL_CALLS),
        ("something_new", StopReason.OTHER),
    ],
)
def test_finish_reasons(reason: str, stop: StopReason) -> None:
    assert read(chunk({"content": "x"}, reason)).draft.stop_reason is stop


def test_the_marker_alone_completes_a_reply() -> None:
    replayed = read(chunk({"content": "Hi"}), DONE)
    assert replayed.error is None
    assert replayed.events[-1] == StreamFinished(StopReason.OTHER)


def test_the_first_marker_wins_and_usage_may_follow_it() -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 4}
    replayed = read(
        chunk({"content": "Hi"}, "length"), chunk(finish="stop"), chunk(choices=[], usage=usage), DONE, DONE
    )
    assert replayed.events[2:] == [
        StreamFinished(StopReason.MAX_TOKENS),
        UsageReported(Usage(input=3, output=4)),
    ]


def test_data_after_the_end_is_counted_and_left_out() -> None:
    replayed = read(chunk({"content": "Hi"}), DONE, chunk({"content": "more"}))
    assert text(replayed) == "Hi"
    assert isinstance(replayed.events[-1], FrameSkipped)


@pytest.mark.parametrize(
    ("data", "words"), [((), "empty answer"), ((chunk({"content": "Hi"}),), "ended the answer")]
)
def test_bytes_that_end_without_a_marker(data: tuple[Any, ...], words: str) -> None:
    replayed = read(*data)
    assert isinstance(replayed.error, TruncatedStreamError)
    assert words in replayed.error.message
    assert replayed.error.retryable
    assert not replayed.draft.finished


@pytest.mark.parametrize("bad", ['{"id":"x","choi', "oops", b"\xff\xfe", "[1]", "7", "[" * 100_000])
def test_one_bad_frame_does_not_end_the_stream(bad: str | bytes) -> None:
    replayed = read(chunk({"content": "a"}), bad, chunk({"content": "b"}, "stop"), DONE)
    assert text(replayed) == "ab"
    assert replayed.error is None
    assert replayed.draft.skipped_frames == 1


def test_a_frame_of_unknown_shape_is_named() -> None:
    replayed = read({"hello": 1, "type": "news\x1b"}, chunk({"content": "a"}, "stop"))
    assert replayed.events[0] == FrameSkipped("unknown fields: hello, type")


def test_two_choices_are_not_mixed() -> None:
    second = {"choices": [{"index": 1, "delta": {"content": "B"}}]}
    both = {"choices": [{"index": 1, "delta": {"content": "B"}}, {"index": 0, "delta": {"content": "A"}}]}
    replayed = read(second, both, chunk(finish="stop"))
    assert text(replayed) == "A"
    assert replayed.draft.skipped_frames == 1


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning", "thinking"])
def test_reasoning_has_three_names(field: str) -> None:
    replayed = read(chunk({field: "hm", "content": None}), chunk({field: None, "content": "Hi"}, "stop"))
    assert replayed.events[1:3] == [ThinkingDelta("hm"), TextDelta("Hi")]


def test_reasoning_details_count_only_where_nothing_else_tells_them() -> None:
    details = [{"type": "reasoning.text", "text": "hm"}, {"type": "reasoning.encrypted", "data": "x"}]
    twice = read(chunk({"reasoning": "hm", "reasoning_details": details}, "stop"))
    once = read(chunk({"reasoning_details": details}, "stop"))
    assert twice.draft.parts() == once.draft.parts()


def test_mistrals_list_of_content() -> None:
    content = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "h"}, {"type": "text", "text": "m"}]},
        {"type": "thinking", "thinking": "!"},
        {"type": "text", "text": "Hi"},
        {"type": "reference", "reference_ids": [1]},
    ]
    replayed = read(chunk({"content": content}), chunk({"content": []}), chunk({"content": " you"}, "stop"))
    assert replayed.events[1:6] == [
        ThinkingDelta("hm"),
        ThinkingDelta("!"),
        TextDelta("Hi"),
        FrameSkipped("content of unknown type 'reference'"),
        TextDelta(" you"),
    ]


def test_a_refusal_is_kept_apart() -> None:
    replayed = read(chunk({"content": None, "refusal": "I can"}), chunk({"refusal": "not."}, "stop"))
    assert replayed.events[1:3] == [RefusalDelta("I can"), RefusalDelta("not.")]


def test_think_tags_split_over_deltas() -> None:
    replayed = read(
        chunk({"content": " <th"}),
        chunk({"content": "ink>\nhm</thi"}),
        chunk({"content": "nk>\n\nHi"}, "stop"),
    )
    assert [type(part).__name__ for part in replayed.draft.parts()] == ["ThinkingPart", "TextPart"]
    assert text(replayed) == "Hi"


def test_what_is_held_back_comes_out_when_the_stream_is_cut() -> None:
    assert text(read(chunk({"content": "<thi"}))) == "<thi"


def test_halves_of_a_surrogate_pair_in_two_deltas() -> None:
    replayed = read(
        '{"choices":[{"delta":{"content":"\\ud83d"}}]}', '{"choices":[{"delta":{"content":"\\ude00"}}]}', DONE
    )
    assert replayed.draft.parts() == (TextPart("\U0001f600"),)


def test_a_whole_reply_in_one_frame() -> None:
    replayed = read(
        {
            "id": "r",
            "model": "m",
            "choices": [
                {
                    "message": {
                        "role": "assistant",
                        "reasoning_content": "hm",
                        "content": "Hi",
                        "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}],
                    },
                    "finish_reason": "stop",
                }
            ],
            "usage": {"prompt_tokens": 1, "completion_tokens": 2},
        }
    )
    assert replayed.error is None
    assert replayed.events == [
        StreamStarted("m", "r"),
        ThinkingDelta("hm"),
        TextDelta("Hi"),
        ToolCallStarted(0, "c", "f"),
        ToolCallDelta(0, "{}"),
        UsageReported(Usage(input=1, output=2)),
        StreamFinished(StopReason.TOOL_CALLS),
    ]


def test_a_whole_reply_without_a_finish_reason_is_complete() -> None:
    assert read({"choices": [{"message": {"content": "Hi"}}]}).draft.finished


def test_perplexity_repeats_everything_in_every_chunk() -> None:
    sources = {
        "search_results": [{"url": "http://a", "title": "A"}, {"title": "file"}],
        "citations": ["http://a"],
    }
    first = {"choices": [{"message": {"content": "Hi"}, "delta": {"content": "Hi"}}]} | sources
    last = {
        "choices": [{"message": {"content": "Hi you"}, "delta": {"content": " you"}, "finish_reason": "stop"}]
    }
    replayed = read(first, last | sources)
    assert text(replayed) == "Hi you"
    reported = [event for event in replayed.events if isinstance(event, CitationsReported)]
    assert reported == [CitationsReported((Citation("http://a", "A"), Citation("", "file")))]


def test_the_last_citations_win_and_annotations_add_up() -> None:
    note = {"type": "url_citation", "url_citation": {"url": "http://b", "title": "B"}}
    replayed = read(
        chunk({"content": "x"}, citations=["http://a"]),
        chunk({"content": "y"}, citations=["http://c"]),
        chunk({"annotations": [note]}),
        chunk({"annotations": [note]}, "stop"),
    )
    assert replayed.events[-2] == CitationsReported((Citation("http://c"), Citation("http://b", "B")))


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        ({"prompt_tokens": 1, "completion_tokens": 2}, Usage(input=1, output=2)),
        ({"prompt_tokens": "9", "completion_tokens": -1, "prompt_tokens_details": None}, Usage()),
        ({"prompt_tokens": 2**70}, Usage(input=2**63 - 1)),
        (
            {
                "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 5},
                "completion_tokens_details": {"reasoning_tokens": 3},
            },
            Usage(cache_read=0, cache_write=5, reasoning=3),
        ),
        ({"prompt_cache_hit_tokens": 7}, Usage(cache_read=7)),
        ({"reasoning_tokens": 7}, Usage(reasoning=7)),
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 2,
                "total_tokens": 17,
                "completion_tokens_details": {"reasoning_tokens": 5},
            },
            Usage(input=10, output=7, reasoning=5),
        ),
    ],
)
def test_usage(usage: dict[str, Any], counts: Usage) -> None:
    assert read(chunk(finish="stop"), {"choices": [], "usage": usage}).draft.usage == counts


def test_usage_the_way_of_groq() -> None:
    assert read({"x_groq": {"usage": {"prompt_tokens": 4}}}).draft.usage == Usage(input=4)


def test_timings_of_llamacpp_in_seconds() -> None:
    timings = {"prompt_n": 5, "prompt_ms": 20.0, "predicted_n": 2, "predicted_ms": 500, "cache_n": 1}
    assert read(chunk(timings=timings)).draft.server == ServerTimings(
        prompt_eval_seconds=0.02, eval_seconds=0.5, prompt_eval_count=5, eval_count=2
    )


ERRORS: list[tuple[dict[str, Any], type[ProviderError]]] = [
    ({"error": {"message": "why", "type": "server_error", "code": None}}, ServerError),
    ({"error": {"message": "why", "code": 502}}, ServerError),
    ({"error": {"message": "why", "code": "429"}}, RateLimitedError),
    ({"error": {"message": "why", "type": "overloaded_error"}}, OverloadedError),
    ({"error": {"message": "why", "code": "tool_use_failed", "status_code": 400}}, BadRequestError),
    ({"error": "why"}, ServerError),
    ({"error": ["why"]}, ServerError),
    ({"object": "error", "message": "why", "code": 400}, BadRequestError),
    ({"type": "error", "message": "why"}, ServerError),
    ({"type": "error", "error": {"message": "why", "type": "invalid_request_error"}}, BadRequestError),
]


@pytest.mark.parametrize(("event", "kind"), ERRORS)
def test_an_error_in_the_stream(event: dict[str, Any], kind: type[ProviderError]) -> None:
    replayed = read(chunk({"content": "Half"}), event)
    assert type(replayed.error) is kind
    assert replayed.error.message.endswith(": why")
    assert text(replayed) == "Half"
    assert not replayed.draft.finished


def test_an_error_event_by_its_name() -> None:
    frame = Frame(0.0, b'{"message":"why"}', "error")
    assert isinstance(decode(adapter("lmstudio").new_decoder(), [frame]).error, ServerError)


def test_usage_and_text_in_an_error_chunk_come_before_the_error() -> None:
    replayed = read(
        chunk({"content": "Half"}, "error", usage={"prompt_tokens": 3}, error={"message": "why", "code": 502})
    )
    assert text(replayed) == "Half"
    assert replayed.draft.usage == Usage(input=3)
    assert type(replayed.error) is ServerError


@pytest.mark.parametrize(
    ("reason", "kind"), [("error", ServerError), ("insufficient_system_resource", OverloadedError)]
)
def test_finish_reasons_that_tell_a_failure(reason: str, kind: type[ProviderError]) -> None:
    replayed = read(chunk({"content": "Half"}, reason))
    assert type(replayed.error) is kind
    assert replayed.error.retryable
    assert reason in replayed.error.message


def test_a_null_error_is_none() -> None:
    assert read(chunk({"content": "Hi"}, "stop", error=None)).error is None


# ---- what single services add --------------------------------------------------------------------


def openrouter(*data: str | dict[str, Any]) -> Replayed:
    return decode_data(adapter("openrouter").new_decoder(), *data)


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        ({"cost": 0.0125}, 0.0125),
        ({"cost": 0}, 0.0),
        ({"cost": {"input_tokens_cost": 0.1, "total_cost": 0.5}}, 0.5),
        ({"cost_in_usd_ticks": 25_000_000}, 0.0025),
        ({"cost": {}}, None),
        ({"cost": "much"}, None),
        ({"cost": -1}, None),
        ({}, None),
    ],
)
def test_what_the_service_says_it_costs(usage: dict[str, Any], cost: float | None) -> None:
    assert read(chunk({"content": "Hi"}, "stop", usage={"prompt_tokens": 1} | usage)).draft.usage.cost == cost


def test_reasoning_details_are_joined_and_kept_as_one_part() -> None:
    def details(*fragments: dict[str, Any]) -> dict[str, Any]:
        reasoning = "".join(fragment.get("text", "") for fragment in fragments)
        return chunk({"content": "", "reasoning": reasoning, "reasoning_details": list(fragments)})

    replayed = openrouter(
        details({"type": "reasoning.text", "text": "Let ", "format": "f", "index": 0})
        | {"model": "anthropic/c"},
        details({"type": "reasoning.text", "text": "me.", "index": 0}),
        details({"type": "reasoning.text", "signature": "sig", "index": 0}),
        details({"type": "reasoning.encrypted", "data": "AAA", "id": "r1", "index": 1}),
        chunk({"content": "Yes"}, "stop"),
    )
    *_, sealed = replayed.draft.parts()
    assert isinstance(sealed, OpaquePart)
    assert sealed.origin == "openrouter/anthropic"
    assert json.loads(sealed.data) == [
        {"type": "reasoning.text", "text": "Let me.", "format": "f", "index": 0, "signature": "sig"},
        {"type": "reasoning.encrypted", "data": "AAA", "id": "r1", "index": 1},
    ]
    assert [event.text for event in replayed.events if isinstance(event, ThinkingDelta)] == ["Let ", "me."]
    assert isinstance(replayed.events[-1], StreamFinished)


def test_reasoning_details_without_numbers() -> None:
    one = {"type": "reasoning.text", "text": "a"}
    two = {"type": "reasoning.encrypted", "data": "A"}
    replayed = openrouter(*(chunk({"reasoning_details": [item]}) for item in (one, one, two, two)), DONE)
    *_, sealed = replayed.draft.parts()
    assert isinstance(sealed, OpaquePart)
    assert json.loads(sealed.data) == [{"type": "reasoning.text", "text": "aa"}, two, two]


def test_empty_reasoning_details_are_nothing() -> None:
    empty = {"type": "reasoning.text", "text": "", "signature": "", "index": 0}
    parts = openrouter(chunk({"content": "Hi", "reasoning_details": [empty, 7]}, "stop")).draft.parts()
    assert [type(part).__name__ for part in parts] == ["TextPart"]
    other = read(chunk({"content": "Hi", "reasoning_details": [{"text": "x", "index": 0}]}, "stop"))
    assert [type(part).__name__ for part in other.draft.parts()] == ["ThinkingPart", "TextPart"]


def test_openrouters_usage_rides_in_the_error() -> None:
    replayed = openrouter(
        chunk({"content": "Half"}),
        chunk(
            {},
            "error",
            error={"code": 502, "message": "Upstream broke"},
            usage={"cost": 0.5, "prompt_tokens": 3},
        ),
    )
    assert type(replayed.error) is ServerError
    assert replayed.draft.usage == Usage(input=3, cost=0.5)


def test_an_error_inside_a_choice() -> None:
    whole = {
        "id": "r",
        "choices": [
            {
                "message": {"content": "Half"},
                "error": {"code": 429, "message": "Slow"},
                "finish_reason": "error",
            }
        ],
    }
    replayed = openrouter(whole)
    assert type(replayed.error) is RateLimitedError
    assert text(replayed) == "Half"


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        ({"error": {"message": "x", "type": "BadGatewayError", "code": 504}}, ServerError),
        ({"object": "error", "message": "x", "code": 400, "type": "BadRequestError"}, BadRequestError),
        ({"code": "x", "error": "The service is overloaded"}, ServerError),
        ({"error": {"message": "x", "code": "tool_use_failed", "status_code": 400}}, BadRequestError),
        ({"id": "r", "choices": [], "x_groq": {"error": "over_capacity"}}, ServerError),
        ({"error": {"message": "x", "code": "rate_limit_exceeded"}}, RateLimitedError),
        ({"error": {"message": "x", "metadata": {"error_type": "provider_overloaded"}}}, OverloadedError),
    ],
)
def test_errors_in_the_midst_of_a_stream(frame: dict[str, Any], kind: type[ProviderError]) -> None:
    replayed = read(chunk({"content": "Half"}), frame, DONE)
    assert type(replayed.error) is kind
    assert text(replayed) == "Half"
    assert not replayed.draft.finished


def test_azures_first_chunk_is_empty_and_its_filter_a_reason_to_stop() -> None:
    first = {
        "choices": [],
        "created": 0,
        "id": "",
        "model": "",
        "prompt_filter_results": [{"prompt_index": 0}],
    }
    replayed = read(first, chunk({"content": "Hi"}), chunk({}, "content_filter"), DONE)
    assert replayed.draft.stop_reason is StopReason.CONTENT_FILTER
    assert replayed.draft.model == "m"
    assert replayed.draft.skipped_frames == 0


def test_a_picture_in_a_reply_is_told() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    replayed = read(chunk({"content": "See", "images": [image]}, "stop"))
    assert FrameSkipped("a picture in the reply, data:image/png") in replayed.events
    assert text(replayed) == "See"


def test_what_groq_searched_for_is_told_as_sources() -> None:
    found = {"results": [{"title": "T", "url": "https://a", "score": 1}, {"title": "no address"}]}
    tools = [{"type": "search", "search_results": found}, {"type": "python", "output": "4"}]
    replayed = read(chunk({"executed_tools": tools}), chunk({"content": "Hi"}, "stop"))
    assert CitationsReported((Citation("https://a", "T"),)) in replayed.events


def test_annotations_nested_and_flat() -> None:
    nested = {"type": "url_citation", "url_citation": {"url": "https://a", "title": "A"}}
    flat = {"type": "url_citation", "url": "https://b", "title": "B"}
    replayed = read(chunk({"annotations": [nested]}), chunk({"annotations": [nested, flat]}, "stop"))
    assert replayed.events.count(CitationsReported((Citation("https://a", "A"),))) == 1
    assert CitationsReported((Citation("https://a", "A"), Citation("https://b", "B"))) in replayed.events


def test_perplexitys_repeated_sources_cost_no_more_than_their_bytes() -> None:
    sources = [{"url": f"https://host/{n}", "title": "x" * 50, "snippet": "y" * 500} for n in range(20)]

    def frames(count: int) -> list[Frame]:
        piece = chunk({"content": "word "}, search_results=sources, citations=[s["url"] for s in sources])
        return [Frame(0.0, json.dumps(piece).encode())] * count

    def decoded(given: list[Frame]) -> None:
        events = decode(adapter("perplexity").new_decoder(), given).events
        assert sum(isinstance(event, CitationsReported) for event in events) == 1

    fourth, all_of_them = frames(60), frames(240)
    assert in_proportion(lambda: decoded(fourth), lambda: decoded(all_of_them)) is None


_NAMES = [
    "choices",
    "delta",
    "message",
    "content",
    "usage",
    "error",
    "finish_reason",
    "index",
    "tool_calls",
    "id",
]
_MORE = [
    "function",
    "name",
    "arguments",
    "text",
    "thinking",
    "citations",
    "annotations",
    "x_groq",
    "timings",
    "model",
    "reasoning_details",
    "images",
    "executed_tools",
    "search_results",
    "cost",
    "data",
    "signature",
]
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_NAMES + _MORE), inner, max_size=6)
    ),
    max_leaves=20,
)


@given(
    st.lists(_JSON.map(json.dumps).map(str.encode) | st.binary(max_size=20), max_size=6),
    st.sampled_from(["", "error"]),
)
def test_no_frames_at_all_raise_anything_else(payloads: list[bytes], event: str) -> None:
    """`decode` catches provider errors; anything else would fail this test."""
    for name in ("custom", "ollama", "openrouter", "perplexity"):
        replayed = decode(adapter(name).new_decoder(), [Frame(0.0, data, event) for data in payloads])
        assert replayed.draft.finished or replayed.error is not None
