"""Records of requests in the database: kept without waiting, read for what was spent and what is usual."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from chatterm.core.performance import AttemptRecord, Selection, Spending
from chatterm.store import performance
from chatterm.store.database import Database
from chatterm.store.performance import PerformanceStore

RECORD = AttemptRecord(
    id="r0",
    at=1000.0,
    conversation_id="c",
    turn_id="t0",
    operation="chat",
    provider="p",
    model="m",
    host="h",
    attempt=1,
    round=0,
    success=True,
    outcome="complete",
    ttft_seconds=0.2,
    latency_seconds=1.5,
    cost_dollars=0.25,
    warm=True,
)


def record(number: int, **changes: object) -> AttemptRecord:
    changes = {"id": f"r{number}", "turn_id": f"t{number}", "at": 1000.0 + number} | changes
    return replace(RECORD, **changes)  # pyright: ignore[reportArgumentType]  # a table of changes


@pytest.fixture
def kept(database: Database) -> PerformanceStore:
    return PerformanceStore(database)


async def rows(database: Database, columns: str) -> list[tuple[object, ...]]:
    asked = f"SELECT {columns} FROM performance ORDER BY at"
    return await database.read(lambda connection: [tuple(row) for row in connection.execute(asked)])


async def summed(
    kept: PerformanceStore, columns: Sequence[str], by: Sequence[str], selection: Selection
) -> list[tuple[object, ...]]:
    found: list[tuple[object, ...]] = []
    await kept.sum_up(columns, by, selection, found.append)
    return found


async def test_a_record_is_kept_whole_and_once(kept: PerformanceStore, database: Database) -> None:
    kept.add(RECORD)
    kept.add(RECORD)
    names = AttemptRecord.__slots__
    (row,) = await rows(database, ", ".join(names))
    assert dict(zip(names, row, strict=True)) == {name: getattr(RECORD, name) for name in names}


async def test_the_records_of_a_turn_come_back_as_they_were(kept: PerformanceStore) -> None:
    other = record(1, turn_id="t0", reused_connection=False, attempt=2, warm=None)
    for each in (other, RECORD, record(2)):
        kept.add(each)
    assert await kept.of_turn("t0", "c") == (RECORD, other)
    assert await kept.of_turn("t9", "c") == ()


async def test_odd_values_are_kept_as_far_as_sqlite_can(kept: PerformanceStore, database: Database) -> None:
    kept.add(replace(RECORD, model="\ud800\0", input_tokens=2**70, cost_dollars=float("nan")))
    assert await rows(database, "model, input_tokens, cost_dollars") == [("\ufffd\u2400", 2**63 - 1, None)]


async def test_spending_is_summed_up_and_what_is_unknown_is_told(kept: PerformanceStore) -> None:
    assert await kept.spent_in("c") == Spending()
    kept.add(record(1))
    kept.add(record(2, cost_dollars=None))
    kept.add(record(3, cost_dollars=None, ttft_seconds=None, success=False))  # failed before it cost anything
    kept.add(record(4, cost_is_estimate=True, conversation_id="other"))
    assert await kept.spent_in("c") == Spending(0.25, False, 1)
    assert await kept.spent_since(1000.0) == Spending(0.5, True, 1)
    assert await kept.spent_since(1004.0) == Spending(0.25, True, 0)
    assert await kept.spent_on("t2", "c") == Spending(None, False, 1)


async def test_the_last_times_are_those_of_the_model(kept: PerformanceStore) -> None:
    for number in range(5):
        kept.add(record(number, ttft_seconds=number / 10))
    kept.add(record(5, success=False))
    kept.add(record(6, model="other"))
    assert await kept.last_times("p", "m", 2) == [(0.4, 1.5), (0.3, 1.5)]


async def test_a_selection_is_by_time_by_model_and_by_what_it_was_for(kept: PerformanceStore) -> None:
    for number in range(4):
        kept.add(record(number))
    kept.add(record(4, turn_id="t3", model="other"))  # a turn of two requests
    kept.add(record(5, operation="bench"))

    async def found(selection: Selection) -> object:
        return [row for (row,) in await summed(kept, ["group_concat(id)"], (), selection)]

    assert await found(Selection()) == ["r0,r1,r2,r3,r4,r5"]
    assert await found(Selection(since=1003.0, until=1005.0)) == ["r3,r4"]
    assert await found(Selection(provider="p", model="other")) == ["r4"]
    assert await found(Selection(operations=("bench", "ask"))) == ["r5"]
    assert await kept.begin_of_last(2, Selection(operations=("chat",))) == 1002.0
    assert await kept.begin_of_last(0, Selection()) == float("inf")
    assert await found(Selection(provider="nobody")) == []


async def test_days_are_those_with_requests_whatever_the_clock_said(kept: PerformanceStore) -> None:
    for number, at in enumerate((-1e6, 0.0, 1.7e9, 1.7e9 + 30, 1.7e9 + 9e6, 1e17)):
        kept.add(record(number, at=at))
    days = await kept.costs_by_day(Selection())
    assert [dollars for _, _, dollars in days] == [0.25, 0.25, 0.5, 0.25, 0.25]
    assert all(begin < end for begin, end, _ in days)


async def test_days_of_a_selection_are_found_in_proportion(
    kept: PerformanceStore, database: Database
) -> None:
    day, chosen = 86_400.0, Selection(since=0.0, until=1e12, operations=("chat", "ask"))
    for number in range(400):
        kept.add(record(number, at=1.7e9 + number * day))

    async def steps(days: int) -> int:
        counted: list[None] = []
        await database.read(
            lambda connection: connection.set_progress_handler(lambda: counted.append(None), 10)
        )
        assert len(await kept.costs_by_day(replace(chosen, until=1.7e9 + days * day))) == days
        await database.read(lambda connection: connection.set_progress_handler(None, 0))
        return len(counted)

    assert await steps(400) < 5 * await steps(100)


async def test_sums_are_made_a_stretch_at_a_time_and_by_group(
    kept: PerformanceStore, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(performance, "ROWS_AT_A_TIME", 3)
    for number in range(10):
        kept.add(record(number, model=f"m{number % 2}"))
    await database.write(
        lambda connection: connection.execute("DELETE FROM performance WHERE id = 'r4'") and None
    )
    sums = await summed(kept, ["group_concat(id)"], ("provider", "model"), Selection(since=1001.0))
    stretches = (("r2", "r1,r3"), ("r6", "r5"), ("r8", "r7,r9"))
    assert sums == [
        ("p", model, ids) for stretch in stretches for model, ids in zip(("m0", "m1"), stretch, strict=True)
    ]
    only = await summed(kept, ["count(*)"], (), Selection(provider="p", model="m1", since=1003.0))
    assert only == [(2,), (1,), (1,)]


async def test_a_database_that_cannot_be_written_costs_nothing(tmp_path: Path) -> None:
    database = Database(tmp_path / "chatterm.db")
    kept = PerformanceStore(database)
    await database.ready()
    assert database.close(5)
    kept.add(RECORD)
