"""The worker under load: `python -m tests.benchmarks.worker_load [--minutes N] [--events N] [--runs N]`.

First what it costs per event (see `worker_overhead`), then 50 conversations on one event loop, each with one turn after
another: how late the loop comes to other work, and whether memory, tasks and open files stay what they were. By
default that goes on for six seconds; `--minutes 10` is the long form. Needs Linux's /proc.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.benchmarks.figures import Figure, table
from tests.benchmarks.processes import rss_bytes
from tests.benchmarks.reply_server import WireFormat, serving, wire_formats
from tests.benchmarks.worker_overhead import Engine, bare_loop, measure, stored_engine, take_turn

SESSIONS = 50
TURNS = 20
"""After so many a conversation makes way for a new one."""

STALL_GOAL_MS = 20.0
STALL_SECONDS = 0.005
"""How often the loop is asked how late it is."""

GROWTH_GOAL = 1.05
"""What may be added to the memory after the first fifth, in which the bounded caches fill."""


@dataclass
class Load:
    """What was seen of the loop and of this process while turns ran; times in ms, sizes in MB."""

    stalls: list[float] = field(default_factory=list[float])
    own_stalls: list[float] = field(default_factory=list[float])
    turns: int = 0
    texts: int = 0
    rss: list[float] = field(default_factory=list[float])
    blocks: list[float] = field(default_factory=list[float])
    tasks: list[float] = field(default_factory=list[float])
    files: list[float] = field(default_factory=list[float])
    cpu_seconds: float = 0.0

    def figures(self, name: str) -> list[Figure]:
        """Rows of the table."""
        return [
            Figure(f"{name}: the loop is late", "ms", self.stalls, STALL_GOAL_MS, 0.99),
            Figure(f"{name}: by its own work", "ms", self.own_stalls, STALL_GOAL_MS, 0.99),
            Figure(f"{name}: resident memory", "MB", self.rss),
            Figure(f"{name}: memory at the end", "x", [growth(self.rss)], GROWTH_GOAL, 1.0, digits=3),
            Figure(
                f"{name}: blocks of Python at the end", "x", [growth(self.blocks)], GROWTH_GOAL, 1.0, digits=3
            ),
            Figure(f"{name}: tasks", "", self.tasks, digits=0),
            Figure(f"{name}: open files", "", self.files, digits=0),
        ]


def growth(samples: list[float]) -> float:
    """The last fifth beside the second one, by their medians: what came in the first was there to fill."""
    fifth = max(1, len(samples) // 5)
    first, last = sorted(samples[fifth : 2 * fifth] or samples), sorted(samples[-fifth:])
    return last[len(last) // 2] / first[len(first) // 2]


async def run_turns(engine: Engine, url: str, pace: str, seconds: float) -> Load:
    """50 conversations at once for this time; the turns that run then are finished."""
    load, until = Load(), time.monotonic() + seconds
    await _watched(load, [_talk(engine, (url, format, pace), until, load) for format in _formats()])
    return load


async def run_bare(url: str, pace: str, seconds: float) -> Load:
    """50 bare loops beside them, which show what this machine can do."""
    load, until = Load(), time.monotonic() + seconds
    async with httpx.AsyncClient() as client:

        async def read(format: WireFormat) -> None:
            while time.monotonic() < until:
                texts = await bare_loop(client, f"{url}/{pace}{format.base}{format.path}")
                load.texts, load.turns = load.texts + texts, load.turns + 1

        await _watched(load, [read(format) for format in _formats()])
    return load


def _formats() -> list[WireFormat]:
    every = list(wire_formats().values())
    return [every[number % len(every)] for number in range(SESSIONS)]


async def _watched(load: Load, works: Iterable[Coroutine[None, None, None]]) -> None:
    watching = [asyncio.create_task(watch(load)) for watch in (_watch_stalls, _watch_process)]
    began = time.process_time()
    async with asyncio.TaskGroup() as group:
        for work in works:
            group.create_task(work)
    load.cpu_seconds = time.process_time() - began
    for task in watching:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _talk(engine: Engine, place: tuple[str, WireFormat, str], until: float, load: Load) -> None:
    while time.monotonic() < until:
        session = engine.session(*place)
        for _ in range(TURNS):
            texts = await take_turn(session)
            load.texts, load.turns = load.texts + texts, load.turns + 1
            if time.monotonic() >= until:
                return


async def _watch_stalls(load: Load) -> None:
    loop = asyncio.get_running_loop()
    while True:
        due, worked = loop.time() + STALL_SECONDS, time.thread_time()
        await asyncio.sleep(STALL_SECONDS)
        late, worked = max(0.0, loop.time() - due), time.thread_time() - worked
        load.stalls.append(late * 1000)
        load.own_stalls.append(min(late, worked) * 1000)


async def _watch_process(load: Load) -> None:
    while True:
        load.rss.append(rss_bytes(os.getpid()) / 1e6)
        load.blocks.append(float(sys.getallocatedblocks()))
        load.tasks.append(len(asyncio.all_tasks()))
        load.files.append(len(os.listdir("/proc/self/fd")))
        await asyncio.sleep(0.25)


async def measure_load(folder: Path, seconds: float, events: int) -> tuple[list[Figure], list[str]]:
    """50 turns at the speed of a model, and 50 as fast as they come; for a tenth of the time 50 bare loops besides."""
    figures: list[Figure] = []
    notes: list[str] = []
    with serving(events) as url:
        for pace, share in (("slow", 0.8), ("burst", 0.2)):
            async with stored_engine(folder / f"{pace}.db") as engine:
                await run_turns(engine, url, "burst", 0.0)  # what is imported on use
                began = time.monotonic()
                load = await run_turns(engine, url, pace, seconds * share)
                took = time.monotonic() - began
            bare = await run_bare(url, pace, max(1.0, seconds * share / 10))
            figures += load.figures(f"{SESSIONS} turns, {pace}")
            figures.append(Figure(f"{SESSIONS} bare loops, {pace}: the loop is late", "ms", bare.stalls))
            notes.append(
                f"{pace}: {load.turns:,} turns, {load.texts / took:,.0f} deltas/s, "
                f"{100 * load.cpu_seconds / took:.0f} % of a core"
            )
    return figures, notes


async def _measure_all(minutes: float, events: int, runs: int) -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        figures = await measure(folder, events, runs) if runs else []
        load, notes = await measure_load(folder, minutes * 60, 100)
    figures += load
    print(table(figures), *notes, sep="\n")
    return 1 if any(figure.is_met is False for figure in figures) else 0


def main() -> int:
    """Measure, print the table, and tell by the exit status whether every goal was met."""
    parser = argparse.ArgumentParser(description="What the worker costs, and how it bears 50 turns at once.")
    parser.add_argument("--minutes", type=float, default=0.1, help="of turns; 10 in the long form")
    parser.add_argument(
        "--events", type=int, default=1000, help="in each reply of which the cost is measured"
    )
    parser.add_argument(
        "--runs", type=int, default=5, help="turns measured per wire format and pace; 0 for none"
    )
    chosen = parser.parse_args()
    return asyncio.run(_measure_all(chosen.minutes, chosen.events, chosen.runs))


if __name__ == "__main__":
    sys.exit(main())
