"""Figures of a turn as short text: for the sidebar, the status line and the line under a reply. Pure.

What is unknown prints as an en dash where a place is kept for it, and is left out of single lines.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from chatterm.core.clean import clean_line
from chatterm.core.money import dollars_text

if TYPE_CHECKING:
    from chatterm.backend.metrics import Figures
    from chatterm.backend.reporting.statistics import Standing
    from chatterm.core.performance import Spending

UNKNOWN = "–"

MOST_TRIES = 3
"""How many of the requests that failed are told."""

Row = tuple[str, str]


def span_text(seconds: float | None) -> str:
    """A length of time: `312 ms`, `6.4 s`, `23 s`, `2 min 05 s`, `1 h 02 min`."""
    if seconds is None:
        return UNKNOWN
    if round(seconds * 1000) < 1000:
        return f"{round(seconds * 1000)} ms"
    if round(seconds, 1) < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def rate_text(tokens_per_second: float | None, *, is_estimate: bool = False) -> str:
    """A rate: `84 tok/s`, `9.3 tok/s`, `~84 tok/s` while estimated."""
    if tokens_per_second is None:
        return UNKNOWN
    digits = 1 if round(tokens_per_second, 1) < 10 else 0
    return f"{'~' if is_estimate else ''}{tokens_per_second:,.{digits}f} tok/s"


def share_text(share: float | None) -> str:
    """A share of something: `12 %`, `<1 %`; more than all is told as it is."""
    if share is None:
        return UNKNOWN
    percent = round(share * 100)
    return f"{percent} %" if percent or not share else "<1 %"


def count_text(count: int | None, *, is_estimate: bool = False) -> str:
    """A number of tokens: `512`, `12,345`, `~500` while estimated."""
    return UNKNOWN if count is None else f"{'~' if is_estimate else ''}{count:,}"


STAGE_WORDS: Mapping[str, str] = {
    "preparing": "preparing",
    "resolving": "finding the host",
    "connecting": "connecting",
    "securing": "connecting",
    "sending": "sending",
    "waiting": "waiting for the model",
    "loading": "loading the model",
    "thinking": "thinking",
    "streaming": "streaming",
    "asking": "waiting for you",
    "tools": "running tools",
    "retrying": "waiting to ask again",
    "saving": "saving",
}
"""What a running turn is doing, in words, by the value of its `Stage`: the first paint needs no `core.turn`."""

OUTCOME_WORDS: Mapping[str, str] = {
    "complete": "complete",
    "cancelled": "stopped",
    "failed": "failed",
    "interrupted": "interrupted",
    "withdrawn": "taken back",
}
"""What became of a turn, in words, by the value of its `Outcome`."""


def state_text(figures: Figures) -> str:
    """The outcome once there is one, else the stage."""
    if figures.outcome is not None:
        return OUTCOME_WORDS[figures.outcome]
    return UNKNOWN if figures.stage is None else STAGE_WORDS[figures.stage]


def turn_rows(figures: Figures | None) -> tuple[Row, ...]:
    """Label and value of every figure of the turn itself, always the same labels in the same order."""
    values = ("",) * len(_TURN_LABELS) if figures is None else _turn_values(figures)
    return tuple(zip(_TURN_LABELS, values, strict=True))


_TURN_LABELS = (
    *("state", "elapsed", "TTFT", "first text", "rate", "tokens in", "cached"),
    *("tokens out", "reasoning", "retries", "connection"),
)


def _turn_values(figures: Figures) -> tuple[str, ...]:
    usage = figures.usage
    connection = {None: UNKNOWN, True: "reused", False: "new"}[figures.reused_connection]
    return (
        state_text(figures),
        span_text(figures.elapsed_seconds),
        span_text(figures.ttft_seconds),
        span_text(figures.first_text_seconds),
        rate_text(figures.tokens_per_second, is_estimate=figures.is_estimate),
        count_text(usage.input),
        count_text(usage.cache_read),
        count_text(figures.output_tokens, is_estimate=figures.is_estimate),
        count_text(usage.reasoning),
        str(figures.retries),
        connection,
    )


def more_rows(figures: Figures | None) -> tuple[Row, ...]:
    """Label and value of what only some turns have: the course of the rate, gaps, a new connection, what failed."""
    if figures is None:
        return ()
    rows: list[Row] = []
    if len(figures.rates) > 1:
        rows.append(("", sparkline(figures.rates)))
    if figures.delta_gap_p50_seconds is not None:
        gaps = f"{span_text(figures.delta_gap_p50_seconds)} / {span_text(figures.delta_gap_p95_seconds)}"
        rows.append(("gaps", gaps))
    if figures.stalls:
        rows.append(("stalls", str(figures.stalls)))
    steps = (figures.resolve_seconds, figures.connect_seconds, figures.secure_seconds)
    names = ("DNS", "TCP", "TLS")
    rows += [
        (f"  {name}", span_text(step)) for name, step in zip(names, steps, strict=True) if step is not None
    ]
    rows += [(f"✗ {clean_line(tried.why, 60)}", "") for tried in figures.tries[-MOST_TRIES:]]
    if figures.fallback_from:
        rows.append((f"in place of {clean_line(figures.fallback_from, 60)}", ""))
    return tuple(rows)


def sparkline(values: Sequence[float]) -> str:
    """The values as bars, the highest of all as the full one; nothing came where there is a space."""
    most = max(values, default=0.0)
    if most <= 0:
        return ""
    return "".join(_BARS[min(8, math.ceil(value / most * 8))] for value in values)


_BARS = " ▁▂▃▄▅▆▇█"


def standing_rows(standing: Standing | None) -> tuple[Row, ...]:
    """Label and value of what was spent, and of what is usual of the model; empty where nothing is known."""
    if standing is None:
        return ()
    rows: list[Row] = [
        ("cost", spending_text(standing.turn)),
        ("conversation", spending_text(standing.conversation)),
        ("today", spending_text(standing.today)),
    ]
    if standing.count:
        ttft = f"{span_text(standing.ttft_p50)} / {span_text(standing.ttft_p95)}"
        latency = f"{span_text(standing.latency_p50)} / {span_text(standing.latency_p95)}"
        rows += [(f"p50 / p95 of the last {standing.count}", ""), ("TTFT", ttft), ("latency", latency)]
    return tuple(rows)


def spending_text(spending: Spending) -> str:
    """An amount: `$0.31`, `~$0.31` by prices; `+ ?` where a part of it is not known."""
    if spending.dollars is None:
        return UNKNOWN
    more = " + ?" if spending.unknown else ""
    return f"{'~' if spending.is_estimate else ''}{dollars_text(spending.dollars)}{more}"


def server_rows(figures: Figures | None) -> tuple[Row, ...]:
    """Label and value of what the server measured itself; empty when it reports nothing."""
    if figures is None or figures.server is None:
        return ()
    server = figures.server
    return (
        ("model", {None: UNKNOWN, True: "warm", False: "cold"}[figures.warm]),
        ("load", span_text(server.load_seconds)),
        ("prompt", span_text(server.prompt_eval_seconds)),
        ("", rate_text(server.prompt_tokens_per_second)),
        ("eval", span_text(server.eval_seconds)),
        ("", rate_text(server.eval_tokens_per_second)),
        ("total", span_text(server.total_seconds)),
    )


def context_rows(figures: Figures | None) -> tuple[Row, ...]:
    """How full the model's context is; empty where that is not known."""
    if figures is None or figures.context_share is None:
        return ()
    return (("ctx", share_text(figures.context_share)),)


def status_text(figures: Figures | None) -> str:
    """The most important figures on one line, the most important first."""
    if figures is None:
        return ""
    elapsed = [] if figures.elapsed_seconds is None else [span_text(figures.elapsed_seconds)]
    parts = [state_text(figures), *elapsed, *_known(figures, "TTFT ")]
    if figures.usage.input is not None:
        parts.append(f"{count_text(figures.usage.input)} in")
    if figures.context_share is not None:
        parts.append(f"ctx {share_text(figures.context_share)}")
    if figures.retries:
        parts.append(f"{figures.retries} {'retry' if figures.retries == 1 else 'retries'}")
    if figures.warm is False:
        parts.append(f"cold, load {span_text(figures.server and figures.server.load_seconds)}")
    return " · ".join(parts)


def footer_text(figures: Figures) -> str:
    """The line under a finished reply: `llama3 · 312 ms · 84 tok/s · 512 tok`; the unknown is left out."""
    return " · ".join([clean_line(figures.model, 60), *_known(figures, "", " tok")])


def _known(figures: Figures, before_ttft: str, after_count: str = " out") -> list[str]:
    parts: list[str] = []
    if figures.ttft_seconds is not None:
        parts.append(f"{before_ttft}{span_text(figures.ttft_seconds)}")
    if figures.tokens_per_second is not None:
        parts.append(rate_text(figures.tokens_per_second, is_estimate=figures.is_estimate))
    if figures.output_tokens is not None:
        parts.append(count_text(figures.output_tokens, is_estimate=figures.is_estimate) + after_count)
    return parts
