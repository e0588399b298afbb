"""Adds up all recorded requests, by model."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from itertools import groupby

from chatterm.core.performance_totals import LATENCY_BOUNDS, TTFT_BOUNDS, Buckets, ModelTotals
from chatterm.store.database import Database
from chatterm.store.performance import UNKNOWN_COST


async def read_totals(database: Database) -> tuple[ModelTotals, ...]:
    """The totals of each model, by provider and model. Raises `StoreError`."""
    return await database.read(lambda connection: tuple(_totals(connection)))


def _buckets(column: str, bounds: Sequence[float]) -> list[str]:
    counts = [f"count(*) FILTER (WHERE {column} <= {bound})" for bound in bounds]
    return [*counts, f"count({column})", f"total({column})"]


def _query() -> str:
    sums = (
        *("sum(retries > 0)", "sum(tool_count)", "total(input_tokens)", "total(output_tokens)"),
        *("total(cache_read_tokens)", "total(reasoning_tokens)"),
        "total(cost_dollars) FILTER (WHERE NOT cost_is_estimate)",
        "total(cost_dollars) FILTER (WHERE cost_is_estimate)",
        f"count(*) FILTER (WHERE {UNKNOWN_COST})",
        *_buckets("ttft_seconds", TTFT_BOUNDS),
        *_buckets("latency_seconds", LATENCY_BOUNDS),
    )
    of = "provider, model, operation, outcome, error_kind"
    return f"SELECT {of}, count(*), {', '.join(sums)} FROM performance GROUP BY {of} ORDER BY provider, model"


def _totals(connection: sqlite3.Connection) -> Iterator[ModelTotals]:
    rows = [tuple(row) for row in connection.execute(_query())]
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
