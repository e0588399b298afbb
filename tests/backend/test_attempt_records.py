"""What the record says of one request, figure by figure: each is measured from the right moment, or None."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chatterm.backend.attempt import Attempt
from chatterm.backend.performance import Performance, Try, TurnRecords
from chatterm.backend.turn_handle import TurnHandle
from chatterm.core.errors import BudgetReachedError
from chatterm.core.events import StreamEvent, StreamFinished, TextDelta, ThinkingDelta, UsageReported
from chatterm.core.performance import AttemptRecord
from chatterm.core.timings import ServerTimings, Timings
from chatterm.core.turn import StopReason, Turn
from chatterm.core.usage import Usage
from tests.backend.test_metrics import a_turn
from tests.doubles.provider import GatedProvider

TIMINGS = Timings(
    begun=90.0,
    started=100.0,
    sent=101.0,
    headers=101.25,
    first_delta=101.5,
    first_text=102.0,
    last_delta=103.5,
    finished=104.0,
    loop_lag=0.125,
)
DONE = StreamFinished(StopReason.END_TURN)


class Timed(Attempt):
    """A request with these stamps, and events that came."""

    def __init__(self, timings: Timings, *events: StreamEvent) -> None:
        super().__init__(GatedProvider().target(), lambda _: None, lambda _: None, lambda: 0.0)
        self._timings = timings
        for event in events:
            self.draft.apply(event)

    def timings(self) -> Timings:
        """The stamps."""
        return self._timings


class Kept:
    """The records of one turn."""

    def __init__(self) -> None:
        self.records: list[AttemptRecord] = []
        self.sent = 0
        self.turn = TurnRecords(a_turn(), "chat", Performance(self.records.append), self._refuse)

    def of(self, *attempts: Attempt) -> list[AttemptRecord]:
        """What the records say of these requests, made one after the other."""
        for number, attempt in enumerate(attempts, 1):
            with self.turn.request(attempt, TurnHandle(a_turn(), lambda: 0.0), Try(number, 0, "")):
                pass
        self.turn.close()
        return self.records

    def _refuse(self) -> None:
        raise BudgetReachedError("No more.", "")


@pytest.fixture
async def kept() -> Kept:
    return Kept()


async def test_every_time_is_from_its_own_moment(kept: Kept) -> None:
    attempt = Timed(TIMINGS, TextDelta("hi"), UsageReported(Usage(input=9, output=41)), DONE)
    for at in (101.5, 101.75, 103.5):
        attempt.gaps.note(at)
    (record,) = kept.of(attempt)
    assert (record.ttft_seconds, record.first_text_seconds, record.latency_seconds) == (0.5, 1.0, 4.0)
    assert (record.delta_gap_p50_seconds, record.delta_gap_p95_seconds, record.stalls) == (0.25, 1.75, 1)
    assert (record.tokens_per_second, record.loop_lag_seconds) == (20.0, 0.125)


async def test_the_times_tell_by_how_much_they_may_be_off() -> None:
    attempt = Attempt(GatedProvider().target(), lambda _: None, lambda _: None, lambda: 0.0)
    assert attempt.timings().loop_lag is None
    attempt._lag.worst = 0.25
    assert attempt.timings().loop_lag == 0.25


async def test_a_rate_is_of_reported_tokens_that_were_streamed_and_the_servers_own_wins(kept: Kept) -> None:
    text, hidden = TextDelta("many words " * 100), UsageReported(Usage(output=2041, reasoning=2000))
    server = UsageReported(Usage(output=41), ServerTimings(eval_count=50, eval_seconds=2.0))
    records = kept.of(
        Timed(TIMINGS, text, DONE),
        Timed(TIMINGS, text, hidden, DONE),
        Timed(TIMINGS, ThinkingDelta("hm"), text, hidden, DONE),
        Timed(replace(TIMINGS, server=server.server), text, server, DONE),
    )
    assert [record.tokens_per_second for record in records] == [None, 20.0, 1020.0, 25.0]


async def test_without_an_answer_no_figure_is_made_up(kept: Kept) -> None:
    (record,) = kept.of(Timed(Timings(started=100.0, finished=101.0)))
    figures = (record.ttft_seconds, record.first_text_seconds, record.stalls, record.delta_gap_p50_seconds)
    assert figures == (None, None, None, None)
    assert (record.latency_seconds, record.loop_lag_seconds, record.tokens_per_second) == (1.0, None, None)
    assert not record.success


async def test_what_was_at_hand_was_no_request(kept: Kept) -> None:
    at_hand = Timed(Timings(headers=100.0, first_delta=100.0, finished=100.0), TextDelta("hi"), DONE)
    assert kept.of(at_hand) == []
    kept.turn.require_more()
    assert len(kept.of(Timed(TIMINGS))) == 1
    with pytest.raises(BudgetReachedError):
        kept.turn.require_more()


async def test_one_request_right_after_another_costs_no_record(kept: Kept) -> None:
    assert [record.attempt for record in kept.of(Timed(TIMINGS), Timed(TIMINGS))] == [1, 2]


async def test_a_defect_in_measuring_costs_neither_the_reply_nor_the_other_records(kept: Kept) -> None:
    class Broken(Timed):
        def timings(self) -> Timings:
            raise ZeroDivisionError

    assert [record.attempt for record in kept.of(Broken(TIMINGS), Timed(TIMINGS))] == [2]


def test_who_takes_turns_and_fails_costs_the_others_none() -> None:
    def broken(turn: Turn) -> None:
        raise OSError("No space left on device")

    performance, taken = Performance(), list[Turn]()
    performance.turn_takers += [broken, taken.append]
    turn = a_turn()
    performance.ended(turn)
    assert taken == [turn]
