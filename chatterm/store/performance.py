"""The record of every request to a model: kept for statistics, for what was spent, and for what is usual of a model."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import repeat
from operator import attrgetter
from typing import Any

import msgspec

from chatterm.core.performance import AttemptRecord, Selection, Spending
from chatterm.store.database import Database
from chatterm.store.days import midnight
from chatterm.store.encoding import storable

ROWS_AT_A_TIME = 10_000
"""How many rows are summed up in one go, some 20 ms, while others wait for the database."""

UNKNOWN_COST = "cost_dollars IS NULL AND coalesce(ttft_seconds, output_tokens) IS NOT NULL"
"""SQL for a request that was answered at a cost nobody knows: an answer of a batch has no TTFT, others no tokens."""

Row = tuple[Any, ...]


class PerformanceStore:
    """The records in the database. Reading raises `StoreError`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._names = names = [field.name for field in fields(AttemptRecord)]
        self._values = attrgetter(*names)
        places = ", ".join(repeat("?", len(names)))
        self._insert = f"INSERT OR IGNORE INTO performance ({', '.join(names)}) VALUES ({places})"

    def add(self, record: AttemptRecord) -> None:
        """Keep a record. Returns at once; what the disk does not take is lost, and nobody is told."""
        self._database.post(lambda connection: self._put(connection, record))

    async def add_all(self, records: Iterable[AttemptRecord]) -> None:
        """Keep many records, all or none; they are taken in the thread of the database. Raises what they raise."""

        def put(connection: sqlite3.Connection) -> None:
            connection.executemany(self._insert, map(self._row, records))

        await self._database.write(put)

    async def spent_since(self, at: float) -> Spending:
        """What all requests since `at` (seconds since 1970) cost."""
        return await self._spent("at >= ?", at)

    async def spent_in(self, conversation_id: str) -> Spending:
        """What the requests of a conversation cost."""
        return await self._spent("conversation_id = ?", conversation_id)

    async def spent_on(self, turn_id: str, conversation_id: str) -> Spending:
        """What the requests of one turn cost."""
        return await self._spent("conversation_id = ? AND turn_id = ?", conversation_id, turn_id)

    async def of_turn(self, turn_id: str, conversation_id: str) -> tuple[AttemptRecord, ...]:
        """The records of one turn, in the order of its requests."""
        where = "conversation_id = ? AND turn_id = ?"
        asked = f"SELECT {', '.join(self._names)} FROM performance WHERE {where} ORDER BY at"

        def read(connection: sqlite3.Connection) -> tuple[AttemptRecord, ...]:
            found = connection.execute(asked, (conversation_id, turn_id))
            return tuple(msgspec.convert(dict(row), AttemptRecord, strict=False) for row in found)

        return await self._database.read(read)

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

    async def begin_of_last(self, turns: int, selection: Selection) -> float:
        """When the first request of the last `turns` turns was made; infinity for none."""
        where, values = _where(selection)

        def read(connection: sqlite3.Connection) -> float:
            seen, begun = set[str](), math.inf
            for at, turn_id in connection.execute(
                f"SELECT at, turn_id FROM performance WHERE {where} ORDER BY at DESC", values
            ):
                seen.add(turn_id)
                if len(seen) > turns:
                    break
                begun = at
            return begun

        return await self._database.read(read)

    async def costs_by_day(self, selection: Selection) -> tuple[tuple[float, float, float | None], ...]:
        """Begin and end of each day that has requests, by this machine's clock, and what they cost in US dollars."""
        return await self._database.read(lambda connection: tuple(_days(connection, selection)))

    async def sum_up(
        self, columns: Sequence[str], by: Sequence[str], selection: Selection, take: Callable[[Row], None]
    ) -> None:
        """Sum up the selected requests a stretch at a time, so that whatever else wants the database gets its turn.

        `take` is called in the thread of the database, for each stretch and each different `by` in it, with the values
        of `by` and then of `columns`, SQL aggregates of fields of `AttemptRecord`. Neither may come from outside.
        """
        where, values = _where(selection)
        first, last = await self._database.read(
            lambda connection: connection.execute(
                f"SELECT min(rowid), max(rowid) FROM performance WHERE {where}", values
            ).fetchone()
        )
        groups = f"GROUP BY {', '.join(by)}" if by else "HAVING count(*) > 0"
        # Without NOT INDEXED each stretch could go through all requests of a model.
        asked = (
            f"SELECT {', '.join((*by, *columns))} FROM performance NOT INDEXED"
            f" WHERE rowid BETWEEN ? AND ? AND {where} {groups}"
        )

        def read(connection: sqlite3.Connection, begin: int) -> None:
            for row in connection.execute(asked, [begin, begin + ROWS_AT_A_TIME - 1, *values]):
                take(tuple(row))

        if first is not None:
            for begin in range(first, last + 1, ROWS_AT_A_TIME):
                await self._database.read(partial(read, begin=begin))

    def _put(self, connection: sqlite3.Connection, record: AttemptRecord) -> None:
        connection.execute(self._insert, self._row(record))

    def _row(self, record: AttemptRecord) -> list[Any]:
        return [storable(value) for value in self._values(record)]

    async def _spent(self, where: str, *values: object) -> Spending:
        def read(connection: sqlite3.Connection) -> Spending:
            dollars, estimates, unknown = connection.execute(_SPENT + where, values).fetchone()
            return Spending(dollars, bool(estimates), unknown)

        return await self._database.read(read)


_SPENT = (
    "SELECT sum(cost_dollars), max(cost_is_estimate),"
    f" count(*) FILTER (WHERE {UNKNOWN_COST}) FROM performance WHERE "
)


def _where(selection: Selection) -> tuple[str, list[object]]:
    found = (
        ("at >= ?", selection.since),
        ("at < ?", selection.until),
        ("provider = ?", selection.provider),
        ("model = ?", selection.model),
    )
    conditions = ["1", *(condition for condition, value in found if value is not None)]
    values: list[object] = [value for _, value in found if value is not None]
    if selection.operations:
        conditions.append(f"operation IN ({', '.join(repeat('?', len(selection.operations)))})")
        values.extend(selection.operations)
    return " AND ".join(conditions), values


def _days(
    connection: sqlite3.Connection, selection: Selection
) -> Iterator[tuple[float, float, float | None]]:
    # Never two bounds on one side: SQLite looks for one in the index, and goes through all that lies between.
    end = -math.inf if selection.since is None else selection.since
    while True:
        where, values = _where(replace(selection, since=end))
        first: float | None = connection.execute(
            f"SELECT min(at) FROM performance WHERE {where}", values
        ).fetchone()[0]
        if first is None:
            return
        begin, end = _day_around(first)
        until = end if selection.until is None else min(end, selection.until)
        where, values = _where(replace(selection, since=first, until=until))
        (dollars,) = connection.execute(
            f"SELECT sum(cost_dollars) FROM performance WHERE {where}", values
        ).fetchone()
        yield begin, end, dollars


def _day_around(at: float) -> tuple[float, float]:
    """The day with this moment; all that comes after the last day that has a date is one."""
    try:
        day = datetime.fromtimestamp(at)
        return midnight(day), max(midnight(day + timedelta(days=1)), math.nextafter(at, math.inf))
    except (OverflowError, OSError, ValueError):
        return at, math.inf
