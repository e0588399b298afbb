"""What is told of a reply beside it, on stderr: another try, another model, what a tool did."""

from __future__ import annotations

import json
from contextlib import suppress

from chatterm.core.clean import clean_line
from chatterm.core.events import (
    ContextFitted,
    FellBack,
    GoneOn,
    ParameterRefused,
    RetryScheduled,
    ToolFinished,
    ToolRequested,
    TurnEvent,
)
from chatterm.core.messages import ToolCallPart
from chatterm.core.tools import ToolOutcome

_OUTCOMES = {
    ToolOutcome.OK: "ok",
    ToolOutcome.FAILED: "failed",
    ToolOutcome.TIMED_OUT: "took too long",
    ToolOutcome.DENIED: "not allowed",
    ToolOutcome.INVALID: "called wrongly",
    ToolOutcome.CANCELLED: "cancelled",
}
_REASON_IS_TOLD = (ToolOutcome.FAILED, ToolOutcome.INVALID)


class ReplyNews:
    """Finds what is worth a line in the events of a turn."""

    def __init__(self) -> None:
        self._calls: dict[str, str] = {}

    def of(self, event: TurnEvent) -> str:
        """The line for the event; "" for none."""
        match event:
            case ToolRequested(call=call):
                self._calls[call.call_id] = short_call(call)
                return ""
            case ToolFinished():
                return self._of_tool(event)
            case _:
                return _of_requests(event)

    def _of_tool(self, event: ToolFinished) -> str:
        run = event.run
        call = self._calls.get(run.call_id) or clean_line(run.name, 64)
        if run.same_as:
            return f"{call}: the same as before"
        words = [_OUTCOMES[run.outcome]]
        if run.seconds is not None:
            words.append(f"{run.seconds:.2f} s")
        if run.is_cached:
            words.append("from before")
        reason = f": {clean_line(event.result.content, 160)}" if run.outcome in _REASON_IS_TOLD else ""
        return f"{call}: {', '.join(words)}{reason}"


def short_call(call: ToolCallPart) -> str:
    """The call on one line: the name, and as much of its arguments as says what it is about."""
    words = call.arguments
    with suppress(ValueError, RecursionError):
        arguments = json.loads(words)
        values = list(arguments.values()) if isinstance(arguments, dict) else [arguments]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  # JSON of any shape
        words = " ".join(value if isinstance(value, str) else json.dumps(value) for value in values)  # pyright: ignore[reportUnknownVariableType]  # the same
    return f"{clean_line(call.name, 64)} {clean_line(words, 60)}".rstrip()


def _of_requests(event: TurnEvent) -> str:
    match event:
        case RetryScheduled(attempt=attempt, most=most, delay_seconds=delay, cause=cause):
            return clean_line(f"{cause} Again in {delay:.0f} s ({attempt} of {most}).", 400)
        case FellBack(model=model, to_provider=provider, to_model=other, why=why):
            return clean_line(f"{model}: {_ended(why)} {provider}/{other} is asked.", 400)
        case ContextFitted(left_out=count) if count:
            turns = "1 earlier turn was" if count == 1 else f"{count:,} earlier turns were"
            return f"{turns} left out: the model's context is full."
        case GoneOn(why):
            return clean_line(f"{_ended(why)} The reply is continued.", 300)
        case ParameterRefused(name, model):
            return clean_line(f"{model} does not take {name}; asked again without it.", 200)
        case _:
            return ""


def _ended(sentence: str) -> str:
    """What a server says often ends without a full stop; the next sentence must still be one."""
    return sentence if sentence.endswith((".", "?", "!", "…")) else f"{sentence}."
