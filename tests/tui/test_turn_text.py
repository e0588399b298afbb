"""The words for how a turn ended."""

from __future__ import annotations

import pytest

from chatterm.core.errors import ConnectionFailedError
from chatterm.core.messages import Message, TextPart
from chatterm.core.turn import Outcome, Turn
from chatterm.tui.turn_text import ending_of


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
