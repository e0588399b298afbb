"""Where a turn goes: a model, the adapter that speaks its wire format, and the way to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from chatterm.backend.context import ContextLimit
from chatterm.backend.providers.base import (
    Endpoint,
    Limits,
    ModelInfo,
    OpenStream,
    ProviderAdapter,
    WireRequest,
)
from chatterm.backend.retry import RetryPolicy
from chatterm.core.turn import Options, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One model of one provider, ready to be asked.

    `endpoint` finds the key, which may run a command; it raises `AuthenticationError` when there is none.
    `is_loaded` asks a local server whether the model is in memory (None: cannot be known); it raises nothing.
    `base_url` is the address where one was asked for in place of the settings' own.
    `streams` is whether replies come piece by piece; `output_limit` gives what is known now of the longest that the
    model can answer, `context_limit` of how much it takes in, and `loaded_context` asks a local server how much
    it has the model loaded for (None: it has not, or cannot be asked); it raises nothing.
    `facts` is what is known now of the model, its prices among it.
    `load_seconds` is how long the model took to load the last time; `note_load` keeps it for the next.
    `warm` makes the next request quick: it connects, and has a local model loaded as these options want it.
    `retries` says how often it is asked again, `fallbacks` who is asked in its place: it raises `ConfigError` for
    a name that means nothing. `ttft_budget_seconds` is how long its first text may take before that happens.
    `addresses` are all at which it may be asked. `continues_once`: a reply that the network cut is gone on with.
    `forget_key` makes the next turn find the key anew, after one was refused.
    """

    provider: str
    model: str
    adapter: ProviderAdapter
    endpoint: Callable[[], Awaitable[Endpoint]]
    open_stream: OpenStream
    host: str
    base_url: str | None = None
    limits: Limits = field(default_factory=Limits)
    options: Options = field(default_factory=dict[str, object])
    streams: bool = True
    facts: Callable[[], ModelInfo] | None = None
    output_limit: Callable[[], int | None] | None = None
    context_limit: Callable[[], ContextLimit | None] | None = None
    loaded_context: Callable[[], Awaitable[int | None]] | None = None
    is_loaded: Callable[[], Awaitable[bool | None]] | None = None
    load_seconds: Callable[[], float | None] | None = None
    note_load: Callable[[float | None], Awaitable[None]] | None = None
    retries: RetryPolicy = field(default_factory=RetryPolicy)
    fallbacks: Callable[[], list[Target]] | None = None
    ttft_budget_seconds: float | None = None
    addresses: tuple[str, ...] = ()
    continues_once: bool = False
    warm: Callable[[Options], Awaitable[None]] | None = None
    forget_key: Callable[[], None] | None = None

    @property
    def max_output_tokens(self) -> int | None:
        """The longest the model can answer, by what is known by now; None for not known."""
        return None if self.output_limit is None else self.output_limit()


async def read_whole(target: Target, request: WireRequest) -> bytes:
    """The whole answer to a request that is no chat. Raises `ChattermError`, for an error status as well."""
    async with target.open_stream(request, unwatched) as stream:
        body = await stream.body()
        if stream.status >= 400:
            raise target.adapter.parse_error(stream.status, stream.headers, body)
        return body


def unwatched(stage: Stage, at: float) -> None:
    """Nobody looks on while this request proceeds."""
