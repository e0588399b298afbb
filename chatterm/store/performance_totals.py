"""What all recorded requests add up to, by model: counters that only grow, for a collector of metrics."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from chatterm.store.database import Database

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

    Of `unknown_cost` requests that reported tokens nobody knows the cost.
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


async def read_totals(database: Database) -> tuple[ModelTotals, ...]:
    """The totals of each model, by provider and model. Raises `StoreError`."""
    return await database.read(lambda connection: tuple(_totals(connection)))


def _buckets(column: str, bounds: Sequence[float]) -> list[str]:
    counts = [f"count(*) FILTER (WHERE {column} <= {bound})" for bound in bounds]
    return [*counts, f"count({column})", f"total({column})"]


_SUMS = (
    *("sum(retries > 0)", "sum(tool_count)", "total(input_tokens)", "total(output_tokens)"),
    *("total(cache_read_tokens)", "total(reasoning_tokens)"),
    "total(cost_dollars) FILTER (WHERE NOT cost_is_estimate)",
    "total(cost_dollars) FILTER (WHERE cost_is_estimate)",
    "count(*) FILTER (WHERE cost_dollars IS NULL AND output_tokens IS NOT NULL)",
    *_buckets("ttft_seconds", TTFT_BOUNDS),
    *_buckets("latency_seconds", LATENCY_BOUNDS),
)
_QUERY = (
    f"SELECT provider, model, operation, outcome, error_kind, count(*), {', '.join(_SUMS)} FROM performance"
    " GROUP BY provider, model, operation, outcome, error_kind ORDER BY provider, model"
)


def _totals(connection: sqlite3.Connection) -> Iterator[ModelTotals]:
    rows = [tuple(row) for row in connection.execute(_QUERY)]
    for (provider, model), group in groupby(rows, lambda row: (row[0], row[1])):
        parts = list(group)
        sums = [sum(column) for column in zip(*(row[6:] for row in parts), strict=True)]
        first, rest = sums[:9], sums[9:]
        yield ModelTotals(
            provider=provider,
            model=model,
            requests=tuple(row[2:6] for row in parts),
            retries=first[0],
            tools=first[1],
            input_tokens=int(first[2]),
            output_tokens=int(first[3]),
            cache_read_tokens=int(first[4]),
            reasoning_tokens=int(first[5]),
            told_dollars=first[6],
            estimated_dollars=first[7],
            unknown_cost=first[8],
            ttft=_taken(rest, 0, len(TTFT_BOUNDS)),
            latency=_taken(rest, len(TTFT_BOUNDS) + 2, len(LATENCY_BOUNDS)),
        )


def _taken(sums: Sequence[float], start: int, bounds: int) -> Buckets:
    end = start + bounds
    return Buckets(tuple(int(count) for count in sums[start:end]), int(sums[end]), float(sums[end + 1]))
