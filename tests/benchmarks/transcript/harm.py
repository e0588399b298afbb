"""Texts that want to do harm: how long each takes, and how long it holds up everything else."""

from __future__ import annotations

import math
from collections.abc import Iterable

from tests.benchmarks.figures import Figure, aligned
from tests.benchmarks.transcript.extent import Run
from tests.benchmarks.transcript.program import GRACE_SECONDS, NoAnswerError, Program
from tests.benchmarks.transcript.streaming import last_marks, milliseconds

STALL_GOAL_MS = 100.0
STOCK_SECONDS = 2.0
MEASURES = ("until shown", "longest stall", "longest stall at its end")
_STOCK = "stock, "


def harm(run: Run) -> list[Figure]:
    """Each streamed as fast as it is taken; the stalls are the longest while it grows and when it is complete."""
    figures = _all(run, "chatterm", "")
    if run.extent.stock_hostile:
        figures += _all(run, "stock", _STOCK)
    return figures


def harm_table(figures: Iterable[Figure], scale: float = 1.0) -> str:
    """One line for each text: the three measures of ours, then those of the stock widgets.

    `scale` says how much shorter than their names the texts were.
    """
    rows: dict[str, list[str]] = {}
    verdicts: dict[str, str] = {}
    for figure in figures:
        name = figure.name.split(": ")[0].removeprefix(_STOCK)
        rows.setdefault(name, [name]).append(_cell(figure))
        if figure.is_met is False:
            verdicts[name] = "missed"
        elif figure.goal is not None and not figure.samples:
            verdicts.setdefault(name, "not all measured")
    for name, row in rows.items():
        row += [""] * (1 + 2 * len(MEASURES) - len(row))
        row.append(verdicts.get(name, "met"))
    head = [
        f"hostile text, {scale:g} of its size (ms)",
        *MEASURES,
        *(_STOCK + measure for measure in MEASURES),
    ]
    return aligned([[*head, f"stalls <= {STALL_GOAL_MS:g}"], *rows.values()])


def _cell(figure: Figure) -> str:
    if not figure.samples:
        return figure.note or "-"
    return figure.note if math.isinf(figure.samples[0]) else f"{figure.samples[0]:,.1f}"


def _all(run: Run, pane: str, who: str) -> list[Figure]:
    figures: list[Figure] = []
    with run.start(pane) as program:
        for name, last in zip(run.extent.hostile, last_marks(), strict=False):
            measured = [Figure(f"{who}{name}: {measure}", "ms", goal_at=1.0) for measure in MEASURES]
            if pane == "chatterm":
                measured[1].goal = measured[2].goal = STALL_GOAL_MS
            if not _one(run, program, name, last, measured):
                program.restart()
            figures += measured
    return figures


def _one(run: Run, program: Program, name: str, last: str, figures: list[Figure]) -> bool:
    """Whether the program is fit for the next text."""
    shown, stall, ending = figures
    limit, scale = run.extent.hostile_seconds, run.extent.hostile_scale
    if program.pane == "stock":
        limit = min(limit, STOCK_SECONDS)
    wait = limit + GRACE_SECONDS
    shown.note, figure = f"> {limit:g} s", stall
    try:
        program.call("clear", seconds=wait)
        program.call("begin", seconds=wait, shape="mixed", seed=run.seed, tokens=0, limit=limit)
        program.look_for(last)
        result = program.call("hostile", seconds=wait, which=name, scale=scale, last=last, limit=limit)
        stall.samples.append(max(milliseconds(result["stalls"]), default=0.0))
        if program.seen_at is not None:
            shown.samples.append((program.seen_at - result["begun"]) * 1000)
        if not result["finished"]:
            return False
        figure = ending
        ended = program.call("end", seconds=wait)
        ending.samples.append(max(milliseconds(ended["stalls"]), default=0.0))
    except NoAnswerError:
        # It must answer within `limit`, however much is left to do: it was held up for the rest at least.
        figure.samples.append(math.inf)
        figure.note = f"> {GRACE_SECONDS:g} s"
        return False
    return True
