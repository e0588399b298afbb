"""Opening a long conversation stays cheap; bounds that only a defect exceeds."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.benchmarks.openings import reading_cost, starting_cost


def test_reading_does_not_grow_with_the_conversation(tmp_path: Path) -> None:
    """Least of some runs, in milliseconds of processor time; read whole, 20,000 messages take 800."""
    cost = reading_cost(tmp_path, 20_000, 4)
    assert len(cost.samples) == 4
    assert cost.quantile(0.0) < 100


@pytest.mark.pty
@pytest.mark.skipif(sys.platform != "linux", reason="the pseudo-terminal double is for Linux")
def test_a_start_with_a_long_conversation_costs_little_more(tmp_path: Path) -> None:
    cost = starting_cost(tmp_path, 20_000, 2)
    assert len(cost.samples) == 2
    assert cost.quantile(0.0) < 400
