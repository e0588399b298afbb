"""The response of OpenAI's Chat Completions and of the many servers that speak it in their own way.

Source: the OpenAI API reference, `POST /v1/chat/completions`, streaming; and the documentation of the
services in `catalog`. Where they differ, what is written here accepts all of them.
"""

from __future__ import annotations

from collections.abc import Iterator

from chatterm.backend.providers.base import Frame
from chatterm.backend.providers.complaints import Complaint, complaint_of, is_complaint
from chatterm.backend.providers.json_frames import is_done, late_frame, read_frame, unknown_fields
from chatterm.backend.providers.openai_chat_usage import reported_usage, server_timings
from chatterm.backend.providers.provider_errors import stream_error, truncation_error
from chatterm.backend.providers.reasoning_details import DetailsMerger, origin_of
from chatterm.backend.providers.think_tags import ThinkSplitter
from chatterm.backend.providers.tool_calls import ToolCallMerger
from chatterm.backend.providers.wire_json import as_list, as_object, as_text
from chatterm.core.clean import clean_line
from chatterm.core.events import (
    CitationsReported,
    FrameSkipped,
    RefusalDelta,
    StreamEvent,
    StreamFinished,
    StreamStarted,
    ThinkingDelta,
    UsageReported,
)
from chatterm.core.messages import Citation
from chatterm.core.turn import StopReason
from chatterm.core.usage import Usage

_STOP_REASONS = {
    "stop": StopReason.END_TURN,
    "eos": StopReason.END_TURN,
    "end_turn": StopReason.END_TURN,
    "stop_sequence": StopReason.STOP_SEQUENCE,
    "length": StopReason.MAX_TOKENS,
    "max_tokens": StopReason.MAX_TOKENS,
    "model_length": StopReason.CONTEXT_FULL,
    "tool_calls": StopReason.TOOL_CALLS,
    "function_call": StopReason.TOOL_CALLS,
    "content_filter": StopReason.CONTENT_FILTER,
    "refusal": StopReason.REFUSAL,
}

# Finish reasons that tell a failure, and the codes they amount to; the first is DeepSeek's.
_FAILURES = {
    "insufficient_system_resource": frozenset({"unavailable_error"}),
    "error": frozenset({"server_error"}),
}

_FIGURES = frozenset({"usage", "x_groq", "timings"})
_SOURCES = frozenset({"citations", "search_results", "annotations", "executed_tools"})
_KNOWN_FIELDS = _FIGURES | {"choices", "citations", "search_results"}
_THOUGHT = frozenset({"reasoning_content", "reasoning", "thinking", "reasoning_details"})
_BESIDE = frozenset({"refusal", "reasoning_details", "images", "tool_calls", "function_call"})


class OpenAIChatDecoder:
    """Decodes one response, streamed or whole.

    Events are made as they are read: what a frame holds comes before the error that it tells. The reply is
    over with the first finish reason, or with `[DONE]`; usage may still follow, so read on to the end.
    `details_of` is the service whose `reasoning_details` are kept, if any.
    """

    def __init__(self, title: str, details_of: str | None = None) -> None:
        self._title = title
        self._details_of = details_of
        self._details = DetailsMerger()
        self._model = ""
        self._think = ThinkSplitter()
        self._calls = ToolCallMerger()
        self._started = False
        self._finished = False
        self._ended = False
        self._streams = False
        self._usage: UsageReported | None = None
        self._told: object = None
        self._citations: tuple[Citation, ...] = ()
        self._sources: list[object] = []

    def feed(self, frame: Frame) -> Iterator[StreamEvent]:
        """Events of this frame. Raises a `ProviderError` for an error that the frame tells."""
        if is_done(frame):
            self._ended = True
            return self._finish("")
        return late_frame(frame) if self._ended else read_frame(frame, self._read)

    def finish(self) -> Iterator[StreamEvent]:
        """At the end of the bytes. Raises `TruncatedStreamError` when the reply was not over."""
        if self._finished:
            return
        yield from self._think.finish()
        yield from self._calls.finish()
        raise truncation_error(self._title, self._started)

    def _read(self, chunk: dict[str, object], event: str) -> Iterator[StreamEvent]:
        failed = is_complaint(chunk, event) or ("x_groq" in chunk and "error" in as_object(chunk["x_groq"]))
        if not failed and _KNOWN_FIELDS.isdisjoint(chunk):
            yield unknown_fields(chunk)
            return
        if not self._started:
            yield from self._start(chunk)
        choice, delta = self._choice(chunk), {}
        if choice is None:
            yield FrameSkipped("another choice than the first")
            choice = {}
        # This runs for every few characters: what a chunk does not have costs no call.
        if choice:
            delta = self._delta(choice)
            if not _THOUGHT.isdisjoint(delta) and (reasoning := _reasoning(delta)):
                yield ThinkingDelta(reasoning)
            content = delta.get("content")
            if isinstance(content, str):
                yield from self._think.feed(content)
            elif content:
                yield from self._content_items(content)
            if not _BESIDE.isdisjoint(delta):
                yield from self._beside_content(delta)
        if not _SOURCES.isdisjoint(chunk) or not _SOURCES.isdisjoint(delta):
            yield from self._report_citations(chunk, delta)
        if chunk.get("usage") or chunk.get("x_groq") or chunk.get("timings"):
            yield from self._report_usage(chunk)
        if failed:
            yield from self._think.finish()
            raise stream_error(
                self._title, complaint_of(chunk if chunk.get("error") else chunk.get("x_groq") or chunk)
            )
        if choice.get("finish_reason") or "message" in choice or "error" in choice:
            yield from self._stop(choice)

    def _choice(self, chunk: dict[str, object]) -> dict[str, object] | None:
        """The first choice; empty where there is none, None where there are only others."""
        choices = as_list(chunk.get("choices"))
        for choice in map(as_object, choices):
            if choice.get("index") in (None, 0):
                return choice
        return None if choices else {}

    def _start(self, chunk: dict[str, object]) -> Iterator[StreamEvent]:
        model, response_id = as_text(chunk.get("model")), as_text(chunk.get("id"))
        self._model = self._model or model
        if not self._started and (model or response_id or chunk.get("choices")):
            self._started = True
            yield StreamStarted(model or None, response_id or None)

    def _delta(self, choice: dict[str, object]) -> dict[str, object]:
        """The increment; the whole message where the server did not stream.

        Perplexity sends both: streamed, the message repeats all of the text; whole, the delta is empty.
        """
        delta = as_object(choice.get("delta"))
        if not self._streams:
            self._streams = any(value for name, value in delta.items() if name != "role")
        return delta if self._streams else as_object(choice.get("message")) or delta

    def _beside_content(self, delta: dict[str, object]) -> Iterator[StreamEvent]:
        if refusal := as_text(delta.get("refusal")):
            yield RefusalDelta(refusal)
        if self._details_of is not None:
            self._details.feed(delta.get("reasoning_details"))
        for image in as_list(delta.get("images")):
            yield FrameSkipped(_image_told(as_object(image)))
        for fragment in as_list(delta.get("tool_calls")):
            yield from self._calls.feed(fragment)
        if isinstance(delta.get("function_call"), dict):  # what tool calls were before they had ids
            yield from self._calls.feed({"index": 0, "function": delta["function_call"]})

    def _content_items(self, content: object) -> Iterator[StreamEvent]:
        for item in as_list(content) or [content]:
            yield from self._content_item(item)

    def _content_item(self, item: object) -> Iterator[StreamEvent]:
        """A string; or an element of Mistral's list form, {"type": "text" | "thinking", ...}."""
        if isinstance(item, str):
            yield from self._think.feed(item)
            return
        fields = as_object(item)
        if "thinking" in fields:
            thinking = fields["thinking"]
            parts = as_list(thinking) or [{"text": thinking}]
            if text := "".join(as_text(as_object(part).get("text")) for part in parts):
                yield ThinkingDelta(text)
        elif text := as_text(fields.get("text")):
            yield from self._think.feed(text)
        elif fields:
            yield FrameSkipped(clean_line(f"content of unknown type {fields.get('type')!r}"))

    def _report_citations(self, chunk: dict[str, object], delta: dict[str, object]) -> Iterator[StreamEvent]:
        found = self._citations
        sources = as_list(chunk.get("search_results")) or as_list(chunk.get("citations"))
        if sources and sources != self._sources:  # Perplexity repeats all of them in every chunk
            self._sources = sources
            found = tuple(map(_citation, sources))
        for source in map(_citation, _annotated(delta)):
            if source.url and source not in found:
                found = (*found, source)
        if found != self._citations:
            self._citations = found
            yield CitationsReported(found)

    def _report_usage(self, chunk: dict[str, object]) -> Iterator[StreamEvent]:
        told = chunk.get("usage") or as_object(chunk.get("x_groq")).get("usage")
        if told == self._told and "timings" not in chunk:
            return
        self._told = told
        usage = reported_usage(told)
        report = UsageReported(usage, server_timings(chunk.get("timings")))
        if report != self._usage and report != UsageReported(Usage()):
            self._usage = report
            yield report

    def _stop(self, choice: dict[str, object]) -> Iterator[StreamEvent]:
        reason = as_text(choice.get("finish_reason"))
        told = choice.get("error")
        if (told or reason in _FAILURES) and not self._finished:
            yield from self._think.finish()
            stopped = Complaint(f"it stopped for the reason {reason!r}", _FAILURES.get(reason, frozenset()))
            raise stream_error(self._title, complaint_of({"error": told}) if told else stopped)
        if reason or ("message" in choice and "delta" not in choice):
            yield from self._finish(reason)

    def _finish(self, reason: str) -> Iterator[StreamEvent]:
        if self._finished:
            return
        self._finished = True
        yield from self._think.finish()
        yield from self._calls.finish()
        if self._details_of is not None:
            yield from self._details.finish(origin_of(self._details_of, self._model))
        stop = _STOP_REASONS.get(reason, StopReason.OTHER)
        # Servers say `stop`, or nothing, after tool calls too.
        if self._calls.any and stop in (StopReason.END_TURN, StopReason.OTHER):
            stop = StopReason.TOOL_CALLS
        yield StreamFinished(stop)


def _reasoning(delta: dict[str, object]) -> str:
    """Reasoning under any of its names; OpenRouter repeats it in `reasoning_details`, so that comes last."""
    for key in ("reasoning_content", "reasoning", "thinking"):
        if text := as_text(delta.get(key)):
            return text
    if "reasoning_details" not in delta:
        return ""
    details = map(as_object, as_list(delta.get("reasoning_details")))
    return "".join(as_text(detail.get("text")) or as_text(detail.get("summary")) for detail in details)


def _annotated(delta: dict[str, object]) -> Iterator[object]:
    """Sources that come with the text: OpenAI's annotations, and what Groq's compound models searched for."""
    for annotation in map(as_object, as_list(delta.get("annotations"))):
        yield annotation.get("url_citation") or annotation
    for tool in map(as_object, as_list(delta.get("executed_tools"))):
        yield from as_list(as_object(tool.get("search_results")).get("results"))


def _citation(source: object) -> Citation:
    """A source: a URL, or an object with one.

    Perplexity's are all kept, a file without a URL too: the text refers to them by number.
    """
    if isinstance(source, str):
        return Citation(source)
    fields = as_object(source)
    return Citation(as_text(fields.get("url")), as_text(fields.get("title")))


def _image_told(image: dict[str, object]) -> str:
    """What is said of a picture in a reply, which cannot be shown."""
    url = as_text(as_object(image.get("image_url")).get("url"))
    return f"a picture in the reply, {clean_line(url[:40].partition(';')[0]) or 'of unknown kind'}"
