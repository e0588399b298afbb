"""Figures of one turn, computed from its turn events while they happen."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field, replace
from typing import assert_never

from chatterm.backend.delta_gaps import DeltaGaps
from chatterm.core.events import (
    AttemptStarted,
    ConsentAsked,
    ContextFitted,
    FellBack,
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
    ToolFinished,
    ToolProgress,
    ToolRequested,
    ToolStarted,
    TurnEvent,
    TurnFinished,
    TurnStarted,
    UsageReported,
)
from chatterm.core.timings import ServerTimings, Timings
from chatterm.core.turn import FailedTry, Outcome, Stage, Turn
from chatterm.core.usage import Usage, overlay

CHARACTERS_PER_TOKEN = 4.0
"""For estimates while a reply streams; always shown with `~`."""

SHORTEST_GENERATION_SECONDS = 0.25
"""Below this a rate says how the bytes were bundled, not how fast the model is."""

RATES_KEPT = 26
"""Of how many seconds the rates are known one by one."""

COLD_LOAD_SECONDS = 0.5
"""A server that spent at least this long loading the model was cold; a loaded one reports milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The one record of a turn's figures: every front end shows these and computes none. `None` is 'unknown'.

    `tokens_per_second` and `output_tokens` are estimates while `is_estimate` is true, and are shown with `~`.
    The gaps between deltas, the stalls and the rates are known of a turn that was watched.
    """

    provider: str
    model: str
    stage: Stage | None = None
    outcome: Outcome | None = None
    attempt: int = 0
    retries: int = 0
    elapsed_seconds: float | None = None
    ttft_seconds: float | None = None
    first_text_seconds: float | None = None
    tokens_per_second: float | None = None
    output_tokens: int | None = None
    is_estimate: bool = True
    usage: Usage = field(default_factory=Usage)
    delta_gap_p50_seconds: float | None = None
    delta_gap_p95_seconds: float | None = None
    stalls: int | None = None
    """Gaps of more than a second."""
    rates: tuple[float, ...] = ()
    """About how many tokens came in each of the last seconds of the reply."""
    tries: tuple[FailedTry, ...] = ()
    """The requests that failed before the last one."""
    fallback_from: str = ""
    """PROVIDER/MODEL in whose place the model answers."""
    reused_connection: bool | None = None
    resolve_seconds: float | None = None
    connect_seconds: float | None = None
    secure_seconds: float | None = None
    server: ServerTimings | None = None
    warm: bool | None = None
    context_share: float | None = None
    """How much of the model's context the conversation takes, 1 for all of it."""


class TurnMeter:
    """Reads the turn events of one turn and answers with its figures at any time."""

    def __init__(self, provider: str, model: str, started: float) -> None:
        self._provider, self._model, self._started = provider, model, started
        self._stage: Stage | None = None
        self._turn: Turn | None = None
        self._attempt = 0
        self._sent: float | None = None
        self._reused: bool | None = None
        self._first: float | None = None
        self._first_text: float | None = None
        self._last: float | None = None
        self._characters = 0
        self._earlier = 0  # tokens of what this turn was answered before tools ran
        self._pause_from: float | None = None
        self._paused = 0.0  # s between the last delta before tools ran and the first after
        self._gaps = DeltaGaps()
        self._seconds: deque[tuple[int, int]] = deque(maxlen=RATES_KEPT)  # a second, and the characters in it
        self._steps: dict[Stage, float] = {}
        self._tries: list[FailedTry] = []
        self._fallback_from = ""
        self._usage = Usage()
        self._server: ServerTimings | None = None
        self._context: tuple[int, int | None] | None = None

    def observe(self, event: TurnEvent) -> None:
        """Take in one turn event."""
        match event:
            case TurnStarted() | ParameterRefused() | GoneOn():
                pass
            case RetryScheduled(cause=cause):
                self._note_failed(cause.message)
            case FellBack(provider, model, why=why):
                self._note_failed(why)
                self._fallback_from = self._fallback_from or f"{provider}/{model}"
            case ToolRequested() | ConsentAsked() | ToolStarted() | ToolProgress() | ToolFinished():
                pass
            case ContextFitted(tokens, limit):
                self._context = tokens, limit
            case AttemptStarted(attempt=attempt, provider=provider, model=model):
                self._provider, self._model = provider, model
                self._attempt, self._reused = attempt, None
                self._earlier, self._characters = self._output() or 0, 0
                self._pause_from = self._last
                self._usage, self._server = Usage(), None
                self._gaps.pause()
                self._steps.clear()
                if self._first is None:  # after tools have run the TTFT stays that of the first answer
                    self._sent = None
            case StageChanged(at, stage):
                self._enter(at, stage)
            case Streamed(at, inner):
                self._take(at, inner)
            case TurnFinished(turn):
                self._turn, self._stage = turn, None
            case _:
                assert_never(event)

    def figures(self, now: float) -> Figures:
        """The figures at monotonic time `now`; fixed once the turn is finished."""
        if self._turn is not None:
            return replace(
                figures_of(self._turn, self._gaps, self._rates()), context_share=self._context_share()
            )
        output = self._output()
        timings = Timings(
            sent=self._sent, first_delta=self._first, first_text=self._first_text, last_delta=self._last
        )
        return Figures(
            provider=self._provider,
            model=self._model,
            stage=self._stage,
            attempt=self._attempt,
            retries=max(0, self._attempt - 1),
            elapsed_seconds=now - self._started,
            ttft_seconds=timings.ttft,
            first_text_seconds=timings.time_to_first_text,
            delta_gap_p50_seconds=self._gaps.percentile(0.50),
            delta_gap_p95_seconds=self._gaps.percentile(0.95),
            stalls=self._gaps.stalls if self._gaps.any else None,
            rates=self._rates(),
            tries=tuple(self._tries),
            fallback_from=self._fallback_from,
            resolve_seconds=self._step(Stage.RESOLVING, Stage.CONNECTING),
            connect_seconds=self._step(Stage.CONNECTING, Stage.SECURING, Stage.SENDING),
            secure_seconds=self._step(Stage.SECURING, Stage.SENDING),
            tokens_per_second=tokens_per_second(output, self._generating(timings)),
            output_tokens=output,
            is_estimate=self._usage.output is None,
            usage=self._usage,
            reused_connection=self._reused,
            server=self._server,
            warm=is_warm(self._server),
            context_share=self._context_share(),
        )

    def _output(self) -> int | None:
        """Tokens so far: those reported, else an estimate; with them those before tools ran."""
        estimate = round(self._characters / CHARACTERS_PER_TOKEN) if self._characters else None
        now = self._usage.output if self._usage.output is not None else estimate
        return self._earlier + (now or 0) if self._earlier else now

    def _context_share(self) -> float | None:
        """By what the provider reported of the last request, else by the estimate of what was sent.

        The usage of a turn with several requests says nothing of it: each of them sends the conversation again.
        """
        tokens, limit = self._context or (0, None)
        if not limit:
            return None
        sent = tokens if self._usage.input is None else self._usage.input
        return (sent + (self._usage.output or 0)) / limit

    def _generating(self, timings: Timings) -> float | None:
        """For how long tokens came, without the time in which tools ran or the user was asked."""
        seconds = timings.generation_seconds
        return None if seconds is None else seconds - self._paused

    def _enter(self, at: float, stage: Stage) -> None:
        self._stage = stage
        self._steps.setdefault(stage, at)
        if stage is Stage.CONNECTING:
            self._reused = False
        elif stage is Stage.SENDING:
            self._reused = self._reused is None
        elif stage is Stage.WAITING and self._first is None:
            self._sent = at

    def _take(self, at: float, event: StreamEvent) -> None:
        match event:
            case TextDelta(text) | RefusalDelta(text):
                self._first_text = at if self._first_text is None else self._first_text
                self._delta(at, len(text))
            case ThinkingDelta(text=text):
                self._delta(at, len(text))
            case ToolCallStarted(name=name):
                self._delta(at, len(name))
            case ToolCallDelta(arguments=arguments):
                self._delta(at, len(arguments))
            case UsageReported(usage, server):
                self._usage = overlay(self._usage, usage)
                if server is not None:
                    self._server = overlay(self._server, server) if self._server else server
            case _:
                pass  # nothing to measure in the other stream events

    def _delta(self, at: float, characters: int) -> None:
        self._gaps.note(at)
        if self._pause_from is not None:
            self._paused, self._pause_from = self._paused + at - self._pause_from, None
        second = int(at)
        if self._seconds and self._seconds[-1][0] == second:
            characters_before = self._seconds.pop()[1]
            self._seconds.append((second, characters_before + characters))
        else:
            self._seconds.append((second, characters))
        self._first = at if self._first is None else self._first
        self._last = at
        self._characters += characters

    def _rates(self) -> tuple[float, ...]:
        """Tokens in each of the last seconds, those without any included."""
        if not self._seconds:
            return ()
        last = self._seconds[-1][0]
        first = max(self._seconds[0][0], last - RATES_KEPT + 1)
        counts = dict(self._seconds)
        return tuple(counts.get(second, 0) / CHARACTERS_PER_TOKEN for second in range(first, last + 1))

    def _step(self, stage: Stage, *following: Stage) -> float | None:
        """How long a stage of connecting took; None where it or its end did not come."""
        ends = [self._steps[each] for each in following if each in self._steps]
        return min(ends) - self._steps[stage] if stage in self._steps and ends else None

    def _note_failed(self, why: str) -> None:
        self._tries.append(FailedTry(provider=self._provider, model=self._model, why=why))


def figures_of(turn: Turn, gaps: DeltaGaps | None = None, rates: tuple[float, ...] = ()) -> Figures:
    """The figures of a finished turn. `gaps` between its deltas and `rates`: where they are still known."""
    timings, usage = turn.timings, turn.usage
    server = None if turn.is_from_cache else timings.server  # what was measured then says nothing of now
    reported = server.eval_tokens_per_second if server else None
    rate = reported or tokens_per_second(
        streamed_tokens(usage, shows_thinking=bool(turn.reply.thinking)), timings.generation_seconds
    )
    return Figures(
        provider=turn.provider,
        model=turn.model,
        outcome=turn.outcome,
        attempt=turn.attempts,
        retries=max(0, turn.attempts - 1 - len(turn.seams)),
        elapsed_seconds=timings.total_seconds,
        ttft_seconds=timings.ttft,
        first_text_seconds=timings.time_to_first_text,
        tokens_per_second=rate,
        output_tokens=usage.output,
        is_estimate=False,
        usage=usage,
        delta_gap_p50_seconds=gaps.percentile(0.50) if gaps is not None else None,
        delta_gap_p95_seconds=gaps.percentile(0.95) if gaps is not None else None,
        stalls=gaps.stalls if gaps is not None and gaps.any else None,
        rates=rates,
        tries=turn.tries,
        fallback_from=turn.asked,
        reused_connection=timings.reused_connection,
        resolve_seconds=timings.resolve_seconds,
        connect_seconds=timings.connect_seconds,
        secure_seconds=timings.secure_seconds,
        server=server,
        warm=is_warm(server),
    )


def streamed_tokens(usage: Usage, *, shows_thinking: bool) -> int | None:
    """The output tokens that came in as deltas: not those of reasoning that the provider keeps to itself."""
    output, reasoning = usage.output, usage.reasoning
    if output is None or not reasoning or shows_thinking:
        return output
    return max(0, output - reasoning)


def tokens_per_second(output_tokens: int | None, generation_seconds: float | None) -> float | None:
    """(output tokens - 1) / (last delta - first delta); None where that says nothing."""
    if output_tokens is None or output_tokens < 2 or generation_seconds is None:
        return None
    if generation_seconds < SHORTEST_GENERATION_SECONDS:
        return None
    return (output_tokens - 1) / generation_seconds


def percentile(values: list[float], share: float) -> float | None:
    """The nearest-rank percentile of `values` (`share` from 0 to 1); None where there are none."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def is_warm(server: ServerTimings | None) -> bool | None:
    """Whether the server had the model loaded already; None where it does not say."""
    if server is None or server.load_seconds is None:
        return None
    return server.load_seconds < COLD_LOAD_SECONDS
