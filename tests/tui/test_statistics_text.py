"""Statistics as rows, bars and a page."""

from __future__ import annotations

import time
from datetime import datetime

import pytest

from chatterm.backend.reporting.statistics import Statistics, read_statistics
from chatterm.config.model import TargetSettings
from chatterm.core.errors import ConfigError
from chatterm.core.messages import Message
from chatterm.core.performance import Selection
from chatterm.core.turn import Turn
from chatterm.store.database import Database
from chatterm.store.performance import PerformanceStore
from chatterm.tui.statistics_text import (
    cost_bars,
    cost_text,
    goal_rows,
    group_rows,
    since_of,
    statistics_page,
    ttft_bars,
)
from chatterm.tui.turn_details import details_page
from tests.store.test_performance import record


async def statistics(*changes: dict[str, object]) -> Statistics:
    kept = PerformanceStore(Database(None))
    for number, each in enumerate(changes):
        kept.add(record(number, **each))
    return await read_statistics(kept, Selection(), TargetSettings(), by="model")


async def test_what_is_unknown_is_not_there() -> None:
    found = await statistics(
        {"cost_dollars": None, "ttft_seconds": None, "latency_seconds": None, "success": False}
    )
    assert group_rows(found.total) == [
        ("turns", "1 in 1 requests"),
        ("errors", "0 (0 %)"),
        ("stopped", "1"),
    ]
    assert goal_rows(found)[0] == ("TTFT p95", "– (at most 1.5 s)")
    assert ttft_bars(found) == cost_bars(found) == []


async def test_figures_and_targets_are_told() -> None:
    found = await statistics(
        {"ttft_seconds": 0.2, "input_tokens": 12_345, "cost_is_estimate": True},
        {"ttft_seconds": 3.0, "cost_dollars": None, "model": "[b]x|`"},
        {"success": False, "error_kind": "RateLimited", "ttft_seconds": None, "cost_dollars": None},
    )
    rows = dict(group_rows(found.total))
    assert rows["TTFT"] == "p50 200 ms, p95 3.0 s, p99 3.0 s"
    assert rows["errors"] == "1 (33 %): rate limited 1"
    assert rows["cost"] == "~$0.25, and 1 of unknown cost"
    assert rows["tokens in"] == "12,345"
    assert goal_rows(found) == [
        ("TTFT p95", "FAIL: 3.0 s (at most 1.5 s)"),
        ("latency p50", "pass: 1.5 s (at most 3.5 s)"),
        ("latency p95", "pass: 1.5 s (at most 6.0 s)"),
        ("errors", "FAIL: 33 % (less than 1.0 %)"),
    ]
    assert len(ttft_bars(found)) == 9 and ttft_bars(found)[1].split()[-1] == "1"
    (bar,) = cost_bars(found)
    assert bar.startswith(datetime.fromtimestamp(1000).date().isoformat()) and bar.endswith("$0.25")
    page = statistics_page(found, 50_000_000)
    assert "50 MB" in page and r"\|" in page and "```text" in page


def test_times_to_begin_with() -> None:
    assert since_of("7d") == pytest.approx(time.time() - 7 * 86_400, abs=5)
    assert since_of("2026-11-01") == datetime(2026, 11, 1).timestamp()
    for text in ("", "7", "7y", "2026-13-01", "\x1b[2J", "99999d"):
        with pytest.raises(ConfigError, match="is no time"):
            since_of(text)


def test_costs() -> None:
    assert cost_text(None, is_estimate=True) == "–"
    assert cost_text(0.0, is_estimate=False) == "$0.00"


def test_the_details_of_a_turn_tell_of_each_request() -> None:
    prompt, reply = Message(role="user", parts=()), Message(role="assistant", parts=())
    turn = Turn(conversation_id="c", prompt=prompt, reply=reply, provider="p", model="m")
    failed = record(
        1, success=False, outcome="failed", error_kind="Overloaded", ttft_seconds=None, cost_dollars=None
    )
    answered = record(
        2, delta_gap_p50_seconds=0.01, delta_gap_p95_seconds=0.02, stalls=1, cost_is_estimate=True
    )
    page = details_page(turn, (failed, answered))
    assert "| failed: overloaded, 1.5 s in all |" in page
    stopped = record(3, outcome="cancelled", ttft_seconds=None, cost_dollars=None)
    assert "| stopped, 1.5 s in all |" in details_page(turn, (stopped,))
    assert "complete, TTFT 200 ms, 1.5 s in all, gaps p50 / p95 10 ms / 20 ms, stalls: 1, " in page
    assert "Requests" not in details_page(turn)
