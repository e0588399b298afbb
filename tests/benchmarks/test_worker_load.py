"""A hundredth of the benchmark of the worker: nothing is left over, and bounds that only a defect exceeds."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from tests.benchmarks.reply_server import serving
from tests.benchmarks.worker_load import SESSIONS, growth, run_bare, run_turns
from tests.benchmarks.worker_overhead import measure, stored_engine

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


async def test_the_worker_beside_a_bare_loop(tmp_path: Path) -> None:
    figures = await measure(tmp_path, 300, 2, ["anthropic"], ["burst"])
    ratio = figures[-1]
    assert ratio.name == "anthropic, burst: ratio" and len(ratio.samples) == 2
    assert 0 < ratio.quantile(0.0) < 8


async def test_fifty_turns_at_once_leave_nothing_behind(tmp_path: Path) -> None:
    with serving(30) as url:
        await run_bare(url, "burst", 0.0)
        tasks, files = len(asyncio.all_tasks()), len(os.listdir("/proc/self/fd"))
        async with stored_engine(tmp_path / "load.db") as engine:
            load = await run_turns(engine, url, "burst", 0.3)
        assert load.turns >= SESSIONS
        assert load.texts == 30 * load.turns
        assert max(load.own_stalls) < 1000
        assert len(asyncio.all_tasks()) == tasks
        assert len(os.listdir("/proc/self/fd")) == files


def test_growth_is_told_by_the_last_fifth_beside_the_second() -> None:
    assert growth([1.0, 5.0, 10.0, 10.0, 10.0, 10.0, 10.0, 10.0, 12.0, 12.0]) == 1.2
    assert growth([3.0]) == 1.0
