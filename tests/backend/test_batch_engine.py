"""One run over the lines of a batch: what a line cost, and that nothing of the run is left behind."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from chatterm.backend.batch.engine import Batch, BatchJob, BatchProgress
from chatterm.backend.batch.lines import BatchItem, BatchLine
from chatterm.backend.budget import Budget
from chatterm.backend.payload_cache import PayloadCache
from chatterm.backend.performance import Performance
from chatterm.backend.retry import RetryPolicy
from chatterm.backend.session import Prompt, Session
from chatterm.backend.unkept import UnkeptHistory
from chatterm.backend.worker import Worker
from chatterm.core.errors import ServerError
from tests.doubles.patience import soon
from tests.doubles.provider import GatedProvider


class Run:
    """A batch of so many lines on a gated provider, and what was written of them."""

    def __init__(self, lines: int) -> None:
        self.provider, self.performance = GatedProvider(), Performance()
        self.written: list[BatchLine] = []
        self.progress, self.budget = BatchProgress(total=lines), Budget(limit_dollars=5.0)
        target = replace(self.provider.target(), retries=RetryPolicy(first_seconds=0.0))
        items = [BatchItem(id=number, line=number, prompt="x", options={}) for number in range(1, lines + 1)]
        self.batch = Batch(
            [BatchJob(item, target) for item in items],
            self.progress,
            open_line=self._open,
            write=self._write,
            performance=self.performance,
            budget=self.budget,
        )

    @asynccontextmanager
    async def _open(self, job: BatchJob) -> AsyncGenerator[tuple[Session, Prompt]]:
        async def no_blobs(digests: frozenset[str]) -> dict[str, bytes]:
            return {}

        worker = Worker(PayloadCache(), no_blobs, time.monotonic, performance=self.performance)
        session = Session(UnkeptHistory(), worker)
        session.target = job.target
        yield session, Prompt(job.item.prompt)

    async def _write(self, line: BatchLine) -> None:
        self.written.append(line)


@pytest.fixture
async def run() -> Run:
    return Run(2)


async def test_a_line_costs_what_all_its_requests_cost(run: Run) -> None:
    running = asyncio.ensure_future(run.batch.run(1))
    failed = await run.provider.opened()
    failed.send(cost=0.25)
    failed.fail(ServerError("Broken.", retryable=True))
    for cost in (0.5, 0.125):
        stream = await run.provider.opened()
        stream.send(cost=cost)
        stream.reply("ok")
    await soon(running, "did not end")
    assert [(line.line, line.cost_dollars, line.cost_is_estimate) for line in run.written] == [
        (1, 0.75, False),
        (2, 0.125, False),
    ]
    assert (run.progress.dollars, run.budget.spent_dollars, run.budget.unknown) == (0.875, 0.875, 0)


async def test_nothing_of_a_run_is_left_behind(run: Run) -> None:
    running = asyncio.ensure_future(run.batch.run(1))
    for _ in range(2):
        (await run.provider.opened()).reply("ok", usage=(5, 2))
    await soon(running, "did not end")
    assert run.performance.takers == [] and run.batch._records == {}
    assert [line.cost_dollars for line in run.written] == [None, None]
    assert (run.progress.running, run.progress.complete, run.budget.unknown) == (0, 2, 2)


async def test_an_output_that_takes_nothing_ends_the_run_with_its_reason(run: Run) -> None:
    async def full(line: BatchLine) -> None:
        raise OSError("No space left on device")

    run.batch._write = full
    running = asyncio.ensure_future(run.batch.run(1))
    (await run.provider.opened()).reply("ok")
    with pytest.raises(OSError, match="No space left"):
        await soon(running, "did not end")
    assert len(run.provider.requests) == 1 and run.performance.takers == []
