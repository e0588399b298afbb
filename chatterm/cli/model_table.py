"""What each configured provider offers, as a table or as JSON."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

from chatterm.backend.first_model import split_model
from chatterm.backend.model_facts import ModelFacts
from chatterm.backend.model_words import (
    age_text,
    end_text,
    loaded_text,
    price_text,
    size_text,
    takes_text,
    tokens_text,
)
from chatterm.backend.models import STALE_DAYS, ModelList
from chatterm.cli.border import tell
from chatterm.cli.loop import run_loop
from chatterm.cli.start_options import StartOptions
from chatterm.cli.start_settings import read_settings
from chatterm.cli.statuses import ExitStatus
from chatterm.cli.wiring import Engine, build_engine
from chatterm.core.clean import clean_line

HEADINGS = ("model", "context", "output", "takes", "$/M in/out", "size", "in memory", "ends", "alias")

DROPPED_FIRST = (2, 7, 8, 5, 3, 6, 4, 1)
"""Columns in the order in which a narrow terminal does without them; the model stays."""

LEAST_NAME_COLUMNS = 30
"""A name that is longer stands on a line of its own before a column is dropped for it."""


def print_models(options: StartOptions, *, as_json: bool, offline: bool, refresh: bool) -> int:
    """Print the models, one to a line; what could not be asked goes to stderr. Returns the exit status.

    With `refresh` a list that was kept does not stand in for one that cannot be had.
    """
    paths, loaded = read_settings(options)
    engine = build_engine(paths, loaded)
    try:
        return run_loop(_list(engine, options.provider, as_json=as_json, offline=offline, refresh=refresh))
    finally:
        engine.database.close(within_seconds=0.5)


async def _list(engine: Engine, provider: str | None, *, as_json: bool, offline: bool, refresh: bool) -> int:
    try:
        await engine.prepare()
        if provider is not None:
            engine.targets.service(provider)
        providers = (provider,) if provider else engine.targets.configured()
        await engine.targets.known.load()
        ask = engine.models.cached if offline else engine.models.fetch
        lists = await asyncio.gather(*(ask(name) for name in providers))
    finally:
        await engine.aclose()
    now = datetime.now(UTC)
    for known in lists:
        _tell_state(known, now, is_left_out=refresh)
    shown = [known for known in lists if not (refresh and known.error is not None)]
    rows = _rows(engine, shown, providers)
    if as_json:
        # All in ASCII: escaped, what a server calls its models moves no cursor.
        print(json.dumps([_as_json(*row) for row in rows], indent=2))
    else:
        for line in table([_cells(facts, names) for facts, names, _ in rows], _columns()):
            print(line)
    failed = [known for known in lists if known.error is not None]
    return ExitStatus.PROVIDER if failed and (provider or refresh) else ExitStatus.COMPLETE


Row = tuple[ModelFacts, tuple[str, ...], ModelList]
"""A model, its aliases, and the list it is from."""


def _rows(engine: Engine, lists: Sequence[ModelList], providers: Sequence[str]) -> list[Row]:
    """All models that are listed; then those that are not, but have an alias."""
    targets, aliases = engine.targets, dict[tuple[str, str], list[str]]()
    for alias in targets.settings.aliases:
        provider, model = split_model(alias, targets)
        at = provider or targets.settings.provider
        if at is not None and at in providers:
            aliases.setdefault((at, model), []).append(alias)
    rows: list[Row] = []
    for known in lists:
        names = [model.id for model in known.models]
        unlisted = [model for at, model in aliases if at == known.provider and model not in set(names)]
        for model in (*names, *unlisted):
            facts = targets.facts_of(known.provider, model)
            rows.append((facts, tuple(aliases.get((known.provider, model), ())), known))
    return rows


def _tell_state(known: ModelList, now: datetime, *, is_left_out: bool) -> None:
    """Say on stderr what could not be asked, and how old a kept list is that is no longer fresh."""
    age = age_text(known.fetched_at, now) if known.source == "cached" and known.fetched_at else ""
    if known.error is not None:
        kept = f" These are the models of the last time, {age}." if age and not is_left_out else ""
        tell(f"{known.provider}: {clean_line(str(known.error), 500)}{kept}", "")
    elif age and known.fetched_at and now - known.fetched_at >= timedelta(days=STALE_DAYS):
        tell(f"{known.provider}: this list was fetched {age}.", "")


def _as_json(facts: ModelFacts, aliases: tuple[str, ...], known: ModelList) -> dict[str, object]:
    fetched_at = known.fetched_at.isoformat() if known.fetched_at else None
    return {
        **asdict(facts.info),
        "aliases": list(aliases),
        "sources": dict(facts.sources),
        "listed_at": fetched_at,
    }


def _cells(facts: ModelFacts, aliases: tuple[str, ...]) -> tuple[str, ...]:
    """The texts of a row, "" for what is not known."""
    model = facts.info
    return (
        f"{model.provider}/{clean_line(model.id)}",
        tokens_text(model.context_tokens),
        tokens_text(model.output_tokens),
        takes_text(model),
        price_text(model),
        size_text(model.size_bytes),
        loaded_text(model),
        end_text(model),
        clean_line(", ".join(aliases)),
    )


def table(rows: Sequence[tuple[str, ...]], columns: int | None) -> list[str]:
    """The lines of a table that fits into so many columns; None is for a reader that takes any width.

    Only a terminal gets headings, and does without columns that nothing is known for; elsewhere every row has every
    column, separated by tabs, unknown ones as a dash.
    """
    if columns is None:
        return ["\t".join(cell or "-" for cell in row) for row in rows]
    if not rows:
        return []
    kept = [at for at in range(len(HEADINGS)) if at == 0 or any(row[at] for row in rows)]
    widths = [max(len(HEADINGS[at]), *(len(row[at]) for row in rows)) for at in range(len(HEADINGS))]
    longest = min(widths[0], LEAST_NAME_COLUMNS)
    for at in DROPPED_FIRST:
        if longest + sum(2 + widths[each] for each in kept[1:]) > columns and at in kept:
            kept.remove(at)
    widths[0] = min(widths[0], columns - sum(2 + widths[each] for each in kept[1:]))
    lines: list[str] = []
    for row in (HEADINGS, *rows):
        name = row[0]
        if len(name) > widths[0] and len(kept) > 1:
            lines.append(name)
            name = ""
        cells = [name.ljust(widths[0]), *(row[at].ljust(widths[at]) for at in kept[1:])]
        lines.append("  ".join(cells).rstrip())
    return [line for line in lines if line]


def _columns() -> int | None:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None
