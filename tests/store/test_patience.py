"""How long work waits for a lock: once for long, then hardly at all, and never beyond the end."""

from __future__ import annotations

import pytest

from chatterm.store.patience import BUSY_AGAIN_SECONDS, BUSY_SECONDS, IMPATIENT_SECONDS, Patience


class Waiting:
    """Time that passes only by waiting, and work that meets a lock until then."""

    def __init__(self) -> None:
        self.now = 100.0
        self.free_at = float("inf")
        self.patience = Patience(clock=lambda: self.now, sleep=self._sleep)

    def _sleep(self, seconds: float) -> None:
        self.now += seconds

    def work(self) -> str:
        if self.now < self.free_at:
            raise TimeoutError("locked")
        return "done"

    def seconds_in_vain(self) -> float:
        began_at = self.now
        with pytest.raises(TimeoutError, match="locked"):
            self.patience.keep_trying(self.work)
        return self.now - began_at


def test_work_waits_for_a_lock_and_is_done_once_it_is_free() -> None:
    waiting = Waiting()
    waiting.free_at = waiting.now + BUSY_SECONDS / 2
    assert waiting.patience.keep_trying(waiting.work) == "done"
    assert waiting.now == pytest.approx(waiting.free_at, abs=0.01)


def test_after_a_wait_in_vain_the_next_ones_are_short_for_some_seconds() -> None:
    waiting = Waiting()
    assert waiting.seconds_in_vain() == pytest.approx(BUSY_SECONDS, abs=0.01)
    for _ in range(3):
        assert waiting.seconds_in_vain() == pytest.approx(BUSY_AGAIN_SECONDS, abs=0.01)
    waiting.now += IMPATIENT_SECONDS
    assert waiting.seconds_in_vain() == pytest.approx(BUSY_SECONDS, abs=0.01)


def test_a_success_gives_the_full_time_back() -> None:
    waiting = Waiting()
    waiting.seconds_in_vain()
    waiting.patience.renew()
    assert waiting.seconds_in_vain() == pytest.approx(BUSY_SECONDS, abs=0.01)


def test_the_end_bounds_every_wait_and_is_never_put_off() -> None:
    waiting = Waiting()
    assert waiting.patience.end_within(0.3) == pytest.approx(0.3)
    assert waiting.patience.end_within(60) == pytest.approx(0.3)
    assert waiting.seconds_in_vain() == pytest.approx(0.3, abs=0.01)
    assert waiting.seconds_in_vain() == 0
    assert waiting.patience.end_within(60) == 0
    waiting.free_at = waiting.now
    assert waiting.patience.keep_trying(waiting.work) == "done"


def test_what_is_no_lock_is_not_tried_again() -> None:
    waiting, tries = Waiting(), 0

    def broken() -> None:
        nonlocal tries
        tries += 1
        raise KeyError("mine")

    with pytest.raises(KeyError):
        waiting.patience.keep_trying(broken)
    assert (tries, waiting.now) == (1, 100.0)
