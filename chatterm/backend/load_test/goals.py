"""Targets of a load test: a figure and what it has to be, so that a run can pass or fail."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from chatterm.backend.load_test.figures import JudgedGoal, Spread, TargetFigures
from chatterm.core.clean import clean_line
from chatterm.core.errors import ConfigError

SPREADS = ("ttft", "first_text", "gap", "latency", "rate")
SHARES = ("p50", "p95", "p99")
AT_LEAST = ("rate", "requests_per_second", "tokens_per_second")
"""Of these more is better; of all others less."""

NAMES = (
    *(f"{name}_{share}" for name in SPREADS for share in SHARES),
    *("errors", "requests_per_second", "tokens_per_second"),
)
FORM = "Such as ttft_p95=1.5, latency_p50=3500ms, rate_p50=40 or errors=1%."

_VALUE = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*(s|ms|%)?")


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure by its name in `NAMES`, and its limit: in seconds, tokens per second, or as a share from 0 to 1."""

    name: str
    limit: float

    @property
    def is_least(self) -> bool:
        """Whether the figure has to be at least the limit; else at most."""
        return self.name.startswith(AT_LEAST)

    def value(self, figures: TargetFigures) -> float | None:
        """The figure; None where it is unknown."""
        if self.name == "errors":
            return figures.error_share
        name, _, share = self.name.rpartition("_")
        if share not in SHARES:
            return getattr(figures, self.name)
        found = getattr(figures, name)
        return getattr(found, share) if isinstance(found, Spread) else None

    def is_met(self, figures: TargetFigures) -> bool:
        """Whether it is reached. An unknown figure reaches nothing."""
        value = self.value(figures)
        if value is None:
            return False
        return value >= self.limit if self.is_least else value <= self.limit


def read_goal(text: str) -> Goal:
    """A goal as it is typed, NAME=VALUE. Raises `ConfigError`."""
    name, equals, typed = (part.strip() for part in text.partition("="))
    if not equals or name not in NAMES:
        raise ConfigError(f"{clean_line(text, 60)!r} is no target. Targets are {', '.join(NAMES)}.", FORM)
    found = _VALUE.fullmatch(typed)
    unit = found[2] if found is not None else None
    is_time = name.startswith(("ttft", "first_text", "gap", "latency"))
    if found is None or (unit == "%" and name != "errors") or (unit in ("s", "ms") and not is_time):
        raise ConfigError(f"{clean_line(typed, 40)!r} is no value for the target {name}.", FORM)
    return Goal(name, float(found[1]) / {"ms": 1000.0, "%": 100.0}.get(unit or "", 1.0))


def judged(goals: Iterable[Goal], figures: Iterable[TargetFigures]) -> tuple[JudgedGoal, ...]:
    """Every goal for every target."""
    every = list(figures)
    return tuple(
        JudgedGoal(
            target=each.name,
            name=goal.name,
            limit=goal.limit,
            value=goal.value(each),
            is_met=goal.is_met(each),
        )
        for goal in goals
        for each in every
    )
