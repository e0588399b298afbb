"""Statistics of recorded requests as rows, bars and a page. Pure."""

from __future__ import annotations

import re
import time
from datetime import datetime

from chatterm.backend.reporting.statistics import Goal, Group, Percentiles, Statistics
from chatterm.core.clean import clean_line
from chatterm.core.errors import ConfigError, kind_words
from chatterm.core.money import dollars_text
from chatterm.tui.page_table import Row, cell, table
from chatterm.tui.widgets.figures_text import UNKNOWN, count_text, rate_text, span_text

USUAL_TURNS = 100

BAR_COLUMNS = 30
DAYS_SHOWN = 14

_UNITS = {"h": 3600, "d": 86_400, "w": 7 * 86_400}


def since_of(text: str) -> float:
    """The time that `7d`, `12h`, `2w` or a date stands for, in seconds since 1970. Raises `ConfigError`."""
    if found := re.fullmatch(r"([0-9]{1,4})([hdw])", text):
        return time.time() - int(found[1]) * _UNITS[found[2]]
    try:
        return datetime.strptime(text, "%Y-%m-%d").astimezone().timestamp()
    except (ValueError, OverflowError):
        raise ConfigError(
            f"{clean_line(text, 60)!r} is no time.", "Give a date such as 2026-11-01, or 12h, 7d, 2w."
        ) from None


def group_rows(group: Group) -> list[Row]:
    """Label and value of each figure; those that nothing is known of are left out."""
    stopped = group.requests - group.answered - sum(group.errors.values())
    errors = ", ".join(f"{kind_words(kind)} {count:,}" for kind, count in group.errors.items())
    share = "" if group.error_share is None else f" ({percent_text(group.error_share * 100)})"
    rows = [
        ("turns", f"{group.turns:,} in {group.requests:,} requests"),
        ("TTFT", _times(group.ttft)),
        ("first text", _times(group.first_text)),
        ("latency", _times(group.latency)),
        ("gap of deltas, p95", _times(group.delta_gap)),
        ("rate", _rates(group.rate)),
        ("errors", f"{sum(group.errors.values()):,}{share}{': ' if errors else ''}{errors}"),
        ("stopped", f"{stopped:,}" if stopped else ""),
        ("retries", f"{group.retries:,}" if group.retries else ""),
        ("fallbacks", f"{group.fallbacks:,}" if group.fallbacks else ""),
        ("stalls", f"{group.stalls:,}" if group.stalls else ""),
        ("tokens in", count_text(group.input_tokens)),
        ("cached", count_text(group.cache_read_tokens)),
        ("tokens out", count_text(group.output_tokens)),
        ("reasoning", count_text(group.reasoning_tokens)),
        (
            "cost",
            cost_text(group.cost_dollars, is_estimate=group.cost_is_estimate, unknown=group.unknown_cost),
        ),
        (
            "tools",
            f"{group.tool_count:,} calls in {span_text(group.tool_seconds)}" if group.tool_count else "",
        ),
        ("connections reused", "" if group.reused_share is None else percent_text(group.reused_share * 100)),
        ("loop lag, worst", span_text(group.loop_lag_seconds)),
        ("memory, at most", _memory_text(group.peak_memory_bytes)),
    ]
    return [(label, value) for label, value in rows if value and value != UNKNOWN]


def goal_rows(statistics: Statistics) -> list[Row]:
    """The targets, each with what was measured and whether that is good."""
    return [(_GOALS[goal.name], _goal_text(goal)) for goal in statistics.targets]


_GOALS = {
    "ttft_p95_seconds": "TTFT p95",
    "latency_p50_seconds": "latency p50",
    "latency_p95_seconds": "latency p95",
    "errors_percent": "errors",
}


def ttft_bars(statistics: Statistics) -> list[str]:
    """A histogram of TTFT, a line for each bar; empty where nothing is known."""
    counts = [count for _, count in statistics.ttft_histogram]
    edges = [edge for edge, _ in statistics.ttft_histogram if edge is not None]
    labels = [*(f"≤ {span_text(edge)}" for edge in edges), f"> {span_text(edges[-1])}"]
    return _bars(counts, [f"{label:>8}" for label in labels]) if any(counts) else []


def cost_bars(statistics: Statistics) -> list[str]:
    """What the last days cost, a line for each; empty where nothing is known."""
    days = statistics.cost_by_day[-DAYS_SHOWN:]
    if not any(dollars for _, dollars in days):
        return []
    lines = _bars([dollars for _, dollars in days], [day for day, _ in days])
    return [
        f"{line.rpartition(' ')[0]} {dollars_text(cost)}" for line, (_, cost) in zip(lines, days, strict=True)
    ]


def statistics_page(statistics: Statistics, memory_bytes: int | None = None) -> str:
    """All of it as Markdown."""
    memory = [] if memory_bytes is None else [("memory of this chatterm", _memory_text(memory_bytes))]
    parts = [
        table("All requests", [*group_rows(statistics.total), *memory]),
        table("Targets", goal_rows(statistics)),
        *(table(cell(group.name), group_rows(group)) for group in statistics.groups),
    ]
    for title, bars in (("TTFT", ttft_bars(statistics)), ("Cost by day", cost_bars(statistics))):
        if bars:
            parts.append("\n".join([f"**{title}**", "", "```text", *bars, "```"]))
    return "\n\n".join(parts)


def _memory_text(size: int | None) -> str:
    return UNKNOWN if size is None else f"{size / 1e6:,.0f} MB"


def percent_text(percent: float) -> str:
    """A share of a hundred: `0 %`, `0.4 %`, `12 %`."""
    return f"{percent:.0f} %" if percent >= 10 or percent == 0 else f"{percent:.1f} %"


def cost_text(dollars: float | None, *, is_estimate: bool, unknown: int = 0) -> str:
    """An amount: `$0.0123`, `~$0.0123` by prices; what is not in it because nobody knows it is told."""
    if dollars is None:
        return UNKNOWN
    more = f", and {unknown:,} of unknown cost" if unknown else ""
    return f"{dollars_text(dollars, is_estimate=is_estimate)}{more}"


def _goal_text(goal: Goal) -> str:
    is_time = goal.name.endswith("_seconds")
    limit = span_text(goal.limit) if is_time else percent_text(goal.limit)
    if goal.measured is None:
        return f"{UNKNOWN} (at most {limit})"
    measured = span_text(goal.measured) if is_time else percent_text(goal.measured)
    bound = "at most" if is_time else "less than"
    return f"{'pass' if goal.met else 'FAIL'}: {measured} ({bound} {limit})"


def _times(times: Percentiles) -> str:
    if not times.count:
        return ""
    return f"p50 {span_text(times.p50)}, p95 {span_text(times.p95)}, p99 {span_text(times.p99)}"


def _rates(rates: Percentiles) -> str:
    return f"p50 {rate_text(rates.p50)}, p95 {rate_text(rates.p95)}" if rates.count else ""


def _bars(values: list[int] | list[float], labels: list[str]) -> list[str]:
    import plotille

    drawn = plotille.hist_aggregated(values, labels=labels, width=BAR_COLUMNS, linesep="\n")  # pyright: ignore[reportArgumentType]  # it takes fractions too
    return drawn.replace("\u2800", " ").splitlines()[1:-1]
