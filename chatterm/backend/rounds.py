"""One turn's way from its prompt to its answer: ask, run the tools that the model calls, ask again with the results."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from chatterm.backend.asking import Asking
from chatterm.backend.performance import TurnRecords
from chatterm.backend.target import Target
from chatterm.backend.tools.runner import ToolRound
from chatterm.backend.tools.toolbox import Toolbox
from chatterm.backend.turn_handle import TurnHandle
from chatterm.backend.turn_pieces import with_round
from chatterm.core.errors import ChattermError, ToolError
from chatterm.core.events import ConsentAsked, StageChanged
from chatterm.core.messages import Message, Part, ToolCallPart
from chatterm.core.rounds import messages_of, unanswered
from chatterm.core.tools import Access, Decision, ToolOutcome, ToolRun
from chatterm.core.turn import Outcome, Stage, StopReason, Turn, TurnRequest

MOST_INVALID = 3
"""How many invalid calls in a row end the turn: a model that does not get it right by then will not."""

NO_TOOLS_AFTER = (StopReason.REFUSAL, StopReason.CONTENT_FILTER, StopReason.PAUSE_TURN)
"""How a response ends whose tool calls are not run."""

CUT_AFTER = (StopReason.MAX_TOKENS, StopReason.CONTEXT_FULL)
"""How a response ends whose last tool call may not be all there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundsOf:
    """What the rounds of a turn work with. `keep` stores the parts of the reply so far, in place of its chunks."""

    turn: Turn
    begun: Turn | None
    toolbox: Toolbox | None
    handle: TurnHandle
    records: TurnRecords
    new_asking: Callable[[Turn, Turn | None, frozenset[str]], Asking]
    keep: Callable[[tuple[Part, ...]], Awaitable[None]]
    clock: Callable[[], float]


class Rounds:
    """The requests of one turn and the tools between them; it can be asked for the turn at any moment."""

    def __init__(self, of: RoundsOf) -> None:
        self._of = of
        self._asking = of.new_asking(of.turn, of.begun, frozenset())
        self._before: Turn | None = None  # all rounds that are over
        self._round: ToolRound | None = None  # the one whose tools run
        self._invalid = 0

    @property
    def has_output(self) -> bool:
        """Whether anything of a reply can be seen, and of an earlier reply new text."""
        return self._before is not None or self._asking.has_output

    @property
    def has_earlier(self) -> bool:
        """Whether there was a reply before, which comes back where nothing is added to it."""
        return self._before is None and self._asking.has_earlier

    @property
    def complete(self) -> bool:
        """Whether the reply came to its end, with no tool call left open."""
        is_open = self._round is not None or (self._of.toolbox is not None and bool(self._calls()))
        return self._asking.complete and not is_open

    async def run(self, target: Target, request: TurnRequest) -> None:
        """Ask until there is an answer without tool calls. Raises `ChattermError` where there is none."""
        toolbox = self._of.toolbox
        if toolbox is not None:
            request = replace(request, tools=await toolbox.specs())
        earlier = self._of.begun.tool_runs if self._of.begun is not None else ()
        number = 1 + max((run.round for run in earlier), default=-1)
        messages = request.messages
        while True:
            await self._asking.run(target, request)
            calls = self._calls() if toolbox is not None else ()
            if toolbox is None or not calls:
                return
            # Who answered goes on, and nobody in its place: no output is ever mixed.
            target = replace(self._asking.target or target, fallbacks=None)
            reply = await self._run_tools(toolbox, calls, number)
            number += 1
            request = replace(request, messages=(*messages, *messages_of(reply)))
            await self._may_go_on(toolbox, number)

    def finished_turn(self, outcome: Outcome, error: ChattermError | None) -> Turn:
        """The turn with everything that is known now; open tool calls are answered as cancelled."""
        piece = self._asking.finished_turn(outcome, error)
        if self._round is not None:
            results, runs, timings = self._round.results, self._round.runs, piece.timings
            if timings.finished is not None:  # else what came before took nobody knows how long
                timings = replace(timings, finished=self._of.clock())
            piece = replace(
                piece,
                reply=replace(piece.reply, parts=(*piece.reply.parts, *results)),
                timings=timings,
                tool_runs=(*piece.tool_runs, *runs),
            )
        before = self._before
        return (
            piece if before is None else with_round(before, piece, (*before.reply.parts, *piece.reply.parts))
        )

    # ---- one round ---------------------------------------------------------------------------

    def _calls(self) -> tuple[ToolCallPart, ...]:
        attempt = self._asking.attempt
        if attempt is None or attempt.draft.stop_reason in NO_TOOLS_AFTER:
            return ()
        calls = unanswered(attempt.draft.parts())
        if calls and attempt.draft.stop_reason in CUT_AFTER and calls[-1].arguments == "{}":
            return (*calls[:-1], replace(calls[-1], arguments="{"))  # none came, and some may have been meant
        return calls

    async def _run_tools(self, toolbox: Toolbox, calls: tuple[ToolCallPart, ...], number: int) -> Message:
        """Run the calls of a response; the reply so far, with their results. Cancelled, all stays as far as it is."""
        of = self._of
        asked = self.finished_turn(Outcome.COMPLETE, None)
        self._round = toolbox.round(calls, number, self._ask, of.handle.emit)
        of.handle.emit(StageChanged(of.clock(), Stage.TOOLS))
        await of.keep(asked.reply.parts)
        try:
            await self._round.run()
        finally:
            of.records.tools_ran(self._round.runs)
        self._note_invalid(self._round.runs)
        before = self._before = self.finished_turn(Outcome.COMPLETE, None)
        self._round = None
        self._ask_anew(before)  # with no pause since: what is over would count twice
        await of.keep(before.reply.parts)
        return before.reply

    def _ask_anew(self, before: Turn) -> None:
        taken = frozenset(part.call_id for part in before.reply.parts if isinstance(part, ToolCallPart))
        bare = replace(
            self._of.turn,
            provider=before.provider,
            model=before.model,
            base_url=before.base_url,
            reply=replace(before.reply, parts=()),
            seams=(),
        )
        self._asking = self._of.new_asking(bare, None, taken)

    async def _ask(self, call: ToolCallPart, access: Access) -> Decision:
        handle, clock = self._of.handle, self._of.clock
        handle.emit(StageChanged(clock(), Stage.ASKING))
        try:
            return await handle.decision(call.call_id)
        finally:
            handle.emit(StageChanged(clock(), Stage.TOOLS))

    def _note_invalid(self, runs: tuple[ToolRun, ...]) -> None:
        for run in runs:
            self._invalid = self._invalid + 1 if run.outcome is ToolOutcome.INVALID else 0

    async def _may_go_on(self, toolbox: Toolbox, number: int) -> None:
        """Raise `ToolError` where the model gets its calls wrong, or called tools too often and may not go on."""
        if self._invalid >= MOST_INVALID:
            raise ToolError(
                f"The model made {self._invalid} invalid tool calls in a row, so its tools were stopped.",
                "Ask in other words, or another model.",
            )
        if number % toolbox.most_rounds:
            return
        call = ToolCallPart(f"rounds-{number}", "", "{}")
        access = Access(kind="rounds", target=str(number), may_always=False)
        self._of.handle.emit(ConsentAsked(call, "", access))
        if await self._ask(call, access) is Decision.DENY:
            raise ToolError(f"Stopped after {number} rounds of tool calls.", "Send a message to go on.")
