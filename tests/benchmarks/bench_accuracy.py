"""How true the figures are: `python -m tests.benchmarks.bench_accuracy [--turns N] [--deltas N]`.

The real program in `ask`, in `bench` with 1 and 50 streams, and with the screen drawn, against a server in a process
of its own that knows when it sent what. What the program wrote into its performance log is held against that; the
differences are in ms, and include what the connection takes on this machine.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import msgspec

from chatterm.core.performance import AttemptRecord
from tests.benchmarks.figures import Figure, table, write_json
from tests.benchmarks.stamped_server import MODEL, StampedServer, Truth, serving_stamped
from tests.doubles.terminal import CTRL_Q, ENTER
from tests.journeys.program import Home

GOAL_MS, SCREEN_P50_MS, SCREEN_P95_MS = 2.0, 2.0, 12.0


def records(home: Home) -> list[AttemptRecord]:
    """What the program recorded, request by request."""
    lines = (home.path / "state" / "performance.jsonl").read_bytes().splitlines()
    known = set(AttemptRecord.__dataclass_fields__)
    rows = ({name: value for name, value in json.loads(line).items() if name in known} for line in lines)
    return [msgspec.convert(row, AttemptRecord, strict=False) for row in rows]


def accuracy(
    name: str,
    found: Iterable[AttemptRecord],
    truths: dict[int, Truth],
    goals: tuple[tuple[float, float], ...] = ((0.95, GOAL_MS),),
) -> list[Figure]:
    """By how much the figures are off, and the loop lag that was measured with them. Warm-ups count, too."""
    differences: list[float] = []
    lags: list[float] = []
    for record in found:
        truth = truths[record.input_tokens or 0]
        pairs = (
            (record.ttft_seconds, truth.ttft_seconds),
            (record.delta_gap_p50_seconds, truth.gap_seconds(0.50)),
            (record.delta_gap_p95_seconds, truth.gap_seconds(0.95)),
        )
        for measured, sent in pairs:
            assert measured is not None, record
            differences.append(abs(measured - sent) * 1000)
        assert record.loop_lag_seconds is not None, "the lag is kept with the figures"
        lags.append(record.loop_lag_seconds * 1000)
    rows = [
        Figure(f"{name}: off by", "ms", differences, goal, goal_at=share, digits=2) for share, goal in goals
    ]
    return [*rows, Figure(f"{name}: loop lag", "ms", lags, digits=2)]


def at(server: StampedServer) -> tuple[str, ...]:
    """The options that name the server."""
    return ("--base-url", server.base_url, "-m", MODEL)


def measure_ask(folder: Path, server: StampedServer, turns: int) -> list[Figure]:
    """One prompt after another, each by a new process."""
    home = Home(folder / "ask")
    for _ in range(turns):
        assert home.run("ask", *at(server), "a question").status == 0
    return accuracy("ask", records(home), server.truths())


def measure_bench(folder: Path, server: StampedServer, streams: int, turns: int) -> list[Figure]:
    """So many requests, so many at a time."""
    home = Home(folder / f"bench-{streams}")
    words = ("-c", str(streams), "-n", str(turns), "--warmup", "1")
    ended = home.run("bench", *at(server), *words)
    assert ended.status == 0, ended
    found = records(home)
    assert len(found) == turns + 1, len(found)
    assert {record.operation for record in found} == {"bench"}
    return accuracy(f"bench, {streams} streams", found, server.truths())


def measure_screen(folder: Path, server: StampedServer, turns: int) -> list[Figure]:
    """One prompt after another in the chat screen, which draws every reply."""
    home = Home(folder / "screen")
    with home.start(*at(server)) as terminal:
        terminal.wait_for(f"/ {MODEL}")
        for number in range(turns):
            terminal.send(f"ask{number:04}".encode())
            terminal.wait_for(f"ask{number:04}")
            terminal.send(ENTER)
            footer = rf"ask{number:04}[\s\S]*{MODEL} · .* tok"
            terminal.wait_until(lambda screen, footer=footer: re.search(footer, screen))
        terminal.send(CTRL_Q)
        assert terminal.wait_exit() == 0
    goals = ((0.5, SCREEN_P50_MS), (0.95, SCREEN_P95_MS))
    return accuracy("screen", records(home), server.truths(), goals)


def busy_machine() -> str:
    """How much else the machine had to do: what waits for a core is stamped late."""
    return f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; the figures are of that, too"


def main() -> int:
    """Measure, print the table, and tell by the exit status whether every goal was met."""
    parser = argparse.ArgumentParser(description="How true the figures are.")
    parser.add_argument(
        "--turns", type=int, default=20, help="of each kind; five times as many for 50 streams"
    )
    parser.add_argument("--deltas", type=int, default=100, help="in each reply")
    parser.add_argument("--json", type=Path, help="also write every sample to this file")
    parser.add_argument(
        "--ahead",
        action="store_true",
        help="run before all other programs (Linux, as root): on a busy machine",
    )
    chosen = parser.parse_args()
    if chosen.ahead:  # inherited by server and program
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    with tempfile.TemporaryDirectory() as name, serving_stamped(chosen.deltas) as server:
        folder = Path(name)
        figures = measure_ask(folder, server, chosen.turns)
        figures += measure_bench(folder, server, 1, chosen.turns)
        figures += measure_bench(folder, server, 50, max(50, 5 * chosen.turns))
        figures += measure_screen(folder, server, chosen.turns)
    print(table(figures), busy_machine(), sep="\n")
    if chosen.json:
        write_json(chosen.json, figures)
    return 1 if any(figure.is_met is False for figure in figures) else 0


if __name__ == "__main__":
    sys.exit(main())
