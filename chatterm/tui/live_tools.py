"""Follows the tool calls of a running turn for the transcript."""

from __future__ import annotations

from collections.abc import Callable

from chatterm.core.clean import visible
from chatterm.core.events import (
    AttemptStarted,
    ConsentAsked,
    RefusalDelta,
    Streamed,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallStarted,
    ToolFinished,
    ToolProgress,
    ToolRequested,
    ToolStarted,
    TurnEvent,
)
from chatterm.core.messages import ToolCallPart
from chatterm.tui.tool_cards import LiveCall, round_note
from chatterm.tui.transcript.entries import Section

_PROGRESS_CHARACTERS = 200


class LiveTools:
    """The calls of the response that came last; `show` gets their cards when they change: at `flush`, and before
    anything comes that stands below them."""

    def __init__(self, show: Callable[[Section], None]) -> None:
        self._show = show
        self._calls: dict[str, LiveCall] = {}
        self._written: dict[int, LiveCall] = {}
        self._changed: dict[str, LiveCall] = {}

    @property
    def running(self) -> int:
        """How many run."""
        return sum(call.started is not None for call in self._calls.values())

    def observe(self, event: TurnEvent, now: float) -> None:
        """Take in what happens to tool calls; all else is passed over. `now` is monotonic, as in `flush`."""
        match event:
            case AttemptStarted():
                self.flush(now)
                self._calls, self._written = {}, {}
            case Streamed(event=TextDelta() | ThinkingDelta() | RefusalDelta()):
                self.flush(now)
            case Streamed(event=ToolCallStarted(index, call_id, name)):
                self._written[index] = self._put(LiveCall(ToolCallPart(call_id, name, "")))
            case Streamed(event=ToolCallDelta(index, arguments)) if index in self._written:
                self._change(self._written[index]).write(arguments)
            case ToolRequested(call, source):
                known = self._calls.get(call.call_id) or self._put(LiveCall(call, is_whole=True))
                self._change(known).ask_for(call, source)
            case ConsentAsked(call=call) if call.call_id in self._calls:
                known = self._change(self._calls[call.call_id])
                known.state, known.kind = "waiting for you", "warning"
            case ToolStarted(at, call_id) if call_id in self._calls:
                self._change(self._calls[call_id]).started = at
            case ToolProgress(call_id, text) if call_id in self._calls:
                self._change(self._calls[call_id]).progress = _last_line(text)
            case ToolFinished(result=result, run=run) if run.call_id in self._calls:
                self._change(self._calls[run.call_id]).finish(result, run)
            case _:
                pass

    def flush(self, now: float) -> None:
        """Show what changed; after the last call of a round, what the round took."""
        if not self._changed:
            return
        changed, self._changed = self._changed, {}
        for call in changed.values():
            self._show(call.section(now))
        runs = [call.run for call in self._calls.values()]
        if runs and any(call.run is not None for call in changed.values()) and None not in runs:
            note = round_note(run for run in runs if run is not None)
            if note is not None:
                self._show(note)

    def tick(self, now: float) -> None:
        """Show how long those that run have been running."""
        for call in self._calls.values():
            if call.started is not None:
                self._change(call)
        self.flush(now)

    def _put(self, call: LiveCall) -> LiveCall:
        self._calls[call.call.call_id] = call
        return self._change(call)

    def _change(self, call: LiveCall) -> LiveCall:
        self._changed[call.call.call_id] = call
        return call


def _last_line(text: str) -> str:
    lines = text[-4 * _PROGRESS_CHARACTERS :].rstrip().rsplit("\n", 1)
    return visible(lines[-1][:_PROGRESS_CHARACTERS])
