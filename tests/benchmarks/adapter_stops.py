"""A stop at every stage of a turn, with every adapter: `python -m tests.benchmarks.adapter_stops [--runs N]`.

In this process, over the real connections and with the history on disk; `tests.benchmarks.turn` measures the stop
key on the whole program. Measured from `cancel()`: to the end of the turn, and to the server seeing the close.
"""

from __future__ import annotations

import argparse
import asyncio
import platform
import random
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from chatterm.core.turn import Outcome
from tests.backend.tools.programs.process_watch import all_gone, marked
from tests.benchmarks.endings import (
    ORPHAN_SECONDS,
    Ending,
    ending_figures,
    endings_in_process,
    endings_of_program,
)
from tests.benchmarks.figures import Figure, aligned, table, write_json
from tests.benchmarks.stop_rig import Places, Rig, places
from tests.benchmarks.stop_stages import STAGES, StopStage
from tests.doubles.dialects import DIALECTS

MOST_JITTER_SECONDS = 0.01
STOPPED_GOAL_MS = 100.0
CLOSE_GOAL_MS = 50.0


@dataclass(slots=True)
class AdapterStop:
    """One stop and what came of it; times in seconds. `lost` says what of it was not as it must be."""

    stage: StopStage
    adapter: str
    marker: str
    stopped_seconds: float = 0.0
    close_seconds: float | None = None
    text: str = ""
    thinking: str = ""
    lost: list[str] = field(default_factory=list[str])

    @property
    def outcome(self) -> Outcome:
        """What must become of the turn."""
        if self.stage.is_complete:
            return Outcome.COMPLETE
        return Outcome.CANCELLED if self.stage.shows else Outcome.WITHDRAWN


def stop_everywhere(folder: Path, runs: int, seed: int) -> list[AdapterStop]:
    """So many stops at each stage with each adapter, in an order drawn by the seed."""
    with places() as found:
        return asyncio.run(_stop_everywhere(folder, found, runs, seed))


async def _stop_everywhere(folder: Path, found: Places, runs: int, seed: int) -> list[AdapterStop]:
    drawn = random.Random(seed)
    pairs = [(stage, adapter) for stage in STAGES for adapter in DIALECTS] * runs
    drawn.shuffle(pairs)
    done: list[AdapterStop] = []
    async with Rig(folder, found) as rig:
        for number, (stage, adapter) in enumerate(pairs):
            stop = AdapterStop(stage, adapter, f"mark{number:05}")
            try:
                await _stop(rig, found, stop, drawn.uniform(0, MOST_JITTER_SECONDS))
            except TimeoutError as error:
                error.add_note(
                    f"{stop.adapter}, {stage.name}: {[seen.path for seen in found.server.requests]}"
                )
                raise
            done.append(stop)
    _check_stored(rig, done)
    found.server.wait_until(lambda: all(seen.closed_at for seen in found.server.connections))
    return done


async def _stop(rig: Rig, found: Places, stop: AdapterStop, jitter_seconds: float) -> None:
    stage = stop.stage
    held = await rig.hold(stage, DIALECTS[stop.adapter], stop.marker)
    await asyncio.sleep(jitter_seconds)  # keys come at any moment
    if (stage.tool == "child") is not bool(marked(held.mark)):
        stop.lost.append("the tool did not start what it is to start")
    stopped_at = time.monotonic()
    held.handle.cancel()
    last = await held.finish()
    stop.stopped_seconds = time.monotonic() - stopped_at
    if stage.closes:
        stop.close_seconds = await rig.closed_at(held) - stopped_at
    rig.let_store_go()
    found.give_up()
    stop.text, stop.thinking = held.text, held.thinking
    if last.turn.outcome is not stop.outcome:
        stop.lost.append(f"it is {last.turn.outcome}, not {stop.outcome}: {last.turn.error}")
    if last.saved is stage.holds_store:
        stop.lost.append(f"the history was {'held' if last.saved else 'free'}, and the turn says otherwise")
    queued = [prompt.text for prompt in held.session.queued]
    if queued != ([f"next {stop.marker}"] if stage.is_queued_behind else []):
        stop.lost.append(f"these prompts wait: {queued}")
    if held.session.running is not None or bool(held.session.turns) is (stop.outcome is Outcome.WITHDRAWN):
        stop.lost.append("the session does not go on where it must")
    if (asked := len(found.server.chats)) != held.requests:
        stop.lost.append(f"there were {asked} requests in place of {held.requests}")
    if left := await held.tasks_left():
        stop.lost.append(f"{left} tasks are left")
    if not await asyncio.to_thread(all_gone, held.mark, ORPHAN_SECONDS):
        stop.lost.append("programs are left")
    if open_ := [
        request.path for request in found.server.chats if _is_open(request.finished_at, request.closed_at)
    ]:
        stop.lost.append(f"a connection is left: {open_}")


def _is_open(finished_at: float | None, closed_at: float | None) -> bool:
    return finished_at is None and closed_at is None


def _check_stored(rig: Rig, stops: Iterable[AdapterStop]) -> None:
    """Compare what was shown with what is in the database, byte for byte."""
    stored = {turn.prompt: turn for turn in rig.home.stored()}
    for stop in stops:
        turn = stored.get(f"ask {stop.marker}")
        if turn is None:
            stop.lost.append("the prompt is not stored")
        elif (turn.state, turn.text, turn.thinking) != (stop.outcome, stop.text, stop.thinking):
            stop.lost.append(f"stored is {turn.state} with {len(turn.text)} of {len(stop.text)} characters")
        if stop.stage.shows and stop.marker not in (stop.text, stop.thinking)[stop.stage.shows == "thinking"]:
            stop.lost.append("nothing was shown")


def figures_of(stops: Sequence[AdapterStop]) -> list[Figure]:
    """Over all, by stage over all adapters, and by adapter over all stages."""
    groups = {"all": list(stops)}
    groups |= {f"  {stage.name}": [stop for stop in stops if stop.stage is stage] for stage in STAGES}
    groups |= {f"  {adapter}": [stop for stop in stops if stop.adapter == adapter] for adapter in DIALECTS}
    stopped = [
        _figure(f"{name} to stopped", STOPPED_GOAL_MS, [stop.stopped_seconds for stop in group])
        for name, group in groups.items()
    ]
    closed = [
        _figure(f"{name} to close", CLOSE_GOAL_MS, [stop.close_seconds for stop in group])
        for name, group in groups.items()
    ]
    return [figure for figure in (*stopped, *closed) if figure.samples]


def _figure(name: str, goal_ms: float, times: Sequence[float | None]) -> Figure:
    samples = [seconds * 1000 for seconds in times if seconds is not None]
    return Figure(name, "ms", samples, goal=goal_ms, goal_at=0.99)


def matrix(stops: Sequence[AdapterStop]) -> str:
    """The worst of each stage with each adapter, to stopped and to close, in milliseconds."""
    rows = [("worst ms, stopped/close", *DIALECTS)]
    for stage in STAGES:
        cells = [[stop for stop in stops if (stop.stage, stop.adapter) == (stage, name)] for name in DIALECTS]
        rows.append((stage.name, *map(_worst, cells)))
    return aligned(rows)


def _worst(stops: Sequence[AdapterStop]) -> str:
    closes = [stop.close_seconds for stop in stops if stop.close_seconds is not None]
    stopped = max(stop.stopped_seconds for stop in stops) * 1000
    return f"{stopped:.0f}/{max(closes) * 1000:.0f}" if closes else f"{stopped:.0f}/-"


def main() -> int:
    """Measure, print the tables, and tell by the exit status whether all goals were met and nothing was lost."""
    parser = argparse.ArgumentParser(description="A stop at every stage of a turn, with every adapter.")
    parser.add_argument("--runs", type=int, default=20, help="stops at each stage with each adapter")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="also write every sample to this file")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        stops = stop_everywhere(Path(name, "stops"), chosen.runs, chosen.seed)
        endings = endings_in_process(
            Path(name), [(stage, adapter) for stage in STAGES for adapter in DIALECTS]
        )
        endings += endings_of_program(Path(name))
    facts = {"seed": chosen.seed, "python": platform.python_version(), "machine": platform.platform()}
    print(f"seed {chosen.seed}, Python {facts['python']}, {facts['machine']}")
    figures = [*figures_of(stops), *ending_figures(endings)]
    print(table(figures))
    print(matrix(stops))
    lost = _told(stops, endings)
    print("\n".join([f"{len(stops)} stops, {len(endings)} endings, {len(lost)} not as they must be", *lost]))
    if chosen.json:
        write_json(chosen.json, figures, **facts, lost=lost)
    return 1 if lost or any(figure.is_met is False for figure in figures) else 0


def _told(stops: Iterable[AdapterStop], endings: Iterable[Ending]) -> list[str]:
    lost = [f"{stop.adapter}, {stop.stage.name}: {what}" for stop in stops for what in stop.lost]
    return lost + [f"{ending.how}, {ending.stage.name}: {what}" for ending in endings for what in ending.lost]


if __name__ == "__main__":
    sys.exit(main())
