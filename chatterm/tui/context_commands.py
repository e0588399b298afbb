"""Commands for what of the conversation is sent: how much it is, summing it up, and pinning messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatterm.backend.first_model import named_model
from chatterm.core.errors import ChattermError, ConfigError
from chatterm.tui.context_page import context_page
from chatterm.tui.transcript.entries import Entry
from chatterm.tui.turn_text import prompt_entry, reply_entry, with_pin
from chatterm.tui.typed_number import number_back
from chatterm.tui.widgets.page_box import PageBox

if TYPE_CHECKING:
    from chatterm.backend.target import Target
    from chatterm.tui.screens.chat import ChatScreen


class ContextCommands:
    """Each `do_ID` does the command of that id; `argument` is what was typed after its slash word."""

    def __init__(self, screen: ChatScreen) -> None:
        self._screen = screen

    async def do_context(self, argument: str) -> None:
        """Show what is sent with the next message."""
        # Not awaited: reading a long conversation takes seconds, in which the screen would stand still.
        self._screen.run_worker(self._screen.told(self._show_context()))

    async def do_compact(self, argument: str) -> None:
        """Have the conversation summed up, by another model if one is named; or send all of it again."""
        pane = self._screen.pane
        pane.refuse_while_busy()
        if argument == "undo":
            self._screen.run_worker(self._screen.told(self._undo_compact()))
            return
        if not pane.session.turns:
            raise ChattermError("There is nothing to sum up yet.", f"Send a message with {pane.key('send')}.")
        target = await self._named(argument) if argument else pane.session.target
        if target is None:
            raise ConfigError("No model is chosen yet.", f"{pane.key('model')} chooses one.")
        pane.refuse_while_busy()
        pane.follow(pane.session.compact(target))

    async def do_pin(self, argument: str) -> None:
        """Pin the last reply, or the one that many back; or let go of it."""
        number = number_back(argument, "/pin 2 pins the last reply but one.")
        ended = [turn for turn in self._screen.pane.session.turns if turn.outcome is not None]
        if not 1 <= number <= len(ended):
            key = self._screen.pane.key
            ways = f"{key('messages')} goes to any message, {key('message_pin')} pins it."
            raise ChattermError(f"There is no reply {number} back to pin.", ways)
        await self._pin(ended[-number].reply.id)

    async def do_message_pin(self, argument: str) -> None:
        """Pin the message at the cursor, or let go of it."""
        transcript, pane = self._screen.pane.transcript, self._screen.pane
        if not transcript.walking:
            raise ChattermError("No message is chosen.", f"{pane.key('messages')} goes to one.")
        entry = await transcript.walked()
        if entry is None:
            raise ChattermError("This message could not be read.", "Scroll away and back to read it again.")
        await self._pin(entry.id, entry)

    async def _pin(self, message_id: str, entry: Entry | None = None) -> None:
        pane = self._screen.pane
        running = pane.followed
        of_running = (running.turn.prompt.id, running.turn.reply.id) if running is not None else ()
        if message_id in of_running or (entry is not None and entry.status != "done"):
            raise ChattermError("This message is still under way.", "It can be pinned once its turn is over.")
        pinned = await pane.session.context.pin(message_id)
        shown = self._entry(message_id) or (with_pin(entry, pinned) if entry is not None else None)
        if shown is not None:
            pane.transcript.replace(shown)
        pane.notices.show(
            "Pinned: it stays in what is sent." if pinned else "Let go: it may be left out like any other."
        )

    def _entry(self, message_id: str) -> Entry | None:
        """The message as it is shown now, where the session holds it."""
        again = self._screen.pane.key("regenerate")
        for turn in self._screen.pane.session.turns:
            if turn.prompt.id == message_id:
                return prompt_entry(turn.prompt)
            if turn.reply.id == message_id:
                return reply_entry(turn, again)
        return None

    async def _show_context(self) -> None:
        session = self._screen.pane.session
        target, fitted = session.target, await session.context.measure()
        if target is None or fitted is None:
            raise ConfigError("No model is chosen yet.", f"{self._screen.pane.key('model')} chooses one.")
        copy = self._screen.started.value.copy
        text = context_page(fitted.plan, target.provider, target.model)
        self._screen.front.push_screen(
            PageBox("What is sent", text, lambda words: self._screen.told(copy(words)))
        )

    async def _undo_compact(self) -> None:
        session = self._screen.pane.session
        before = session.turns
        if not await session.context.undo_compact():
            raise ChattermError("No summary stands in for anything here.", "/compact makes one.")
        for old, new in zip(before, session.turns, strict=True):
            if old is not new and (entry := self._entry(new.reply.id)) is not None:
                self._screen.pane.transcript.replace(entry)
        self._screen.pane.notices.show("All that was said is sent again, as far as it fits.")

    async def _named(self, name: str) -> Target:
        """The target of a model as the user types it: PROVIDER/MODEL, or a model of the present provider."""
        opening, present = self._screen.opening, self._screen.pane.session.target
        if present is None:
            raise ConfigError("No model is chosen yet.", f"{self._screen.pane.key('model')} chooses one.")
        place = await named_model(name, opening.targets, opening.models, present.provider)
        return opening.targets.resolve(*place)
