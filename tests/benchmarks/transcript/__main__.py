"""What the conversation pane costs, in a real terminal of 120x40, next to Textual's own Markdown widgets.

`python -m tests.benchmarks.transcript [--quick] [--only NAME...] [--seed S] [--json FILE]`

Processor times are of the whole process that is measured, stalls those of one callback of its event loop (of
0.5 ms and more). Times are of this machine at this moment; compare only what was measured in the same run.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.benchmarks.figures import Figure, table, write_json
from tests.benchmarks.first_bytes import first_bytes
from tests.benchmarks.transcript.conversations import memory, opening, scrolling
from tests.benchmarks.transcript.echo import echo
from tests.benchmarks.transcript.extent import FULL, QUICK, Run
from tests.benchmarks.transcript.harm import MEASURES, harm, harm_table
from tests.benchmarks.transcript.program import NoAnswerError
from tests.benchmarks.transcript.streaming import bursts, rates, tokens

MARKER_MEDIAN_GOAL_MS = 20.0


def whole_program(run: Run) -> list[Figure]:
    """The server's first byte to the text on screen, with everything that chatterm is."""
    *_, shown = first_bytes(run.folder, run.extent.first_bytes)
    median = Figure(f"{shown.name}, whole program", "ms", shown.samples, goal=MARKER_MEDIAN_GOAL_MS)
    return [median, Figure("  the same, p95", "ms", shown.samples, goal=shown.goal, goal_at=shown.goal_at)]


CASES: dict[str, Callable[[Run], list[Figure]]] = {
    "tokens": tokens,
    "rates": rates,
    "bursts": bursts,
    "echo": echo,
    "opening": opening,
    "scrolling": scrolling,
    "memory": memory,
    "hostile": harm,
    "first-bytes": whole_program,
}


def main() -> int:
    """Measure, print the table, and tell by the exit status whether every goal was measured and met."""
    parser = argparse.ArgumentParser(description="What the conversation pane costs.")
    parser.add_argument("--quick", action="store_true", help="in less than a minute; less is measured")
    parser.add_argument("--only", nargs="+", choices=list(CASES), default=list(CASES), metavar="NAME")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="also write every sample to this file")
    chosen = parser.parse_args()
    begun, load = time.monotonic(), os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as name:
        run = Run(QUICK if chosen.quick else FULL, chosen.seed, Path(name))
        figures = measure(run, chosen.only)
    facts = {"seed": run.seed, "python": platform.python_version(), "machine": platform.platform()}
    print(f"seed {run.seed}, Python {facts['python']}, {facts['machine']}, {time.monotonic() - begun:.0f} s")
    print(f"load on {os.cpu_count()} processors: {load:.1f} before, {os.getloadavg()[0]:.1f} at the end")
    for pane, policy in run.policies.items():
        print(f"{pane}: {policy}")
    hostile = [figure for figure in figures if figure.name.endswith(MEASURES)]
    if rest := [figure for figure in figures if figure not in hostile]:
        print(table(rest))
    if hostile:
        print(harm_table(hostile, run.extent.hostile_scale))
    if chosen.json:
        write_json(chosen.json, figures, **facts, policies=run.policies)
    return 1 if any(figure.goal is not None and not figure.is_met for figure in figures) else 0


def measure(run: Run, names: Sequence[str]) -> list[Figure]:
    """These cases, in the order of the table."""
    figures: list[Figure] = []
    for name, case in CASES.items():
        if name in names:
            begun = time.monotonic()
            try:
                figures += case(run)
            except (RuntimeError, AssertionError, NoAnswerError) as error:  # the other cases still count
                print(f"{name}: {error}", file=sys.stderr)
                first = str(error).splitlines()[0]
                figures.append(Figure(f"{name}, not measured", "ms", goal=0.0, note=first))
            print(f"{name}: {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    return figures


if __name__ == "__main__":
    sys.exit(main())
