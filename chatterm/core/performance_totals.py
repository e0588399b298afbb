"""What recorded requests of a model add up to: counters that only grow, for a collector of metrics."""

from __future__ import annotations

from dataclasses import dataclass

TTFT_BOUNDS = (0.1, 0.25, 0.5, 1.0, 1.5, 2.5, 5.0, 10.0, 30.0)
LATENCY_BOUNDS = (0.5, 1.0, 2.5, 3.5, 6.0, 10.0, 30.0, 60.0, 300.0)


@dataclass(frozen=True, slots=True)
class Buckets:
    """Times in seconds: how many at or below each bound, how many in all, and their sum."""

    counts: tuple[int, ...]
    count: int
    sum: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelTotals:
    """One model of one provider. `requests` is by operation, outcome and kind of error, "" for none.

    Of `unknown_cost` requests that were answered nobody knows the cost.
    """

    provider: str
    model: str
    requests: tuple[tuple[str, str, str, int], ...]
    retries: int
    tools: int
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    reasoning_tokens: int
    told_dollars: float
    estimated_dollars: float
    unknown_cost: int
    ttft: Buckets
    latency: Buckets
