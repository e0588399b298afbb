"""A part of the benchmark of rounds of tools: they run together, and nothing stands still meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.tool_rounds import FIVE, HUNDRED, WORKS, Measured, figures_of, place_beside, run_round

SLOW_MACHINE = 3.0
"""What a goal is multiplied with where others use the machine too."""


@pytest.mark.parametrize("kind", list(WORKS))
async def test_a_round_takes_as_long_as_its_longest_tool(kind: str, tmp_path: Path) -> None:
    async with place_beside(tmp_path / "home") as place:
        done: list[Measured] = []
        for _ in range(5):
            done.append(await run_round(place, FIVE, WORKS[kind]))
            if done[-1].took <= FIVE.goal_ms:
                break
        hundred = await run_round(place, HUNDRED, WORKS[kind])
    took, left, *_ = figures_of("", FIVE, done)
    assert took.is_met, took.samples
    assert left.is_met, left.samples
    assert 130 <= hundred.took < SLOW_MACHINE * HUNDRED.goal_ms
    for each in (*done, hundred):
        assert each.texts > 0
        assert 0 < max(each.own) < SLOW_MACHINE * 16
