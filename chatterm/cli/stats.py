"""`chatterm stats`: how long requests took, what went wrong, what they cost."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from chatterm.cli.start_options import StartOptions


class By(StrEnum):
    """What groups are made of."""

    PROVIDER = "provider"
    MODEL = "model"
    DAY = "day"


class Purpose(StrEnum):
    """What a request was made for."""

    CHAT = "chat"
    ASK = "ask"
    BATCH = "batch"
    BENCH = "bench"
    COMPARE = "compare"
    SUMMARY = "summary"


def stats(
    context: typer.Context,
    *,
    last: Annotated[
        int | None, typer.Option("--last", "-n", min=1, metavar="N", help="Only the last N turns; else 100.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="WHEN", help="A date, or 12h, 7d, 2w: all since then.")
    ] = None,
    by: Annotated[By | None, typer.Option("--by", help="Also by provider, model or day.")] = None,
    operation: Annotated[
        list[Purpose] | None,
        typer.Option("--operation", help="Only what was asked for this; else all but bench."),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", metavar="LOG", help="Read a performance log, - for stdin, not the history."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.", show_default=False)] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.", show_default=False)] = False,
) -> None:
    """Tell how long replies took, what failed and what they cost.

    The targets that figures are held against are those of [targets] in the settings."""
    if as_json and as_csv:
        raise typer.BadParameter("--json and --csv exclude each other; give one of them.")
    from chatterm.cli.stats_report import Asked, Form, report

    options = context.obj if isinstance(context.obj, StartOptions) else StartOptions()
    asked = Asked(
        last=last,
        since=since,
        by=by.value if by is not None else None,
        operations=tuple(each.value for each in operation or ()),
        file=file,
    )
    form = Form.JSON if as_json else Form.CSV if as_csv else Form.TEXT
    raise typer.Exit(report(options, asked, form))
