"""A turn: one prompt with all it caused, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Literal

from chatterm.core.errors import ChattermError
from chatterm.core.ids import new_id
from chatterm.core.messages import Message
from chatterm.core.timings import Timings
from chatterm.core.tools import ToolRun
from chatterm.core.usage import RateLimit, Usage


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
    ASKING = "asking"
    TOOLS = "tools"
    RETRYING = "retrying"
    SAVING = "saving"


Options = Mapping[str, object]
"""Request parameters by the provider's own names (`top_k`, `num_ctx`, ...), JSON values."""

Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
"""How much a model may think before it answers; a service that knows fewer levels takes the nearest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """What is asked of a model in words that are no provider's; None leaves it to the provider.

    `max_tokens` bounds the reply, `thinking_tokens` the reasoning before it; `schema` is a JSON Schema that the
    reply must fit; `web_search` turns on the provider's own search.
    """

    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    effort: Effort | None = None
    thinking_tokens: int | None = None
    schema: Mapping[str, object] | None = None
    web_search: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSpec:
    """A tool that the model may call; `parameters` is a JSON Schema of type object."""

    name: str
    description: str
    parameters: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnRequest:
    """What one request to a model is made of: the messages in order, the prompt last.

    `options` win over what an adapter makes of `parameters`; one that is None takes its parameter away, and
    `refused` are names of parameters that the provider does not take for this model. `max_output_tokens` is the
    most that the model can answer, where that is known. `streams` is whether the reply comes piece by piece.
    `continued` is a reply so far that is gone on with, after the prompt; how depends on who is asked.
    """

    model: str
    messages: tuple[Message, ...]
    system: str | None = None
    parameters: Parameters = field(default_factory=Parameters)
    tools: tuple[ToolSpec, ...] = ()
    options: Options = field(default_factory=dict[str, object])
    refused: frozenset[str] = frozenset()
    max_output_tokens: int | None = None
    streams: bool = True
    continued: Message | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedTry:
    """A request of the turn that brought nothing, before another one was made; `why` is one line."""

    provider: str
    model: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Seam:
    """Where a reply was cut and gone on with, `at` so many seconds since 1970.

    `characters` of its text are before it, `repeated` were said again and taken away; `why` is one line.
    """

    at: float
    characters: int
    why: str
    repeated: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One finished or running turn. `outcome` is `None` while it runs.

    `attempts` counts the requests that were tried, the first included, and `tries` are those that failed before
    the last; `asked` is PROVIDER/MODEL where another one than that answered; `close_seconds` is how long a stopped
    turn took from the stop key to its closed connection; `error` says why a turn failed or was cut;
    `routed` is the line that tells where a rule sent the prompt and why;
    `base_url` is the address where one was asked for in place of the settings' own;
    `sent_messages` is how many messages the request had, `encoded_messages` how many of them were not encoded for
    an earlier one (None: nothing was sent); `prompt_cut` whether the server left out, without a word, a part of
    what it was sent;
    `request_id` and `rate_limits` are what the headers of the last response said;
    `replaces` is the id of the reply in whose place this turn was asked (regenerated, the prompt edited, or the
    reply gone on with); `seams` are where its reply was gone on with, first to last;
    `tool_runs` are the tool calls of the reply, in their order, and what became of each.
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
    tries: tuple[FailedTry, ...] = ()
    asked: str = ""
    routed: str = ""
    sent_messages: int | None = None
    encoded_messages: int | None = None
    prompt_cut: bool = False
    skipped_frames: int = 0
    close_seconds: float | None = None
    request_id: str | None = None
    rate_limits: tuple[RateLimit, ...] = ()
    error: ChattermError | None = None
    replaces: str | None = None
    seams: tuple[Seam, ...] = ()
    tool_runs: tuple[ToolRun, ...] = ()

    @property
    def is_from_cache(self) -> bool:
        """Whether the reply is one that was kept from before: it is whole, and nothing was sent for it."""
        return self.outcome is Outcome.COMPLETE and self.timings.was_at_hand

    def with_message(self, message: Message) -> Turn:
        """The turn with this message in the place of its own of the same id; as it is where it has none."""
        if message.id == self.prompt.id:
            return replace(self, prompt=message)
        return replace(self, reply=message) if message.id == self.reply.id else self

    @property
    def is_own_prompt(self) -> bool:
        """Whether the user wrote the prompt for this turn: not for one asked again, nor for a summary."""
        return self.replaces is None and not self.reply.is_summary

    @property
    def is_kept(self) -> bool:
        """Whether the turn stays in its conversation.

        A withdrawn one does not, nor one that failed without a word in the place of an earlier reply: that
        reply comes back.
        """
        if self.outcome is Outcome.WITHDRAWN:
            return False
        return not (self.outcome is Outcome.FAILED and self.replaces is not None and not self.reply.parts)
