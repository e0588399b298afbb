"""A hundredth of the benchmark: what must hold on any machine, and bounds that only a defect exceeds."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.benchmarks.figures import Figure, table, write_json
from tests.benchmarks.first_bytes import first_bytes
from tests.benchmarks.starts import keys_accepted, version_cost
from tests.benchmarks.stops import STAGES, Stops
from tests.journeys.program import Home

pytestmark = [
    pytest.mark.pty,
    pytest.mark.skipif(sys.platform != "linux", reason="the pseudo-terminal double is for Linux"),
]


def test_a_stop_at_every_stage_closes_and_loses_nothing(tmp_path: Path) -> None:
    with Stops(tmp_path, seed=1) as stopper:
        runs = stopper.run(len(STAGES))
    assert {run.stage for run in runs} == set(STAGES)
    assert [(run.stage.name, run.is_kept, run.left_open) for run in runs] == [
        (run.stage.name, True, 0) for run in runs
    ]
    assert max(run.close_seconds for run in runs) < 1.0


def test_signs_of_life_come_soon(tmp_path: Path) -> None:
    for figure in first_bytes(tmp_path, 2):
        assert len(figure.samples) == 2
        assert 0 < figure.quantile(0.5) < 1000, figure.name


def test_the_version_is_cheap(tmp_path: Path) -> None:
    ours, python = version_cost(Home(tmp_path / "home"), 2)
    assert ours.quantile(0.0) < python.quantile(0.0) + 200


def test_a_start_is_compared_with_a_bare_application(tmp_path: Path) -> None:
    figures = {figure.name: figure for figure in keys_accepted(tmp_path, 1)}
    assert figures["keys accepted, chatterm, CPU"].quantile(0.5) > 0
    assert figures["keys accepted, ratio of CPU"].quantile(0.5) < 6


def test_quantiles_goals_and_output(tmp_path: Path) -> None:
    figure = Figure("close", "ms", [float(number) for number in range(200, 0, -1)], goal=198.0, goal_at=0.99)
    assert [figure.quantile(share) for share in (0.0, 0.5, 0.95, 0.99, 1.0)] == [1, 100, 190, 198, 200]
    assert figure.is_met
    assert "p99 <= 198: met" in table([figure])
    figure.goal = 197.0
    assert "p99 <= 197: missed" in table([figure])
    write_json(tmp_path / "out.json", [figure], seed=3)
    written = json.loads((tmp_path / "out.json").read_text())
    assert written["seed"] == 3
    assert len(written["figures"]["close"]["samples"]) == 200
    assert written["figures"]["close"]["is_met"] is False
