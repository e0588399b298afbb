"""What of a conversation goes out with the next prompt."""

from __future__ import annotations

from dataclasses import replace

from chatterm.backend.context import context_of, is_blocked
from chatterm.core.messages import OpaquePart, RefusalPart, TextPart, ThinkingPart
from chatterm.core.turn import Outcome, StopReason
from chatterm.tui.turn_text import ending_of
from tests.store.builders import ended, new_turn


def test_turns_without_visible_text_are_left_out() -> None:
    kept = ended(new_turn("kept"))
    silent = ended(new_turn("silent"), ThinkingPart("hm"), OpaquePart("x", "{}"))
    running = replace(new_turn("running"), outcome=None)
    cut = ended(new_turn("cut"), TextPart("so far"), outcome=Outcome.INTERRUPTED)
    sent = [message.text for message in context_of([kept, silent, running, cut])]
    assert sent == ["kept", "Hi.", "cut", "so far"]


def test_what_a_filter_blocked_is_not_sent_again_and_that_is_said() -> None:
    refusal = RefusalPart("The prompt was blocked: SAFETY.")
    blocked = replace(ended(new_turn("bad"), refusal), stop_reason=StopReason.CONTENT_FILTER)
    half = replace(ended(new_turn("half"), TextPart("So"), refusal), stop_reason=StopReason.CONTENT_FILTER)
    declined = replace(ended(new_turn("no"), RefusalPart("I will not.")), stop_reason=StopReason.REFUSAL)
    assert [is_blocked(turn) for turn in (blocked, half, declined)] == [True, False, False]
    assert [message.text.split("\n")[0] for message in context_of([blocked, half, declined])] == [
        "half",
        "So",
        "no",
        "I will not.",
    ]
    assert "left out of what is sent later" in ending_of(blocked, "r")[0]
    assert "left out" not in ending_of(half, "r")[0]
