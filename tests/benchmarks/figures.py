"""Samples of a measurement, what they come to, and the table and JSON of them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_COLUMNS = ("n", "min", "median", "p95", "p99", "max", "goal")


@dataclass(slots=True)
class Figure:
    """One measurement. `goal` holds for the quantile `goal_at` (0.5 is the median), in the same unit.

    `digits` are shown after the point; `note` stands in the place of the goal where there is none.
    """

    name: str
    unit: str
    samples: list[float] = field(default_factory=list[float])
    goal: float | None = None
    goal_at: float = 0.5
    digits: int = 1
    note: str = ""

    def quantile(self, share: float) -> float:
        """The smallest sample that at least this share of all samples does not exceed (nearest rank)."""
        ordered = sorted(self.samples)
        return ordered[max(0, math.ceil(share * len(ordered)) - 1)]

    @property
    def is_met(self) -> bool | None:
        """Whether the goal is reached; None where there is no goal or no sample."""
        if self.goal is None or not self.samples:
            return None
        return self.quantile(self.goal_at) <= self.goal

    def cells(self) -> tuple[str, ...]:
        """The row of the table, without the name."""
        if not self.samples:
            return ("0", *[""] * 5, self.note)
        shown = [f"{self.quantile(share):.{self.digits}f}" for share in (0.0, 0.5, 0.95, 0.99, 1.0)]
        if self.goal is None:
            return (str(len(self.samples)), *shown, self.note)
        met = "met" if self.is_met else "missed"
        return (str(len(self.samples)), *shown, f"p{self.goal_at * 100:.0f} <= {self.goal:g}: {met}")


def table(figures: Iterable[Figure]) -> str:
    """All figures as aligned text."""
    rows = [("", *_COLUMNS), *((f"{figure.name} ({figure.unit})", *figure.cells()) for figure in figures)]
    return aligned(rows, left=(0, len(_COLUMNS)))


def aligned(rows: Sequence[Sequence[str]], left: Sequence[int] = (0,)) -> str:
    """Rows of the same length with their columns aligned: to the right, except these."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column in left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def write_json(path: Path, figures: Iterable[Figure], **facts: object) -> None:
    """Every sample of every figure, and the facts of the run."""
    values = {
        figure.name: {
            "unit": figure.unit,
            "goal": figure.goal,
            "goal_at": figure.goal_at,
            "is_met": figure.is_met,
            "note": figure.note,
            "samples": figure.samples,
        }
        for figure in figures
    }
    path.write_text(json.dumps({**facts, "figures": values}, indent=1) + "\n", encoding="utf-8")
