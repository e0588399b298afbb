"""What a load test found: figures of each target, and how they stand beside others. Pure, and written down as JSON."""

from __future__ import annotations

import random
from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from chatterm.backend.metrics import percentile
from chatterm.core.clean import clean_line
from chatterm.core.errors import ConfigError

Number = TypeVar("Number", int, float)

MOST_GAPS = 2_000_000
"""So many gaps between deltas are kept of one target, 8 bytes each; beyond that each has the same chance to be one."""

VERSION = 1
"""Of the form in which results are written down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One request. `started_at` and `ended_at` are monotonic seconds; None is 'unknown'.

    `error_kind` is "" for a reply that came to its end, and for one that was cancelled.
    """

    started_at: float
    ended_at: float
    is_warmup: bool = False
    is_cancelled: bool = False
    error_kind: str = ""
    ttft_seconds: float | None = None
    first_text_seconds: float | None = None
    latency_seconds: float | None = None
    tokens_per_second: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_dollars: float | None = None
    cost_is_estimate: bool = False
    warm: bool | None = None
    load_seconds: float | None = None
    reused_connection: bool | None = None
    loop_lag_seconds: float | None = None
    deltas: int = 0
    retries: int = 0

    @property
    def is_complete(self) -> bool:
        """Whether the reply came to its end."""
        return not (self.error_kind or self.is_cancelled)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How a figure is spread over the requests (nearest rank), and of how many it is known."""

    count: int
    least: float
    p50: float
    p95: float
    p99: float
    most: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetFigures:
    """All that was found of one target; times in seconds. `None` is 'unknown', never 0.

    Spreads are of the replies that came to their end, warm-up aside; `cold_ttft` and `warm_ttft` count the warm-up
    too. `errors` counts by kind, `held_seconds` is how long requests were held back because the service said so, or
    failed; `ended` is why no more were sent than were, "" where that was all. `ttfts` is a histogram: requests by
    equal parts of the span from the least to the most. Tokens and cost are of the replies that came to their end, those
    of the warm-up among them; rates leave that out.
    """

    name: str
    host: str
    requests: int
    complete: int
    cancelled: int
    errors: dict[str, int]
    retries: int
    seconds: float
    ttft: Spread | None = None
    first_text: Spread | None = None
    gap: Spread | None = None
    rate: Spread | None = None
    latency: Spread | None = None
    loop_lag: Spread | None = None
    cold_ttft: Spread | None = None
    warm_ttft: Spread | None = None
    load: Spread | None = None
    ttfts: tuple[int, ...] = ()
    requests_per_second: float | None = None
    tokens_per_second: float | None = None
    deltas_per_second: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_dollars: float | None = None
    cost_is_estimate: bool = False
    new_connections: int = 0
    reused_connections: int = 0
    held_seconds: float = 0.0
    ended: str = ""

    @property
    def error_share(self) -> float | None:
        """Requests that failed, of all that ended by themselves; None where there are none."""
        failed = sum(self.errors.values())
        ended = failed + self.complete
        return failed / ended if ended else None


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedGoal:
    """A figure of one target and what it had to be; `limit` and `value` in the units of `Goal`."""

    target: str
    name: str
    limit: float
    value: float | None
    is_met: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadResult:
    """A whole run, as it is written down. `made_at` is ISO 8601 in UTC.

    `cpu_share` is what this program used itself while it measured, 1 for a whole core.
    """

    version: int = VERSION
    program: str
    made_at: str
    concurrency: int
    requests: int | None
    duration_seconds: float | None
    warmup: int
    prompt_tokens: int | None
    max_tokens: int | None
    seed: int
    seconds: float
    cpu_share: float
    stopped: bool
    targets: tuple[TargetFigures, ...]
    goals: tuple[JudgedGoal, ...] = ()


def encoded(result: LoadResult) -> bytes:
    """The result as JSON, with line breaks."""
    return msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n"


def decoded(data: bytes, name: str) -> LoadResult:
    """A result that was written down, as a file of this name. Raises `ConfigError` for what is none."""
    hint = "Name a file that chatterm bench saved."
    try:
        result = msgspec.json.decode(data, type=LoadResult)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        reason = clean_line(str(error), 120)
        raise ConfigError(f"{name} is no result of a load test: {reason}.", hint) from None
    if result.version != VERSION:
        raise ConfigError(f"{name} is of another form ({result.version}; this is {VERSION}).", hint)
    return result


@dataclass(slots=True)
class Gaps:
    """Seconds between deltas, as many as are kept."""

    values: array[float] = field(default_factory=lambda: array("d"))
    seen: int = 0
    most: int = MOST_GAPS
    _random: random.Random = field(default_factory=lambda: random.Random(1))

    def add(self, gaps: Iterable[float]) -> None:
        """Take them in."""
        for gap in gaps:
            self.seen += 1
            if len(self.values) < self.most:
                self.values.append(gap)
            elif (place := self._random.randrange(self.seen)) < self.most:
                self.values[place] = gap


def spread(values: Iterable[float | None]) -> Spread | None:
    """The spread of what is known of the values; None where nothing is."""
    ordered = sorted(value for value in values if value is not None)
    if not ordered:
        return None
    shares = [percentile(ordered, share) or 0.0 for share in (0.50, 0.95, 0.99)]
    p50, p95, p99 = shares
    return Spread(count=len(ordered), least=ordered[0], p50=p50, p95=p95, p99=p99, most=ordered[-1])


def target_figures(
    name: str, host: str, samples: Iterable[Sample], gaps: Gaps, *, held_seconds: float = 0.0, ended: str = ""
) -> TargetFigures:
    """The figures of one target."""
    every = list(samples)
    measured = [sample for sample in every if not sample.is_warmup]
    complete = [sample for sample in measured if sample.is_complete]
    seconds = (
        max(sample.ended_at for sample in measured) - min(sample.started_at for sample in measured)
        if measured
        else 0.0
    )
    ttfts = [sample.ttft_seconds for sample in complete if sample.ttft_seconds is not None]
    output = _sum(sample.output_tokens for sample in complete)
    return TargetFigures(
        name=name,
        host=host,
        requests=len(measured),
        complete=len(complete),
        cancelled=sum(sample.is_cancelled for sample in measured),
        errors=dict(Counter(sample.error_kind for sample in measured if sample.error_kind).most_common()),
        retries=sum(sample.retries for sample in measured),
        seconds=seconds,
        ttft=spread(ttfts),
        first_text=spread(sample.first_text_seconds for sample in complete),
        gap=spread(gaps.values),
        rate=spread(sample.tokens_per_second for sample in complete),
        latency=spread(sample.latency_seconds for sample in complete),
        loop_lag=spread(sample.loop_lag_seconds for sample in measured),
        cold_ttft=spread(sample.ttft_seconds for sample in every if sample.warm is False),
        warm_ttft=spread(sample.ttft_seconds for sample in every if sample.warm),
        load=spread(sample.load_seconds for sample in every if sample.warm is False),
        ttfts=histogram(ttfts),
        requests_per_second=_per(len(complete), seconds),
        tokens_per_second=_per(output, seconds),
        deltas_per_second=_per(sum(sample.deltas for sample in measured), seconds),
        input_tokens=_sum(sample.input_tokens for sample in every if sample.is_complete),
        output_tokens=_sum(sample.output_tokens for sample in every if sample.is_complete),
        cost_dollars=_sum(sample.cost_dollars for sample in every if sample.is_complete),
        cost_is_estimate=any(sample.cost_is_estimate for sample in every if sample.is_complete),
        new_connections=sum(sample.reused_connection is False for sample in measured),
        reused_connections=sum(sample.reused_connection is True for sample in measured),
        held_seconds=held_seconds,
        ended=ended,
    )


def histogram(values: list[float], bars: int = 24) -> tuple[int, ...]:
    """How many of the values are in each equal part of their span; empty where they are fewer than two."""
    if len(values) < 2 or (least := min(values)) == (most := max(values)):
        return ()
    counts = [0] * bars
    for value in values:
        counts[min(bars - 1, int((value - least) / (most - least) * bars))] += 1
    return tuple(counts)


RATIOS = ("ttft", "first_text", "gap", "rate", "latency")
"""Figures of which the ratio to those of another target, or of an older run, is told."""


def ratios(figures: TargetFigures, beside: TargetFigures) -> dict[str, float | None]:
    """By `FIGURE_p50` and `FIGURE_p95`: how many times as large as `beside`; None where one is unknown."""
    found: dict[str, float | None] = {}
    for name in RATIOS:
        ours, theirs = _spread_of(figures, name), _spread_of(beside, name)
        for share in ("p50", "p95"):
            known = ours is not None and theirs is not None
            below = getattr(theirs, share) if known else 0.0
            found[f"{name}_{share}"] = getattr(ours, share) / below if below else None
    return found


def _spread_of(figures: TargetFigures, name: str) -> Spread | None:
    found = getattr(figures, name)
    return found if isinstance(found, Spread) else None


def _sum(values: Iterable[Number | None]) -> Number | None:
    """The sum; None where one of them is unknown, or there are none."""
    total: Number | None = None
    for value in values:
        if value is None:
            return None
        total = value if total is None else total + value
    return total


def _per(count: float | None, seconds: float) -> float | None:
    return None if count is None or seconds <= 0 else count / seconds
