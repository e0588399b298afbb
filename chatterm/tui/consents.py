"""The questions that wait for the user: one at a time in a box over the prompt, in the order they came."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from chatterm.core.events import ConsentAsked, ToolFinished, TurnEvent, TurnFinished
from chatterm.core.tools import Decision

if TYPE_CHECKING:
    from chatterm.backend.tools.mcp.values import McpStartRequest
    from chatterm.backend.turn_handle import TurnHandle
    from chatterm.tui.widgets.consent_box import ConsentBox, Question
    from chatterm.tui.widgets.conversation_widgets import ConversationWidgets

Answer = Callable[[Decision], object]


class Consents:
    """Shows questions in `widgets`; each is answered once, or withdrawn.

    `keeps` is whether a lasting answer outlives the program.
    """

    def __init__(self, widgets: ConversationWidgets, *, keeps: bool) -> None:
        self._widgets, self._keeps = widgets, keeps
        self._waiting: dict[str, tuple[Question, Answer]] = {}
        self._shown: tuple[str, ConsentBox] | None = None
        self._started = 0

    @property
    def box(self) -> ConsentBox | None:
        """The box on screen, if there is one."""
        return self._shown[1] if self._shown is not None else None

    def observe(self, handle: TurnHandle, event: TurnEvent) -> None:
        """Ask what a turn asks, and no longer than it does."""
        match event:
            case ConsentAsked(call=call):
                from chatterm.tui.consent_text import consent_question

                def decide(decision: Decision) -> None:
                    handle.decide(call.call_id, decision)

                self.ask(f"call {call.call_id}", consent_question(event, keeps=self._keeps), decide)
            case ToolFinished(run=run):
                self.withdraw(f"call {run.call_id}")
            case TurnFinished():
                for key in [key for key in self._waiting if key.startswith("call ")]:
                    self.withdraw(key)
            case _:
                pass

    async def may_start(self, request: McpStartRequest) -> bool:
        """What the user says to the start of a server."""
        from chatterm.tui.consent_text import start_question

        self._started += 1
        key, said = f"start {self._started}", asyncio.get_running_loop().create_future()
        question = start_question(request, keeps=self._keeps)
        self.ask(key, question, lambda decision: said.done() or said.set_result(decision))
        try:
            return await said is not Decision.DENY
        finally:
            self.withdraw(key)

    def ask(self, key: str, question: Question, answer: Answer) -> None:
        """Ask, now or when those before are answered."""
        self._waiting[key] = question, answer
        self._show_next()

    def withdraw(self, key: str) -> None:
        """The question is asked no more."""
        self._waiting.pop(key, None)
        if self._shown is not None and self._shown[0] == key:
            box, self._shown = self._shown[1], None
            box.remove()
            self._widgets.composer.focus()
            self._widgets.completion.visible = True
            self._show_next()

    def fit(self) -> None:
        """The room changed."""
        if self.box is not None:
            self.box.fit(self._widgets.size)

    def _show_next(self) -> None:
        if self._shown is not None or not self._waiting:
            return
        # Imported on use: most conversations ask nothing.
        from chatterm.tui.widgets.consent_box import ConsentBox

        key, (question, answer) = next(iter(self._waiting.items()))

        def decided(decision: Decision) -> None:
            if self.box is not box:
                return  # a key that was on its way while the question was withdrawn
            self.withdraw(key)
            answer(decision)

        transcript = self._widgets.transcript
        self._widgets.completion.visible = False  # it lies over the box: what is covered was not read
        transcript.stop_walking()  # its keys are the box's now: y would be a yes, not a copy
        box = ConsentBox(question, decided, lambda: transcript.palette)
        self._shown = key, box
        self._widgets.mount(box, before=self._widgets.composer)
        box.fit(self._widgets.size)
