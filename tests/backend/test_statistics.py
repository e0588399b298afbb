"""What recorded requests say together."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from chatterm.backend.reporting.statistics import By, Statistics, read_standing, read_statistics
from chatterm.config.model import TargetSettings
from chatterm.core.performance import Selection, Spending
from chatterm.store import performance
from chatterm.store.database import Database
from chatterm.store.days import midnight
from chatterm.store.performance import PerformanceStore
from tests.backend.test_metrics import a_turn
from tests.store.test_performance import record

TARGETS = TargetSettings()


@pytest.fixture
async def kept() -> PerformanceStore:
    return PerformanceStore(Database(None))


async def test_without_requests_nothing_is_known(kept: PerformanceStore) -> None:
    found = await read_statistics(kept, Selection(), TARGETS)
    total = found.total
    assert (total.requests, total.turns, total.errors) == (0, 0, {})
    assert (total.error_share, total.input_tokens, total.cost_dollars, total.ttft.p50) == (None,) * 4
    assert [goal.met for goal in found.targets] == [None] * 4
    assert await read_statistics(kept, Selection(), TARGETS, last_turns=5, by="day") == found


async def measured(kept: PerformanceStore, **how: object) -> Statistics:
    for number in range(100):
        kept.add(
            record(
                number,
                ttft_seconds=(number + 1) / 100,
                latency_seconds=(number + 1) / 10,
                model="fast" if number % 2 else "slow",
                input_tokens=10,
                output_tokens=None,
                reused_connection=number > 0,
                loop_lag_seconds=number / 1000,
                peak_memory_bytes=50_000_000 + number,
            )
        )
    kept.add(
        record(200, success=False, error_kind="RateLimited", ttft_seconds=None, cost_dollars=None, retries=1)
    )
    kept.add(
        record(
            201,
            success=False,
            outcome="cancelled",
            round=1,
            cost_dollars=None,
            tool_count=2,
            tool_seconds=0.5,
        )
    )
    kept.add(record(202, operation="bench", ttft_seconds=99.0))
    return await read_statistics(kept, Selection(operations=("chat",)), TARGETS, **how)  # pyright: ignore[reportArgumentType]  # by name


async def test_figures_of_all_requests(kept: PerformanceStore) -> None:
    found = await measured(kept)
    total = found.total
    assert (total.requests, total.turns, total.answered) == (102, 101, 100)
    assert (total.latency.p50, total.latency.p95, total.latency.p99, total.latency.count) == (
        5.0,
        9.5,
        9.9,
        100,
    )
    assert total.ttft.count == 101
    assert total.errors == {"RateLimited": 1} and total.error_share == pytest.approx(1 / 102)
    assert (total.retries, total.fallbacks, total.tool_count, total.tool_seconds) == (1, 0, 2, 0.5)
    assert (total.input_tokens, total.output_tokens) == (1000, None)
    assert (total.cost_dollars, total.unknown_cost, total.cost_is_estimate) == (25.0, 1, False)
    assert (total.reused_share, total.loop_lag_seconds) == (0.99, 0.099)
    assert total.peak_memory_bytes == 50_000_099
    assert [goal.met for goal in found.targets] == [True, False, False, True]
    assert sum(count for _, count in found.ttft_histogram) == 101
    assert sum(dollars for _, dollars in found.cost_by_day) == 25.0
    assert found.groups == ()


async def test_groups_add_up_to_all(kept: PerformanceStore) -> None:
    found = await measured(kept, by="model")
    assert [group.name for group in found.groups] == ["p/fast", "p/m", "p/slow"]
    assert sum(group.requests for group in found.groups) == found.total.requests == 102
    assert [group.cost_dollars for group in found.groups] == [12.5, None, 12.5]
    by_day = await read_statistics(kept, Selection(), TARGETS, by="day")
    assert sum(group.requests for group in by_day.groups) == 103
    by_provider = await read_statistics(kept, Selection(), TARGETS, by="provider", last_turns=3)
    assert [(group.name, group.requests) for group in by_provider.groups] == [("p", 3)]
    assert by_provider.total.ttft.p99 == 99.0


@pytest.mark.parametrize("by", [None, "model", "day"])
async def test_figures_are_the_same_however_many_rows_are_summed_up_at_a_time(
    kept: PerformanceStore, monkeypatch: pytest.MonkeyPatch, by: By | None
) -> None:
    kept.add(record(300, loop_lag_seconds=9.0, error_kind="Server", success=False, cost_is_estimate=True))
    kept.add(record(301, at=200_000.0, error_kind="RateLimited", success=False))
    whole = await measured(kept, by=by)
    assert whole.total.loop_lag_seconds == 9.0 and whole.total.cost_is_estimate
    assert whole.total.errors == {"RateLimited": 2, "Server": 1}
    for rows in (1, 7, 52):
        monkeypatch.setattr(performance, "ROWS_AT_A_TIME", rows)
        found = await read_statistics(kept, Selection(operations=("chat",)), TARGETS, by=by)
        assert found == whole


async def test_a_day_of_which_only_a_part_is_asked_for_has_that_part(kept: PerformanceStore) -> None:
    for number in range(4):
        kept.add(record(number))
    found = await read_statistics(kept, Selection(since=1002.0), TARGETS, by="day")
    assert [group.requests for group in found.groups] == [found.total.requests] == [2]
    found = await read_statistics(kept, Selection(since=1003.0), TARGETS, last_turns=3)
    assert found.total.requests == 1


async def test_a_day_whose_costs_nobody_knows_is_left_out(kept: PerformanceStore) -> None:
    kept.add(record(1, cost_dollars=None))
    kept.add(record(2, at=400_000.0))
    found = await read_statistics(kept, Selection(), TARGETS)
    assert [dollars for _, dollars in found.cost_by_day] == [0.25]


async def test_a_bar_has_its_upper_edge_and_a_target_is_met_at_its_limit_but_for_errors(
    kept: PerformanceStore,
) -> None:
    for number in range(99):
        kept.add(record(number, ttft_seconds=TARGETS.ttft_p95_seconds))
    kept.add(record(99, success=False, error_kind="Server", ttft_seconds=0.1))
    found = await read_statistics(kept, Selection(), TARGETS)
    bars = dict(found.ttft_histogram)
    assert (bars[0.1], bars[TARGETS.ttft_p95_seconds]) == (1, 99)
    met = {goal.name: goal.met for goal in found.targets}
    assert (met["ttft_p95_seconds"], met["errors_percent"]) == (True, False)


async def test_what_is_usual_is_told_beside_what_was_spent_since_midnight(kept: PerformanceStore) -> None:
    today = midnight(datetime.now())
    turn = a_turn()
    for number in range(1, 101):
        kept.add(
            record(
                number, at=today + number, turn_id=turn.id, ttft_seconds=number / 1000, latency_seconds=number
            )
        )
    kept.add(record(101, at=today - 1.0, conversation_id="other"))
    found = await read_standing(kept, turn)
    assert (found.count, found.ttft_p50, found.ttft_p95) == (100, 0.05, 0.095)
    assert (found.latency_p50, found.latency_p95) == (50.0, 95.0)
    assert (found.turn, found.conversation, found.today) == (Spending(25.0),) * 3


async def test_a_clock_that_was_wrong_and_odd_times_cost_nothing(tmp_path: Path) -> None:
    kept = PerformanceStore(Database(tmp_path / "chatterm.db"))
    kept.add(record(1, at=1e300, ttft_seconds=-1.0, latency_seconds=float("inf")))
    found = await read_statistics(kept, Selection(), TARGETS, by="day")
    assert found.total.requests == 1
    assert found.groups[0].name == "–"
