"""Cards of running calls come in the order of the reply, however many events come at once."""

from __future__ import annotations

from chatterm.core.events import (
    AttemptStarted,
    Streamed,
    TextDelta,
    ToolCallStarted,
    ToolFinished,
    ToolRequested,
    ToolStarted,
)
from chatterm.core.messages import ToolCallPart, ToolResultPart
from chatterm.core.tools import ToolOutcome, ToolRun
from chatterm.tui.live_tools import LiveTools
from chatterm.tui.transcript.entries import Section


def test_a_card_is_there_before_text_that_comes_in_the_same_batch() -> None:
    shown: list[Section] = []
    tools = LiveTools(shown.append)
    tools.observe(Streamed(1.0, ToolCallStarted(0, "c0", "read_file")), 1.0)
    tools.observe(Streamed(1.0, TextDelta("Now I wait.")), 1.0)
    assert [card.call_id for card in shown] == ["c0"]


def test_a_round_is_summed_up_although_the_next_request_comes_in_the_same_batch() -> None:
    shown: list[Section] = []
    tools = LiveTools(shown.append)
    for number in range(2):
        call = ToolCallPart(f"c{number}", "read_file", "{}")
        run = ToolRun(
            call_id=call.call_id, name=call.name, round=0, outcome=ToolOutcome.OK, began=0.0, seconds=1.0
        )
        tools.observe(ToolRequested(call, "built-in"), 1.0)
        tools.observe(ToolStarted(1.0, call.call_id), 1.0)
        tools.observe(ToolFinished(2.0, ToolResultPart(call.call_id, "fine"), run), 2.0)
    tools.observe(AttemptStarted(2, "openai", "gpt", "api.openai.com"), 2.0)
    tools.flush(2.0)
    assert [section.kind for section in shown] == ["tool", "tool", "note"]
    assert shown[-1].text.startswith("2 tools in 1.00 s")
