"""What it costs to record requests, and to make statistics of many of them.

`python -m tests.benchmarks.recording` makes a million records and measures all groupings; needs 400 MB of disk.
"""

from __future__ import annotations

import asyncio
import random
import resource
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from dataclasses import replace
from operator import attrgetter
from pathlib import Path

from chatterm.backend.attempt import Attempt
from chatterm.backend.model_facts import KnownModels
from chatterm.backend.performance import Performance, Try, TurnRecords
from chatterm.backend.providers.base import Endpoint, ModelInfo
from chatterm.backend.reporting.performance_log import PerformanceLog
from chatterm.backend.reporting.statistics import By, Statistics, read_statistics
from chatterm.backend.turn_handle import TurnHandle
from chatterm.config.model import ModelSettings, TargetSettings
from chatterm.core.events import TextDelta, UsageReported
from chatterm.core.messages import Message
from chatterm.core.performance import AttemptRecord, Selection
from chatterm.core.turn import Turn
from chatterm.core.usage import Usage
from chatterm.store.database import Database
from chatterm.store.performance import PerformanceStore
from tests.doubles.provider import GatedProvider
from tests.store.test_performance import record

DELTAS = 500


async def recorder(folder: Path) -> tuple[Callable[[], None], Callable[[], None]]:
    """Work that records one request of a reply of `DELTAS` deltas, with a table of prices; and what ends it all."""
    database, log = Database(folder / "chatterm.db"), PerformanceLog(folder / "performance.jsonl")
    await database.ready()
    known = KnownModels()
    await known.load()

    def facts() -> ModelInfo:
        return known.facts_of("openai", "", "gpt-4o-mini", ModelSettings(), "openai").info

    target = replace(GatedProvider().target(), facts=facts)
    attempt = Attempt(target, lambda event: None, lambda event: None, time.monotonic)
    attempt.endpoint = Endpoint(provider="openai", base_url="https://api.example")
    at = 1000.0
    for _ in range(DELTAS):
        at += random.expovariate(50)
        attempt._take(at, [TextDelta("some words")])
    attempt._take(at, [UsageReported(Usage(input=1000, output=500, reasoning=20))])
    prompt = Message(role="user", parts=())
    turn = Turn(
        conversation_id="c",
        prompt=prompt,
        reply=Message(role="assistant", parts=()),
        provider="openai",
        model="gpt-4o-mini",
    )
    handle = TurnHandle(turn, time.monotonic)
    performance = Performance(log.take, PerformanceStore(database).add)

    def work() -> None:
        records = TurnRecords(turn, "chat", performance)
        with records.request(attempt, handle, Try(1, 0, "")):
            pass
        records.close()

    def end() -> None:
        log.close(5)
        assert database.close(5)

    return work, end


def rows(count: int) -> Iterator[tuple[object, ...]]:
    """Records of several models over a long time, as the store takes them."""
    chance, values = random.Random(1), attrgetter(*AttemptRecord.__slots__)
    for number in range(count):
        failed = number % 50 == 0
        yield values(
            record(
                number,
                id=f"{number:026}",
                turn_id=f"{number:026}",
                at=1.7e9 + number * 20,
                model=f"model-{number % 7}",
                success=not failed,
                error_kind="Overloaded" if failed else "",
                ttft_seconds=chance.expovariate(2),
                first_text_seconds=chance.expovariate(2),
                latency_seconds=chance.expovariate(0.5),
                delta_gap_p50_seconds=0.02,
                delta_gap_p95_seconds=chance.expovariate(20),
                tokens_per_second=chance.uniform(5, 200),
                input_tokens=chance.randrange(9000),
                output_tokens=chance.randrange(900),
                reused_connection=True,
                loop_lag_seconds=chance.random() / 100,
                stalls=0,
            )
        )


async def fill(database: Database, count: int) -> PerformanceStore:
    """The store with so many records."""
    kept = PerformanceStore(database)
    await database.write(lambda connection: connection.executemany(kept._insert, rows(count)) and None)
    return kept


def statistics_of(kept: PerformanceStore, by: By | None = None) -> Awaitable[Statistics]:
    """The statistics of all that is kept."""
    return read_statistics(kept, Selection(), TargetSettings(), by=by)


async def _measure(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder, closing(_Closing(Path(folder) / "chatterm.db")) as opened:
        kept = await fill(opened.database, count)
        for by in (None, "provider", "model", "day"):
            began, used = time.perf_counter(), time.process_time()
            found = await statistics_of(kept, by)
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(
                f"{found.total.requests:,} records, by {by or 'nothing'}: {time.perf_counter() - began:.2f} s,"
                f" {time.process_time() - used:.2f} s of CPU; at most {memory:.0f} MB"
            )


class _Closing:
    def __init__(self, path: Path) -> None:
        self.database = Database(path)

    def close(self) -> None:
        self.database.close(60)


if __name__ == "__main__":
    asyncio.run(_measure(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000))
