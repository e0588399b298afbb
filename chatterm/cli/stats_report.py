"""Statistics on stdout: as text with bars, as JSON, or as CSV."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import Enum, auto
from pathlib import Path

import typer

from chatterm.backend.reporting.performance_log import read_log
from chatterm.backend.reporting.statistics import By, Group, Percentiles, Statistics, read_statistics
from chatterm.cli.border import tell
from chatterm.cli.loop import run_loop
from chatterm.cli.start_options import StartOptions
from chatterm.cli.start_settings import read_settings
from chatterm.cli.statuses import ExitStatus
from chatterm.cli.wiring import DATABASE_NAME
from chatterm.config.model import TargetSettings
from chatterm.core.clean import clean_line
from chatterm.core.errors import ConfigError
from chatterm.core.performance import USUAL_OPERATIONS, AttemptRecord, Operation, Selection
from chatterm.store.database import Database
from chatterm.store.performance import PerformanceStore
from chatterm.tui.page_table import Row
from chatterm.tui.statistics_text import (
    USUAL_TURNS,
    cost_bars,
    goal_rows,
    group_rows,
    since_of,
    ttft_bars,
)

FORMULA_BEGINS = ("=", "+", "-", "@", "\t", "\r")
"""With these a spreadsheet takes a cell for a formula."""


class Form(Enum):
    """How statistics are printed."""

    TEXT = auto()
    JSON = auto()
    CSV = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the command line says."""

    last: int | None = None
    since: str | None = None
    by: By | None = None
    operations: tuple[Operation, ...] = ()
    file: Path | None = None


def report(options: StartOptions, asked: Asked, form: Form) -> int:
    """Print the statistics; returns the exit status. Raises `ChattermError`, `BadParameter` for what names nothing."""
    since = None if asked.since is None else _since(asked.since)
    paths, loaded = read_settings(options)
    for problem in loaded.problems:
        tell(str(problem), "")
    path = paths.data / DATABASE_NAME
    # Without a history there are no statistics; one is not made for them.
    database = Database(path if asked.file is None and path.exists() else None)
    try:
        statistics = run_loop(_read(database, asked, since, loaded.settings.targets))
    finally:
        database.close(within_seconds=0.5)
    if form is Form.JSON:
        print(json.dumps(asdict(statistics), indent=2))
    elif form is Form.CSV:
        _print_csv(statistics)
    elif not statistics.total.requests:
        tell("No request is recorded there.", "Records are made with every message that is sent.")
    else:
        _print_text(statistics)
    return ExitStatus.COMPLETE


def _since(text: str) -> float:
    try:
        return since_of(text)
    except ConfigError as error:
        raise typer.BadParameter(f"--since: {error}") from None


async def _read(database: Database, asked: Asked, since: float | None, targets: TargetSettings) -> Statistics:
    records = PerformanceStore(database)
    await database.ready()
    for notice in database.notices:
        tell(notice, "")
    if asked.file is not None:
        await _take_file(asked.file, records)
    last = asked.last if asked.last is not None or since is not None else USUAL_TURNS
    selection = Selection(since=since, operations=asked.operations or USUAL_OPERATIONS)
    return await read_statistics(records, selection, targets, last_turns=last, by=asked.by)


async def _take_file(path: Path, records: PerformanceStore) -> None:
    """Take the records of the log at `path`, "-" for stdin."""
    damaged = 0

    def whole() -> Iterator[AttemptRecord]:
        nonlocal damaged
        for record in read_log(_lines(path)):
            if record is None:
                damaged += 1
            else:
                yield record

    try:
        await records.add_all(whole())
    except OSError as error:
        name = clean_line(str(path))
        raise typer.BadParameter(f"--file: {name} cannot be read: {error.strerror}.") from None
    if damaged:
        lines = "1 damaged line" if damaged == 1 else f"{damaged:,} damaged lines"
        tell(f"Not counted of {clean_line(str(path))}: {lines}.", "")


def _lines(path: Path) -> Iterator[bytes]:
    if str(path) == "-":
        if sys.stdin is None:  # closed by whoever started us
            raise typer.BadParameter("--file: there is no stdin.")
        yield from sys.stdin.buffer
    else:
        with path.expanduser().open("rb") as file:
            yield from file


def _print_text(statistics: Statistics) -> None:
    _print_rows("all requests", group_rows(statistics.total))
    _print_rows("targets", goal_rows(statistics))
    for group in statistics.groups:
        _print_rows(clean_line(group.name, 100), group_rows(group))
    for title, bars in (("TTFT", ttft_bars(statistics)), ("cost by day", cost_bars(statistics))):
        if bars:
            print(f"\n{title}")
            print("\n".join(f"  {bar.rstrip()}" for bar in bars))


def _print_rows(title: str, rows: list[Row]) -> None:
    print(f"\n{title}")
    width = max(len(label) for label, _ in rows)
    for label, value in rows:
        print(f"  {label:<{width}}  {clean_line(value, 500)}")


def _print_csv(statistics: Statistics) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    rows = [_flat(group) for group in (statistics.total, *statistics.groups)]
    writer.writerow(rows[0])
    for row in rows:
        writer.writerow([_cell(value) for value in row.values()])


def _flat(group: Group) -> dict[str, object]:
    flat: dict[str, object] = {}
    for name in Group.__slots__:
        value: object = getattr(group, name)
        if isinstance(value, Percentiles):
            unit = "tokens_per_second" if name == "rate" else "seconds"
            flat |= {f"{name}_{each}_{unit}": getattr(value, each) for each in ("p50", "p95", "p99")}
        elif name == "errors":
            flat[name] = " ".join(f"{kind}={count}" for kind, count in group.errors.items())
        else:
            flat[name] = value
    return flat


def _cell(value: object) -> object:
    """The value as a spreadsheet shows it: no formula, nothing for what is unknown."""
    if not isinstance(value, str):
        return "" if value is None else value
    text = clean_line(value, 500)
    return f"'{text}" if text.startswith(FORMULA_BEGINS) else text
