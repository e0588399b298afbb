"""Token counts as the provider reported them, and how reports that come in pieces add up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from chatterm.core.timings import ServerTimings


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one turn, each `None` where the provider did not report it; never an invented zero.

    `input` includes what was read from the provider's cache or written to it; `output` includes reasoning. `cost`
    is what the provider itself says that the turn costs, in US dollars.
    """

    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None
    cost: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """How much of something the provider lets through, as its headers say.

    `of` is what is counted: "requests", "tokens", "input tokens per minute"; `resets_in` is in seconds.
    """

    of: str
    limit: int | None = None
    remaining: int | None = None
    resets_in: float | None = None


Record = TypeVar("Record", Usage, ServerTimings)


def overlay(known: Record, news: Record) -> Record:
    """`known`, with every figure that `news` reports in its place."""
    figures = {
        name: getattr(known, name) if (value := getattr(news, name)) is None else value
        for name in _NAMES[type(news)]
    }
    return type(known)(**figures)


# Without `fields`, which takes longer: some servers report with every few characters.
_NAMES = {kind: tuple(kind.__annotations__) for kind in (Usage, ServerTimings)}
