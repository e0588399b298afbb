"""A turn: one prompt with all it caused, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from chatterm.core.errors import ChattermError
from chatterm.core.ids import new_id
from chatterm.core.messages import Message
from chatterm.core.timings import Timings
from chatterm.core.usage import Usage


class StopReason(StrEnum):
    """Why the provider says it stopped."""

    END_TURN = "end_turn"
    MAX_TOKENS = "max_tokens"
    CONTEXT_FULL = "context_full"
    STOP_SEQUENCE = "stop_sequence"
    TOOL_CALLS = "tool_calls"
    PAUSE_TURN = "pause_turn"
    REFUSAL = "refusal"
    CONTENT_FILTER = "content_filter"
    OTHER = "other"


class Outcome(StrEnum):
    """What became of the turn. Length and filters are stop reasons of `complete`."""

    COMPLETE = "complete"
    CANCELLED = "cancelled"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    WITHDRAWN = "withdrawn"


class Stage(StrEnum):
    """What a running turn is waiting for, in the order the stages come."""

    PREPARING = "preparing"
    RESOLVING = "resolving"
    CONNECTING = "connecting"
    SECURING = "securing"
    SENDING = "sending"
    WAITING = "waiting"
    LOADING = "loading"
    THINKING = "thinking"
    STREAMING = "streaming"
    SAVING = "saving"


Options = Mapping[str, object]
"""Request parameters by the provider's own names (`temperature`, `num_ctx`, ...), JSON values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnRequest:
    """What one request to a model is made of: the messages in order, the prompt last."""

    model: str
    messages: tuple[Message, ...]
    system: str | None = None
    options: Options = field(default_factory=dict[str, object])


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One finished or running turn. `outcome` is `None` while it runs.

    `attempts` counts the requests that were tried, the first included; `close_seconds` is how long a stopped
    turn took from the stop key to its closed connection; `error` says why a turn failed or was cut;
    `base_url` is the address where one was asked for in place of the settings' own;
    `replaces` is the id of the reply in whose place this turn was asked (regenerated, or the prompt edited).
    """

    id: str = field(default_factory=new_id)
    conversation_id: str
    prompt: Message
    reply: Message
    provider: str
    model: str
    base_url: str | None = None
    system: str | None = None
    options: Options = field(default_factory=dict[str, object])
    outcome: Outcome | None = None
    stop_reason: StopReason | None = None
    usage: Usage = field(default_factory=Usage)
    timings: Timings = field(default_factory=Timings)
    attempts: int = 0
    skipped_frames: int = 0
    close_seconds: float | None = None
    error: ChattermError | None = None
    replaces: str | None = None

    @property
    def is_kept(self) -> bool:
        """Whether the turn stays in its conversation.

        A withdrawn one does not, nor one that failed without a word in the place of an earlier reply: that
        reply comes back.
        """
        if self.outcome is Outcome.WITHDRAWN:
            return False
        return not (self.outcome is Outcome.FAILED and self.replaces is not None and not self.reply.parts)
