"""What a provider's response says (stream events) and what a front end sees of a turn (turn events)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from chatterm.core.errors import ProviderError
from chatterm.core.messages import Citation, ToolCallPart, ToolResultPart
from chatterm.core.timings import ServerTimings
from chatterm.core.tools import Access, ToolRun
from chatterm.core.turn import Stage, StopReason, Turn
from chatterm.core.usage import Usage

# ---- stream events: one provider response ------------------------------------------------


@dataclass(frozen=True, slots=True)
class StreamStarted:
    """The provider began to answer; `model` is the name it answers under, `response_id` its own id."""

    model: str | None = None
    response_id: str | None = None


@dataclass(frozen=True, slots=True)
class TextDelta:
    """An increment of visible text."""

    text: str


@dataclass(frozen=True, slots=True)
class ThinkingDelta:
    """An increment of reasoning."""

    text: str


@dataclass(frozen=True, slots=True)
class OpaqueReported:
    """Something whole that goes back to the provider unchanged, in this place: see `OpaquePart`."""

    origin: str
    data: str


@dataclass(frozen=True, slots=True)
class RefusalDelta:
    """An increment of the model's refusal."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCallStarted:
    """A tool call begins; `index` counts the calls of this response from 0."""

    index: int
    call_id: str
    name: str


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """An increment of the arguments (JSON text) of the call with this `index`."""

    index: int
    arguments: str


@dataclass(frozen=True, slots=True)
class CitationsReported:
    """All sources known so far; replaces what was reported before."""

    items: tuple[Citation, ...]


@dataclass(frozen=True, slots=True)
class UsageReported:
    """Token counts and server timings known so far; later counts replace earlier ones."""

    usage: Usage
    server: ServerTimings | None = None


@dataclass(frozen=True, slots=True)
class FrameSkipped:
    """A frame that could not be read was left out for `reason`; the stream goes on."""

    reason: str


@dataclass(frozen=True, slots=True)
class StreamFinished:
    """The provider's terminal marker was seen."""

    stop_reason: StopReason


StreamEvent = (
    StreamStarted
    | TextDelta
    | ThinkingDelta
    | OpaqueReported
    | RefusalDelta
    | ToolCallStarted
    | ToolCallDelta
    | CitationsReported
    | UsageReported
    | FrameSkipped
    | StreamFinished
)

ChunkKind = Literal["text", "thinking", "refusal"]
"""What a stored piece of a streaming reply is an increment of."""

# ---- turn events: worker to front end ------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TurnStarted:
    """The prompt is stored; nothing was sent yet."""

    turn: Turn


@dataclass(frozen=True, slots=True)
class AttemptStarted:
    """A request goes out. `attempt` counts from 1; `host` names where it goes."""

    attempt: int
    provider: str
    model: str
    host: str


@dataclass(frozen=True, slots=True)
class RetryScheduled:
    """A request failed, and the same goes out again `delay_seconds` after `at` (monotonic), or sooner if wanted.

    `attempt` is the number of the one to come, `most` how many there may be; `host` is who failed.
    """

    at: float
    attempt: int
    most: int
    delay_seconds: float
    host: str
    cause: ProviderError


@dataclass(frozen=True, slots=True)
class FellBack:
    """Another model is asked in the place of one that failed, or rests after failing; `why` is one line."""

    provider: str
    model: str
    to_provider: str
    to_model: str
    why: str


@dataclass(frozen=True, slots=True)
class GoneOn:
    """The network cut the reply, and the same model is asked to go on with it, once; `why` is one line."""

    why: str


@dataclass(frozen=True, slots=True)
class ContextFitted:
    """What goes out was measured: `tokens`, estimated, of at most `limit` for prompt and reply; None for not known.

    `left_out` is how many turns there was no room for, `is_first` whether nobody was told so of this conversation.
    `enlarged_to` is the context that a local server is asked
    for from now on, because the request needs it.
    """

    tokens: int
    limit: int | None
    left_out: int = 0
    is_first: bool = False
    enlarged_to: int | None = None


@dataclass(frozen=True, slots=True)
class ParameterRefused:
    """The provider does not take this request parameter for the model: the request goes out again without it."""

    name: str
    model: str


@dataclass(frozen=True, slots=True)
class StageChanged:
    """The turn waits for something else now; `at` is in monotonic seconds.

    `usual_seconds` is how long that took the last time, where it is known and worth telling.
    """

    at: float
    stage: Stage
    usual_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Streamed:
    """A stream event, stamped with the monotonic time its bytes arrived."""

    at: float
    event: StreamEvent


@dataclass(frozen=True, slots=True)
class ToolRequested:
    """The model calls a tool.

    `source` says whose tool it is: "built-in", "mcp:NAME" or "module:NAME"; empty for one that does not exist.
    """

    call: ToolCallPart
    source: str = ""


@dataclass(frozen=True, slots=True)
class ConsentAsked:
    """A tool call waits for `TurnHandle.decide`; it may do what `access` says and nothing else.

    One at a time. For more rounds of calls than are allowed at once, `call` has no name.
    """

    call: ToolCallPart
    source: str
    access: Access


@dataclass(frozen=True, slots=True)
class ToolStarted:
    """The tool of this call runs since `at` (monotonic)."""

    at: float
    call_id: str


@dataclass(frozen=True, slots=True)
class ToolProgress:
    """What a running tool says of how far it is, or the end of its output so far: outside text."""

    call_id: str
    text: str


@dataclass(frozen=True, slots=True)
class ToolFinished:
    """A tool call has its result. Calls finish in any order; what a stop cancels is told at the end."""

    at: float
    result: ToolResultPart
    run: ToolRun


@dataclass(frozen=True, slots=True)
class TurnFinished:
    """The last event of every turn: outcome, usage and timings are fixed and stored.

    `saved` is False when the store could not take the turn; `notice` then says why.
    """

    turn: Turn
    saved: bool = True
    notice: str = field(default="")


TurnEvent = (
    TurnStarted
    | AttemptStarted
    | RetryScheduled
    | FellBack
    | GoneOn
    | ContextFitted
    | ParameterRefused
    | StageChanged
    | Streamed
    | ToolRequested
    | ConsentAsked
    | ToolStarted
    | ToolProgress
    | ToolFinished
    | TurnFinished
)
