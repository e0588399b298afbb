"""The words for how a turn ended."""

from __future__ import annotations

import pytest

from chatterm.core.errors import ConnectionFailedError, OverloadedError
from chatterm.core.events import RetryScheduled
from chatterm.core.messages import Message, TextPart
from chatterm.core.turn import Outcome, Turn
from chatterm.tui.turn_text import ending_of, retry_words


@pytest.mark.parametrize(
    "outcome", [Outcome.CANCELLED, Outcome.INTERRUPTED, Outcome.FAILED, Outcome.COMPLETE]
)
def test_without_a_key_no_key_is_named(outcome: Outcome) -> None:
    parts = () if outcome is Outcome.COMPLETE else (TextPart("ho"),)
    turn = Turn(
        conversation_id="c",
        prompt=Message(role="user", parts=(TextPart("hi"),)),
        reply=Message(role="assistant", parts=parts),
        provider="p",
        model="m",
        outcome=outcome,
        error=ConnectionFailedError("It broke.", provider="p"),
    )
    assert "alt+r asks again" in ending_of(turn, "alt+r")[0]
    without = ending_of(turn, "")[0]
    assert without and "again" not in without and not any(not word.strip() for word in without.split(" · "))


@pytest.mark.parametrize(("left", "told"), [(2.0, "2 s"), (1.2, "2 s"), (0.3, "1 s"), (-0.1, "0 s")])
def test_a_wait_is_never_told_shorter_than_it_is(left: float, told: str) -> None:
    scheduled = RetryScheduled(
        at=0.0, attempt=2, most=3, delay_seconds=2.0, host="h", cause=OverloadedError("Busy.")
    )
    assert f"again in {told} (2 of 3)" in retry_words(scheduled, left, "esc", "enter")
