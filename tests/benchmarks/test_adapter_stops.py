"""A part of the benchmark: what must hold on any machine, and bounds that only a defect exceeds."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.benchmarks.adapter_stops import figures_of, matrix, stop_everywhere
from tests.benchmarks.endings import (
    OF_PROGRAM,
    Ending,
    ending_figures,
    endings_in_process,
    endings_of_program,
)
from tests.benchmarks.stop_stages import STAGES
from tests.doubles.dialects import DIALECTS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the sockets of a process")

SLOW_MACHINE = 3.0
"""What a goal is multiplied with where others use the machine too."""


def test_a_stop_at_every_stage_with_every_adapter_loses_and_leaves_nothing(tmp_path: Path) -> None:
    stops = stop_everywhere(tmp_path, 1, seed=1)
    assert len(stops) == len(STAGES) * len(DIALECTS)
    assert [(stop.stage.name, stop.adapter, stop.lost) for stop in stops if stop.lost] == []
    for figure in figures_of(stops):
        assert figure.goal is not None
        assert 0 < figure.quantile(0.5) < SLOW_MACHINE * figure.goal, figure.name
    assert all(name in matrix(stops) for name in DIALECTS)


def test_an_end_at_every_stage_saves_closes_and_leaves_in_order(tmp_path: Path) -> None:
    adapters = list(DIALECTS)
    chosen = [(stage, adapters[number % len(adapters)]) for number, stage in enumerate(STAGES)]
    hold(endings_in_process(tmp_path, chosen), len(STAGES))


@pytest.mark.pty
def test_an_end_of_the_program_saves_and_is_soon(tmp_path: Path) -> None:
    hold(endings_of_program(tmp_path, [OF_PROGRAM[0], OF_PROGRAM[-1]]), 2)


def hold(endings: list[Ending], count: int) -> None:
    assert len(endings) == count
    assert [(ending.how, ending.stage.name, ending.lost) for ending in endings if ending.lost] == []
    for figure in ending_figures(endings):
        assert figure.goal is not None
        assert 0 < figure.quantile(0.0) < SLOW_MACHINE * figure.goal, figure.name
