"""Events as lines of JSON: each a whole line that says what happened, whatever texts stand in it."""

from __future__ import annotations

import json
import re
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatterm.backend.event_lines import EventLines
from chatterm.backend.event_records import (
    _INNER_MAKERS,  # pyright: ignore[reportPrivateUsage]  # every kind is held
    _MAKERS,  # pyright: ignore[reportPrivateUsage]  # every kind is held
    EventRecord,
    TurnReport,
)
from chatterm.backend.guide.manual_pages import read_pages
from chatterm.core.errors import RateLimitedError
from chatterm.core.events import (
    ConsentAsked,
    FellBack,
    RetryScheduled,
    StageChanged,
    Streamed,
    StreamEvent,
    TextDelta,
    ToolCallStarted,
    ToolFinished,
    ToolRequested,
    TurnEvent,
    TurnFinished,
    UsageReported,
)
from chatterm.core.messages import Citation, CitationsPart, Message, TextPart, ToolCallPart, ToolResultPart
from chatterm.core.timings import Timings
from chatterm.core.tools import Access, ToolOutcome, ToolRun
from chatterm.core.turn import Outcome, Stage, StopReason, Turn
from chatterm.core.usage import Usage
from tests.benchmarks.event_encoding import GOAL_RATIO, by_dictionaries, by_records, tool_events
from tests.cpu_time import seconds

RUN = ToolRun(
    call_id="c1", name="read_file", round=0, outcome=ToolOutcome.OK, began=0.0, seconds=0.5, bytes=4
)


def lines_of(*events: TurnEvent) -> list[dict[str, Any]]:
    lines = EventLines(100.0)
    for event in events:
        lines.add(event, 107.0)
    return [json.loads(line) for line in lines.take().splitlines()]


def test_every_event_has_a_line() -> None:
    assert set(get_args(TurnEvent)) == set(_MAKERS)
    assert set(get_args(StreamEvent)) == set(_INNER_MAKERS)


def test_a_line_says_what_when_and_of_whom() -> None:
    call = ToolCallPart("c1", "read_file", '{"path": "a"}')
    assert lines_of(
        StageChanged(101.5, Stage.TOOLS),
        Streamed(102.0, TextDelta("words")),
        ToolRequested(call, "built-in"),
        ConsentAsked(call, "built-in", Access(kind="read", target="/a", lines=("x",))),
        ToolFinished(104.0, ToolResultPart("c1", "text"), RUN),
        FellBack("p", "m", "q", "n", "it is busy"),
        RetryScheduled(105.0, 2, 3, 1.5, "host", RateLimitedError("Too many.", "Wait.", status=429)),
        Streamed(106.0, UsageReported(Usage(input=3))),
    ) == [
        {"event": "stage_changed", "at": 1.5, "stage": "tools"},
        {"event": "text_delta", "at": 2.0, "text": "words"},
        {
            "event": "tool_requested",
            "at": 7.0,
            "call_id": "c1",
            "name": "read_file",
            "arguments": '{"path": "a"}',
            "source": "built-in",
        },
        {
            "event": "consent_asked",
            "at": 7.0,
            "call_id": "c1",
            "name": "read_file",
            "source": "built-in",
            "kind": "read",
            "target": "/a",
            "lines": ["x"],
            "diff": "",
        },
        {
            "event": "tool_finished",
            "at": 4.0,
            "call_id": "c1",
            "name": "read_file",
            "round": 0,
            "outcome": "ok",
            "seconds": 0.5,
            "bytes": 4,
            "content": "text",
            "file": "",
            "same_as": "",
            "is_cached": False,
        },
        {
            "event": "fell_back",
            "at": 7.0,
            "provider": "p",
            "model": "m",
            "to_provider": "q",
            "to_model": "n",
            "why": "it is busy",
        },
        {
            "event": "retry_scheduled",
            "at": 5.0,
            "attempt": 2,
            "most": 3,
            "delay_seconds": 1.5,
            "host": "host",
            "error": {"kind": "RateLimited", "message": "Too many.", "hint": "Wait.", "status": 429},
        },
        {
            "event": "usage_reported",
            "at": 6.0,
            "usage": {
                "input": 3,
                "output": None,
                "cache_read": None,
                "cache_write": None,
                "reasoning": None,
                "cost": None,
            },
            "server": None,
        },
    ]


def test_the_last_line_has_the_whole_turn() -> None:
    prompt = Message(role="user", parts=(TextPart("q"),))
    cited = CitationsPart((Citation("https://a", "A"),))
    reply = Message(role="assistant", parts=(TextPart("one"), TextPart("two"), cited), parent_id=prompt.id)
    turn = Turn(
        conversation_id="conversation",
        prompt=prompt,
        reply=reply,
        provider="p",
        model="m",
        outcome=Outcome.COMPLETE,
        stop_reason=StopReason.END_TURN,
        timings=Timings(started=1.0, sent=2.0, first_delta=2.5, finished=4.0),
        attempts=1,
        tool_runs=(RUN,),
    )
    [line] = lines_of(TurnFinished(turn))
    told = line["turn"]
    assert (line["event"], told["text"], told["outcome"], told["stop_reason"], told["error"]) == (
        "turn_finished",
        "one\n\ntwo",
        "complete",
        "end_turn",
        None,
    )
    assert told["timings"] == {
        "ttft_seconds": 0.5,
        "first_text_seconds": None,
        "generation_seconds": None,
        "total_seconds": 3.0,
    }
    assert told["citations"] == [{"url": "https://a", "title": "A"}]
    assert [run["name"] for run in told["tool_runs"]] == ["read_file"]
    assert told["saved"] is True


@pytest.mark.parametrize(
    "name",
    ["\ud800", "a\udc80\x00", "\x1b]52;c;x\x07", "\u2028\u2029\x85\x0b\x0c\x1c", "\x7f\x9b31m", "🦜\u202e"],
)
def test_a_line_is_one_line_and_valid_for_any_name(name: str) -> None:
    check_name(name)


@given(st.text(st.characters()))
def test_a_line_is_one_line_and_valid_for_random_names(name: str) -> None:
    check_name(name)


def check_name(name: str) -> None:
    lines = EventLines(0.0)
    lines.add(Streamed(1.0, ToolCallStarted(0, "before", "plain")), 1.0)
    lines.add(Streamed(1.0, ToolCallStarted(0, "id", name)), 1.0)
    text = lines.take().decode()
    assert not any(each in text for each in "\x1b\x7f\x85\x9b\u202e\u2028")
    before, line = text.splitlines()
    assert json.loads(before)["name"] == "plain"
    sound = name.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    given = json.loads(line)["name"]
    assert given == (sound if sound == name else sound.replace("\0", "\u2400"))


def test_a_line_costs_a_fourth_of_a_dictionary_s_at_most() -> None:
    events = tool_events(1000)
    assert [json.loads(line) for line in by_records(events).splitlines()] == [
        json.loads(line) for line in by_dictionaries(events).splitlines()
    ]
    best = [1e9, 1e9]
    for _ in range(20):
        best[0] = min(best[0], seconds(lambda: by_records(events)))
        best[1] = min(best[1], seconds(lambda: by_dictionaries(events)))
        if best[0] <= GOAL_RATIO * best[1]:
            return
    pytest.fail(f"{best[0]:.4f} s beside {best[1]:.4f} s")


def test_the_manual_names_every_event_and_no_other() -> None:
    [page] = [each for each in read_pages() if each.topic == "events"]
    table = next(each.text for each in page.sections if each.heading == "The line of an event")
    named = {
        name
        for row in table.splitlines()
        if row.startswith("| `")
        for name in re.findall(r"`(\w+)`", row.split("|")[1])
    }
    assert named == {kind.__struct_config__.tag for kind in EventRecord.__subclasses__()}
    fields = "\n".join(each.text for each in page.sections)
    assert all(name in fields for name in TurnReport.__struct_fields__)
