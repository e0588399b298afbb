"""Runs a load test from the command line: progress on stderr, the result on stdout and in a file."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count
from pathlib import Path

import typer

from chatterm.backend.first_model import Wanted, first_model
from chatterm.backend.load_test.engine import LoadTest, load_worker
from chatterm.backend.load_test.figures import LoadResult, decoded, encoded
from chatterm.backend.load_test.goals import Goal
from chatterm.backend.load_test.plan import LoadPlan, other_places
from chatterm.backend.load_test.table import result_lines
from chatterm.backend.signals import ENDING_SIGNALS
from chatterm.backend.target import Target
from chatterm.cli.bench_progress import ProgressLines
from chatterm.cli.border import tell
from chatterm.cli.loop import run_loop
from chatterm.cli.start_options import StartOptions
from chatterm.cli.start_settings import read_settings
from chatterm.cli.statuses import ExitStatus
from chatterm.cli.wiring import Engine, build_engine
from chatterm.config.files import read_file, write_private
from chatterm.config.load import Loaded
from chatterm.config.paths import private_folder
from chatterm.core.clean import clean_line
from chatterm.core.errors import ConfigError

CLOSE_SECONDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchRequest:
    """What the command line asks for. `also` are further models as they are typed, `out` is where the result goes."""

    plan: LoadPlan
    also: tuple[str, ...] = ()
    against: Path | None = None
    goals: tuple[Goal, ...] = ()
    out: Path | None = None
    as_json: bool = False


def run_bench(request: BenchRequest, options: StartOptions) -> int:
    """Measure, print and save; returns the exit status. Raises `ChattermError` where nothing can be measured."""
    old = read_result(request.against) if request.against is not None else None
    paths, loaded = read_settings(options)
    for problem in loaded.problems:
        tell(str(problem), "")
    engine = build_engine(paths, _with_room(loaded, request))
    try:
        return run_loop(_bench(engine, request, old))
    finally:
        engine.database.close(within_seconds=CLOSE_SECONDS)


def read_result(path: Path) -> LoadResult:
    """A result that was saved. Raises `ConfigError` for what is none, `BadParameter` where there is nothing."""
    found = read_file(path)
    name = clean_line(str(path))
    if found is None:
        raise typer.BadParameter(f"--against: there is no file {name!r}.")
    return decoded(found[0], name)


async def _bench(engine: Engine, request: BenchRequest, old: LoadResult | None) -> int:
    try:
        for notice in await engine.prepare():
            tell(notice, "")
        await engine.targets.known.load()
        targets = await _targets(engine, request)
        test = LoadTest(load_worker(engine.worker.performance), targets, request.plan)
        number = await _run(test, request.plan)
    finally:
        await engine.aclose()
    result = test.result(request.goals)
    _print(result, old, request)
    _save(result, request, engine)
    if number is not None:
        return 128 + number
    if any(not goal.is_met for goal in result.goals):
        return ExitStatus.MISSED
    if test.failure is not None:
        raise test.failure
    has_all = all(figures.complete for figures in result.targets)
    return ExitStatus.COMPLETE if has_all else ExitStatus.INCOMPLETE


async def _run(test: LoadTest, plan: LoadPlan) -> signal.Signals | None:
    """Let it run and show how far it is; the signal that ended it, None for none."""
    stopped: list[signal.Signals] = []

    def stop(number: signal.Signals) -> None:
        stopped.append(number)
        test.stop()

    for number in ENDING_SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, stop, number)
    showing = asyncio.ensure_future(ProgressLines(plan).follow(test))
    try:
        await test.run()
    finally:
        showing.cancel()
        await asyncio.wait({showing})
    return stopped[0] if stopped else None


async def _targets(engine: Engine, request: BenchRequest) -> list[Target]:
    """The models, the first as for a chat. Raises `ConfigError` for one that cannot be asked, or is named twice."""
    settings, targets = engine.loaded.settings, engine.targets
    wanted = Wanted(provider=settings.provider, model=settings.model)
    choice = await first_model(wanted, targets, engine.models)
    if choice.model is None:
        raise ConfigError(
            choice.reason or "No model is chosen.", "Name one with -m; chatterm models lists them."
        )
    first = choice.provider, choice.model
    return [targets.resolve(*place) for place in (first, *other_places(targets, first, request.also))]


def _with_room(loaded: Loaded, request: BenchRequest) -> Loaded:
    """The settings with as many connections as there will be requests at a time, and each kept for the next."""
    settings = loaded.settings
    wanted = request.plan.concurrency * (1 + len(request.also))
    network = replace(
        settings.network,
        pool_maxsize=max(settings.network.pool_maxsize, wanted),
        pool_connections=max(settings.network.pool_connections, wanted),
    )
    return replace(loaded, settings=replace(settings, network=network))


def _print(result: LoadResult, old: LoadResult | None, request: BenchRequest) -> None:
    if request.as_json:
        print(encoded(result).decode(), end="")
        return
    colours = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    name = request.against.name if request.against is not None else ""
    for line in result_lines(result, old, clean_line(name, 40), colours=colours):
        print(line)


def _save(result: LoadResult, request: BenchRequest, engine: Engine) -> None:
    """Write the result down. Raises `ConfigError` where that fails for a file that was asked for."""
    if request.out is not None:
        try:
            write_private(request.out, encoded(result))
        except OSError as error:
            raise ConfigError(_unsaved(request.out, error), "Name another file with --out.") from None
    elif engine.loaded.settings.save and any(figures.requests for figures in result.targets):
        folder = engine.paths.state / "bench"
        try:
            path = keep_result(folder, result)
        except OSError as error:
            tell(_unsaved(folder, error), "")
        else:
            tell(f"The result is saved as {clean_line(str(path))}; --against compares with it.", "")


def keep_result(folder: Path, result: LoadResult) -> Path:
    """The file it is in, named after its time; several of one second stand beside each other."""
    moment = datetime.fromisoformat(result.made_at)
    private_folder(folder)
    for number in count(1):
        path = folder / f"{moment:%Y%m%d-%H%M%S}{f'-{number}' if number > 1 else ''}.json"
        try:
            path.touch(mode=0o600, exist_ok=False)
        except FileExistsError:
            continue
        try:
            write_private(path, encoded(result))
        except OSError:
            path.unlink(missing_ok=True)
            raise
        return path
    raise AssertionError  # numbers do not end


def _unsaved(path: Path, error: OSError) -> str:
    reason = (error.strerror or type(error).__name__).lower()
    return f"The result cannot be saved as {clean_line(str(path))}: {reason}."
