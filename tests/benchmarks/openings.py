"""What opening a long conversation costs: `python -m tests.benchmarks.openings [--runs N]`.

Processor time of all threads. "Read" is what store and backend do in a program that runs; "started with" is
the whole program until the last reply is on screen, less the same for a conversation of two messages.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from chatterm.backend.past import read_end
from chatterm.store.database import Database
from chatterm.store.history import History
from tests.benchmarks.figures import Figure, table
from tests.benchmarks.processes import cpu_seconds
from tests.doubles.terminal import CTRL_Q
from tests.journeys.program import Home
from tests.store.long import make_long_file

GOALS_MS = {10_000: 80.0, 100_000: 150.0}
"""For the conversation on screen, by its number of messages."""


def reading_cost(folder: Path, messages: int, runs: int) -> Figure:
    """Milliseconds to find the conversation, read its end and measure the rest, by a new connection each time."""
    path = folder / f"{messages}.db"
    make_long_file(path, messages)
    samples = [asyncio.run(_read_once(path, messages)) * 1000 for _ in range(runs)]
    return Figure(f"{messages:,} messages read, CPU", "ms", samples, goal=GOALS_MS.get(messages))


def starting_cost(folder: Path, messages: int, pairs: int) -> Figure:
    """Milliseconds that a start with this conversation takes beyond one with two messages, in turn."""
    homes = {count: Home(folder / f"{messages}-{count}") for count in (2, messages)}
    for count, home in homes.items():
        make_long_file(home.path / "data" / "chatterm.db", count, provider="guide", model="guide")
    samples = list[float]()
    for _ in range(pairs + 1):
        short, long = (_start_once(home, count) for count, home in homes.items())
        samples.append((long - short) * 1000)
    samples.pop(0)  # the first start fills caches
    return Figure(f"{messages:,} messages started with, CPU", "ms", samples, goal=GOALS_MS.get(messages))


async def _read_once(path: Path, messages: int) -> float:
    database = Database(path)
    await database.ready()
    history = History(database)
    began = time.process_time()
    conversation = await history.last_conversation()
    assert conversation is not None
    turns, past = await read_end(history, conversation)
    taken = time.process_time() - began
    assert past is not None
    assert past.count + 2 * len(turns) == messages
    assert database.close(5)
    return taken


def _start_once(home: Home, messages: int) -> float:
    with home.start("-c") as terminal:
        terminal.wait_for(f"reply {messages - 1}", 60)
        taken = cpu_seconds(terminal.pid)
        terminal.send(CTRL_Q)
        terminal.wait_exit()
    return taken


def main() -> int:
    """Measure and print; the exit status tells whether the goals were met."""
    parser = argparse.ArgumentParser(description="What opening a long conversation costs.")
    parser.add_argument("--runs", type=int, default=10)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        figures = [
            measure(folder, messages, runs)
            for measure in (reading_cost, starting_cost)
            for messages in GOALS_MS
        ]
    print(table(figures))
    return 1 if any(figure.is_met is False for figure in figures) else 0


if __name__ == "__main__":
    sys.exit(main())
