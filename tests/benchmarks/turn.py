"""What a turn and a start cost, on the real program: `python -m tests.benchmarks.turn [--runs N] [--seed S]`.

Times are of this machine at this moment; compare only what was measured in the same run.
"""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.figures import Figure, table, write_json
from tests.benchmarks.first_bytes import first_bytes
from tests.benchmarks.starts import keys_accepted, version_cost
from tests.benchmarks.stops import StopRun, Stops, figures_of
from tests.journeys.program import Home


def main() -> int:
    """Measure, print the table, and tell by the exit status whether every goal was met and nothing was lost."""
    parser = argparse.ArgumentParser(description="What a turn and a start cost, on the real program.")
    parser.add_argument("--runs", type=int, default=200, help="stops; the other measurements follow from it")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="also write every sample to this file")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        figures, stops = measure(folder, chosen.runs, chosen.seed)
    facts = {"seed": chosen.seed, "python": platform.python_version(), "machine": platform.platform()}
    print(f"seed {chosen.seed}, Python {facts['python']}, {facts['machine']}")
    print(table(figures))
    shown = [run for run in stops if run.stage.shows]
    returned = [run for run in stops if not run.stage.shows]
    print(f"partial text kept: {sum(run.is_kept for run in shown)} of {len(shown)}")
    print(
        f"prompt returned where nothing was shown: {sum(run.is_kept for run in returned)} of {len(returned)}"
    )
    print(f"connections left open: {sum(run.left_open for run in stops)}")
    if chosen.json:
        kept = sum(run.is_kept for run in stops)
        write_json(chosen.json, figures, **facts, stops=len(stops), kept=kept)
    lost = [run for run in stops if not run.is_kept or run.left_open]
    for run in lost:
        print(f"lost or left open: {run.marker}, {run.key} while {run.stage.name}")
    return 1 if lost or any(figure.is_met is False for figure in figures) else 0


def measure(folder: Path, runs: int, seed: int) -> tuple[list[Figure], list[StopRun]]:
    """Everything; `runs` stops, and of the rest as many as suits that."""
    with Stops(folder, seed) as stopper:
        stops = stopper.run(runs)
    figures = figures_of(stops)
    figures += first_bytes(folder, max(2, runs // 2))
    figures += version_cost(Home(folder / "version"), max(2, runs // 10))
    figures += keys_accepted(folder, max(1, runs // 25))
    return figures, stops


if __name__ == "__main__":
    sys.exit(main())
