"""What the metrics server answers from the records of requests."""

from __future__ import annotations

import json
from pathlib import Path

from chatterm.cli.serve_metrics import figures_of
from chatterm.config.model import TargetSettings
from chatterm.store.database import Database
from chatterm.store.performance import PerformanceStore
from tests.store.test_performance import record


async def test_statistics_are_those_of_stats_without_load_tests(tmp_path: Path) -> None:
    database = Database(tmp_path / "history.db")
    try:
        kept = PerformanceStore(database)
        kept.add(record(1))
        for number in range(2, 5):
            kept.add(record(number, operation="bench"))
        figures = figures_of(database, TargetSettings())
        total = json.loads(await figures.performance(2))["total"]
        assert (total["requests"], total["turns"]) == (1, 1)
        assert b'operation="bench",outcome="complete",error=""} 3' in await figures.prometheus()
    finally:
        database.close(5)
