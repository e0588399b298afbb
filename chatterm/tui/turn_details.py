"""All that is known of one turn, as a page: what was asked of whom, what it took, and what is left."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from chatterm.backend.metrics import figures_of
from chatterm.core.clean import clean_line
from chatterm.core.errors import kind_words
from chatterm.core.performance import AttemptRecord
from chatterm.core.timings import Timings
from chatterm.core.turn import Seam, Turn
from chatterm.core.usage import RateLimit
from chatterm.tui.page_table import Row, table
from chatterm.tui.statistics_text import cost_text
from chatterm.tui.tool_pages import tool_rows
from chatterm.tui.turn_text import ending_of
from chatterm.tui.widgets.figures_text import (
    OUTCOME_WORDS,
    count_text,
    rate_text,
    server_rows,
    span_text,
    state_text,
)

_STEPS = (
    ("looked up", "resolving", "resolved"),
    ("connected", "resolved", "connected"),
    ("secured", "connected", "secured"),
    ("headers", "sent", "headers"),
    ("first delta", "sent", "first_delta"),
    ("first text", "sent", "first_text"),
    ("last delta", "sent", "last_delta"),
)
"""What happened, with the stamps of `Timings` from and to which it is measured."""


def details_page(turn: Turn, records: Sequence[AttemptRecord] = ()) -> str:
    """The page in Markdown; what is not known is not there. `records` are those of its requests."""
    sections = {
        "Turn": _turn_rows(turn),
        "Asked before": [(f"{tried.provider} / {tried.model}", tried.why) for tried in turn.tries],
        "Requests": [_request_row(record) for record in records],
        "Continued": [_seam_row(seam) for seam in turn.seams],
        "Tokens": _token_rows(turn),
        "Times": _time_rows(turn.timings),
        "Tools": tool_rows(turn.tool_runs),
        "Measured by the server": [row for row in server_rows(figures_of(turn)) if row[0]],
        "Left at the provider": [_limit_row(limit) for limit in turn.rate_limits],
    }
    return "\n\n".join(table(title, rows) for title, rows in sections.items() if rows)


def _turn_rows(turn: Turn) -> list[Row]:
    figures = figures_of(turn)
    connection = {None: "", True: "reused", False: "new"}[turn.timings.reused_connection]
    rows = [
        ("model", f"{turn.provider} / {turn.model}"),
        ("in place of", turn.asked),
        ("route", turn.routed),
        ("address", turn.base_url or ""),
        ("outcome", state_text(figures)),
        ("why", ending_of(turn, "")[0] if turn.error is not None else ""),
        ("stop reason", turn.stop_reason or ""),
        ("requests", str(turn.attempts) if turn.attempts else ""),
        ("messages", _messages_text(turn)),
        ("request id", turn.request_id or ""),
        ("connection", connection),
        ("answered from", "the cache; the tokens are those of the first time" if turn.is_from_cache else ""),
        ("events skipped", str(turn.skipped_frames) if turn.skipped_frames else ""),
        *((name, str(value)) for name, value in turn.options.items()),
    ]
    return [(name, value) for name, value in rows if value]


def _messages_text(turn: Turn) -> str:
    if turn.sent_messages is None or turn.encoded_messages is None:
        return ""
    kept = turn.sent_messages - turn.encoded_messages
    return f"{turn.sent_messages} sent, {kept} encoded for an earlier request"


def _token_rows(turn: Turn) -> list[Row]:
    usage, figures = turn.usage, figures_of(turn)
    counts = {
        "in": usage.input,
        "read from the cache": usage.cache_read,
        "written to the cache": usage.cache_write,
        "out": usage.output,
        "reasoning": usage.reasoning,
    }
    rows = [(name, count_text(count)) for name, count in counts.items() if count is not None]
    if usage.output is None and figures.output_tokens is not None:
        rows.append(("out", count_text(figures.output_tokens, is_estimate=True)))
    if figures.tokens_per_second is not None:
        rows.append(("rate", rate_text(figures.tokens_per_second, is_estimate=figures.is_estimate)))
    if usage.cost is not None:
        rows.append(("cost, as reported", f"${usage.cost:.6f}".rstrip("0").rstrip(".")))
    return rows


def _time_rows(timings: Timings) -> list[Row]:
    rows: list[Row] = []
    for name, begin, end in _STEPS:
        first, last = getattr(timings, begin), getattr(timings, end)
        if first is not None and last is not None:
            rows.append((name, span_text(max(0.0, last - first))))
    if timings.total_seconds is not None:
        rows.append(("in all", span_text(timings.total_seconds)))
    if timings.loop_lag is not None:
        rows.append(("may be off by", span_text(timings.loop_lag)))
    return rows


def _ending_text(record: AttemptRecord) -> str:
    words = OUTCOME_WORDS.get(record.outcome, record.outcome)
    return f"{words}: {kind_words(record.error_kind)}" if record.error_kind else words


def _request_row(record: AttemptRecord) -> Row:
    """What one request took, and what it cost."""
    gaps = f"{span_text(record.delta_gap_p50_seconds)} / {span_text(record.delta_gap_p95_seconds)}"
    known = (
        (_ending_text(record), True),
        (f"TTFT {span_text(record.ttft_seconds)}", record.ttft_seconds is not None),
        (f"{span_text(record.latency_seconds)} in all", record.latency_seconds is not None),
        (f"gaps p50 / p95 {gaps}", record.delta_gap_p50_seconds is not None),
        (f"stalls: {record.stalls}", record.stalls),
        (rate_text(record.tokens_per_second), record.tokens_per_second is not None),
        (f"tools: {record.tool_count} in {span_text(record.tool_seconds)}", record.tool_count),
        (
            cost_text(record.cost_dollars, is_estimate=record.cost_is_estimate),
            record.cost_dollars is not None,
        ),
    )
    at = datetime.fromtimestamp(record.at, UTC).astimezone()
    return f"{at:%H:%M:%S} {record.provider} / {record.model}", ", ".join(
        text for text, is_known in known if is_known
    )


def _seam_row(seam: Seam) -> Row:
    at = datetime.fromtimestamp(seam.at, UTC).astimezone()
    again = f", {seam.repeated:,} said again and taken away" if seam.repeated else ""
    return f"{at:%Y-%m-%d %H:%M:%S}", f"after {seam.characters:,} characters{again}: {seam.why}"


def _limit_row(limit: RateLimit) -> Row:
    of = f" of {limit.limit:,}" if limit.limit is not None else ""
    left = f"{limit.remaining:,}{of}" if limit.remaining is not None else of.removeprefix(" of ") or "–"
    resets = f", anew in {span_text(limit.resets_in)}" if limit.resets_in is not None else ""
    return clean_line(limit.of, 60), f"{left}{resets}"
