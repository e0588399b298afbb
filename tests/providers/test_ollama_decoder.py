"""How replies of Ollama's own API are read."""

from __future__ import annotations

from typing import Any

import pytest

from chatterm.backend.providers.registry import adapter
from chatterm.core.errors import ModelNotFoundError, ServerError, TruncatedStreamError
from chatterm.core.events import (
    FrameSkipped,
    StreamFinished,
    StreamStarted,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallStarted,
    UsageReported,
)
from chatterm.core.timings import ServerTimings
from chatterm.core.turn import StopReason
from chatterm.core.usage import Usage
from tests.providers.replay import Replayed, decode_data


def line(content: str = "", done: bool = False, **fields: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": content} | fields.pop("message", {})
    return {"model": "llama3", "message": message, "done": done} | fields


def read(*data: bytes | str | dict[str, Any]) -> Replayed:
    return decode_data(adapter("ollama").new_decoder(), *data)


def test_the_plain_case_with_all_figures() -> None:
    end = line(
        done=True,
        done_reason="stop",
        total_duration=5_000_000_000,
        load_duration=1_500_000_000,
        prompt_eval_count=17,
        prompt_eval_duration=250_000_000,
        eval_count=50,
        eval_duration=2_000_000_000,
    )
    replayed = read(line(message={"thinking": "hm"}), line("Hi"), end)
    assert replayed.error is None
    assert replayed.events == [
        StreamStarted("llama3"),
        ThinkingDelta("hm"),
        TextDelta("Hi"),
        UsageReported(
            Usage(input=17, output=50),
            ServerTimings(
                load_seconds=1.5,
                prompt_eval_seconds=0.25,
                eval_seconds=2.0,
                total_seconds=5.0,
                prompt_eval_count=17,
                eval_count=50,
            ),
        ),
        StreamFinished(StopReason.END_TURN),
    ]


def test_a_cached_prompt_has_no_count() -> None:
    assert read(line("Hi", done=True, done_reason="stop", eval_count=1)).draft.usage == Usage(output=1)


@pytest.mark.parametrize(
    ("reason", "stop"),
    [
        ("stop", StopReason.END_TURN),
        ("length", StopReason.MAX_TOKENS),
        ("load", StopReason.OTHER),
        ("unload", StopReason.OTHER),
        (None, StopReason.OTHER),
    ],
)
def test_done_reasons(reason: str | None, stop: StopReason) -> None:
    assert read(line("x", done=True, done_reason=reason)).draft.stop_reason is stop


def test_tool_calls_come_whole_and_each_is_its_own() -> None:
    """The same index twice, with and without an id."""
    first = {"id": "c1", "function": {"index": 0, "name": "f", "arguments": {"a": "ü"}}}
    second = {"function": {"index": 0, "name": "g", "arguments": {}}}
    replayed = read(
        line(message={"tool_calls": [first]}),
        line(message={"tool_calls": [second]}),
        line(done=True, done_reason="stop"),
    )
    started = [event for event in replayed.events if isinstance(event, ToolCallStarted)]
    deltas = [event for event in replayed.events if isinstance(event, ToolCallDelta)]
    assert [(call.index, call.name) for call in started] == [(0, "f"), (1, "g")]
    assert started[0].call_id == "c1"
    assert started[1].call_id
    assert deltas == [ToolCallDelta(0, '{"a":"ü"}'), ToolCallDelta(1, "{}")]
    assert replayed.draft.stop_reason is StopReason.TOOL_CALLS


def test_an_error_line_ends_the_stream_and_keeps_the_text() -> None:
    replayed = read(line("Half"), {"error": "the runner stopped"})
    assert type(replayed.error) is ServerError
    assert replayed.error.message == "Ollama failed: the runner stopped"
    assert replayed.events[-1] == TextDelta("Half")


def test_a_missing_model_in_the_stream_comes_with_the_way_to_get_it() -> None:
    error = read({"error": "model 'x:1b' not found"}).error
    assert type(error) is ModelNotFoundError
    assert error.hint.endswith("ollama pull x:1b")


@pytest.mark.parametrize(("data", "words"), [((), "empty"), ((line("Hi"),), "before it was complete")])
def test_bytes_that_end_before_done(data: tuple[Any, ...], words: str) -> None:
    error = read(*data).error
    assert isinstance(error, TruncatedStreamError)
    assert words in error.message


def test_bad_lines_are_counted() -> None:
    replayed = read(line("a"), '{"mod', {"status": "pulling"}, "[]", line("b", done=True))
    assert [event for event in replayed.events if isinstance(event, FrameSkipped)][1] == FrameSkipped(
        "unknown fields: status"
    )
    assert replayed.draft.skipped_frames == 3
    assert replayed.draft.finished


def test_think_tags_of_older_servers() -> None:
    replayed = read(line("<think>h"), line("m</think>Hi", done=True))
    assert [type(part).__name__ for part in replayed.draft.parts()] == ["ThinkingPart", "TextPart"]
