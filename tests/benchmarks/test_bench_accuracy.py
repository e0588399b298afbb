"""A hundredth of the benchmarks of `bench`: bounds that only a defect exceeds."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.benchmarks.bench_accuracy import measure_ask, measure_bench
from tests.benchmarks.bench_rate import measure
from tests.benchmarks.stamped_server import serving_stamped

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the home of the program is for Linux")


def test_figures_are_those_of_the_server_that_sent_the_deltas(tmp_path: Path) -> None:
    with serving_stamped(20) as server:
        figures = measure_bench(tmp_path, server, 4, 8) + measure_ask(tmp_path, server, 1)
    off, lag, off_in_ask, _ = figures
    assert (len(off.samples), len(lag.samples), len(off_in_ask.samples)) == (27, 9, 3)
    # Gaps are 5 to 35 ms: one that stamps late, or the wrong event, is off by as much each time.
    assert off.quantile(0.0) < 3
    assert off_in_ask.quantile(0.0) < 3


def test_bench_reads_beside_a_bare_script(tmp_path: Path) -> None:
    figures, notes = measure(tmp_path, streams=5, replies=2, events=200, runs=1)
    rates = {figure.name: figure for figure in figures}
    assert 0 < rates["our CPU over bare"].quantile(0.5) < 15
    assert rates["bytes: rate"].quantile(0.5) > 0
    assert notes[0].startswith("the program used")
