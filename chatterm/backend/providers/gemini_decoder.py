"""The response of Gemini's generateContent, streamed or whole.

Source: the Gemini API reference, `models.streamGenerateContent` and `models.generateContent`.
"""

from __future__ import annotations

from collections.abc import Iterator

from chatterm.backend.providers.base import Frame
from chatterm.backend.providers.complaints import Complaint, complaint_of, is_complaint
from chatterm.backend.providers.gemini_signatures import ORIGIN, SignedText, call_signature, raw_part
from chatterm.backend.providers.json_frames import read_frame, unknown_fields
from chatterm.backend.providers.provider_errors import stream_error, truncation_error
from chatterm.backend.providers.tool_calls import ToolCallMerger
from chatterm.backend.providers.wire_json import MAX_COUNT, as_count, as_list, as_object, as_text
from chatterm.core.clean import clean_line
from chatterm.core.errors import BadRequestError, ProviderError
from chatterm.core.events import (
    CitationsReported,
    FrameSkipped,
    OpaqueReported,
    RefusalDelta,
    StreamEvent,
    StreamFinished,
    StreamStarted,
    TextDelta,
    ThinkingDelta,
    UsageReported,
)
from chatterm.core.messages import Citation
from chatterm.core.turn import StopReason
from chatterm.core.usage import Usage

TITLE = "Gemini"

_STOP_REASONS = {
    "STOP": StopReason.END_TURN,
    "MAX_TOKENS": StopReason.MAX_TOKENS,
    "CONTINUATION": StopReason.MAX_TOKENS,
    "SAFETY": StopReason.CONTENT_FILTER,
    "RECITATION": StopReason.CONTENT_FILTER,
    "LANGUAGE": StopReason.CONTENT_FILTER,
    "BLOCKLIST": StopReason.CONTENT_FILTER,
    "PROHIBITED_CONTENT": StopReason.CONTENT_FILTER,
    "SPII": StopReason.CONTENT_FILTER,
    "IMAGE_SAFETY": StopReason.CONTENT_FILTER,
    "IMAGE_PROHIBITED_CONTENT": StopReason.CONTENT_FILTER,
    "IMAGE_RECITATION": StopReason.CONTENT_FILTER,
    "ESCALATION": StopReason.CONTENT_FILTER,
    "MODEL_ARMOR": StopReason.CONTENT_FILTER,
}

# Finish reasons that tell a failure, and the codes they amount to.
_FAILURES = {
    "MALFORMED_FUNCTION_CALL": "server_error",
    "MALFORMED_RESPONSE": "server_error",
    "UNEXPECTED_TOOL_CALL": "server_error",
    "TOO_MANY_TOOL_CALLS": "invalid_request_error",
    "MISSING_THOUGHT_SIGNATURE": "invalid_request_error",
    "PUP_LIMITED_DISABLED": "authentication_error",
}

_KNOWN_FIELDS = {"candidates", "promptFeedback", "usageMetadata", "modelVersion", "responseId"}
_SIGNATURE_ONLY = {"thoughtSignature", "thought", "partMetadata"}


class GeminiDecoder:
    """Decodes one response: each frame is a chunk, the whole answer, or an array of chunks.

    Events are made as they are read: what a frame holds comes before the error that it tells. The reply is
    over with the first finish reason, or when the prompt was blocked; sources and usage may still follow.
    """

    def __init__(self) -> None:
        self._calls = ToolCallMerger()
        self._signed = SignedText()
        self._sources: dict[tuple[str, str], Citation] = {}
        self._usage: Usage | None = None
        self._started = False
        self._finished = False

    def feed(self, frame: Frame) -> Iterator[StreamEvent]:
        """Events of this frame. Raises a `ProviderError` for an error that the frame tells."""
        return read_frame(frame, self._read, lists=True)

    def finish(self) -> Iterator[StreamEvent]:
        """At the end of the bytes. Raises `TruncatedStreamError` when the reply was not over."""
        if not self._finished:
            yield from self._signed.finish()
            raise truncation_error(TITLE, self._started)

    def _read(self, chunk: dict[str, object], event: str) -> Iterator[StreamEvent]:
        failed = is_complaint(chunk, event)
        if not failed and _KNOWN_FIELDS.isdisjoint(chunk):
            yield unknown_fields(chunk)
            return
        if not failed and not self._started:
            self._started = True
            yield StreamStarted(
                as_text(chunk.get("modelVersion")) or None, as_text(chunk.get("responseId")) or None
            )
        candidate: dict[str, object] = {}
        for one in map(as_object, as_list(chunk.get("candidates"))):
            if not one.get("index"):
                candidate = one
                yield from self._content(one)
            else:
                yield FrameSkipped("another candidate than the first")
        if (counts := as_object(chunk.get("usageMetadata"))) and (usage := _usage(counts)) != self._usage:
            self._usage = usage
            yield UsageReported(usage)
        if failed:
            yield from self._signed.finish()
            raise as_gemini_says(stream_error(TITLE, complaint_of(chunk)))
        if not self._finished and ("finishReason" in candidate or "promptFeedback" in chunk):
            yield from self._stop(candidate, as_object(chunk.get("promptFeedback")))

    def _content(self, candidate: dict[str, object]) -> Iterator[StreamEvent]:
        for item in as_list(as_object(candidate.get("content")).get("parts")):
            if part := as_object(item):
                yield from self._part(part)
            elif item != {}:
                yield FrameSkipped("a part that is no object")
        if "groundingMetadata" in candidate or "citationMetadata" in candidate:
            yield from self._report_sources(candidate)

    def _report_sources(self, candidate: dict[str, object]) -> Iterator[CitationsReported]:
        known = len(self._sources)
        for source in _sources(candidate):
            self._sources.setdefault((source.url, "" if source.url else source.title), source)
        if len(self._sources) > known:
            yield CitationsReported(tuple(self._sources.values()))

    def _part(self, part: dict[str, object]) -> Iterator[StreamEvent]:
        signature, text = as_text(part.get("thoughtSignature")), part.get("text")
        if isinstance(text, str) and part.get("thought") is True:
            if text:
                yield from self._signed.end()
                yield ThinkingDelta(text)
            self._signed.hold(signature)
        elif isinstance(text, str) or _SIGNATURE_ONLY.issuperset(part):
            text = as_text(text)
            if text:
                yield TextDelta(text)
            self._signed.add(text, signature)
        elif isinstance(part.get("functionCall"), dict):
            yield from self._call(as_object(part["functionCall"]), signature)
        else:
            signature = signature or self._signed.take_held()
            yield from self._signed.end()
            yield OpaqueReported(
                ORIGIN, raw_part({**part, "thoughtSignature": signature} if signature else part)
            )

    def _call(self, call: dict[str, object], signature: str) -> Iterator[StreamEvent]:
        name = as_text(call.get("name"))
        if not name or "partialArgs" in call:
            yield FrameSkipped("a piece of a function call")
            return
        held = self._signed.take_held()
        yield from self._signed.end()
        yield from self._calls.whole(as_text(call.get("id")), name, call.get("args"))
        if signature := signature or held:
            yield OpaqueReported(ORIGIN, call_signature(signature))

    def _stop(self, candidate: dict[str, object], feedback: dict[str, object]) -> Iterator[StreamEvent]:
        reason = as_text(candidate.get("finishReason")).removeprefix("FINISH_REASON_UNSPECIFIED")
        blocked = as_text(feedback.get("blockReason"))
        if not (reason or blocked):
            return
        yield from self._signed.finish()
        if reason in _FAILURES:
            raise stream_error(TITLE, _failure(reason, as_text(candidate.get("finishMessage"))))
        self._finished = True
        stop = _STOP_REASONS.get(reason, StopReason.OTHER) if reason else StopReason.CONTENT_FILTER
        if stop is StopReason.CONTENT_FILTER or stop is StopReason.OTHER:
            yield RefusalDelta(_told(reason, candidate) if reason else _told_blocked(blocked, feedback))
        # Gemini says STOP after tool calls too.
        called = self._calls.any and stop is StopReason.END_TURN
        yield StreamFinished(StopReason.TOOL_CALLS if called else stop)


def as_gemini_says(error: ProviderError) -> ProviderError:
    """The error, with the parameter that Gemini refuses in words of its own: how the model may think."""
    if isinstance(error, BadRequestError) and "thinking" in error.message.lower():
        error.parameter = "generationConfig.thinkingConfig"
    return error


def _usage(counts: dict[str, object]) -> Usage:
    """Gemini counts thoughts beside the answer, and what its own tools read beside the prompt."""
    thoughts = as_count(counts.get("thoughtsTokenCount"))
    return Usage(
        input=_sum(as_count(counts.get("promptTokenCount")), as_count(counts.get("toolUsePromptTokenCount"))),
        output=_sum(as_count(counts.get("candidatesTokenCount")), thoughts),
        cache_read=as_count(counts.get("cachedContentTokenCount")),
        reasoning=thoughts,
    )


def _sum(first: int | None, second: int | None) -> int | None:
    return first if second is None else min((first or 0) + second, MAX_COUNT)


def _sources(candidate: dict[str, object]) -> Iterator[Citation]:
    """What the answer rests on: web pages, own files, places, pictures, and texts that it repeats."""
    for chunk in as_list(as_object(candidate.get("groundingMetadata")).get("groundingChunks")):
        for source in as_object(chunk).values():
            yield from _source(as_object(source))
    repeated = as_object(candidate.get("citationMetadata"))
    for source in as_list(repeated.get("citationSources")) or as_list(repeated.get("citations")):
        yield from _source(as_object(source))


def _source(source: dict[str, object]) -> Iterator[Citation]:
    url = as_text(source.get("uri")) or as_text(source.get("sourceUri"))
    title = as_text(source.get("title")) or as_text(source.get("fileSearchStore"))
    if url or title:
        yield Citation(url, title)


def _failure(reason: str, message: str) -> Complaint:
    told = f"it stopped for the reason {reason}"
    return Complaint(
        f"{told}: {clean_line(message, 1000)}" if message else told, frozenset({_FAILURES[reason]})
    )


def _told(reason: str, candidate: dict[str, object]) -> str:
    why = "; ".join(filter(None, (as_text(candidate.get("finishMessage")), _dangers(candidate))))
    return clean_line(f"Gemini ended the reply: {reason}" + (f" ({why})" if why else ""), 500)


def _told_blocked(reason: str, feedback: dict[str, object]) -> str:
    why = "; ".join(filter(None, (as_text(feedback.get("blockReasonMessage")), _dangers(feedback))))
    return clean_line(f"Gemini blocked the prompt: {reason}" + (f" ({why})" if why else ""), 500)


def _dangers(rated: dict[str, object]) -> str:
    """The categories for which something was blocked, in plain words."""
    ratings = (as_object(rating) for rating in as_list(rated.get("safetyRatings")))
    named = (as_text(rating.get("category")) for rating in ratings if rating.get("blocked") is True)
    return ", ".join(name.removeprefix("HARM_CATEGORY_").replace("_", " ").lower() for name in named)
