"""The response of Anthropic's Messages API. Source: Anthropic's API reference, "Streaming messages"."""

from __future__ import annotations

from collections.abc import Iterator

from chatterm.backend.providers.anthropic_blocks import BlockReader
from chatterm.backend.providers.anthropic_content import origin_of
from chatterm.backend.providers.base import Frame
from chatterm.backend.providers.complaints import complaint_of, is_complaint
from chatterm.backend.providers.json_frames import LATE, read_frame
from chatterm.backend.providers.provider_errors import stream_error, truncation_error
from chatterm.backend.providers.wire_json import (
    MAX_COUNT,
    as_count,
    as_list,
    as_object,
    as_text,
)
from chatterm.core.clean import clean_line
from chatterm.core.events import (
    FrameSkipped,
    RefusalDelta,
    StreamEvent,
    StreamFinished,
    StreamStarted,
    UsageReported,
)
from chatterm.core.turn import StopReason
from chatterm.core.usage import Usage

_STOP_REASONS = {
    "end_turn": StopReason.END_TURN,
    "max_tokens": StopReason.MAX_TOKENS,
    "stop_sequence": StopReason.STOP_SEQUENCE,
    "tool_use": StopReason.TOOL_CALLS,
    "pause_turn": StopReason.PAUSE_TURN,
    "refusal": StopReason.REFUSAL,
    "model_context_window_exceeded": StopReason.CONTEXT_FULL,
}

_COUNTS = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens")


class AnthropicDecoder:
    """Decodes one response, streamed or whole.

    The reply is over with `message_stop`; one that told why it stopped is over too when the bytes end there.
    """

    def __init__(self, title: str) -> None:
        self._title = title
        self._blocks = BlockReader()
        self._started: StreamStarted | None = None
        self._counts: dict[str, int] = {}
        self._usage = Usage()
        self._reason: str | None = None
        self._refused = False
        self._finished = False

    def feed(self, frame: Frame) -> Iterator[StreamEvent]:
        """Events of this frame. Raises a `ProviderError` for an error that the frame tells."""
        return read_frame(frame, self._read)

    def finish(self) -> Iterator[StreamEvent]:
        """At the end of the bytes. Raises `TruncatedStreamError` when the reply was not over."""
        if self._finished:
            return
        if self._reason is None:
            yield from self._blocks.calls.finish()
            raise truncation_error(self._title, self._started is not None)
        yield from self._finish()

    def _read(self, value: dict[str, object], event: str) -> Iterator[StreamEvent]:
        """One event; its kind is in the JSON, whatever the event is called."""
        if is_complaint(value, event):
            raise stream_error(self._title, complaint_of(value))
        kind = value.get("type")
        if self._finished:
            if kind != "ping":
                yield LATE
            return
        match kind:
            case "content_block_delta":
                yield from self._blocks.extend(value.get("index"), as_object(value.get("delta")))
            case "content_block_start":
                yield from self._blocks.begin(value.get("index"), as_object(value.get("content_block")))
            case "content_block_stop":
                yield from self._blocks.close()
            case "message_start":
                yield from self._message(as_object(value.get("message")))
            case "message_delta":
                yield from self._report_usage(value.get("usage"))
                yield from self._stop(as_object(value.get("delta")))
            case "message_stop":
                yield from self._finish()
            case "message":
                yield from self._message(value)
                yield from self._report_usage(value.get("usage"))
                yield from self._stop(value)
                yield from self._finish()
            case "ping":
                return
            case other:
                yield FrameSkipped(clean_line(f"an event of unknown type {other!r}", 200))

    def _message(self, message: dict[str, object]) -> Iterator[StreamEvent]:
        """A message begins; proxies may repeat this, or go on with the answer of another model."""
        model, response_id = as_text(message.get("model")), as_text(message.get("id"))
        started = StreamStarted(model or None, response_id or None)
        if started != self._started:
            self._started = started
            yield started
        self._blocks.origin = origin_of(model)
        # The count of the output is no more than a beginning here, and would be shown of a stopped reply.
        usage = as_object(message.get("usage"))
        yield from self._report_usage(
            {name: count for name, count in usage.items() if name != "output_tokens"}
        )
        for index, block in enumerate(as_list(message.get("content"))):
            yield from self._blocks.begin(index, as_object(block))
            yield from self._blocks.close()

    def _report_usage(self, value: object) -> Iterator[StreamEvent]:
        """Counts are totals so far, so the greater one is the newer; some servers fill in zeros later."""
        fields = as_object(value)
        thinking = as_object(fields.get("output_tokens_details")).get("thinking_tokens")
        for name, given in (*((name, fields.get(name)) for name in _COUNTS), ("thinking", thinking)):
            if (count := as_count(given)) is not None:
                self._counts[name] = max(count, self._counts.get(name, 0))
        usage = _usage(self._counts)
        if usage != self._usage:
            self._usage = usage
            yield UsageReported(usage)

    def _stop(self, delta: dict[str, object]) -> Iterator[StreamEvent]:
        if reason := as_text(delta.get("stop_reason")):
            self._reason = reason
        details = as_object(delta.get("stop_details"))
        if self._reason == "refusal" and details and not self._refused:
            self._refused = True
            yield from self._blocks.finish()
            yield RefusalDelta(self._refusal(details))

    def _refusal(self, details: dict[str, object]) -> str:
        category = as_text(details.get("category"))
        told = as_text(details.get("explanation")) or (
            f"{self._title} refused to answer: {category}."
            if category
            else f"{self._title} refused to answer."
        )
        model = as_text(details.get("recommended_model"))
        answering = self._started.model if self._started else None
        return f"{told} It recommends the model {model}." if model and model != answering else told

    def _finish(self) -> Iterator[StreamEvent]:
        self._finished = True
        yield from self._blocks.finish()
        stop = _STOP_REASONS.get(self._reason or "", StopReason.OTHER)
        called = self._blocks.calls.any and stop in (StopReason.END_TURN, StopReason.OTHER)
        yield StreamFinished(StopReason.TOOL_CALLS if called else stop)


def _usage(counts: dict[str, int]) -> Usage:
    """Anthropic counts what came from the cache, and what went into it, beside the input."""
    given, output = counts.get("input_tokens"), counts.get("output_tokens")
    read, written = counts.get("cache_read_input_tokens"), counts.get("cache_creation_input_tokens")
    return Usage(
        input=None if given is None else min(given + (read or 0) + (written or 0), MAX_COUNT),
        output=output,
        cache_read=read,
        cache_write=written,
        reasoning=counts.get("thinking"),
    )
