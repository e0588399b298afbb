"""What of one conversation is sent: how much it is, which messages are pinned, which summary stands in."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from chatterm.backend.context import context_of
from chatterm.backend.context_fitter import ContextFitter, Fitted
from chatterm.backend.parameters import read_parameters
from chatterm.backend.past import Past
from chatterm.backend.target import Target
from chatterm.backend.tools.toolbox import Toolbox
from chatterm.core.messages import Message
from chatterm.core.turn import Options, Turn, TurnRequest

COMPACT_PROMPT = (
    "Sum up this conversation so that it can go on from your summary alone: what was asked and decided, the facts,"
    " names, numbers and pieces of code that matter, and what is still open. Write in the language of the"
    " conversation, without an introduction."
)
NEXT_PROMPT = "next"
"""The id of the message that is not written yet, where what goes out with it is measured."""


class Marks(Protocol):
    """What is needed of the store's history."""

    async def set_summary(self, message_id: str, is_summary: bool) -> None: ...
    async def turn_pin(self, message_id: str) -> bool: ...


class Conversation(Protocol):
    """What is needed of a session."""

    turns: tuple[Turn, ...]
    past: Past | None
    system: str | None
    options: Options
    target: Target | None
    toolbox: Toolbox | None


class ConversationContext:
    """Measures and marks what a session sends."""

    def __init__(self, session: Conversation, marks: Marks, fitter: ContextFitter) -> None:
        self._session = session
        self._marks = marks
        self._fitter = fitter

    @property
    def is_at_hand(self) -> bool:
        """Whether `measure` reads no long history first."""
        return self._session.past is None or self._session.past.is_read

    async def measure(self) -> Fitted | None:
        """What goes out with the next prompt, which is not counted; None while no model is chosen.

        A local server is asked what it has loaded. Raises `ChattermError`.
        """
        session, target = self._session, self._session.target
        if target is None:
            return None
        parameters, options = read_parameters({**target.options, **session.options})
        request = TurnRequest(
            model=target.model,
            messages=(*await self._messages(), Message(role="user", parts=(), id=NEXT_PROMPT)),
            system=session.system,
            parameters=parameters,
            options=options,
            tools=await session.toolbox.offered() if session.toolbox is not None else (),
        )
        return await self._fitter.measure(target, request, ask_server=True)

    def note_left_out(self, fitted: Fitted) -> bool:
        """Whether the user has to be told now that something is left out of this conversation from now on."""
        return self._fitter.note_left_out(fitted)

    async def pin(self, message_id: str) -> bool:
        """Pin a message, so that it is never left out, or let go of it; which of both was done.

        Raises `StoreError`, also for a message that is not stored.
        """
        pinned = await self._marks.turn_pin(message_id)
        for message in (each for turn in self._session.turns for each in (turn.prompt, turn.reply)):
            if message.id == message_id:
                self._replace(replace(message, pinned=pinned))
        if self._session.past is not None:
            self._session.past.set_pinned(message_id, pinned)
        return pinned

    async def undo_compact(self) -> bool:
        """Send again what the last summary stands in for; the summary stays as a reply. False where there is none.

        Raises `StoreError`.
        """
        summary = next((each for each in reversed(await self._messages()) if each.is_summary), None)
        if summary is None:
            return False
        await self._marks.set_summary(summary.id, False)
        self._replace(replace(summary, is_summary=False))
        if self._session.past is not None:
            self._session.past.forget_context()
        return True

    async def _messages(self) -> tuple[Message, ...]:
        past = self._session.past
        earlier = await past.context() if past is not None else ()
        return (*earlier, *context_of(self._session.turns))

    def _replace(self, message: Message) -> None:
        """Put a message that was marked otherwise in the place of itself."""
        self._session.turns = tuple(turn.with_message(message) for turn in self._session.turns)
