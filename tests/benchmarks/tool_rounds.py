"""Tools that run together: `python -m tests.benchmarks.tool_rounds [--runs N]`.

Rounds of a real conversation over a real connection, with the history on disk, while another reply streams in the same
loop: five tools of 0.2 to 0.6 s, and a hundred of 10 ms, eight at a time; such that wait in the loop, and such that
block a thread. Measured from the last byte of the calls being read to the last result, and how late the loop comes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain, repeat
from pathlib import Path

from chatterm.backend.daemon_thread import in_daemon_thread
from chatterm.backend.tools.base import TellProgress
from chatterm.config.model import ToolSettings
from chatterm.core.events import StageChanged, Streamed, TextDelta, ToolFinished
from chatterm.core.turn import Outcome, Stage
from tests.benchmarks.figures import Figure, table
from tests.doubles.dialects import OPENAI_CHAT, Delta
from tests.doubles.server import ScriptedServer
from tests.doubles.server_replies import Pause, Send, Step, chunk
from tests.doubles.tool_replies import SPEAKERS, Call, Reply
from tests.doubles.tool_talk import Place, Talk
from tests.doubles.tools import PlainTool, Work
from tests.journeys.program import Home

SPEAKER = SPEAKERS["openai_chat"]
WORD_SECONDS = 0.01
"""A quick model says a hundred words a second."""

WATCH_SECONDS = 0.005
STALL_GOAL_MS = 16.0
"""A frame of the screen."""


@dataclass(frozen=True, slots=True)
class Task:
    """A round of tools that take so many seconds each; how long it may take, and at least saves, in per cent.

    `in_threads` is whether the goal holds for blocking tools, too: a thread for each of 10 ms costs more than that.
    """

    name: str
    seconds: tuple[float, ...]
    goal_ms: float
    saved_goal: float | None = None
    in_threads: bool = True

    @property
    def one_by_one(self) -> float:
        """Seconds that they take one after the other."""
        return sum(self.seconds)


FIVE = Task("five tools", (0.4, 0.2, 0.6, 0.3, 0.5), goal_ms=650.0, saved_goal=67.0)
HUNDRED = Task("a hundred tools", (0.01,) * 100, goal_ms=1.15 * 130.0, in_threads=False)
TASKS = (FIVE, HUNDRED)


@dataclass(slots=True)
class Measured:
    """One round: its milliseconds, and how late the loop came meanwhile, in all and by its own work.

    `texts` is how many pieces the other reply brought meanwhile.
    """

    took: float
    late: list[float]
    own: list[float]
    texts: int


async def wait(arguments: Mapping[str, object], tell: TellProgress) -> str:
    """Takes its time in the loop."""
    await asyncio.sleep(float(str(arguments["seconds"])))
    return "done"


async def block(arguments: Mapping[str, object], tell: TellProgress) -> str:
    """Takes its time in a thread."""
    await in_daemon_thread(partial(time.sleep, float(str(arguments["seconds"]))), "tool")
    return "done"


WORKS: dict[str, Work] = {"in the loop": wait, "in threads": block}


@asynccontextmanager
async def place_beside(folder: Path) -> AsyncGenerator[Place]:
    """The program's engine, and a server on a thread of its own."""
    with ScriptedServer.in_thread() as server:
        place = Place(Home(folder), server, "")
        await place.engine.prepare()
        try:
            yield place
        finally:
            await place.aclose()


async def run_round(place: Place, task: Task, work: Work) -> Measured:
    """A turn with one round of these tools."""
    other, streaming, texts = await _stream(place)
    talk = await place.talk(SPEAKER, PlainTool("tool", work), settings=ToolSettings(workers=8))
    calls = [
        Call(f"c{number}", "tool", json.dumps({"number": number, "seconds": seconds}))
        for number, seconds in enumerate(task.seconds)
    ]
    handle = talk.start("go", Reply(calls=tuple(calls)), Reply(text="done"))
    began = ended = 0.0
    before = 0
    watched = Measured(0.0, [], [], 0)
    watching: asyncio.Task[None] | None = None
    async for event in handle.events():
        if isinstance(event, StageChanged) and event.stage is Stage.TOOLS:
            began, before = event.at, len(texts)
            watching = asyncio.create_task(_watch(watched))
        elif isinstance(event, ToolFinished):
            ended, watched.texts = event.at, len(texts) - before
    turn = await handle.result()
    assert watching is not None
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching
    other.session.running.cancel() if other.session.running else None
    await streaming
    assert (turn.outcome, len(turn.tool_runs)) == (Outcome.COMPLETE, len(task.seconds))
    assert all(run.outcome.value == "ok" for run in turn.tool_runs)
    watched.took = (ended - began) * 1000
    return watched


async def _stream(place: Place) -> tuple[Talk, asyncio.Task[None], list[str]]:
    """Another conversation whose reply comes word by word without an end; its pieces as they come."""
    place.server.reply_script(_words())
    other, texts, begun = await place.talk(SPEAKER), list[str](), asyncio.Event()
    handle = other.start("tell me")

    async def take() -> None:
        async for event in handle.events():
            if isinstance(event, Streamed) and isinstance(event.event, TextDelta):
                texts.append(event.event.text)
                begun.set()

    streaming = asyncio.create_task(take())
    await begun.wait()
    return other, streaming, texts


def _words() -> Iterator[Step]:
    words: Iterator[Delta] = chain([("text", "So ")], repeat(("text", "word ")))
    yield Send(OPENAI_CHAT.head)
    for frame in OPENAI_CHAT.frames(words):
        yield Send(chunk(frame))
        yield Pause(WORD_SECONDS)


async def _watch(measured: Measured) -> None:
    loop = asyncio.get_running_loop()
    while True:
        due, worked = loop.time() + WATCH_SECONDS, time.thread_time()
        await asyncio.sleep(WATCH_SECONDS)
        late, worked = max(0.0, loop.time() - due), time.thread_time() - worked
        measured.late.append(late * 1000)
        measured.own.append(min(late, worked) * 1000)


async def run_bare(task: Task, work: Work, workers: int = 8) -> float:
    """Milliseconds that the same tools take with nothing about them: what this machine can do."""
    slots, began = asyncio.Semaphore(workers), time.monotonic()

    async def run(seconds: float) -> None:
        async with slots:
            await work({"seconds": seconds}, lambda _: None)

    await asyncio.gather(*map(run, task.seconds))
    return (time.monotonic() - began) * 1000


async def measure(folder: Path, runs: int, tasks: Sequence[Task] = TASKS) -> list[Figure]:
    """So many rounds of each task with each kind of tool. The goals are for the best of them, of the loop for all."""
    figures: list[Figure] = []
    async with place_beside(folder) as place:
        for task in tasks:
            for name, work in WORKS.items():
                done: list[Measured] = []
                bare: list[float] = []
                for _ in range(runs):
                    done.append(await run_round(place, task, work))
                    bare.append(await run_bare(task, work))
                assert all(each.texts > 0 for each in done), "the other reply stood still"
                figures += figures_of(
                    f"{task.name} {name}", task, done, has_goal=work is wait or task.in_threads
                )
                figures.append(
                    Figure(f"{task.name} {name}: bare", "ms", bare, note="what the machine can do")
                )
    return figures


def figures_of(name: str, task: Task, done: Sequence[Measured], *, has_goal: bool = True) -> list[Figure]:
    """Rows of the table; what is saved counts as what is left of the time one after the other."""
    took = [each.took for each in done]
    figures = [Figure(f"{name}: round", "ms", took, task.goal_ms if has_goal else None, 0.0)]
    if task.saved_goal is not None:
        left = [each / task.one_by_one / 10 for each in took]
        figures.append(Figure(f"{name}: of one by one", "%", left, 100 - task.saved_goal, 0.0))
    late = [sample for each in done for sample in each.late]
    own = [sample for each in done for sample in each.own]
    note = "with what else the machine does"
    return [
        *figures,
        Figure(f"{name}: the loop is late", "ms", late, note=note),
        Figure(f"{name}: by its own work", "ms", own, STALL_GOAL_MS, 1.0),
    ]


def main() -> int:
    """Measure, print the table, and tell by the exit status whether every goal was met."""
    parser = argparse.ArgumentParser(description="Rounds of tools that run together.")
    parser.add_argument("--runs", type=int, default=5, help="rounds of each task with each kind of tool")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        figures = asyncio.run(measure(Path(name, "rounds"), chosen.runs))
    print(table(figures))
    return 1 if any(figure.is_met is False for figure in figures) else 0


if __name__ == "__main__":
    sys.exit(main())
