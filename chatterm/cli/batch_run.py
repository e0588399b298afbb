"""Many prompts from a file: the replies go to another file or to stdout, everything else to stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import typer

from chatterm.backend.attachments import read_attachment, store_attachment
from chatterm.backend.batch.engine import Batch, BatchJob, BatchProgress, Write
from chatterm.backend.batch.files import BatchFiles
from chatterm.backend.batch.journal import open_steps
from chatterm.backend.batch.lines import BadLine, BatchInput, BatchItem, read_input, told_bad
from chatterm.backend.budget import Budget
from chatterm.backend.daemon_thread import in_daemon_thread
from chatterm.backend.first_model import Choice, Wanted, first_model, split_model
from chatterm.backend.prices import is_free
from chatterm.backend.remembered_models import last_model
from chatterm.backend.session import Prompt, Session
from chatterm.backend.target import Target
from chatterm.backend.unkept import UnkeptHistory
from chatterm.cli.batch_output import (
    FileLines,
    PrintedLines,
    progress_text,
    shown,
    status_of,
    stop_on_signals,
)
from chatterm.cli.border import tell
from chatterm.cli.loop import run_loop
from chatterm.cli.start_options import StartOptions
from chatterm.cli.start_settings import read_settings
from chatterm.cli.statuses import ExitStatus
from chatterm.cli.wiring import Engine, build_engine
from chatterm.core.clean import clean_line
from chatterm.core.errors import ConfigError, StoreError
from chatterm.core.messages import FilePart, ImagePart, Message, Part, TextPart
from chatterm.core.turn import Outcome, Turn

CLOSE_SECONDS = 0.5
MOST_TOLD = 20
"""Lines that cannot be asked are told so many of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchOrder:
    """What the command line asks for. `source` is None for stdin, `output` for stdout."""

    source: Path | None
    output: Path | None
    at_a_time: int = 8
    cheap: bool = False
    cancel: bool = False
    in_order: bool = False
    skip_bad: bool = False
    max_dollars: float | None = None
    keep: bool = False

    @property
    def folder(self) -> Path:
        """Where the files that lines name are looked for."""
        return Path.cwd() if self.source is None else self.source.parent

    @property
    def name(self) -> str:
        """The input, as it is told of."""
        return "stdin" if self.source is None else clean_line(str(self.source))


def run_batch(order: BatchOrder, options: StartOptions) -> int:
    """Ask all lines that have no whole reply yet; the exit status. Raises `ChattermError`."""
    given = read_input(_read_source(order))
    if not given.items and not given.bad:
        raise ConfigError(f"{order.name} has no lines.", "Write a prompt a line, as a JSON string or object.")
    paths, loaded = read_settings(options)
    for problem in loaded.problems:
        tell(str(problem), "")
    engine = build_engine(paths, loaded, if_unsaved="The replies are written all the same.")
    try:
        return run_loop(_run(engine, order, given, options))
    finally:
        engine.database.close(within_seconds=CLOSE_SECONDS)


async def _run(engine: Engine, order: BatchOrder, given: BatchInput, options: StartOptions) -> int:
    try:
        for notice in await engine.prepare():
            tell(notice, "")
        await engine.targets.known.load()
        jobs, bad = await _jobs(engine, order, given)
        if bad:
            hint = (
                "They are left out." if order.skip_bad else "Correct them, or leave them out with --skip-bad."
            )
            tell(f"{order.name}: {_lines(len(bad))} cannot be asked.\n{told_bad(bad, MOST_TOLD)}", hint)
            if not order.skip_bad:
                return ExitStatus.USAGE
        if order.max_dollars is not None:
            await _require_prices(engine, jobs)
        work = _Work(engine, order, options)
        if order.output is None:
            return await work.print_all(jobs)
        files = await in_daemon_thread(partial(BatchFiles, order.output, given.digest), "chatterm-batch")
        try:
            return await work.write_all(jobs, files)
        finally:
            files.close()
    finally:
        await engine.aclose()


class _Work:
    """One run, its parts at hand."""

    def __init__(self, engine: Engine, order: BatchOrder, options: StartOptions) -> None:
        self._engine, self._order, self._options = engine, order, options
        engine.performance.performance.tell = lambda text: tell(text, "")

    async def print_all(self, jobs: list[BatchJob]) -> int:
        """Ask all lines; replies go to stdout."""
        lines = PrintedLines(tuple(job.item for job in jobs), in_order=self._order.in_order)
        status = await self._ask(jobs, BatchProgress(total=len(jobs)), lines.write)
        await lines.finish()
        return status

    async def write_all(self, jobs: list[BatchJob], files: BatchFiles) -> int:
        """Ask the lines that have no whole reply in the output."""
        left = [job for job in jobs if job.item.key not in files.done]
        progress = BatchProgress(total=len(jobs), before=len(jobs) - len(left))
        write = FileLines(files).write
        if not left:
            tell(f"Every line of {self._order.name} has its reply already; nothing is sent.", "")
            status: int = ExitStatus.COMPLETE
        elif self._order.cheap:
            from chatterm.cli.batch_cheap import run_cheap

            status = await run_cheap(
                *(self._engine, files, left, progress),
                open_line=self._open,
                write=write,
                cancel=self._order.cancel,
            )
        else:
            _require_none_at_provider(files)
            status = await self._ask(left, progress, write)
        if self._order.in_order:
            await in_daemon_thread(files.sort, "chatterm-batch")
        return status

    async def _ask(self, jobs: list[BatchJob], progress: BatchProgress, write: Write) -> int:
        budget = Budget(limit_dollars=self._order.max_dollars)
        batch = Batch(
            jobs,
            progress,
            open_line=self._open,
            write=write,
            performance=self._engine.worker.performance,
            budget=budget,
        )
        stopped = stop_on_signals(batch.stop, batch.interrupt)
        with shown(partial(progress_text, progress)):
            await batch.run(self._order.at_a_time)
        for place, error in batch.given_up.items():
            tell(f"{clean_line(place)} is not asked any more: {error}", "")
        if batch.is_spent:
            tell(f"No more lines are begun: {budget.words}.", budget.way_on)
        elif batch.used_up is not None:
            tell(batch.used_up.message, batch.used_up.hint)
        return status_of(
            progress, stopped, given_up=bool(batch.given_up), goes_on=self._order.output is not None
        )

    @asynccontextmanager
    async def _open(self, job: BatchJob) -> AsyncGenerator[tuple[Session, Prompt]]:
        engine, item = self._engine, job.item
        session = Session(
            engine.history if self._order.keep else UnkeptHistory(),
            engine.worker,
            system=engine.loaded.settings.system if item.system is None else item.system,
        )
        session.target, session.budget = job.target, engine.budget
        session.options = {**self._options.options, **item.options}
        blobs = engine.history if self._order.keep else engine.held
        parts: list[Part] = []
        try:
            for name in item.files:
                path = self._order.folder / name
                file = await in_daemon_thread(partial(read_attachment, path), "chatterm-file")
                parts.append(await store_attachment(file, blobs))
            session.turns = await self._earlier(session, job)
            yield session, Prompt(item.prompt, tuple(parts))
        finally:
            for part in parts:
                if not self._order.keep and isinstance(part, ImagePart | FilePart):
                    engine.held.let_go(part.sha256)

    async def _earlier(self, session: Session, job: BatchJob) -> tuple[Turn, ...]:
        """What was said before the prompt as turns, stored where conversations are kept."""
        turns, texts = list[Turn](), job.item.earlier
        parent: str | None = None
        for said, replied in zip(texts[::2], texts[1::2], strict=True):
            prompt = Message(role="user", parts=(TextPart(said),), parent_id=parent)
            reply = Message(role="assistant", parts=(TextPart(replied),), parent_id=prompt.id)
            turn = Turn(
                conversation_id=session.conversation_id,
                prompt=prompt,
                reply=reply,
                provider=job.target.provider,
                model=job.target.model,
                system=session.system,
                outcome=Outcome.COMPLETE,
            )
            if self._order.keep:
                await self._engine.history.begin_turn(turn)
                await self._engine.history.finish_turn(turn)
            turns.append(turn)
            parent = reply.id
        return tuple(turns)


# ---- before anything is sent ---------------------------------------------------------------------


async def _jobs(engine: Engine, order: BatchOrder, given: BatchInput) -> tuple[list[BatchJob], list[BadLine]]:
    """Who is asked each line, and the lines that cannot be asked, in the order of the input."""
    jobs, bad = list[BatchJob](), list(given.bad)
    chosen = _Chosen(engine)
    for item in given.items:
        try:
            target = await chosen.target(item.model)
        except ConfigError as error:
            if item.model is None:
                raise  # of the command line or the settings, and the same for every line
            bad.append(BadLine(item.line, str(error)))
            continue
        if fault := _unreadable(order.folder, item):
            bad.append(BadLine(item.line, fault))
        else:
            jobs.append(BatchJob(item, target))
    return jobs, sorted(bad, key=lambda each: each.line)


class _Chosen:
    """Targets by the names of models that lines give; one without asks the model that ask would."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._targets: dict[str | None, Target] = {}

    async def target(self, name: str | None) -> Target:
        """Raises `ConfigError`."""
        if name not in self._targets:
            self._targets[name] = await self._found(name)
        return self._targets[name]

    async def _found(self, name: str | None) -> Target:
        targets = self._engine.targets
        provider, model = split_model(name, targets) if name else (None, None)
        if provider is not None:
            return targets.resolve(provider, model or "")
        choice = await self._choice(model)
        if choice.model is None:
            told = choice.reason or "No model is chosen."
            raise ConfigError(told, "Name one with -m; chatterm models lists them.")
        return targets.at(choice.provider, choice.base_url).resolve(choice.provider, model or choice.model)

    async def _choice(self, model: str | None) -> Choice:
        settings, last = self._engine.loaded.settings, None
        try:
            last = await last_model(self._engine.state)
        except StoreError as error:
            tell(str(error), "")
        wanted = Wanted(
            provider=settings.provider,
            model=settings.model or model,
            last_provider=last.provider if last else None,
            last_model=last.model if last else None,
            last_base_url=last.base_url if last else None,
        )
        return await first_model(wanted, self._engine.targets, self._engine.models)


def _unreadable(folder: Path, item: BatchItem) -> str:
    """What is wrong with the files of the line; "" where they are there."""
    for name in item.files:
        path = folder / name
        if "\0" in name or not path.is_file() or not os.access(path, os.R_OK):
            return f"there is no file {clean_line(str(path), 120)!r} that can be read"
    return ""


def _require_none_at_provider(files: BatchFiles) -> None:
    """Raises `ConfigError` where a provider has some of the lines: they would be paid for twice."""
    if at_hand := sum(len(step.lines) for step in open_steps(files.entries)):
        raise ConfigError(
            f"A provider has {_lines(at_hand)} of this output at hand.",
            "Go on with --cheap; --cheap --cancel calls them off.",
        )


async def _require_prices(engine: Engine, jobs: list[BatchJob]) -> None:
    """Raises `ConfigError` where what a model costs is not known: then no limit could be kept.

    Raises `AuthenticationError` where a key that is needed is not there.
    """
    for place, target in {(job.target.provider, job.target.model): job.target for job in jobs}.items():
        info = engine.targets.facts_of(*place).info
        if info.price_input is None and not is_free(await target.endpoint(), target.model):
            raise ConfigError(
                f"The price of {clean_line('/'.join(place))} is not known, so --max-cost cannot be kept.",
                "Leave --max-cost out, or write price_input and price_output into the settings of the model.",
            )


def _read_source(order: BatchOrder) -> bytes:
    if order.source is None:
        return sys.stdin.buffer.read()
    source, output = order.source, order.output
    if output is not None and output.exists() and source.exists() and output.samefile(source):
        raise typer.BadParameter(f"{order.name} is both input and output; name another output.")
    try:
        return order.source.read_bytes()
    except OSError as error:
        raise typer.BadParameter(f"{order.name} cannot be read: {error.strerror}.") from None


def _lines(count: int) -> str:
    return "1 line" if count == 1 else f"{count:,} lines"
