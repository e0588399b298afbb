"""The response of Ollama's own API. Source: the Ollama API documentation, `POST /api/chat`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from chatterm.backend.providers.base import Frame
from chatterm.backend.providers.complaints import complaint_of, is_complaint
from chatterm.backend.providers.json_frames import read_frame, unknown_fields
from chatterm.backend.providers.provider_errors import stream_error, truncation_error
from chatterm.backend.providers.think_tags import ThinkSplitter
from chatterm.backend.providers.tool_calls import ToolCallMerger
from chatterm.backend.providers.wire_json import (
    as_count,
    as_list,
    as_number,
    as_object,
    as_text,
)
from chatterm.core.errors import BadRequestError, ModelNotFoundError, ProviderError
from chatterm.core.events import (
    StreamEvent,
    StreamFinished,
    StreamStarted,
    ThinkingDelta,
    UsageReported,
)
from chatterm.core.timings import ServerTimings
from chatterm.core.turn import StopReason
from chatterm.core.usage import Usage

TITLE = "Ollama"

_STOP_REASONS = {"stop": StopReason.END_TURN, "length": StopReason.MAX_TOKENS}

_NAMED_MODEL = re.compile(r"\bmodel ['\"`]([\w./:@-]{1,200})['\"`]")


class OllamaDecoder:
    """Decodes one response; `done` ends the reply."""

    def __init__(self) -> None:
        self._think = ThinkSplitter()
        self._calls = ToolCallMerger()
        self._started = False
        self._finished = False

    def feed(self, frame: Frame) -> Iterator[StreamEvent]:
        """Events of this line. Raises a `ProviderError` for an error line."""
        return read_frame(frame, self._read)

    def finish(self) -> Iterator[StreamEvent]:
        """At the end of the bytes. Raises `TruncatedStreamError` when the reply was not done."""
        if not self._finished:
            yield from self._think.finish()
            raise truncation_error(TITLE, self._started)

    def _read(self, line: dict[str, object], _event: str) -> Iterator[StreamEvent]:
        if is_complaint(line):
            yield from self._think.finish()
            raise as_ollama_says(stream_error(TITLE, complaint_of(line)))
        if "message" not in line and "done" not in line:
            yield unknown_fields(line)
            return
        if not self._started:
            self._started = True
            yield StreamStarted(as_text(line.get("model")) or None)
        message = as_object(line.get("message"))
        if thinking := as_text(message.get("thinking")):
            yield ThinkingDelta(thinking)
        yield from self._think.feed(as_text(message.get("content")))
        for call in map(as_object, as_list(message.get("tool_calls"))):
            function = as_object(call.get("function"))
            name = as_text(function.get("name"))
            yield from self._calls.whole(as_text(call.get("id")), name, function.get("arguments"))
        if line.get("done") is True and not self._finished:
            self._finished = True
            yield from self._think.finish()
            yield UsageReported(*_figures(line))
            stop = _STOP_REASONS.get(as_text(line.get("done_reason")), StopReason.OTHER)
            # Ollama says `stop` after tool calls too.
            called = self._calls.any and stop is StopReason.END_TURN
            yield StreamFinished(StopReason.TOOL_CALLS if called else stop)


def as_ollama_says(error: ProviderError) -> ProviderError:
    """The error with what is Ollama's alone: how to fetch a model, and the parameter behind a capability."""
    if isinstance(error, BadRequestError) and (
        error.parameter == "thinking" or "think value" in error.message
    ):
        error.parameter = "think"
    if isinstance(error, ModelNotFoundError):
        named = _NAMED_MODEL.search(error.message)
        error.hint = f"Fetch it with: ollama pull {named[1] if named else 'NAME'}"
    return error


def _figures(line: dict[str, object]) -> tuple[Usage, ServerTimings]:
    """Counts and durations (nanoseconds turned into seconds); `prompt_eval_count` is missing at times."""
    prompt_tokens, output_tokens = as_count(line.get("prompt_eval_count")), as_count(line.get("eval_count"))
    timings = ServerTimings(
        load_seconds=_seconds(line.get("load_duration")),
        prompt_eval_seconds=_seconds(line.get("prompt_eval_duration")),
        eval_seconds=_seconds(line.get("eval_duration")),
        total_seconds=_seconds(line.get("total_duration")),
        prompt_eval_count=prompt_tokens,
        eval_count=output_tokens,
    )
    return Usage(input=prompt_tokens, output=output_tokens), timings


def _seconds(nanoseconds: object) -> float | None:
    number = as_number(nanoseconds)
    return None if number is None else number / 1e9
