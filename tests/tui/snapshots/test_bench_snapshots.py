"""Pictures of a load test: while it runs, and what it found; made anew as the others are."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from chatterm.backend.load_test.figures import Gaps, LoadResult, Sample, TargetFigures, target_figures
from chatterm.backend.load_test.lane import LaneProgress
from chatterm.backend.load_test.plan import LoadPlan
from chatterm.tui.widgets.load_test_box import LoadTestBox
from tests.tui.snapshots.test_snapshots import (
    LARGE,
    SMALL,
    clock,
    named,
    picture,
    pytestmark,
    start,
    taken,
)

__all__ = ["clock", "picture", "pytestmark", "start"]

NAMES = ("ollama/llama3", "ollama/[bold]qwen3")
PLAN = LoadPlan(concurrency=4, requests=20)


def figures(name: str, factor: float) -> TargetFigures:
    samples = [
        Sample(
            started_at=0.3 * number,
            ended_at=0.3 * number + factor * (1.2 + 0.05 * number),
            ttft_seconds=factor * (0.2 + 0.01 * number),
            first_text_seconds=factor * (0.2 + 0.01 * number),
            latency_seconds=factor * (1.2 + 0.05 * number),
            tokens_per_second=(80.0 - number) / factor,
            input_tokens=98,
            output_tokens=128,
            cost_dollars=0.0,
            reused_connection=number > 3,
            loop_lag_seconds=0.002,
            deltas=128,
        )
        for number in range(19)
    ]
    failed = Sample(started_at=1.0, ended_at=1.2, error_kind="Overloaded")
    gaps = Gaps()
    gaps.add([0.009, 0.01, 0.012, 0.03])
    return target_figures(name, "127.0.0.1:11434", [*samples, failed], gaps)


def result() -> LoadResult:
    return LoadResult(
        program="chatterm 0",
        made_at="2026-11-21T00:00:00+00:00",
        concurrency=PLAN.concurrency,
        requests=PLAN.requests,
        duration_seconds=None,
        warmup=1,
        prompt_tokens=98,
        max_tokens=128,
        seed=1,
        seconds=7.0,
        cpu_share=0.1,
        stopped=True,
        targets=tuple(figures(name, factor) for name, factor in zip(NAMES, (1.0, 1.7), strict=True)),
        goals=(),
    )


def lane(name: str) -> LaneProgress:
    return LaneProgress(name=name, running=4, complete=9, failed=1, ttft_p50_seconds=0.312, held_seconds=2.0)


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=named)
@pytest.mark.parametrize("state", ["running", "over"])
async def test_load_test(start, picture, size, state) -> None:
    test = SimpleNamespace(
        is_over=state == "over",
        is_stopped=False,
        measured_seconds=3.4,
        progress=lambda: tuple(map(lane, NAMES)),
        result=result,
    )
    async with start(size=size) as program:
        program.app.push_screen(LoadTestBox(test, PLAN))
        await program.shown("Load test")
        assert await taken(program) == picture
