"""Figures, goals, pacing and spending of load tests: values in, values out."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from chatterm.backend.load_test.figures import (
    Gaps,
    LoadResult,
    Sample,
    TargetFigures,
    decoded,
    encoded,
    histogram,
    ratios,
    spread,
    target_figures,
)
from chatterm.backend.load_test.goals import NAMES, Goal, judged, read_goal
from chatterm.backend.load_test.lane import Lane
from chatterm.backend.load_test.pacing import Pace, Purse
from chatterm.core.errors import ConfigError, OverloadedError, RateLimitedError, ServerError
from chatterm.core.usage import RateLimit
from tests.backend.test_metrics import a_turn
from tests.doubles.provider import GatedProvider


def sample(at: float, ttft: float, **changes: object) -> Sample:
    usual = Sample(
        started_at=at,
        ended_at=at + 1,
        ttft_seconds=ttft,
        latency_seconds=1.0,
        tokens_per_second=50.0,
        input_tokens=10,
        output_tokens=20,
        deltas=20,
        reused_connection=True,
    )
    return replace(usual, **changes)  # type: ignore[arg-type]  # fields by their names


def figures(*samples: Sample) -> TargetFigures:
    return target_figures("p/m", "host", samples, Gaps())


def test_a_spread_is_by_nearest_rank_and_none_where_nothing_is_known() -> None:
    found = spread([None, *(float(number) for number in range(1, 101))])
    assert found is not None
    assert (found.count, found.least, found.p50, found.p95, found.p99, found.most) == (
        100,
        1,
        50,
        95,
        99,
        100,
    )
    assert spread([None]) is None


def test_figures_leave_the_warm_up_and_what_failed_out() -> None:
    found = figures(
        sample(0, 9.0, is_warmup=True, warm=False, load_seconds=8.0, cost_dollars=0.25, loop_lag_seconds=9.0),
        sample(10, 0.1, warm=True, cost_dollars=0.5, loop_lag_seconds=0.001),
        sample(10, 0.3, warm=True, cost_dollars=0.5),
        sample(11, 5.0, error_kind="Server", loop_lag_seconds=0.5),
        sample(11, 5.0, is_cancelled=True),
    )
    assert (found.requests, found.complete, found.cancelled, found.errors) == (4, 2, 1, {"Server": 1})
    assert found.ttft is not None and found.ttft.most == 0.3
    assert found.seconds == 2.0
    assert found.requests_per_second == 1.0
    assert found.tokens_per_second == 20.0
    assert found.input_tokens == 30
    assert found.error_share == pytest.approx(1 / 3)
    assert found.cold_ttft is not None and found.load is not None and found.warm_ttft is not None
    assert (found.cold_ttft.p50, found.load.p50, found.warm_ttft.count) == (9.0, 8.0, 2)
    assert found.first_text is None and found.cost_dollars == 1.25
    assert found.loop_lag is not None and (found.loop_lag.count, found.loop_lag.most) == (2, 0.5)


def test_nothing_is_nothing_and_not_zero() -> None:
    found = figures()
    assert (found.ttft, found.requests_per_second, found.output_tokens, found.error_share) == (None,) * 4
    unknown = figures(sample(0, 0.1), sample(0, 0.1, output_tokens=None))
    assert (unknown.output_tokens, unknown.tokens_per_second, unknown.input_tokens) == (None, None, 20)


def test_so_many_gaps_are_kept_and_each_of_the_rest_may_take_the_place_of_one() -> None:
    gaps = Gaps(most=100)
    gaps.add(float(number) for number in range(10_000))
    assert (len(gaps.values), gaps.seen) == (100, 10_000)
    assert 3000 < sum(gaps.values) / 100 < 7000


def test_a_histogram_counts_every_value() -> None:
    assert histogram([1.0, 1.1, 2.0], bars=2) == (2, 1)
    assert histogram([1.0]) == histogram([1.0, 1.0]) == ()


def test_ratios_are_to_another_and_none_where_one_is_unknown() -> None:
    one, other = figures(sample(0, 0.2)), figures(sample(0, 0.1))
    found = ratios(one, other)
    assert found["ttft_p50"] == 2.0 and found["rate_p95"] == 1.0
    assert found["gap_p50"] is None
    assert ratios(one, figures())["ttft_p50"] is None


def test_a_result_is_read_as_it_was_written() -> None:
    result = LoadResult(
        program="chatterm 0",
        made_at="2026-11-21T00:00:00+00:00",
        concurrency=1,
        requests=1,
        duration_seconds=None,
        warmup=0,
        prompt_tokens=None,
        max_tokens=None,
        seed=1,
        seconds=1.0,
        cpu_share=0.1,
        stopped=False,
        targets=(figures(sample(0, 0.2), sample(0, 0.3)),),
        goals=judged([Goal("ttft_p50", 1.0)], [figures(sample(0, 0.2))]),
    )
    assert decoded(encoded(result), "x.json") == result
    with pytest.raises(ConfigError, match=r"x\.json is of another form \(2; this is 1\)"):
        decoded(encoded(replace(result, version=2)), "x.json")


# ---- goals -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "limit"),
    [("ttft_p95=1.5", 1.5), ("latency_p50=3500ms", 3.5), ("errors=1%", 0.01), ("rate_p50= .5", 0.5)],
)
def test_goals_are_read_with_their_units(text: str, limit: float) -> None:
    assert read_goal(text).limit == pytest.approx(limit)


@pytest.mark.parametrize(
    "text", ["", "ttft", "ttft_p95", "ttft_p95=", "ttft_p90=1", "ttft_p95=fast", "ttft_p95=1%", "errors=1s"]
)
def test_what_is_no_goal_is_told_with_what_is(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_goal(text)
    assert "ttft_p95=1.5" in caught.value.hint


def test_more_is_better_of_rates_and_worse_of_times() -> None:
    found = figures(sample(0, 0.2))
    assert Goal("ttft_p50", 0.2).is_met(found) and not Goal("ttft_p50", 0.1).is_met(found)
    assert Goal("rate_p50", 50).is_met(found) and not Goal("rate_p50", 51).is_met(found)
    assert Goal("tokens_per_second", 20).is_met(found)
    assert Goal("errors", 0).is_met(found)
    assert not Goal("gap_p50", 1).is_met(found), "nothing was measured"
    for name in NAMES:
        Goal(name, 1.0).value(found)


def test_every_target_is_judged() -> None:
    slow = replace(figures(sample(0, 0.4)), name="p/slow")
    told = judged([Goal("ttft_p50", 0.2)], [figures(sample(0, 0.2)), slow])
    assert [(goal.target, goal.value, goal.is_met) for goal in told] == [
        ("p/m", 0.2, True),
        ("p/slow", 0.4, False),
    ]


# ---- pace and money --------------------------------------------------------------------------------


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_retry_after_is_waited_and_the_longest_counts() -> None:
    clock = Clock()
    pace = Pace(clock)
    pace.note(90, RateLimitedError("no", retry_after=5.0), ())
    pace.note(90, OverloadedError("no", retry_after=2.0), ())
    assert pace.wait_seconds() == 5.0
    clock.now += 5
    assert pace.wait_seconds() == 0
    assert pace.held_seconds == 5.0
    pace.note(105, RateLimitedError("no", retry_after=500.0), ())
    assert "500 s" in pace.too_long


def test_without_a_time_it_waits_twice_as_long_each_time_but_once_for_one_moment() -> None:
    clock = Clock()
    pace = Pace(clock)
    for _ in range(3):
        pace.note(99, RateLimitedError("no"), ())
    assert pace.wait_seconds() == 1.0
    clock.now += 1
    pace.note(100.5, RateLimitedError("no"), ())
    assert pace.wait_seconds() == 2.0
    clock.now += 2
    pace.note(102, None, ())
    pace.note(102.5, RateLimitedError("no"), ())
    assert pace.wait_seconds() == 1.0
    assert Pace(clock).wait_seconds() == 0


def test_what_headers_say_is_used_up_is_waited_for() -> None:
    pace = Pace(Clock())
    pace.note(99, None, [RateLimit(of="requests", remaining=1, resets_in=9.0)])
    pace.note(99, ServerError("no"), [RateLimit(of="tokens", remaining=None, resets_in=9.0)])
    assert pace.wait_seconds() == 0
    pace.note(99, None, [RateLimit(of="requests", remaining=0, resets_in=4.0)])
    assert pace.wait_seconds() == 4.0


async def test_a_whole_reply_tells_its_target_what_is_used_up() -> None:
    lane = Lane(GatedProvider().target(), Pace(Clock()))
    limits = (RateLimit(of="requests", remaining=0, resets_in=4.0),)
    lane.take(sample(99, 0.1), [], a_turn(rate_limits=limits))
    assert lane.progress().held_seconds == 4.0


def test_only_what_a_request_waited_counts_as_held_back() -> None:
    clock = Clock()
    pace = Pace(clock)
    pace.note(99, None, [RateLimit(of="requests", remaining=0, resets_in=9.0)])
    clock.now += 2
    assert pace.held_seconds == 0, "no request was to begin"
    assert pace.wait_seconds() == 7.0
    clock.now += 3
    assert pace.held_seconds == 3.0
    assert pace.wait_seconds() == 4.0
    clock.now += 9
    assert pace.held_seconds == 7.0


async def test_a_free_model_is_not_held_back_by_a_bound() -> None:
    purse = Purse(1.0)
    assert await purse.enter(lambda: False)
    purse.leave(0.0)
    assert [await purse.enter(lambda: False) for _ in range(5)] == [True] * 5


async def test_before_a_price_is_known_one_is_let_through_at_a_time() -> None:
    purse = Purse(1.0)
    assert await purse.enter(lambda: False)
    waiting = asyncio.ensure_future(purse.enter(lambda: False))
    await asyncio.sleep(0)
    assert not waiting.done()
    purse.leave(0.3)
    assert await waiting
    assert await purse.enter(lambda: False)
    third = asyncio.ensure_future(purse.enter(lambda: False))
    await asyncio.sleep(0)
    assert not third.done(), "what runs has to be paid first"
    purse.leave(0.3)
    purse.leave(0.3)
    assert not await third
