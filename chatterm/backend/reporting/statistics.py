"""What recorded requests say together: how long they took, what went wrong, what they cost."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, Protocol

from chatterm.backend.delta_gaps import counted_percentiles
from chatterm.backend.metrics import percentile
from chatterm.config.model import TargetSettings
from chatterm.core.performance import Selection, Spending
from chatterm.core.turn import Turn
from chatterm.store.days import midnight

By = Literal["provider", "model", "day"]

TTFT_EDGES = (0.1, 0.25, 0.5, 1.0, 1.5, 2.5, 5.0, 10.0)

USUAL_COUNT = 100
"""Of how many answers it is told what is usual of a model."""

_TIMED: Mapping[str, tuple[str, int]] = {
    "ttft": ("ttft_seconds", 1_000),
    "first_text": ("first_text_seconds", 1_000),
    "latency": ("CASE WHEN success THEN latency_seconds END", 1_000),
    "delta_gap": ("delta_gap_p95_seconds", 10_000),
    "rate": ("tokens_per_second", 10),
}
"""What is told in percentiles, and how finely: times to a millisecond, gaps to a tenth of one, rates to a tenth."""

_SUMMED: Mapping[str, str] = {
    "requests": "count(*)",
    "turns": "total(attempt = 1 AND round = 0)",
    "answered": "total(success)",
    "retries": "total(retries > 0)",
    "fallbacks": "total(fallback_from != '')",
    "stalls": "total(stalls)",
    "input_tokens": "sum(input_tokens)",
    "output_tokens": "sum(output_tokens)",
    "cache_read_tokens": "sum(cache_read_tokens)",
    "reasoning_tokens": "sum(reasoning_tokens)",
    "cost_dollars": "sum(cost_dollars)",
    "estimates": "total(cost_is_estimate)",
    "unknown_cost": "total(cost_dollars IS NULL AND coalesce(ttft_seconds, output_tokens) IS NOT NULL)",
    "reused": "total(reused_connection)",
    "connections": "count(reused_connection)",
    "tool_count": "total(tool_count)",
    "tool_seconds": "sum(tool_seconds)",
}
_WORST: Mapping[str, str] = {"lag": "max(loop_lag_seconds)", "memory": "max(peak_memory_bytes)"}

_GROUPED: Mapping[By, tuple[str, ...]] = {"provider": ("provider",), "model": ("provider", "model")}


class Records(Protocol):
    """What is needed of the store's records; see `PerformanceStore`."""

    async def begin_of_last(self, turns: int, selection: Selection) -> float: ...
    async def costs_by_day(self, selection: Selection) -> tuple[tuple[float, float, float | None], ...]: ...
    async def sum_up(
        self,
        columns: Sequence[str],
        by: Sequence[str],
        selection: Selection,
        take: Callable[[tuple[Any, ...]], None],
    ) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Percentiles:
    """Of `count` values; None where there are none."""

    count: int
    p50: float | None
    p95: float | None
    p99: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Requests together. Times are in seconds, `rate` in tokens a second, money in US dollars; None is unknown.

    `latency` is of requests that were answered; `delta_gap` of the p95 of each. An error is a request that failed or
    was cut, not one that the user stopped; `errors` counts them by kind. Of `unknown_cost` answers nobody knows the
    cost: `cost_dollars` is without them. `reused_share` is how many of the connections were there before.
    """

    name: str
    requests: int
    turns: int
    answered: int
    ttft: Percentiles
    first_text: Percentiles
    latency: Percentiles
    delta_gap: Percentiles
    rate: Percentiles
    errors: dict[str, int]
    error_share: float | None
    retries: int
    fallbacks: int
    stalls: int
    input_tokens: int | None
    output_tokens: int | None
    cache_read_tokens: int | None
    reasoning_tokens: int | None
    cost_dollars: float | None
    cost_is_estimate: bool
    unknown_cost: int
    reused_share: float | None
    tool_count: int
    tool_seconds: float | None
    loop_lag_seconds: float | None
    peak_memory_bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A target and what was measured; `met` is None where nothing was."""

    name: str
    limit: float
    measured: float | None
    met: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """All selected requests, and by group where that was asked for. The histogram has the upper edge of each bar, in
    seconds, None for the rest; days are those of this machine's clock."""

    total: Group
    groups: tuple[Group, ...]
    targets: tuple[Goal, ...]
    ttft_histogram: tuple[tuple[float | None, int], ...]
    cost_by_day: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a turn, its conversation and this day cost, and what is usual of the model.

    Of its last `count` answers, in seconds.
    """

    turn: Spending
    conversation: Spending
    today: Spending
    count: int
    ttft_p50: float | None
    ttft_p95: float | None
    latency_p50: float | None
    latency_p95: float | None


class StandingRecords(Protocol):
    """What is needed of the store's records; see `PerformanceStore`."""

    async def spent_since(self, at: float) -> Spending: ...
    async def spent_in(self, conversation_id: str) -> Spending: ...
    async def spent_on(self, turn_id: str, conversation_id: str) -> Spending: ...
    async def last_times(
        self, provider: str, model: str, count: int
    ) -> list[tuple[float | None, float | None]]: ...


async def read_standing(records: StandingRecords, turn: Turn) -> Standing:
    """What is known after this turn. Raises `StoreError`."""
    times = await records.last_times(turn.provider, turn.model, USUAL_COUNT)
    ttft = [first for first, _ in times if first is not None]
    latency = [whole for _, whole in times if whole is not None]
    return Standing(
        turn=await records.spent_on(turn.id, turn.conversation_id),
        conversation=await records.spent_in(turn.conversation_id),
        today=await records.spent_since(midnight(datetime.now())),
        count=len(times),
        ttft_p50=percentile(ttft, 0.50),
        ttft_p95=percentile(ttft, 0.95),
        latency_p50=percentile(latency, 0.50),
        latency_p95=percentile(latency, 0.95),
    )


async def read_statistics(
    records: Records,
    selection: Selection,
    targets: TargetSettings,
    *,
    last_turns: int | None = None,
    by: By | None = None,
) -> Statistics:
    """The statistics of the selected requests, of the last turns alone where that is asked. Raises `StoreError`."""
    if last_turns is not None:
        selection = replace(selection, since=await records.begin_of_last(last_turns, selection))
    days = await records.costs_by_day(selection)
    total, groups = _Sums(), list[Group]()
    if by == "day":
        for begin, end, _ in days:
            of_day = replace(selection, since=_later(selection.since, begin), until=end)
            for sums in (await _read(records, of_day, ())).values():
                total.add(sums)
                groups.append(sums.group(_day(begin)))
    else:
        found = await _read(records, selection, _GROUPED[by] if by is not None else ())
        for name, sums in sorted(found.items()):
            total.add(sums)
            if by is not None:
                groups.append(sums.group("/".join(name)))
    whole = total.group("all")
    return Statistics(
        total=whole,
        groups=tuple(groups),
        targets=goals(whole, targets),
        ttft_histogram=_histogram(total.times["ttft"]),
        cost_by_day=tuple((_day(begin), dollars) for begin, _, dollars in days if dollars is not None),
    )


def _columns() -> list[str]:
    # Times as text, for SQLite joins and Python parts and counts a thousand of them far sooner than as many rows.
    times = (f"group_concat(CAST({column} * {steps} + 0.5 AS INTEGER))" for column, steps in _TIMED.values())
    return [*_SUMMED.values(), *_WORST.values(), "group_concat(nullif(error_kind, ''))", *times]


async def _read(records: Records, selection: Selection, by: Sequence[str]) -> dict[tuple[str, ...], _Sums]:
    """The sums of each different `by`."""
    found = defaultdict[tuple[str, ...], _Sums](_Sums)

    def take(row: tuple[Any, ...]) -> None:
        found[row[: len(by)]].take(row[len(by) :])

    await records.sum_up(_columns(), by, selection, take)
    return found


class _Sums:
    """What is known of requests together: counts of times by their steps, sums of all else; None is unknown."""

    def __init__(self) -> None:
        self.times: dict[str, Counter[str]] = {name: Counter() for name in _TIMED}
        self.errors: Counter[str] = Counter()
        self.worst: dict[str, float | None] = dict.fromkeys(_WORST)
        self.sums: dict[str, float | None] = dict.fromkeys(_SUMMED)

    def take(self, values: Sequence[Any]) -> None:
        """Take in what `_columns` came to of some more requests."""
        lag, memory, errors, *times = values[len(_SUMMED) :]
        self._add(dict(zip(_SUMMED, values, strict=False)), {"lag": lag, "memory": memory})
        if errors is not None:
            self.errors.update(errors.split(","))
        for name, steps in zip(_TIMED, times, strict=True):
            if steps is not None:
                self.times[name].update(steps.split(","))

    def add(self, other: _Sums) -> None:
        """Take in more."""
        self._add(other.sums, other.worst)
        self.errors.update(other.errors)
        for name, counts in other.times.items():
            self.times[name].update(counts)

    def _add(self, sums: Mapping[str, float | None], worst: Mapping[str, float | None]) -> None:
        for name, value in worst.items():
            if value is not None:
                self.worst[name] = max(value, self.worst[name] or 0)
        for name, value in sums.items():
            if value is not None:
                self.sums[name] = (self.sums[name] or 0) + value

    def group(self, name: str) -> Group:
        """All that is known."""
        sums, counts = self.sums, {each: int(value or 0) for each, value in self.sums.items()}
        times = {each: _percentiles(self.times[each], steps) for each, (_, steps) in _TIMED.items()}
        errors, requests = dict(self.errors.most_common()), counts["requests"]
        return Group(
            name=name,
            requests=requests,
            turns=counts["turns"],
            answered=counts["answered"],
            retries=counts["retries"],
            fallbacks=counts["fallbacks"],
            stalls=counts["stalls"],
            ttft=times["ttft"],
            first_text=times["first_text"],
            latency=times["latency"],
            delta_gap=times["delta_gap"],
            rate=times["rate"],
            errors=errors,
            error_share=sum(errors.values()) / requests if requests else None,
            input_tokens=_whole(sums["input_tokens"]),
            output_tokens=_whole(sums["output_tokens"]),
            cache_read_tokens=_whole(sums["cache_read_tokens"]),
            reasoning_tokens=_whole(sums["reasoning_tokens"]),
            cost_dollars=sums["cost_dollars"],
            cost_is_estimate=counts["estimates"] > 0,
            unknown_cost=counts["unknown_cost"],
            reused_share=counts["reused"] / counts["connections"] if counts["connections"] else None,
            tool_count=counts["tool_count"],
            tool_seconds=sums["tool_seconds"],
            loop_lag_seconds=self.worst["lag"],
            peak_memory_bytes=_whole(self.worst["memory"]),
        )


def goals(group: Group, targets: TargetSettings) -> tuple[Goal, ...]:
    """The targets of the settings, and whether they are met."""
    share = None if group.error_share is None else group.error_share * 100
    measured = (
        ("ttft_p95_seconds", targets.ttft_p95_seconds, group.ttft.p95),
        ("latency_p50_seconds", targets.latency_p50_seconds, group.latency.p50),
        ("latency_p95_seconds", targets.latency_p95_seconds, group.latency.p95),
    )
    met = [
        Goal(name=name, limit=limit, measured=value, met=None if value is None else value <= limit)
        for name, limit, value in measured
    ]
    limit = targets.errors_percent
    met.append(
        Goal(name="errors_percent", limit=limit, measured=share, met=None if share is None else share < limit)
    )
    return tuple(met)


def _percentiles(counts: Counter[str], steps: int) -> Percentiles:
    known = {int(step): count for step, count in counts.items()}
    p50, p95, p99 = counted_percentiles(known, (0.50, 0.95, 0.99), steps)
    return Percentiles(count=sum(known.values()), p50=p50, p95=p95, p99=p99)


def _histogram(counts: Counter[str]) -> tuple[tuple[float | None, int], ...]:
    steps = _TIMED["ttft"][1]
    bars: dict[float | None, int] = dict.fromkeys((*TTFT_EDGES, None), 0)
    for step, count in counts.items():
        bars[next((edge for edge in TTFT_EDGES if int(step) <= edge * steps), None)] += count
    return tuple(bars.items())


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def _later(since: float | None, begin: float) -> float:
    return begin if since is None else max(since, begin)


def _day(begin: float) -> str:
    """The date at this moment; of a clock that was wrong there may be none."""
    try:
        return datetime.fromtimestamp(begin).date().isoformat()
    except (OverflowError, OSError, ValueError):
        return "–"
