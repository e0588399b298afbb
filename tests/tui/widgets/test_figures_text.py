"""Figures as text: every unit, every unknown, and nothing invented."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chatterm.backend.metrics import Figures
from chatterm.backend.reporting.statistics import Standing
from chatterm.core.performance import Spending
from chatterm.core.timings import ServerTimings
from chatterm.core.turn import FailedTry, Outcome, Stage
from chatterm.core.usage import Usage
from chatterm.tui.widgets.figures_text import (
    OUTCOME_WORDS,
    STAGE_WORDS,
    count_text,
    footer_text,
    more_rows,
    rate_text,
    server_rows,
    span_text,
    sparkline,
    standing_rows,
    state_text,
    status_text,
    turn_rows,
)

DONE = Figures(
    provider="ollama",
    model="llama3",
    outcome=Outcome.COMPLETE,
    attempt=1,
    elapsed_seconds=6.42,
    ttft_seconds=0.3124,
    first_text_seconds=0.3124,
    tokens_per_second=84.2,
    output_tokens=512,
    is_estimate=False,
    usage=Usage(input=1200, output=512, cache_read=0),
    reused_connection=True,
    server=ServerTimings(
        load_seconds=0.012, prompt_eval_seconds=0.2, eval_seconds=6.1, prompt_eval_count=1200, eval_count=512
    ),
    warm=True,
)
STARTED = Figures(provider="openai", model="gpt", stage=Stage.CONNECTING)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (0, "0 ms"),
        (0.0004, "0 ms"),
        (0.3124, "312 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1.0 s"),
        (6.42, "6.4 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (125, "2 min 05 s"),
        (3720, "1 h 02 min"),
    ],
)
def test_spans(seconds: float | None, text: str) -> None:
    assert span_text(seconds) == text


@pytest.mark.parametrize(
    ("rate", "estimate", "text"),
    [
        (None, True, "–"),
        (84.2, False, "84 tok/s"),
        (84.2, True, "~84 tok/s"),
        (9.34, False, "9.3 tok/s"),
        (9.96, False, "10 tok/s"),
        (12345.6, False, "12,346 tok/s"),
    ],
)
def test_rates(rate: float | None, estimate: bool, text: str) -> None:
    assert rate_text(rate, is_estimate=estimate) == text


def test_counts() -> None:
    assert [count_text(None), count_text(0), count_text(12345), count_text(9, is_estimate=True)] == [
        "–",
        "0",
        "12,345",
        "~9",
    ]


def test_every_stage_and_outcome_has_words() -> None:
    assert set(STAGE_WORDS) == set(Stage) and set(OUTCOME_WORDS) == set(Outcome)


def test_state_is_the_outcome_once_there_is_one() -> None:
    assert state_text(STARTED) == "connecting"
    assert state_text(DONE) == "complete"
    assert state_text(Figures(provider="p", model="m")) == "–"


def test_rows_keep_their_labels_whatever_is_known() -> None:
    labels = [label for label, _ in turn_rows(None)]
    assert labels == [label for label, _ in turn_rows(DONE)] == [label for label, _ in turn_rows(STARTED)]


def test_unknown_is_a_dash_and_zero_is_zero() -> None:
    rows = dict(turn_rows(STARTED))
    for label in (
        "TTFT",
        "first text",
        "rate",
        "tokens in",
        "cached",
        "tokens out",
        "reasoning",
        "connection",
    ):
        assert rows[label] == "–", label
    assert dict(turn_rows(DONE))["cached"] == "0"
    assert rows["retries"] == "0"


def test_server_rows_only_where_the_server_reports() -> None:
    assert server_rows(STARTED) == () == server_rows(None)
    assert ("load", "12 ms") in server_rows(DONE) and ("model", "warm") in server_rows(DONE)
    assert ("total", "–") in server_rows(DONE)
    rates = [value for label, value in server_rows(DONE) if label == ""]
    assert rates == ["6,000 tok/s", "84 tok/s"]


def test_footer() -> None:
    assert footer_text(DONE) == "llama3 · 312 ms · 84 tok/s · 512 tok"
    assert footer_text(STARTED) == "gpt"
    assert footer_text(Figures(provider="p", model="evil\x1b[2J\nname")) == "evil␛[2J name"


def test_status() -> None:
    assert status_text(None) == ""
    assert status_text(STARTED) == "connecting"
    assert status_text(DONE) == "complete · 6.4 s · TTFT 312 ms · 84 tok/s · 512 out · 1,200 in"
    retried = Figures(provider="p", model="m", retries=1, stage=Stage.LOADING, warm=False)
    assert status_text(retried) == "loading the model · 1 retry · cold, load –"


def test_only_some_turns_have_more() -> None:
    assert more_rows(None) == more_rows(STARTED) == ()
    figures = replace(
        STARTED,
        rates=(0.0, 5.0, 10.0),
        delta_gap_p50_seconds=0.012,
        delta_gap_p95_seconds=0.04,
        stalls=2,
        resolve_seconds=0.001,
        connect_seconds=0.02,
        tries=(FailedTry(provider="p", model="m", why="busy\x1b[2J\nnow"),),
        fallback_from="p/m",
    )
    assert more_rows(figures) == (
        ("", " ▄█"),
        ("gaps", "12 ms / 40 ms"),
        ("stalls", "2"),
        ("  DNS", "1 ms"),
        ("  TCP", "20 ms"),
        ("✗ busy␛[2J now", ""),
        ("in place of p/m", ""),
    )
    assert sparkline(()) == sparkline((0.0,)) == ""


def test_costs_and_what_is_usual() -> None:
    assert standing_rows(None) == ()
    known = Standing(
        turn=Spending(0.0123, is_estimate=True),
        conversation=Spending(1.5, is_estimate=True, unknown=1),
        today=Spending(),
        count=0,
        ttft_p50=None,
        ttft_p95=None,
        latency_p50=None,
        latency_p95=None,
    )
    assert standing_rows(known) == (("cost", "~$0.012"), ("conversation", "~$1.50 + ?"), ("today", "–"))
    usual = replace(known, count=7, ttft_p50=0.3, ttft_p95=1.2)
    assert standing_rows(usual)[3:] == (
        ("p50 / p95 of the last 7", ""),
        ("TTFT", "300 ms / 1.2 s"),
        ("latency", "– / –"),
    )
