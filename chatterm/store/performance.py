"""The record of every request to a model: kept for statistics, for what was spent, and for what is usual of a model."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, fields
from itertools import repeat
from typing import Any

from chatterm.core.performance import AttemptRecord, Operation
from chatterm.store.database import Database
from chatterm.store.encoding import storable

ROWS_AT_A_TIME = 2_000
"""How many rows are in memory at once while statistics are made."""


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
    """Which requests: since a time (seconds since 1970), those of the last turns, those made for something."""

    since: float | None = None
    last_turns: int | None = None
    operations: tuple[Operation, ...] = ()


class PerformanceStore:
    """The records in the database. Reading raises `StoreError`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        names = [field.name for field in fields(AttemptRecord)]
        places = ", ".join(repeat("?", len(names)))
        self._insert = f"INSERT OR IGNORE INTO performance ({', '.join(names)}) VALUES ({places})"

    def add(self, record: AttemptRecord) -> None:
        """Keep a record. Returns at once; what the disk does not take is lost, and nobody is told."""
        self._database.post(lambda connection: self._put(connection, record))

    async def spent_since(self, at: float) -> Spending:
        """What all requests since `at` (seconds since 1970) cost."""
        return await self._spent("at >= ?", at)

    async def spent_in(self, conversation_id: str) -> Spending:
        """What the requests of a conversation cost."""
        return await self._spent("conversation_id = ?", conversation_id)

    async def spent_on(self, turn_id: str, conversation_id: str) -> Spending:
        """What the requests of one turn cost."""
        return await self._spent("conversation_id = ? AND turn_id = ?", conversation_id, turn_id)

    async def last_times(
        self, provider: str, model: str, count: int
    ) -> list[tuple[float | None, float | None]]:
        """TTFT and latency, in seconds, of the last requests that the model answered."""
        return await self._database.read(
            lambda connection: [
                tuple(row)
                for row in connection.execute(
                    "SELECT ttft_seconds, latency_seconds FROM performance WHERE provider = ? AND model = ? AND success"
                    " ORDER BY at DESC LIMIT ?",
                    (provider, model, count),
                )
            ]
        )

    async def scan(
        self,
        columns: Sequence[str],
        selection: Selection,
        take: Callable[[list[tuple[Any, ...]]], None],
    ) -> None:
        """Give these columns of all selected requests to `take`, some rows at a time, on another thread.

        A column is an SQL expression of fields of `AttemptRecord`; none may come from outside.
        """
        await self._database.read(lambda connection: _scan(connection, columns, selection, take))

    def _put(self, connection: sqlite3.Connection, record: AttemptRecord) -> None:
        connection.execute(self._insert, [storable(value) for value in astuple(record)])

    async def _spent(self, where: str, *values: object) -> Spending:
        def read(connection: sqlite3.Connection) -> Spending:
            dollars, estimates, unknown = connection.execute(_SPENT + where, values).fetchone()
            return Spending(dollars, bool(estimates), unknown)

        return await self._database.read(read)


_SPENT = (
    "SELECT sum(cost_dollars), max(cost_is_estimate),"
    " count(*) FILTER (WHERE cost_dollars IS NULL AND ttft_seconds IS NOT NULL) FROM performance WHERE "
)


def _scan(
    connection: sqlite3.Connection,
    columns: Sequence[str],
    selection: Selection,
    take: Callable[[list[tuple[Any, ...]]], None],
) -> None:
    cursor = connection.cursor()
    cursor.row_factory = None  # plain tuples, which are quicker by far
    conditions, values = ["1"], list[object]()
    if selection.operations:
        conditions.append(f"operation IN ({', '.join(repeat('?', len(selection.operations)))})")
        values.extend(selection.operations)
    where = " AND ".join(conditions)
    since = selection.since
    if selection.last_turns is not None:
        begun = _begin_of_last(cursor, selection.last_turns, where, values)
        since = max(begun, since if since is not None else begun)
    if since is not None:
        where, values = f"{where} AND at >= ?", [*values, since]
    cursor.execute(f"SELECT {', '.join(columns)} FROM performance WHERE {where}", values)
    while rows := cursor.fetchmany(ROWS_AT_A_TIME):
        take(rows)


def _begin_of_last(cursor: sqlite3.Cursor, count: int, where: str, values: list[object]) -> float:
    """When the first request of the last `count` turns was made; a time to come where there are none."""
    turns, begun = set[str](), float("inf")
    for at, turn_id in cursor.execute(
        f"SELECT at, turn_id FROM performance WHERE {where} ORDER BY at DESC", values
    ):
        turns.add(turn_id)
        if len(turns) > count:
            break
        begun = at
    return begun
