"""Turn events as values for programs that read them: flat, named by `event`, at home in JSON.

They are values of their own, so that what others read does not change with the inside of chatterm; the manual page
"events" describes them. What is not known is None.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from chatterm.core.errors import ChattermError, ProviderError
from chatterm.core.events import (
    AttemptStarted,
    CitationsReported,
    ConsentAsked,
    ContextFitted,
    FellBack,
    FrameSkipped,
    GoneOn,
    OpaqueReported,
    ParameterRefused,
    RefusalDelta,
    RetryScheduled,
    StageChanged,
    Streamed,
    StreamFinished,
    StreamStarted,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallStarted,
    ToolFinished,
    ToolProgress,
    ToolRequested,
    ToolStarted,
    TurnEvent,
    TurnFinished,
    TurnStarted,
    UsageReported,
)
from chatterm.core.messages import Citation, CitationsPart
from chatterm.core.timings import ServerTimings
from chatterm.core.tools import AccessKind, ToolOutcome, ToolRun
from chatterm.core.turn import Outcome, Stage, StopReason
from chatterm.core.usage import Usage


class ErrorReport(msgspec.Struct, frozen=True, gc=False):
    """What went wrong. `kind` is a short name such as RateLimited, `status` that of HTTP."""

    kind: str
    message: str
    hint: str
    status: int | None


class TimingsReport(msgspec.Struct, frozen=True, gc=False):
    """How long the last request of a turn took."""

    ttft_seconds: float | None
    first_text_seconds: float | None
    generation_seconds: float | None
    total_seconds: float | None


class TurnReport(msgspec.Struct, frozen=True):
    """A finished turn: what came of one prompt. `saved` is whether it is in the history."""

    conversation_id: str
    turn_id: str
    provider: str
    model: str
    text: str
    outcome: Outcome | None
    stop_reason: StopReason | None
    error: ErrorReport | None
    usage: Usage
    timings: TimingsReport
    attempts: int
    is_from_cache: bool
    tool_runs: tuple[ToolRun, ...]
    citations: tuple[Citation, ...]
    saved: bool


class EventRecord(msgspec.Struct, gc=False, tag_field="event"):
    """One event."""

    at: float


class _TurnStarted(EventRecord, tag="turn_started"):
    conversation_id: str
    turn_id: str
    provider: str
    model: str


class _AttemptStarted(EventRecord, tag="attempt_started"):
    attempt: int
    provider: str
    model: str
    host: str


class _RetryScheduled(EventRecord, tag="retry_scheduled"):
    attempt: int
    most: int
    delay_seconds: float
    host: str
    error: ErrorReport


class _FellBack(EventRecord, tag="fell_back"):
    provider: str
    model: str
    to_provider: str
    to_model: str
    why: str


class _GoneOn(EventRecord, tag="gone_on"):
    why: str


class _ContextFitted(EventRecord, tag="context_fitted"):
    tokens: int
    limit: int | None
    left_out: int
    enlarged_to: int | None


class _ParameterRefused(EventRecord, tag="parameter_refused"):
    name: str
    model: str


class _StageChanged(EventRecord, tag="stage_changed"):
    stage: Stage


class _ResponseStarted(EventRecord, tag="response_started"):
    model: str | None
    response_id: str | None


class _TextDelta(EventRecord, tag="text_delta"):
    text: str


class _ThinkingDelta(EventRecord, tag="thinking_delta"):
    text: str


class _RefusalDelta(EventRecord, tag="refusal_delta"):
    text: str


class _OpaqueReported(EventRecord, tag="opaque_reported"):
    origin: str


class _ToolCallStarted(EventRecord, tag="tool_call_started"):
    index: int
    call_id: str
    name: str


class _ToolCallDelta(EventRecord, tag="tool_call_delta"):
    index: int
    arguments: str


class _CitationsReported(EventRecord, tag="citations_reported"):
    items: tuple[Citation, ...]


class _UsageReported(EventRecord, tag="usage_reported"):
    usage: Usage
    server: ServerTimings | None


class _FrameSkipped(EventRecord, tag="frame_skipped"):
    reason: str


class _ResponseFinished(EventRecord, tag="response_finished"):
    stop_reason: StopReason


class _ToolRequested(EventRecord, tag="tool_requested"):
    call_id: str
    name: str
    arguments: str
    source: str


class _ConsentAsked(EventRecord, tag="consent_asked"):
    call_id: str
    name: str
    source: str
    kind: AccessKind
    target: str
    lines: tuple[str, ...]
    diff: str


class _ToolStarted(EventRecord, tag="tool_started"):
    call_id: str


class _ToolProgress(EventRecord, tag="tool_progress"):
    call_id: str
    text: str


class _ToolFinished(EventRecord, tag="tool_finished"):
    call_id: str
    name: str
    round: int
    outcome: ToolOutcome
    seconds: float | None
    bytes: int
    content: str
    file: str
    same_as: str
    is_cached: bool


class _TurnFinished(EventRecord, tag="turn_finished"):
    turn: TurnReport


def record_of(event: TurnEvent, began: float, now: float) -> EventRecord:
    """The event of a turn that began at `began`; `now` stands in where it has no time of its own. All monotonic."""
    return _MAKERS[type(event)](event, began, now)


def turn_report(event: TurnFinished) -> TurnReport:
    """What became of the turn."""
    turn = event.turn
    timings = turn.timings
    return TurnReport(
        conversation_id=turn.conversation_id,
        turn_id=turn.id,
        provider=turn.provider,
        model=turn.model,
        text=turn.reply.text,
        outcome=turn.outcome,
        stop_reason=turn.stop_reason,
        error=_error(turn.error) if turn.error is not None else None,
        usage=turn.usage,
        timings=TimingsReport(
            ttft_seconds=timings.ttft,
            first_text_seconds=timings.time_to_first_text,
            generation_seconds=timings.generation_seconds,
            total_seconds=timings.total_seconds,
        ),
        attempts=turn.attempts,
        is_from_cache=turn.is_from_cache,
        tool_runs=turn.tool_runs,
        citations=tuple(
            item for part in turn.reply.parts if isinstance(part, CitationsPart) for item in part.items
        ),
        saved=event.saved,
    )


def _error(error: ChattermError) -> ErrorReport:
    status = error.status if isinstance(error, ProviderError) else None
    return ErrorReport(error.kind, error.message, error.hint, status)


# ---- one maker for each event; by position, as names take longer -------------------------------


def _turn_started(event: TurnStarted, began: float, now: float) -> EventRecord:
    turn = event.turn
    return _TurnStarted(now - began, turn.conversation_id, turn.id, turn.provider, turn.model)


def _attempt_started(event: AttemptStarted, began: float, now: float) -> EventRecord:
    return _AttemptStarted(now - began, event.attempt, event.provider, event.model, event.host)


def _retry_scheduled(event: RetryScheduled, began: float, now: float) -> EventRecord:
    cause = _error(event.cause)
    return _RetryScheduled(
        event.at - began, event.attempt, event.most, event.delay_seconds, event.host, cause
    )


def _fell_back(event: FellBack, began: float, now: float) -> EventRecord:
    return _FellBack(now - began, event.provider, event.model, event.to_provider, event.to_model, event.why)


def _context_fitted(event: ContextFitted, began: float, now: float) -> EventRecord:
    return _ContextFitted(now - began, event.tokens, event.limit, event.left_out, event.enlarged_to)


def _tool_requested(event: ToolRequested, began: float, now: float) -> EventRecord:
    call = event.call
    return _ToolRequested(now - began, call.call_id, call.name, call.arguments, event.source)


def _consent_asked(event: ConsentAsked, began: float, now: float) -> EventRecord:
    call, access = event.call, event.access
    return _ConsentAsked(
        now - began,
        call.call_id,
        call.name,
        event.source,
        access.kind,
        access.target,
        access.lines,
        access.diff,
    )


def _tool_finished(event: ToolFinished, began: float, now: float) -> EventRecord:
    run = event.run
    return _ToolFinished(
        event.at - began,
        run.call_id,
        run.name,
        run.round,
        run.outcome,
        run.seconds,
        run.bytes,
        event.result.content,
        run.file,
        run.same_as,
        run.is_cached,
    )


def _turn_finished(event: TurnFinished, began: float, now: float) -> EventRecord:
    return _TurnFinished(now - began, turn_report(event))


def _streamed(event: Streamed, began: float, now: float) -> EventRecord:
    inner = event.event
    return _INNER_MAKERS[type(inner)](inner, event.at - began)


_MAKERS: dict[type, Callable[[Any, float, float], EventRecord]] = {
    TurnStarted: _turn_started,
    AttemptStarted: _attempt_started,
    RetryScheduled: _retry_scheduled,
    FellBack: _fell_back,
    GoneOn: lambda event, began, now: _GoneOn(now - began, event.why),
    ContextFitted: _context_fitted,
    ParameterRefused: lambda event, began, now: _ParameterRefused(now - began, event.name, event.model),
    StageChanged: lambda event, began, now: _StageChanged(event.at - began, event.stage),
    ToolRequested: _tool_requested,
    ConsentAsked: _consent_asked,
    ToolStarted: lambda event, began, now: _ToolStarted(event.at - began, event.call_id),
    ToolProgress: lambda event, began, now: _ToolProgress(now - began, event.call_id, event.text),
    ToolFinished: _tool_finished,
    TurnFinished: _turn_finished,
    Streamed: _streamed,
}

_INNER_MAKERS: dict[type, Callable[[Any, float], EventRecord]] = {
    StreamStarted: lambda event, at: _ResponseStarted(at, event.model, event.response_id),
    TextDelta: lambda event, at: _TextDelta(at, event.text),
    ThinkingDelta: lambda event, at: _ThinkingDelta(at, event.text),
    OpaqueReported: lambda event, at: _OpaqueReported(at, event.origin),
    RefusalDelta: lambda event, at: _RefusalDelta(at, event.text),
    ToolCallStarted: lambda event, at: _ToolCallStarted(at, event.index, event.call_id, event.name),
    ToolCallDelta: lambda event, at: _ToolCallDelta(at, event.index, event.arguments),
    CitationsReported: lambda event, at: _CitationsReported(at, event.items),
    UsageReported: lambda event, at: _UsageReported(at, event.usage, event.server),
    FrameSkipped: lambda event, at: _FrameSkipped(at, event.reason),
    StreamFinished: lambda event, at: _ResponseFinished(at, event.stop_reason),
}
