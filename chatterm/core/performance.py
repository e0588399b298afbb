"""The record of one request to a model: what it took, what it cost and how it ended; and which records are meant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Operation = Literal["chat", "ask", "batch", "bench", "compare", "summary"]
"""What a request was made for."""

USUAL_OPERATIONS: tuple[Operation, ...] = ("chat", "ask", "batch", "compare", "summary")
"""What statistics are made of where nobody says otherwise: load tests would hide what chats are like."""

STALL_SECONDS = 1.0
"""A gap between two deltas that is longer is a stall."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRecord:
    """One request to a model, from its beginning to its end. `None` is 'unknown', never 0.

    `at` is when it began, in seconds since 1970 (UTC). `attempt` counts the requests of a round from 1, those before
    that failed included, `round` the rounds of tools from 0. `retries` were made of the same model before it;
    `fallback_from` is PROVIDER/MODEL in whose place it was asked, "" for none. `outcome` is the value of a
    `core.turn.Outcome`, `stop_reason` and `error_kind` are "" where there is none; `success` is whether the reply
    came to its end. `latency_seconds` is from the request begun to its end, `ttft_seconds` and `first_text_seconds`
    from the request sent; the gaps are between deltas, and `stalls` counts those over `STALL_SECONDS`. The last
    three steps of a new connection are None on one that was there before. `input_tokens` includes what was read
    from a cache, `output_tokens` the reasoning. What has `_ns`, `_ms` or `_count` is what the server measured itself.
    `warm` is whether it had the model loaded. By `loop_lag_seconds` the other times may be off, and
    `peak_memory_bytes` is the most memory that this process had until then. The tools are those that were run after
    the response, and `tool_seconds` is how long they took together, as they run side by side.
    """

    id: str
    at: float
    conversation_id: str
    turn_id: str
    operation: Operation
    provider: str
    model: str
    host: str
    attempt: int
    round: int
    success: bool
    outcome: str
    stop_reason: str = ""
    error_kind: str = ""
    latency_seconds: float | None = None
    ttft_seconds: float | None = None
    first_text_seconds: float | None = None
    delta_gap_p50_seconds: float | None = None
    delta_gap_p95_seconds: float | None = None
    stalls: int | None = None
    retries: int = 0
    fallback_from: str = ""
    reused_connection: bool | None = None
    resolve_seconds: float | None = None
    connect_seconds: float | None = None
    secure_seconds: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost_dollars: float | None = None
    cost_is_estimate: bool = False
    tokens_per_second: float | None = None
    prompt_tokens_per_second: float | None = None
    load_duration_ns: int | None = None
    prompt_eval_count: int | None = None
    prompt_eval_duration_ns: int | None = None
    eval_count: int | None = None
    eval_duration_ns: int | None = None
    total_duration_ns: int | None = None
    load_time_ms: float | None = None
    prompt_eval_time_ms: float | None = None
    generation_time_ms: float | None = None
    warm: bool | None = None
    loop_lag_seconds: float | None = None
    peak_memory_bytes: int | None = None
    tool_count: int = 0
    tool_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Spending:
    """US dollars that requests cost together; None where no cost is known. `is_estimate`: by prices, in part at least.

    Of `unknown` requests that were answered nobody knows the cost: it is not in there.
    """

    dollars: float | None = None
    is_estimate: bool = False
    unknown: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which requests: from a time on and until another (seconds since 1970), of a provider and its model, made for one
    of some purposes; none of them stands for all."""

    since: float | None = None
    until: float | None = None
    provider: str | None = None
    model: str | None = None
    operations: tuple[Operation, ...] = ()
