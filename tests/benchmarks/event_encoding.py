"""What lines of events cost: `python -m tests.benchmarks.event_encoding [--events N] [--runs N]`.

The same tool and status events become lines of JSON by `EventLines`, as typed records, and beside it by `json.dumps`
of a fresh dictionary each, in the same run, in turn. The making of the records and of the dictionaries counts on both
sides. Processor time of this thread.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from chatterm.backend.event_lines import EventLines
from chatterm.core.events import (
    ConsentAsked,
    StageChanged,
    ToolFinished,
    ToolProgress,
    ToolRequested,
    ToolStarted,
    TurnEvent,
)
from chatterm.core.messages import ToolCallPart, ToolResultPart
from chatterm.core.tools import Access, ToolOutcome, ToolRun
from chatterm.core.turn import Stage
from tests.benchmarks.figures import Figure, table
from tests.cpu_time import seconds

GOAL_RATIO = 0.25
BATCH = 64
"""How many events come between two writes."""

BEGAN = 1000.0


def tool_events(count: int) -> list[TurnEvent]:
    """Events of tool calls and of the state of their turn, as they come while tools run."""
    events: list[TurnEvent] = []
    number = 0
    while len(events) < count:
        at, call_id = BEGAN + number / 64, f"call_{number}"
        call = ToolCallPart(call_id, "read_file", json.dumps({"path": f"src/module_{number}.py"}))
        run = ToolRun(
            call_id=call_id,
            name="read_file",
            round=number,
            outcome=ToolOutcome.OK,
            began=0.125,
            seconds=0.03125,
            bytes=180,
        )
        events += [
            StageChanged(at, Stage.TOOLS),
            ToolRequested(call, "built-in"),
            ConsentAsked(call, "built-in", Access(kind="read", target=f"/home/me/src/module_{number}.py")),
            ToolStarted(at, call_id),
            ToolProgress(call_id, f"{number} of {count} lines"),
            ToolFinished(at, ToolResultPart(call_id, "def work() -> None:\n" * 9), run),
            StageChanged(at, Stage.WAITING),
        ]
        number += 1
    return events[:count]


def by_records(events: Sequence[TurnEvent]) -> bytes:
    """The lines as chatterm makes them."""
    lines, written = EventLines(BEGAN), bytearray()
    for number, event in enumerate(events, 1):
        lines.add(event, BEGAN)
        if number % BATCH == 0:
            written += lines.take()
    return bytes(written + lines.take())


def by_dictionaries(events: Sequence[TurnEvent]) -> bytes:
    """The same lines by `json.dumps`."""
    written = bytearray()
    for event in events:
        written += json.dumps(_dictionary(event)).encode() + b"\n"
    return bytes(written)


def _dictionary(event: TurnEvent) -> dict[str, object]:
    match event:
        case StageChanged(at=at, stage=stage):
            return {"event": "stage_changed", "at": at - BEGAN, "stage": stage}
        case ToolRequested(call=call, source=source):
            return {
                "event": "tool_requested",
                "at": 0.0,
                "call_id": call.call_id,
                "name": call.name,
                "arguments": call.arguments,
                "source": source,
            }
        case ConsentAsked(call=call, source=source, access=access):
            return {
                "event": "consent_asked",
                "at": 0.0,
                "call_id": call.call_id,
                "name": call.name,
                "source": source,
                "kind": access.kind,
                "target": access.target,
                "lines": access.lines,
                "diff": access.diff,
            }
        case ToolStarted(at=at, call_id=call_id):
            return {"event": "tool_started", "at": at - BEGAN, "call_id": call_id}
        case ToolProgress(call_id=call_id, text=text):
            return {"event": "tool_progress", "at": 0.0, "call_id": call_id, "text": text}
        case ToolFinished(at=at, result=result, run=run):
            return {
                "event": "tool_finished",
                "at": at - BEGAN,
                "call_id": run.call_id,
                "name": run.name,
                "round": run.round,
                "outcome": run.outcome,
                "seconds": run.seconds,
                "bytes": run.bytes,
                "content": result.content,
                "file": run.file,
                "same_as": run.same_as,
                "is_cached": run.is_cached,
            }
        case _:
            raise AssertionError(event)


def figure(count: int, runs: int) -> Figure:
    """How much of the time of `json.dumps` our lines take, in percent."""
    events = tool_events(count)
    found = Figure("of json.dumps", "%", goal=100 * GOAL_RATIO)
    for _ in range(runs):
        ours = seconds(lambda: by_records(events))
        theirs = seconds(lambda: by_dictionaries(events))
        found.samples.append(100 * ours / theirs)
    return found


def main(arguments: Sequence[str]) -> int:
    """Measure and print; 1 where the goal is missed."""
    parser = argparse.ArgumentParser(description="What lines of events cost.")
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=5)
    wanted = parser.parse_args(arguments)
    found = figure(wanted.events, wanted.runs)
    print(f"{wanted.events:,} events of tools and status")
    print(table([found]))
    return 0 if found.is_met else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
