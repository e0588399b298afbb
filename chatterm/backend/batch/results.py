"""A result of a provider's batch as a line of the output, and as a record like that of every request."""

from __future__ import annotations

from dataclasses import dataclass

from chatterm.backend.batch.lines import BatchItem, BatchLine, BatchTimings, written_error, written_usage
from chatterm.backend.prices import Cost, cost_of
from chatterm.backend.providers.base import Frame, ModelInfo
from chatterm.backend.providers.batch_formats import RemoteResult
from chatterm.backend.target import Target
from chatterm.core.errors import ChattermError, ProviderError
from chatterm.core.ids import new_id
from chatterm.core.messages import Message
from chatterm.core.performance import AttemptRecord
from chatterm.core.reducer import Draft
from chatterm.core.turn import Outcome


@dataclass(frozen=True, slots=True)
class RemoteReply:
    """What came of a line."""

    line: BatchLine
    record: AttemptRecord


def read_reply(
    item: BatchItem, target: Target, result: RemoteResult, facts: ModelInfo, *, share: float, at: float
) -> RemoteReply:
    """The reply, read by the decoder of every reply; `share` is what it costs of the usual price.

    Nobody measured how long it took, so no times are known. `at` is when it was given in.
    """
    draft, error = Draft(), result.error
    if error is None:
        error = _fold(draft, target, result.body)
    outcome = Outcome.COMPLETE
    if error is not None:
        outcome = Outcome.CANCELLED if result.is_cancelled else Outcome.FAILED
        if draft.has_output:
            outcome = Outcome.INTERRUPTED
    usual = cost_of(draft.usage, facts)
    cost = usual if usual.dollars is None or not usual.is_estimate else Cost(usual.dollars * share, True)
    line = BatchLine(
        id=item.id,
        line=item.line,
        outcome=outcome,
        reply=Message(role="assistant", parts=draft.parts()).text,
        stop_reason=draft.stop_reason,
        provider=target.provider,
        model=target.model,
        usage=written_usage(draft.usage),
        cost_dollars=cost.dollars,
        cost_is_estimate=cost.is_estimate,
        timings=BatchTimings(),
        attempts=1,
        error=None if error is None else written_error(error),
    )
    return RemoteReply(line, _record(line, target, draft, at))


def _fold(draft: Draft, target: Target, body: bytes) -> ChattermError | None:
    """Read the body into the draft; what was wrong with it."""
    decoder = target.adapter.new_decoder()
    try:
        for event in decoder.feed(Frame(0.0, body)):
            draft.apply(event)
        for event in decoder.finish():
            draft.apply(event)
    except ProviderError as error:
        return error
    finally:
        draft.finish()
    return None


def _record(line: BatchLine, target: Target, draft: Draft, at: float) -> AttemptRecord:
    usage = draft.usage
    return AttemptRecord(
        id=new_id(),
        at=at,
        conversation_id="",
        turn_id=new_id(),
        operation="batch",
        provider=line.provider,
        model=line.model,
        host=target.host,
        attempt=1,
        round=0,
        success=line.is_complete,
        outcome=line.outcome,
        stop_reason=draft.stop_reason or "",
        error_kind="" if line.error is None else line.error.kind,
        input_tokens=usage.input,
        output_tokens=usage.output,
        cache_read_tokens=usage.cache_read,
        cache_write_tokens=usage.cache_write,
        reasoning_tokens=usage.reasoning,
        cost_dollars=line.cost_dollars,
        cost_is_estimate=line.cost_is_estimate,
    )
