"""Carries the events of a running turn to the widgets, a batch at a time."""

from __future__ import annotations

import time
from collections.abc import Callable

from chatterm.backend.metrics import Figures, TurnMeter
from chatterm.backend.turn_handle import TurnHandle
from chatterm.core.clean import clean_line
from chatterm.core.events import (
    AttemptStarted,
    ContextFitted,
    FellBack,
    FrameSkipped,
    GoneOn,
    ParameterRefused,
    RefusalDelta,
    RetryScheduled,
    StageChanged,
    Streamed,
    StreamEvent,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallStarted,
    TurnEvent,
    TurnFinished,
    TurnStarted,
)
from chatterm.core.turn import Stage, Turn
from chatterm.tui.consents import Consents
from chatterm.tui.context_page import left_out_words, not_summed_up_words
from chatterm.tui.live_tools import LiveTools
from chatterm.tui.transcript.transcript import Transcript
from chatterm.tui.turn_text import quiet_words, retry_words, stage_words, tools_words, waiting_words

TICK_SECONDS = 0.1
"""How often the waiting line and the figures are brought up to date."""


class Pump:
    """Feeds one turn into a transcript.

    `show_figures` gets the figures ten times a second and at the end, `stored` the turn once its prompt is in
    the store, `tell` a line that the user should know, `consents` what happens to tools. `key` gives the key of a
    command, for the waiting line.
    """

    def __init__(
        self,
        handle: TurnHandle,
        transcript: Transcript,
        *,
        show_figures: Callable[[Figures], object],
        stored: Callable[[Turn], object],
        tell: Callable[[str], object],
        consents: Consents,
        key: Callable[[str], str],
    ) -> None:
        self.handle = handle
        """The turn that is followed."""
        self._transcript = transcript
        self._show_figures = show_figures
        self._stored = stored
        self._tell = tell
        self._consents = consents
        self._stop_key, self._send_key = key("stop"), key("send")
        self._started = time.monotonic()
        self._meter = TurnMeter(handle.turn.provider, handle.turn.model, self._started)
        self._stage: Stage | None = None
        self._usual: float | None = None
        self._host, self._model = "", handle.turn.model
        self._retry: RetryScheduled | None = None
        self._last_delta: float | None = None
        self._goes_on = bool(handle.turn.reply.parts)
        """Whether the next text goes on with what is there; what is thought before it comes into view at the end."""
        self._waiting = False
        self._tools = LiveTools(transcript.put_card)
        self._since = self._started
        """Since when is waited for what is said on the waiting line."""
        self.tick()

    async def run(self) -> TurnFinished:
        """Carry on until the turn is over; returns its last event."""
        while batch := await self.handle.batch():
            for event in batch:
                self._meter.observe(event)
                self._consents.observe(self.handle, event)
                if isinstance(event, TurnFinished):
                    self._transcript.set_waiting(None)
                    self.tick()
                    return event
                self._tools.observe(event, time.monotonic())
                self._carry(event)
            self._tools.flush(time.monotonic())
        raise RuntimeError("a turn ended without its last event")

    def tick(self) -> None:
        """Bring the waiting line and the figures up to date."""
        now = time.monotonic()
        self._show_figures(self._meter.figures(now))
        if self.handle.done:
            return
        self._tools.tick(now)
        if self._last_delta is None or self._stage in (Stage.ASKING, Stage.TOOLS):
            stage = tools_words(self._tools.running) if self._stage is Stage.TOOLS else ""
            words = self._retry_words(now) or waiting_words(
                stage or stage_words(self._stage, self._model, self._host),
                max(0.0, now - self._since),
                self._usual,
                self._stop_key,
            )
        else:
            words = quiet_words(now - self._last_delta, self._stop_key)
        if words is not None or self._waiting:
            self._transcript.set_waiting(words)
        self._waiting = words is not None

    def _retry_words(self, now: float) -> str | None:
        if self._retry is None:
            return None
        left = self._retry.at + self._retry.delay_seconds - now
        return retry_words(self._retry, left, self._stop_key, self._send_key)

    def _carry(self, event: TurnEvent) -> None:
        match event:
            case TurnStarted(turn):
                self._stored(turn)
            case AttemptStarted(host=host, model=model):
                self._host, self._model, self._retry = host, model, None
                if self._since > self._started:  # after tools the wait begins anew
                    self._last_delta = None
            case RetryScheduled():
                self._retry = event
                self.tick()
            case FellBack(model=model, to_provider=provider, to_model=other, why=why):
                self._tell(clean_line(f"{model}: {why} → {provider}/{other} is asked.", 300))
            case ContextFitted():
                self._tell_context(event)
            case GoneOn(why):
                self._goes_on, self._last_delta = True, None
                self._tell(clean_line(f"{why.removesuffix('.')} · the reply is continued.", 300))
            case ParameterRefused(name, model):
                self._tell(clean_line(f"{model} does not take {name}; asked again without it.", 200))
            case StageChanged(at=at, stage=stage, usual_seconds=usual):
                if stage in (Stage.ASKING, Stage.TOOLS) or self._stage in (Stage.ASKING, Stage.TOOLS):
                    self._since = at
                self._stage, self._usual = stage, usual
                self.tick()
            case Streamed(event=inner):
                self._write(inner)
            case _:
                pass  # the other turn events change nothing in the transcript

    def _tell_context(self, event: ContextFitted) -> None:
        if event.left_out and self.handle.turn.reply.is_summary:
            self._tell(not_summed_up_words(event.left_out, self._model))
        elif event.is_first:
            self._tell(left_out_words(event.left_out, self._model))
        if event.enlarged_to is not None:
            self._tell(
                f"{clean_line(self._model, 60)} is loaded with a context of {event.enlarged_to:,} tokens from now on: "
                "the conversation needs it."
            )

    def _write(self, event: StreamEvent) -> None:
        match event:
            case TextDelta(text) | RefusalDelta(text):
                self._goes_on = False
                self._begin()
                self._transcript.write(text)
            case ThinkingDelta() if self._goes_on:
                pass
            case ThinkingDelta(text=text):
                self._begin()
                self._transcript.write_thinking(text)
            case ToolCallStarted() | ToolCallDelta():
                self._begin()  # shown as a card
            case FrameSkipped():
                pass  # counted in the turn; its ending line tells
            case _:
                pass

    def _begin(self) -> None:
        if self._waiting:
            self._transcript.set_waiting(None)
            self._waiting = False
        self._last_delta = time.monotonic()
