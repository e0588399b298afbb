"""Opening conversations and choosing models: what the screen shows first, and what changes later."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from chatterm.backend.first_model import Wanted, first_model, split_model
from chatterm.backend.session import Session
from chatterm.backend.targets import GUIDE
from chatterm.core.errors import ChattermError, ConfigError, StoreError
from chatterm.store.rows import ConversationRow
from chatterm.store.turns import turns_of

if TYPE_CHECKING:
    from chatterm.tui.screens.chat import ChatScreen

LAST_MODEL = "last_model"
RECENT_MODELS = "recent_models"
SIDEBAR = "sidebar"
THEME = "theme"
NARROW_COLUMNS = 100
"""Narrower terminals have no sidebar unless it is asked for there."""
MOST_RECENT = 12
MOST_PROMPTS = 500
NEW = "new"


def draft_key(session: Session) -> str:
    """Under which name the unsent text of a session is kept; one for all that nothing was sent in yet."""
    return session.conversation_id if session.turns else NEW


class Opening:
    """Finds the conversation and the model to start with, and switches both."""

    def __init__(self, screen: ChatScreen) -> None:
        self._screen = screen
        self._services = screen.services
        self.is_open = False
        """Whether the start is over: a model is chosen, or the user has to choose one."""

    async def open(self) -> None:
        """At the start: what is remembered, the conversation asked for, then a model for it.

        Each step goes on without what an earlier one could not get; prompts sent meanwhile wait.
        """
        pane, start = self._screen.pane, self._services.start
        for step in (self._prepare, self._recall, self._open_conversation):
            try:
                await step()
            except ChattermError as error:
                pane.tell(error)
        pane.session.options = start.options
        # A conversation whose own model cannot be had waits for the user's choice.
        if pane.session.target is None and (start.provider or start.model or not pane.session.turns):
            await self._choose_first()
        self.is_open = True
        pane.opened()
        self.show_model()

    async def resume(self, conversation: ConversationRow) -> None:
        """Put a stored conversation on screen, with the model it was held with where that is still there."""
        self._screen.pane.refuse_while_busy()
        start = self._services.start
        stored = await self._services.history.load(conversation.id)
        system = conversation.system if start.system is None else start.system
        session = self._services.new_session(conversation.id, turns_of(conversation.id, stored), system)
        await self._show(session, conversation.title)
        if start.provider is None and start.model is None and conversation.provider and conversation.model:
            await self.use(conversation.provider, conversation.model)

    async def new(self) -> None:
        """An empty conversation with the present model; one that is empty already stays."""
        self._screen.pane.refuse_while_busy()
        if self._screen.pane.session.turns:
            await self.leave_conversation()

    async def leave_conversation(self) -> None:
        """An empty conversation in place of the one on screen. Raises `TurnInProgressError` while one runs."""
        await self._show(self._services.new_session(None, (), self._services.start.system), "")

    async def use(self, provider: str, model: str, *, send_queued: bool = True) -> None:
        """Answer with this model from now on, and remember it unless it is the guide; prompts that wait are sent.

        Raises `ConfigError` for an unknown provider.
        """
        target = self._services.targets.resolve(provider, model)
        session = self._screen.pane.session
        session.target = target
        self.show_model()
        if send_queued:
            self._screen.pane.send_queued()
        try:
            await session.use(target)
            if target.adapter.name != GUIDE:  # it stands in for want of a model, and is no choice to keep
                await self._remember(provider, model)
        except StoreError as error:
            self._screen.pane.tell(error)

    async def use_named(self, name: str, *, send_queued: bool = True) -> None:
        """Answer with the model that the user typed: PROVIDER/MODEL, or a model of the present provider."""
        provider, model = split_model(name, self._services.targets)
        target = self._screen.pane.session.target
        if provider is None and target is None:
            raise ConfigError(f"No provider is chosen for {name!r}.", "Write it as PROVIDER/MODEL.")
        await self.use(provider or (target.provider if target else ""), model, send_queued=send_queued)

    def show_model(self) -> None:
        """Say who answers, at the top and in an empty transcript."""
        target = self._screen.pane.session.target
        if target is not None:
            self._screen.header.show_model(target.provider, target.model)
        elif self.is_open:
            self._screen.header.show_model("no model", "")
        self._screen.show_empty_text(target)

    async def recent_models(self) -> list[tuple[str, str]]:
        """Provider and model of the last choices, the newest first; none where they cannot be read."""
        pairs: list[list[str]] = []
        with suppress(StoreError):
            pairs = await self._services.state.get(RECENT_MODELS, pairs)
        return [(pair[0], pair[1]) for pair in pairs if len(pair) == 2 and pair[0] != GUIDE]

    async def show_title(self) -> None:
        """Show the title that the store gave the conversation."""
        with suppress(ChattermError):  # a conversation whose only turn was withdrawn has none
            row = await self._services.history.find(self._screen.pane.session.conversation_id)
            self._screen.header.show_title(row.title)

    async def _prepare(self) -> None:
        for notice in await self._services.prepare():
            self._screen.pane.notices.show(notice, "warning")

    async def _recall(self) -> None:
        state = self._services.state
        chosen = await state.get(THEME, list[str]())
        self._screen.front.recall_theme(chosen)
        self._screen.sidebar_wanted = await state.get(SIDEBAR, dict[str, bool]())
        self._screen.fit(self._screen.size)
        self._screen.pane.composer.set_history(await state.prompts(MOST_PROMPTS))

    async def _open_conversation(self) -> None:
        start, history, pane = self._services.start, self._services.history, self._screen.pane
        if start.resume is not None:
            await self.resume(await history.find(start.resume))
        elif start.continue_last:
            last = await history.last_conversation()
            if last is not None:
                await self.resume(last)
            else:
                pane.notices.show("There is no conversation to continue yet.")
        else:
            pane.return_to_composer(await self._services.state.draft(NEW))

    async def _choose_first(self) -> None:
        services, settings, last = self._services, self._services.settings, list[str]()
        with suppress(StoreError):
            last = await services.state.get(LAST_MODEL, last)
        if GUIDE in last[:1]:  # a key or a server that came since goes before it
            last = []
        if turns := self._screen.pane.session.turns:  # a resumed conversation stays with its provider
            last = [turns[-1].provider, turns[-1].model]
        wanted = Wanted(
            provider=services.start.provider or (None if turns else settings.provider),
            model=services.start.model or (None if turns else settings.model),
            last_provider=last[0] if len(last) == 2 else None,
            last_model=last[1] if len(last) == 2 else None,
        )
        try:
            choice = await first_model(wanted, services.targets, services.models)
            if choice.reason:
                self._screen.pane.notices.show(choice.reason, "warning")
            if choice.model is not None:
                await self.use(choice.provider, choice.model)
            else:
                await self._screen.run_command("model")
        except ChattermError as error:
            self._screen.pane.tell(error)

    async def _remember(self, provider: str, model: str) -> None:
        state = self._services.state
        await state.put(LAST_MODEL, [provider, model])
        recent = [pair for pair in await self.recent_models() if pair != (provider, model)]
        await state.put(RECENT_MODELS, [[provider, model], *map(list, recent)][:MOST_RECENT])

    async def _show(self, session: Session, title: str) -> None:
        """Change sessions. What was not sent in the one that is left stays with it as its draft."""
        pane = self._screen.pane
        draft = await self._services.state.draft(draft_key(session))
        self._screen.pane.refuse_while_busy()  # nothing awaits from here until the other session is shown
        left = pane.session
        session.options, session.target = left.options, left.target
        unsent = pane.take_unsent() if self.is_open else None
        pane.show(session, waiting=left.queued if unsent is None else ())
        self._screen.header.show_title(title)
        self.show_model()
        pane.return_to_composer(draft)
        if unsent is not None:
            await self._screen.keep_draft(left, unsent)
