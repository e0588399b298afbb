"""Recorded replies, however their bytes are cut, give what was recorded of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from chatterm.backend.providers.base import Frame
from chatterm.core.clean import clean
from chatterm.core.errors import (
    AuthenticationError,
    BadRequestError,
    ContextTooLongError,
    ModelNotFoundError,
    OverloadedError,
    QuotaExceededError,
    RateLimitedError,
    ServerError,
    TruncatedStreamError,
)
from chatterm.core.messages import CitationsPart, TextPart, ThinkingPart, ToolCallPart
from chatterm.core.turn import StopReason
from tests.providers.replay import (
    OWN_FOLDER,
    SHARED_FOLDER,
    Recording,
    Replayed,
    byte_by_byte,
    decode,
    frames,
    random_pieces,
    recordings,
    whole,
)

_OWN = list(recordings(OWN_FOLDER))
_SHARED = [one for one in recordings(SHARED_FOLDER) if not one.name.startswith("synthetic/")]
_ALL = [*_OWN, *_SHARED]
_STREAMS = [pytest.param(one, id=one.name) for one in _ALL if one.status < 400 and one.streams]
_WHOLE_REPLIES = [pytest.param(one, id=one.name) for one in _ALL if one.status < 400 and not one.streams]
_ABSENT = f"no recordings in {SHARED_FOLDER}; CHATTERM_RECORDINGS names another folder"
_REFUSALS = [pytest.param(one, id=one.name) for one in _ALL if one.status >= 400]

_STOPS = {
    "stop": StopReason.END_TURN,
    "length": StopReason.MAX_TOKENS,
    "tool_calls": StopReason.TOOL_CALLS,
    "completed": StopReason.END_TURN,
    "incomplete:max_output_tokens": StopReason.MAX_TOKENS,
    "end_turn": StopReason.END_TURN,
    "stop_sequence": StopReason.STOP_SEQUENCE,
    "tool_use": StopReason.TOOL_CALLS,
    "refusal": StopReason.REFUSAL,
    "STOP": StopReason.END_TURN,
    "SAFETY": StopReason.CONTENT_FILTER,
    "PROHIBITED_CONTENT": StopReason.CONTENT_FILTER,
}

# Where chatterm means to differ from the client library that the expectations were taken from.
_DIFFERENT: dict[str, dict[str, Any]] = {
    # Two responses in one file: the same index with a new id is a new call, and the first marker wins.
    "reframed/cerebras-cererebras-structured-output-tools.1": {
        "tool_calls": [
            {"id": "bbd2b9d98", "name": "nonUsefulTool", "arguments": "{}"},
            {"id": "e0ecf32e0", "name": "nonUsefulTool", "arguments": "{}"},
        ]
    },
    # The output counts reasoning in, which xAI reports beside it.
    "reframed/xai-tool-call": {"usage": {"input": 291, "output": 26 + 196, "cached": 290, "reasoning": 196}},
    # Counts that the client library passes over.
    "together/chat-meta-llama-llama-3.3-70b-ins-text": {
        "usage": {"input": 41, "output": 15, "cached": 0, "reasoning": None}
    },
    "huggingface/chat-deepseek-ai-deepseek-r1-long": {
        "usage": {"input": 10, "output": 955, "cached": 0, "reasoning": None}
    },
    # What was searched for on the way to the answer is told as its sources.
    "groq/chat-compound-beta-thinking": {"citations": None},
    # Asked for two choices; the second one is left out, and counted.
    "litellm/chat-gpt-3.5-turbo-text": {"skipped": 15},
    # A source among the user's own files has a name and no URL.
    "openai/responses-gpt-4o-server-tools": {"citations": [{"title": "tmp8l5_2pzy.txt"}]},
    # The client library gives no name to a source among the user's own files.
    "gemini/gen-gemini-3-flash-preview-citations": {
        "citations": [{"title": "fileSearchStores/testfilesearchgroundingstre-p2hcv3cs2i69"}]
    },
    # The client library cannot read an array that was asked for without `alt=sse`.
    "gemini/gen-gemini-flash-latest": {
        "text": "Scoop",
        "reasoning": '**Considering the Constraint**\n\nI\'m focusing intently on the "just the name" constraint. It '
        "demands a single, direct name; no fluff, no preliminaries. I'm actively suppressing any inclination to "
        "offer multiple options or explain my reasoning. This constraint is paramount.\n\n\n",
        "tool_calls": [],
        "citations": [],
        "usage": {"input": 11, "output": 2, "cached": None, "reasoning": 291},
        "stop_reason": "STOP",
        "error": None,
    },
    # A prompt that was blocked has its end too.
    "synthetic/gemini-prompt-blocked-no-candidates": {"stop_reason": "PROHIBITED_CONTENT"},
    # What was counted before the first word is no count of the output. The words are the service's own.
    "synthetic/anthropic-midstream-overloaded": {
        "usage": {"input": 10, "output": None, "cached": None, "cache_write": None, "reasoning": None},
        "error": {"message": "Overloaded"},
    },
    # The last event counts although its blank line is missing.
    "synthetic/sse-no-final-blank-line": {"stop_reason": "stop"},
}


@dataclass
class Reply:
    """What a draft adds up to, in the words of the recordings."""

    text: str
    thinking: str
    calls: list[ToolCallPart]
    citations: list[tuple[str, str]]


def _reply(replayed: Replayed) -> Reply:
    parts = replayed.draft.parts()
    return Reply(
        text="".join(part.text for part in parts if isinstance(part, TextPart)),
        thinking="".join(part.text for part in parts if isinstance(part, ThinkingPart)),
        calls=[part for part in parts if isinstance(part, ToolCallPart)],
        citations=[(c.url, c.title) for part in parts if isinstance(part, CitationsPart) for c in part.items],
    )


def _expected(recording: Recording) -> dict[str, Any]:
    expected = {**recording.expected, **_DIFFERENT.get(recording.name, {})}
    if recording.adapter.name == "gemini" and expected["usage"]:
        expected["usage"] = _gemini_usage(expected["usage"])
    if recording.adapter.name == "anthropic" and expected["usage"]:
        expected["usage"] = _anthropic_usage(expected["usage"])
        # A source that is cited again is still one source.
        expected["citations"] = list({c["url"]: c for c in expected["citations"]}.values())
    before, tag, after = expected["text"].partition("</think>")
    if before.startswith("<think>") and tag:  # the client library leaves the tags in the text
        expected["reasoning"] += before.removeprefix("<think>").lstrip()
        expected["text"] = after.lstrip()
    return expected


def _gemini_usage(usage: dict[str, Any]) -> dict[str, Any]:
    """Gemini counts thoughts beside the output, and what its own tools read beside the input."""
    output = None if usage["output"] is None else usage["output"] + (usage["reasoning"] or 0)
    return {**usage, "input": usage["input"] + (usage.get("tool_use") or 0), "output": output}


def _anthropic_usage(usage: dict[str, Any]) -> dict[str, Any]:
    """Anthropic counts what the prompt cache gave and took beside the input."""
    return {**usage, "input": usage["input"] + (usage["cached"] or 0) + (usage["cache_write"] or 0)}


def _same_arguments(ours: str, theirs: str) -> bool:
    return ours == theirs or json.loads(ours) == json.loads(theirs or "{}")


def _check(recording: Recording, replayed: Replayed) -> None:
    expected, reply, draft = _expected(recording), _reply(replayed), replayed.draft
    assert reply.text == expected["text"]
    assert reply.thinking == expected["reasoning"]
    assert [call.name for call in reply.calls] == [call["name"] for call in expected["tool_calls"]]
    for ours, theirs in zip(reply.calls, expected["tool_calls"], strict=True):
        assert _same_arguments(ours.arguments, theirs["arguments"])
        assert ours.call_id == theirs["id"] or (theirs["id"] is None and ours.call_id)
    if expected["citations"] is not None:
        assert reply.citations == [(c.get("url") or "", c.get("title", "")) for c in expected["citations"]]
    assert draft.skipped_frames == expected.get("skipped", 0)
    if expected["usage"] is not None:
        _check_usage(expected["usage"], replayed)
    if expected.get("timings") is not None:
        _check_timings(expected["timings"], replayed)
    _check_end(expected, replayed, called=bool(reply.calls))


def _check_usage(expected: dict[str, Any], replayed: Replayed) -> None:
    usage = replayed.draft.usage
    ours = {
        "input": usage.input,
        "output": usage.output,
        "cached": usage.cache_read,
        "reasoning": usage.reasoning,
    }
    assert ours == {name: expected[name] for name in ours}
    if "cost" in expected:
        assert usage.cost == expected["cost"]


def _check_timings(expected: dict[str, Any], replayed: Replayed) -> None:
    server = replayed.draft.server
    assert server is not None
    assert server.load_seconds == expected["load_duration"] / 1e9
    assert server.prompt_eval_seconds == expected["prompt_eval_duration"] / 1e9
    assert server.eval_seconds == expected["eval_duration"] / 1e9
    assert server.total_seconds == expected["total_duration"] / 1e9
    assert server.prompt_eval_count == expected["prompt_eval_count"]
    assert server.eval_count == expected["eval_count"]


def _check_end(expected: dict[str, Any], replayed: Replayed, called: bool) -> None:
    if expected["error"]:
        assert replayed.error is not None
        assert expected["error"]["message"] in replayed.error.message
    elif expected["stop_reason"] is None:
        assert isinstance(replayed.error, TruncatedStreamError)
        assert not replayed.draft.finished
    else:
        stop = _STOPS[expected["stop_reason"]]
        assert replayed.error is None
        assert replayed.draft.stop_reason is (StopReason.TOOL_CALLS if called else stop)


def test_the_shared_recordings_are_there() -> None:
    if not SHARED_FOLDER.is_dir():
        pytest.skip(_ABSENT)  # no recordings there
    assert len(_SHARED) > 80


@pytest.mark.parametrize("recording", _STREAMS)
def test_a_stream_in_one_piece(recording: Recording) -> None:
    adapter = recording.adapter
    _check(recording, decode(adapter.new_decoder(), frames(adapter.framing, whole(recording.body))))


@pytest.mark.parametrize("recording", _STREAMS)
def test_a_stream_cut_anywhere(recording: Recording) -> None:
    """Byte by byte, and in pieces by chance: the frames are the same, hence so is what they add up to."""
    framing = recording.adapter.framing
    expected = [(frame.data, frame.event) for frame in frames(framing, whole(recording.body))]
    cuts = [byte_by_byte(recording.body), *(random_pieces(recording.body, seed) for seed in range(20))]
    for pieces in cuts:
        assert [(frame.data, frame.event) for frame in frames(framing, pieces)] == expected
    _check(recording, decode(recording.adapter.new_decoder(), frames(framing, cuts[1])))


@pytest.mark.parametrize(
    "recording", _WHOLE_REPLIES or [pytest.param(None, marks=pytest.mark.skip(reason=_ABSENT))]
)
def test_a_reply_that_was_not_streamed(recording: Recording) -> None:
    _check(recording, decode(recording.adapter.new_decoder(), [Frame(0.0, recording.body)]))


_KINDS = {
    "anthropic/messages-claude-3-7-sonnet-20250219-error-http-401": AuthenticationError,
    "anthropic/messages-claude-3-opus-20240229-error-http-400": BadRequestError,
    "anthropic/messages-claude-3-opus-20240229-error-http-401": AuthenticationError,
    "anthropic/messages-claude-haiku-4-5-20251001-error-http-400": ContextTooLongError,
    "anthropic/messages-claude-haiku-4-5-20251001-error-http-401": AuthenticationError,
    "azure/chat-grok-4-1-fast-non-reasoning-error-http-429": RateLimitedError,
    "deepseek/chat-deepseek-chat-error-http-400": ContextTooLongError,
    "gemini/gen-gemini-2.5-flash-error-http-400": AuthenticationError,
    "gemini/gen-gemini-2.5-flash-error-http-400-2": AuthenticationError,
    "gemini/gen-there-is-no-such-model-error-http-404": ModelNotFoundError,
    "gemini/gen-this-model-does-not-exist-12-error-http-404-2": ModelNotFoundError,
    "deepseek/responses-deepseek-v4-flash-error-http-400": BadRequestError,
    "groq/chat-openai-gpt-oss-120b-error-http-400": BadRequestError,
    "mistral/chat-mistral-small-latest-error-http-401": AuthenticationError,
    "ollama/chat-gpt-oss-120b-error-http-400": ContextTooLongError,
    "ollama/native-nonexistent-model-latest-error-http-404": ModelNotFoundError,
    "openai/chat-gpt-4-error-http-401": AuthenticationError,
    "openai/chat-gpt-4o-error-http-401": AuthenticationError,
    "openai/chat-gpt-4o-mini-error-http-400": BadRequestError,
    "openai/chat-gpt-4o-mini-error-http-400-2": BadRequestError,
    "openai/chat-gpt-5-mini-error-http-400": BadRequestError,
    "openai/chat-this-model-does-not-exist-12-error-http-404": ModelNotFoundError,
    "openai/responses-gpt-4o-mini-error-http-400": BadRequestError,
    "openai/responses-gpt-5-nano-error-http-401": AuthenticationError,
    "openai/responses-invalid-model-error-http-400": ModelNotFoundError,
    "openai/responses-this-model-does-not-exist-error-http-400": ModelNotFoundError,
    "openrouter/chat-google-gemini-2.0-flash-exp--error-http-429": RateLimitedError,
    "openrouter/chat-openai-gpt-4o-mini-error-http-401": AuthenticationError,
    "perplexity/chat-sonar-error-http-401": AuthenticationError,
    "synthetic/gemini-503": OverloadedError,
    "synthetic/anthropic-413": ContextTooLongError,
    "synthetic/anthropic-429-retry-after": RateLimitedError,
    "synthetic/anthropic-529": OverloadedError,
    "synthetic/llamacpp-503-loading": OverloadedError,
    "synthetic/llamacpp-exceed-context": ContextTooLongError,
    "synthetic/ollama-503-busy": OverloadedError,
    "synthetic/openai-429-retry-after-ms": RateLimitedError,
    "synthetic/openai-503-http-date": OverloadedError,
    "synthetic/openrouter-402": QuotaExceededError,
    "synthetic/proxy-502-html": ServerError,
    "xai/responses-grok-4.3-error-http-400": AuthenticationError,
}


_WAITS = {
    "azure/chat-grok-4-1-fast-non-reasoning-error-http-429": 1.0,
    "synthetic/anthropic-429-retry-after": 27.0,
    "synthetic/openai-429-retry-after-ms": 0.8,
    "synthetic/openai-503-http-date": (
        datetime(2099, 10, 21, tzinfo=UTC) - datetime.now(UTC)
    ).total_seconds(),
}


@pytest.mark.parametrize("recording", _REFUSALS)
def test_a_refusal(recording: Recording) -> None:
    error = recording.adapter.parse_error(recording.status, recording.headers, recording.body)
    assert type(error) is _KINDS[recording.name]
    assert error.status == recording.status
    assert error.retryable is (recording.status in (429, 502, 503, 529))
    assert error.retry_after == pytest.approx(_WAITS.get(recording.name), rel=0.01)
    if not isinstance(error, AuthenticationError):  # what is told of keys is left out
        told = recording.expected["error"].get("provider_error")
        said = told.get("message", "") if isinstance(told, dict) else ""
        assert clean(said).strip() in error.message
    assert error.hint
    assert "sk-fake-key" not in error.message
    assert "*****2345" not in error.message
