"""Figures are measured or absent, and the same however they are asked for."""

from __future__ import annotations

import pytest

from chatterm.backend.metrics import Figures, TurnMeter, figures_of, percentile, tokens_per_second
from chatterm.core.errors import ServerError
from chatterm.core.events import (
    AttemptStarted,
    ContextFitted,
    FellBack,
    RetryScheduled,
    StageChanged,
    Streamed,
    TextDelta,
    ThinkingDelta,
    TurnFinished,
    UsageReported,
)
from chatterm.core.messages import Message, TextPart, ThinkingPart
from chatterm.core.timings import ServerTimings, Timings
from chatterm.core.turn import Outcome, Stage, Turn
from chatterm.core.usage import Usage


def a_turn(**changes: object) -> Turn:
    values: dict[str, object] = {
        "conversation_id": "c",
        "prompt": Message(role="user", parts=(TextPart("hi"),)),
        "reply": Message(role="assistant", parts=(TextPart("ho"),)),
        "provider": "p",
        "model": "m",
        "outcome": Outcome.COMPLETE,
    }
    return Turn(**(values | changes))  # type: ignore[arg-type]  # a table of changes


def live_meter() -> TurnMeter:
    meter = TurnMeter("p", "m", started=100.0)
    meter.observe(AttemptStarted(1, "p", "m", "host"))
    meter.observe(StageChanged(100.0, Stage.CONNECTING))
    meter.observe(StageChanged(100.1, Stage.SENDING))
    meter.observe(StageChanged(100.1, Stage.WAITING))
    return meter


def test_nothing_is_known_before_it_happened() -> None:
    figures = TurnMeter("p", "m", started=100.0).figures(101.5)
    assert figures == Figures(provider="p", model="m", elapsed_seconds=1.5)
    assert figures.output_tokens is None


def test_ttft_counts_from_the_request_to_the_first_delta_of_any_kind() -> None:
    meter = live_meter()
    meter.observe(Streamed(100.4, ThinkingDelta("hm")))
    meter.observe(Streamed(101.1, TextDelta("answer")))
    figures = meter.figures(102.0)
    assert figures.ttft_seconds == pytest.approx(0.3)
    assert figures.first_text_seconds == pytest.approx(1.0)
    assert figures.reused_connection is False


def test_a_rate_is_an_estimate_until_tokens_are_reported() -> None:
    meter = live_meter()
    meter.observe(Streamed(101.0, TextDelta("x" * 44)))
    meter.observe(Streamed(102.0, TextDelta("x" * 44)))
    before = meter.figures(102.0)
    assert before.is_estimate
    assert before.output_tokens == 22
    assert before.tokens_per_second == pytest.approx(21.0)
    meter.observe(Streamed(102.0, UsageReported(Usage(input=5, output=11))))
    after = meter.figures(102.0)
    assert not after.is_estimate
    assert after.tokens_per_second == pytest.approx(10.0)
    assert after.usage.input == 5


def test_a_connection_without_connecting_was_reused() -> None:
    meter = TurnMeter("p", "m", started=1.0)
    meter.observe(AttemptStarted(1, "p", "m", "host"))
    meter.observe(StageChanged(1.1, Stage.SENDING))
    assert meter.figures(2.0).reused_connection is True


def test_without_a_connection_nothing_is_said_of_it() -> None:
    meter = TurnMeter("p", "m", started=1.0)
    meter.observe(AttemptStarted(1, "p", "m", "guide"))
    meter.observe(StageChanged(1.1, Stage.WAITING))
    assert meter.figures(2.0).reused_connection is None


def test_the_end_fixes_the_figures() -> None:
    meter = live_meter()
    for at in (101.0, 101.1, 101.3):
        meter.observe(Streamed(at, TextDelta("xxxx")))
    timings = Timings(started=100.0, sent=100.1, first_delta=101.0, last_delta=101.3, finished=101.5)
    turn = a_turn(timings=timings, attempts=1)
    meter.observe(TurnFinished(turn))
    figures = meter.figures(999.0)
    assert figures.elapsed_seconds == pytest.approx(1.5)
    assert figures.tokens_per_second is None
    assert figures.output_tokens is None
    assert figures.delta_gap_p50_seconds == pytest.approx(0.1)
    assert figures.delta_gap_p95_seconds == pytest.approx(0.2)
    assert figures.outcome is Outcome.COMPLETE


def test_the_servers_own_rate_is_preferred() -> None:
    server = ServerTimings(load_seconds=2.0, eval_seconds=2.0, eval_count=100, prompt_eval_count=10)
    timings = Timings(first_delta=1.0, last_delta=2.0, server=server)
    figures = figures_of(a_turn(timings=timings, usage=Usage(output=100)))
    assert figures.tokens_per_second == 50.0
    assert figures.warm is False


def test_hidden_reasoning_is_no_part_of_the_rate() -> None:
    timings = Timings(first_delta=1.0, last_delta=2.0)
    usage = Usage(output=2101, reasoning=2000)
    assert figures_of(a_turn(timings=timings, usage=usage)).tokens_per_second == 100.0
    shown = Message(role="assistant", parts=(ThinkingPart("hm"), TextPart("ho")))
    assert figures_of(a_turn(timings=timings, usage=usage, reply=shown)).tokens_per_second == 2100.0


def test_formulas() -> None:
    assert tokens_per_second(11, 2.0) == 5.0
    assert tokens_per_second(1, 2.0) is None
    assert tokens_per_second(None, 2.0) is None
    assert tokens_per_second(5, 0.0) is None
    assert tokens_per_second(50, 0.2) is None
    assert percentile([], 0.5) is None
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert percentile([float(n) for n in range(1, 101)], 0.95) == 95.0
    assert percentile([7.0], 0.0) == 7.0


def test_a_recovered_turn_has_no_elapsed_time() -> None:
    assert figures_of(a_turn(outcome=Outcome.INTERRUPTED)).elapsed_seconds is None


def test_after_tools_the_ttft_stays_and_their_time_is_no_gap() -> None:
    meter = live_meter()
    meter.observe(Streamed(100.4, TextDelta("look")))
    meter.observe(Streamed(100.5, TextDelta("look")))
    meter.observe(AttemptStarted(1, "p", "m", "host"))
    meter.observe(StageChanged(160.0, Stage.WAITING))
    meter.observe(Streamed(161.0, TextDelta("so")))
    figures = meter.figures(162.0)
    assert figures.ttft_seconds == pytest.approx(0.3)
    assert (figures.delta_gap_p95_seconds, figures.stalls) == (0.1, 0)


def test_several_rounds_are_one_count_and_the_time_of_tools_and_questions_is_no_part_of_the_rate() -> None:
    meter = live_meter()
    meter.observe(Streamed(101.0, TextDelta("x" * 44)))
    meter.observe(Streamed(102.0, TextDelta("x" * 44)))
    meter.observe(Streamed(102.0, UsageReported(Usage(input=5, output=21))))
    meter.observe(AttemptStarted(1, "p", "m", "host"))
    assert meter.figures(170.0).output_tokens == 21
    meter.observe(Streamed(200.0, TextDelta("x" * 44)))
    meter.observe(Streamed(201.0, TextDelta("x" * 36)))
    assert meter.figures(201.0).output_tokens == 41
    meter.observe(Streamed(201.0, UsageReported(Usage(input=9, output=20))))
    figures = meter.figures(201.0)
    assert (figures.output_tokens, figures.tokens_per_second) == (41, pytest.approx(20.0))


def test_stalls_are_gaps_over_a_second_and_rates_are_told_by_the_second() -> None:
    meter = live_meter()
    for at, text in ((100.5, "x" * 40), (100.9, "x" * 40), (103.0, "x" * 20)):
        meter.observe(Streamed(at, TextDelta(text)))
    figures = meter.figures(104.0)
    assert figures.stalls == 1
    assert figures.rates == (20.0, 0.0, 0.0, 5.0)


def test_what_failed_is_told_with_its_reason_while_the_turn_runs() -> None:
    meter = live_meter()
    meter.observe(RetryScheduled(101.0, 2, 3, 1.0, "host", ServerError("broken")))
    meter.observe(FellBack("p", "m", "q", "n", "still broken"))
    meter.observe(AttemptStarted(3, "q", "n", "host"))
    figures = meter.figures(102.0)
    assert [tried.why for tried in figures.tries] == ["broken", "still broken"]
    assert (figures.fallback_from, figures.model) == ("p/m", "n")
    assert figures.connect_seconds is None  # of the request before


def test_the_steps_of_a_new_connection() -> None:
    meter = TurnMeter("p", "m", started=1.0)
    meter.observe(AttemptStarted(1, "p", "m", "host"))
    for at, stage in (
        (1.0, Stage.RESOLVING),
        (1.5, Stage.CONNECTING),
        (2.5, Stage.SECURING),
        (4.5, Stage.SENDING),
    ):
        meter.observe(StageChanged(at, stage))
    figures = meter.figures(5.0)
    assert (figures.resolve_seconds, figures.connect_seconds, figures.secure_seconds) == (0.5, 1.0, 2.0)


def test_the_context_of_a_turn_with_tools_is_that_of_its_last_request() -> None:
    meter = live_meter()
    meter.observe(ContextFitted(1000, 10_000))
    assert meter.figures(100.2).context_share == pytest.approx(0.1)
    meter.observe(Streamed(101.0, UsageReported(Usage(input=2000, output=100))))
    meter.observe(AttemptStarted(1, "p", "m", "host"))
    meter.observe(Streamed(102.0, UsageReported(Usage(input=2200, output=50))))
    meter.observe(TurnFinished(a_turn(usage=Usage(input=4200, output=150))))
    assert meter.figures(103.0).context_share == pytest.approx(0.225)
