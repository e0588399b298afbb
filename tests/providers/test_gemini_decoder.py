"""How replies of Gemini's generateContent are read."""

from __future__ import annotations

import json
from itertools import count
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chatterm.backend.providers.gemini import Gemini
from chatterm.backend.providers.gemini_decoder import GeminiDecoder
from chatterm.backend.providers.registry import adapter
from chatterm.core.errors import (
    AuthenticationError,
    BadRequestError,
    ContextTooLongError,
    ModelNotFoundError,
    OverloadedError,
    ProtocolError,
    ProviderError,
    QuotaExceededError,
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
from chatterm.core.messages import (
    Citation,
    CitationsPart,
    Message,
    OpaquePart,
    RefusalPart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
)
from chatterm.core.turn import StopReason
from chatterm.core.usage import Usage
from tests.providers.replay import Replayed, decode_data

NO_BLOBS: dict[str, bytes] = {}


def chunk(*parts: Any, finish: str | None = None, **fields: Any) -> dict[str, Any]:
    candidate = {"content": {"parts": list(parts), "role": "model"}, "index": 0} | fields.pop("candidate", {})
    if finish:
        candidate["finishReason"] = finish
    return {"candidates": [candidate], "modelVersion": "gemini-3-pro", "responseId": "r1"} | fields


def text(words: str, signature: str = "") -> dict[str, Any]:
    return {"text": words} | ({"thoughtSignature": signature} if signature else {})


def call(name: str, signature: str = "", **fields: Any) -> dict[str, Any]:
    part: dict[str, Any] = {"functionCall": {"name": name, "args": {}} | fields}
    return part | ({"thoughtSignature": signature} if signature else {})


def thought(words: str, signature: str = "") -> dict[str, Any]:
    return text(words, signature) | {"thought": True}


def read(*data: Any) -> Replayed:
    encoded = (json.dumps(item) if isinstance(item, dict | list) else item for item in data)
    return decode_data(GeminiDecoder(), *encoded)


def sent_back(replayed: Replayed, model: str = "gemini-3-pro") -> list[dict[str, Any]]:
    """The parts that the reply is encoded to."""
    wire = Gemini()
    reply = Message(role="assistant", parts=replayed.draft.parts())
    return json.loads(b"[" + wire.encode_message(reply, wire.variant(model), NO_BLOBS.__getitem__) + b"]")


def test_the_plain_case() -> None:
    counts = {"promptTokenCount": 9, "candidatesTokenCount": 2, "thoughtsTokenCount": 30}
    replayed = read(
        chunk(thought("hm")), chunk(text("Hi")), chunk(text(""), finish="STOP", usageMetadata=counts)
    )
    assert replayed.error is None
    assert replayed.events == [
        StreamStarted("gemini-3-pro", "r1"),
        ThinkingDelta("hm"),
        TextDelta("Hi"),
        UsageReported(Usage(input=9, output=32, reasoning=30)),
        StreamFinished(StopReason.END_TURN),
    ]


@pytest.mark.parametrize(
    "chunks", [[chunk(text("Hi"), finish="STOP")], [chunk(text("H")), chunk(text("i"), finish="STOP")]]
)
def test_a_whole_answer_and_an_array_read_as_a_stream_does(chunks: list[dict[str, Any]]) -> None:
    streamed, array = read(*chunks), read(json.dumps(chunks, indent=2))
    assert streamed.events == array.events
    assert array.draft.parts() == (TextPart("Hi"),)


def test_the_last_usage_wins_and_every_kind_is_counted() -> None:
    first = {"promptTokenCount": 55, "totalTokenCount": 55}
    last = {
        "promptTokenCount": 257,
        "toolUsePromptTokenCount": 100,
        "cachedContentTokenCount": 200,
        "thoughtsTokenCount": 7,
    }
    replayed = read(
        chunk(text("a"), usageMetadata=first), chunk(text("b"), finish="STOP", usageMetadata=last)
    )
    assert replayed.draft.usage == Usage(input=357, output=7, cache_read=200, reasoning=7)


def test_usage_is_told_when_it_changes_only() -> None:
    same = {"promptTokenCount": 5}
    replayed = read(chunk(text("a"), usageMetadata=same), chunk(finish="STOP", usageMetadata=same))
    assert [event for event in replayed.events if isinstance(event, UsageReported)] == [
        UsageReported(Usage(input=5))
    ]


def test_parallel_calls_in_several_chunks_with_and_without_ids() -> None:
    replayed = read(
        chunk(call("f", "sig", args={"a": "ü"}), call("f", id="w2")),
        chunk(call("g", args=None)),
        chunk(text(""), finish="STOP"),
    )
    started = [event for event in replayed.events if isinstance(event, ToolCallStarted)]
    assert [(one.index, one.name) for one in started] == [(0, "f"), (1, "f"), (2, "g")]
    assert started[1].call_id == "w2"
    assert len({one.call_id for one in started}) == 3
    assert ToolCallDelta(0, '{"a":"ü"}') in replayed.events
    assert [part.arguments for part in replayed.draft.parts() if isinstance(part, ToolCallPart)][2] == "{}"
    assert replayed.draft.stop_reason is StopReason.TOOL_CALLS


def test_a_signature_goes_back_on_the_part_that_it_came_on() -> None:
    replayed = read(
        chunk(text("Let me "), text("look", "s1")),
        chunk(text(" it up.")),
        chunk(call("f", "s2", id="c1"), call("g", id="c2")),
        chunk(text("", "s3"), finish="STOP"),
    )
    assert sent_back(replayed) == [
        text("Let me "),
        text("look", "s1"),
        text(" it up."),
        call("f", "s2", id="c1"),
        call("g", id="c2"),
        text("", "s3"),
    ]
    # All the same the reader sees one text.
    assert replayed.draft.parts()[0] == TextPart("Let me look it up.")


def test_the_signature_of_a_thought_goes_to_what_comes_next() -> None:
    for following, expected in (
        (text("Hi"), text("Hi", "s")),
        (call("f", id="c"), call("f", "s", id="c")),
        (text("Hi", "own"), text("Hi", "own")),
        ({"executableCode": {"code": "1"}}, {"executableCode": {"code": "1"}, "thoughtSignature": "s"}),
    ):
        replayed = read(
            chunk(thought("hm", "s"), thought("hm")), chunk(text("")), chunk(following, finish="STOP")
        )
        assert sent_back(replayed) == [expected]
    assert sent_back(read(chunk(thought("hm", "s"), finish="STOP"))) == [text("", "s")]


def test_parts_of_geminis_own_tools_go_back_whole_and_in_place() -> None:
    code = {"executableCode": {"language": "PYTHON", "code": "1+1", "id": "x"}, "thoughtSignature": "s"}
    result = {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "2\n", "id": "x"}}
    replayed = read(chunk(text("So:"), code, text("")), chunk(result), chunk(text("2"), finish="STOP"))
    assert sent_back(replayed) == [text("So:"), code, result, text("2")]
    assert replayed.draft.skipped_frames == 0


def test_parts_of_later_models_do_not_go_to_earlier_ones() -> None:
    search = {"toolCall": {"toolType": "GOOGLE_SEARCH", "id": "x"}, "thoughtSignature": "s"}
    replayed = read(chunk(search, text("Yes."), finish="STOP"))
    assert sent_back(replayed) == [search, text("Yes.")]
    assert sent_back(replayed, "gemini-2.5-flash") == [text("Yes.")]


_PIECES = st.one_of(
    st.builds(text, st.text("abé😀", max_size=4), st.sampled_from(["", "", "s"])),
    st.builds(call, st.sampled_from(["f", "g"]), st.sampled_from(["", "s"]), id=st.just("c")),
    st.just({"executableCode": {"code": "1"}}),
    st.builds(thought, st.text("xy", min_size=1, max_size=3)),
)


def _joined(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The parts with neighbouring unsigned texts joined, and without thoughts and what says nothing."""
    joined: list[dict[str, Any]] = []
    for part in (part for part in parts if "thought" not in part):
        before = joined[-1] if joined else {}
        if part.keys() == {"text"} and before.keys() == {"text"}:
            joined[-1] = text(before["text"] + part["text"])
        else:
            joined.append(part)
    return [part for part in joined if part.keys() != {"text"} or part["text"].strip()]


def _told_apart(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The parts with an id of its own for each call: an id that comes again would join no result to its call."""
    numbers = count(1)
    apart: list[dict[str, Any]] = []
    for part in parts:
        if "functionCall" in part:
            number = next(numbers)
            own = {"id": "c" if number == 1 else f"c_{number}"}
            part = part | {"functionCall": part["functionCall"] | own}
        apart.append(part)
    return apart


@given(st.lists(st.lists(_PIECES, max_size=4), max_size=5))
@example([[call("f", id="c"), call("f", "s", id="c")], [call("g", id="c")]])
def test_whatever_comes_goes_back(chunks: list[list[dict[str, Any]]]) -> None:
    replayed = read(*(chunk(*parts) for parts in chunks), chunk(finish="STOP"))
    came = _told_apart(_joined([part for parts in chunks for part in parts if part != {"text": ""}]))
    first = next((part for part in came if "functionCall" in part), {})
    back = sent_back(replayed)
    if first and "thoughtSignature" not in first:
        assert next(part for part in back if "functionCall" in part).pop("thoughtSignature")
    assert _joined(back) == came


@pytest.mark.parametrize(
    ("reason", "stop"),
    [
        ("STOP", StopReason.END_TURN),
        ("MAX_TOKENS", StopReason.MAX_TOKENS),
        ("CONTINUATION", StopReason.MAX_TOKENS),
        *(
            (reason, StopReason.CONTENT_FILTER)
            for reason in (
                "SAFETY",
                "RECITATION",
                "LANGUAGE",
                "BLOCKLIST",
                "PROHIBITED_CONTENT",
                "SPII",
                "IMAGE_SAFETY",
                "IMAGE_PROHIBITED_CONTENT",
                "IMAGE_RECITATION",
                "ESCALATION",
                "MODEL_ARMOR",
            )
        ),
        *((reason, StopReason.OTHER) for reason in ("OTHER", "IMAGE_OTHER", "NO_IMAGE", "SOMETHING_NEW")),
    ],
)
def test_finish_reasons(reason: str, stop: StopReason) -> None:
    replayed = read(chunk(text("x"), finish=reason))
    assert replayed.draft.stop_reason is stop
    told = [event.text for event in replayed.events if isinstance(event, RefusalDelta)]
    assert told == ([f"Gemini ended the reply: {reason}"] if stop in ("content_filter", "other") else [])


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("MALFORMED_FUNCTION_CALL", ServerError),
        ("MALFORMED_RESPONSE", ServerError),
        ("UNEXPECTED_TOOL_CALL", ServerError),
        ("TOO_MANY_TOOL_CALLS", BadRequestError),
        ("MISSING_THOUGHT_SIGNATURE", BadRequestError),
        ("PUP_LIMITED_DISABLED", AuthenticationError),
    ],
)
def test_finish_reasons_that_are_failures(reason: str, kind: type[ProviderError]) -> None:
    replayed = read(chunk(text("x"), finish=reason, candidate={"finishMessage": "print(\x1b[2J"}))
    assert isinstance(replayed.error, kind)
    assert reason in replayed.error.message
    assert "print(" in replayed.error.message
    assert "\x1b" not in replayed.error.message
    assert replayed.draft.parts() == (TextPart("x"),)
    assert not replayed.draft.finished


def test_an_unspecified_finish_reason_is_none() -> None:
    assert isinstance(read(chunk(text("x"), finish="FINISH_REASON_UNSPECIFIED")).error, TruncatedStreamError)


def test_a_blocked_prompt_ends_the_reply_and_says_why() -> None:
    ratings = [
        {"category": "HARM_CATEGORY_DANGEROUS_CONTENT", "probability": "HIGH", "blocked": True},
        {"category": "HARM_CATEGORY_HARASSMENT", "probability": "LOW"},
    ]
    feedback = {"blockReason": "SAFETY", "blockReasonMessage": "Too hot.", "safetyRatings": ratings}
    replayed = read({"promptFeedback": feedback, "usageMetadata": {"promptTokenCount": 9}})
    assert replayed.error is None
    assert replayed.draft.stop_reason is StopReason.CONTENT_FILTER
    assert replayed.draft.parts() == (
        RefusalPart("Gemini blocked the prompt: SAFETY (Too hot.; dangerous content)"),
    )
    assert replayed.draft.usage == Usage(input=9)


@pytest.mark.parametrize(
    "candidate", [{}, {"content": {}}, {"content": {"role": "model"}}, {"content": None}]
)
def test_a_candidate_without_content(candidate: dict[str, Any]) -> None:
    replayed = read({"candidates": [candidate | {"finishReason": "STOP"}]})
    assert replayed.error is None
    assert replayed.draft.stop_reason is StopReason.END_TURN
    assert replayed.draft.parts() == ()


def test_sources_are_told_once_in_their_order() -> None:
    web = {"web": {"uri": "https://a", "title": "a.org"}}
    mine = {"retrievedContext": {"fileSearchStore": "stores/mine"}}
    place = {"maps": {"uri": "https://maps", "title": "Here"}}
    ground = {"groundingMetadata": {"groundingChunks": [web, mine, web]}}
    more = {"groundingMetadata": {"groundingChunks": [web, mine, place]}}
    recited = {
        "citationMetadata": {
            "citationSources": [{"uri": "https://poem", "startIndex": 1}, {"license": "MIT"}]
        }
    }
    replayed = read(
        chunk(text("x"), candidate={"groundingMetadata": {}}),
        chunk(candidate=ground),
        chunk(candidate=ground),
        chunk(finish="STOP", candidate=more | recited),
    )
    reports = [event for event in replayed.events if isinstance(event, CitationsReported)]
    assert [len(report.items) for report in reports] == [2, 4]
    assert replayed.draft.parts()[-1] == CitationsPart(
        (
            Citation("https://a", "a.org"),
            Citation("", "stores/mine"),
            Citation("https://maps", "Here"),
            Citation("https://poem"),
        )
    )


def test_sources_and_usage_may_follow_the_end() -> None:
    ground = {"groundingMetadata": {"groundingChunks": [{"web": {"uri": "https://a", "title": "a"}}]}}
    replayed = read(
        chunk(text("x"), finish="STOP"), chunk(candidate=ground, usageMetadata={"candidatesTokenCount": 3})
    )
    assert replayed.error is None
    assert replayed.draft.usage.output == 3
    assert replayed.draft.parts()[-1] == CitationsPart((Citation("https://a", "a"),))


def test_what_cannot_be_read_is_counted_and_the_reply_goes_on() -> None:
    replayed = read(
        "{",
        "7",
        "[]",
        {"somethingNew": 1},
        {"candidates": [{"index": 1, "content": {"parts": [{"text": "another"}]}}]},
        chunk("no object", {"functionCall": {"args": {}}}, call("f", willContinue=True, partialArgs=[])),
        chunk(text("ok"), finish="STOP"),
    )
    assert replayed.draft.parts() == (TextPart("ok"),)
    reasons = [event.reason for event in replayed.events if isinstance(event, FrameSkipped)]
    assert reasons[3] == "unknown fields: somethingNew"
    assert reasons[4] == "another candidate than the first"
    assert len(reasons) == 8


@pytest.mark.parametrize(
    ("data", "words"), [((), "empty"), ((chunk(text("Hi", "s")),), "before it was complete")]
)
def test_bytes_that_end_before_a_finish_reason(data: tuple[Any, ...], words: str) -> None:
    replayed = read(*data)
    assert isinstance(replayed.error, TruncatedStreamError)
    assert words in replayed.error.message
    if data:  # what came can go back all the same
        assert sent_back(replayed) == [text("Hi", "s")]


def test_an_error_in_the_middle_comes_after_what_was_said() -> None:
    error = {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}
    for broken in (error, [error], json.dumps(error, indent=2)):
        replayed = read(chunk(text("Half")), broken)
        assert type(replayed.error) is OverloadedError
        assert replayed.error.retryable
        assert "The model is overloaded." in replayed.error.message
        assert replayed.draft.parts() == (TextPart("Half"),)


# ---- refusals ------------------------------------------------------------------------------


def refusal(status: int, name: str, message: str, *details: dict[str, Any]) -> ProviderError:
    """The same error, whatever it is wrapped in: plain JSON, an array, an event."""
    body = json.dumps(
        {"error": {"code": status, "message": message, "status": name, "details": details}}, indent=2
    )
    forms = [body, f"[{body}\n]", "data: " + json.dumps(json.loads(body)) + "\r\n\r\n"]
    headers = {"content-type": "text/event-stream"}
    errors = [adapter("gemini").parse_error(status, headers, form.encode()) for form in forms]
    told = [(type(error), error.message, error.hint, error.retryable, error.retry_after) for error in errors]
    assert told[0] == told[1] == told[2]
    return errors[0]


def info(reason: str) -> dict[str, Any]:
    return {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "googleapis.com"}


def quota(*ids: str) -> dict[str, Any]:
    violations = [{"quotaMetric": "generativelanguage.googleapis.com/x", "quotaId": one} for one in ids]
    return {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": violations}


RETRY = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "48s"}


def test_a_bad_key_comes_as_a_bad_request() -> None:
    error = refusal(
        400, "INVALID_ARGUMENT", "API key expired. Please renew the API key.", info("API_KEY_INVALID")
    )
    assert type(error) is AuthenticationError
    assert not error.retryable


@pytest.mark.parametrize(
    ("status", "name", "message", "kind", "retryable"),
    [
        (
            400,
            "INVALID_ARGUMENT",
            "The input token count (1250074) exceeds the maximum number of tokens allowed (1048575).",
            ContextTooLongError,
            False,
        ),
        (
            400,
            "FAILED_PRECONDITION",
            "User location is not supported for the API use.",
            BadRequestError,
            False,
        ),
        (401, "UNAUTHENTICATED", "Request had invalid credentials.", AuthenticationError, False),
        (403, "PERMISSION_DENIED", "Your project has been denied access.", AuthenticationError, False),
        (
            404,
            "NOT_FOUND",
            "models/x is not found for API version v1beta, or is not supported for generateContent.",
            ModelNotFoundError,
            False,
        ),
        (
            429,
            "RESOURCE_EXHAUSTED",
            "Resource has been exhausted (e.g. check quota).",
            RateLimitedError,
            True,
        ),
        (500, "INTERNAL", "An internal error has occurred.", ServerError, True),
        (503, "UNAVAILABLE", "The model is overloaded.", OverloadedError, True),
        (504, "DEADLINE_EXCEEDED", "The request timed out.", ProviderError, True),
    ],
)
def test_refusals(status: int, name: str, message: str, kind: type[ProviderError], retryable: bool) -> None:
    error = refusal(status, name, message)
    assert isinstance(error, kind)
    assert (error.status, error.retryable, error.retry_after) == (status, retryable, None)
    assert message in error.message


def test_how_long_to_wait_is_in_the_body() -> None:
    told = "You exceeded your current quota.\nPlease retry in 48.93s."
    minute = quota("GenerateRequestsPerMinutePerProjectPerModel-FreeTier")
    error = refusal(429, "RESOURCE_EXHAUSTED", told, minute, RETRY)
    assert type(error) is RateLimitedError
    assert error.retryable
    assert error.retry_after in (48.0, 48.93)
    assert refusal(429, "RESOURCE_EXHAUSTED", told, minute).retry_after == 48.93


def test_a_quota_per_day_is_used_up() -> None:
    daily = quota(
        "GenerateContentInputTokensPerModelPerMinute-FreeTier",
        "GenerateRequestsPerDayPerProjectPerModel-FreeTier",
    )
    error = refusal(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota.", daily, RETRY)
    assert type(error) is QuotaExceededError
    assert not error.retryable


@pytest.mark.parametrize(
    ("message", "parameter"),
    [
        (
            "Invalid JSON payload received. Unknown name \"topZ\" at 'generation_config': Cannot find field.",
            "generationConfig.topZ",
        ),
        ("Thinking is not enabled for models/gemini-x", "generationConfig.thinkingConfig"),
        ("Budget 0 is invalid. This model only works in thinking mode.", "generationConfig.thinkingConfig"),
        ("Thinking level XHIGH is not supported for this model.", "generationConfig.thinkingConfig"),
        ("Function calling is not enabled for models/gemma-9", "tools"),
        ("Unable to process input image.", None),
    ],
)
def test_a_parameter_that_the_model_does_not_take_is_named(message: str, parameter: str | None) -> None:
    error = refusal(400, "INVALID_ARGUMENT", message)
    assert isinstance(error, BadRequestError)
    assert error.parameter == parameter


def test_an_answer_of_the_wrong_kind() -> None:
    error = adapter("gemini").parse_error(200, {}, b"<html><title>Log in</title>")
    assert type(error) is ProtocolError
    assert "Log in" in error.message


# ---- anything ------------------------------------------------------------------------------

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("STOP"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def _fields(*names: str, **known: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    optional = {name: _JSON for name in names} | {name: kind | _JSON for name, kind in known.items()}
    return st.fixed_dictionaries({}, optional=optional)


_PART = _fields(
    "text",
    "thought",
    "thoughtSignature",
    "inlineData",
    functionCall=_fields("id", "name", "args", "partialArgs"),
)
_CANDIDATE = _fields(
    "index",
    "finishReason",
    "finishMessage",
    "safetyRatings",
    content=_fields("role", parts=st.lists(_PART | _JSON, max_size=3)),
    groundingMetadata=_fields(
        groundingChunks=st.lists(_fields("maps", web=_fields("uri", "title")), max_size=2)
    ),
    citationMetadata=_fields("citationSources", "citations"),
)
_CHUNK = _fields(
    "error",
    "modelVersion",
    "responseId",
    candidates=st.lists(_CANDIDATE | _JSON, max_size=2),
    promptFeedback=_fields("blockReason", "blockReasonMessage", "safetyRatings"),
    usageMetadata=_fields(
        "promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount", "toolUsePromptTokenCount"
    ),
)


@settings(max_examples=300)
@given(st.lists(_CHUNK | _JSON, max_size=4), st.integers(0, 400))
def test_any_json_gives_events_or_a_named_error_and_can_go_back(chunks: list[Any], cut: int) -> None:
    encoded = [json.dumps(item) for item in chunks]
    replayed = read(*encoded, "".join(encoded)[:cut])
    assert replayed.error is None or isinstance(replayed.error, ProviderError)
    sent_back(replayed)


@given(st.binary(max_size=40), st.text(max_size=80))
def test_any_bytes_and_any_kept_data(data: bytes, kept: str) -> None:
    assert isinstance(read(data).error, ProviderError | None)
    for stored in (kept, json.dumps({"signed": kept}), json.dumps({"signed": [[0, 2, kept], [1, 1, "s"]]})):
        reply = Message(role="assistant", parts=(TextPart("text"), OpaquePart("gemini", stored)))
        parts = json.loads(
            b"[" + Gemini().encode_message(reply, Gemini().variant("m"), NO_BLOBS.__getitem__) + b"]"
        )
        assert "".join(part["text"] for part in parts) == "text"


def test_thoughts_are_shown_and_stay_here() -> None:
    replayed = read(chunk(thought("hm")), chunk(text("Hi"), finish="STOP"))
    assert replayed.draft.parts() == (ThinkingPart("hm"), TextPart("Hi"))
    assert sent_back(replayed) == [text("Hi")]
