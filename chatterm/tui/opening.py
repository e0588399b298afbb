"""Opening conversations and choosing models: what the screen shows first, and what changes later."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from chatterm.backend.first_model import Wanted, first_model
from chatterm.backend.session import Session
from chatterm.core.errors import ChattermError, TurnInProgressError
from chatterm.store.rows import ConversationRow
from chatterm.store.turns import turns_of

if TYPE_CHECKING:
    from chatterm.tui.screens.chat import ChatScreen

LAST_MODEL = "last_model"
RECENT_MODELS = "recent_models"
SIDEBAR = "sidebar"
MOST_RECENT = 12
MOST_PROMPTS = 500


def draft_key(session: Session) -> str:
    """Under which name the unsent text of a session is kept; one for all that nothing was sent in yet."""
    return session.conversation_id if session.turns else "new"


class Opening:
    """Finds the conversation and the model to start with, and switches both."""

    def __init__(self, screen: ChatScreen) -> None:
        self._screen = screen
        self._services = screen.services

    async def open(self) -> None:
        """At the start: the remembered toggles, the conversation asked for, then a model for it."""
        try:
            for notice in await self._services.prepare():
                self._screen.pane.notices.show(notice, "warning")
            await self._recall_toggles()
            await self._open_conversation()
        except ChattermError as error:
            self._screen.pane.tell(error)
        if self._screen.pane.session.target is None:
            await self._choose_first()

    async def resume(self, conversation: ConversationRow) -> None:
        """Put a stored conversation on screen, with the model it was held with where that is still there."""
        self._refuse_while_running()
        start = self._services.start
        stored = await self._services.history.load(conversation.id)
        system = conversation.system if start.system is None else start.system
        session = self._services.new_session(conversation.id, turns_of(conversation.id, stored), system)
        await self._show(session, conversation.title)
        if start.provider is None and start.model is None and conversation.provider and conversation.model:
            await self.use(conversation.provider, conversation.model)

    async def new(self) -> None:
        """An empty conversation with the present model."""
        self._refuse_while_running()
        target = self._screen.pane.session.target
        await self._screen.save_draft()
        await self._show(self._services.new_session(None, (), self._services.start.system), "")
        if target is not None:
            await self.use(target.provider, target.model)

    async def use(self, provider: str, model: str) -> None:
        """Answer with this model from now on, and remember it. Raises `ConfigError` for an unknown provider."""
        target = self._services.targets.resolve(provider, model)
        await self._screen.pane.session.use(target)
        self._screen.header.show_model(provider, model)
        state = self._services.state
        await state.put(LAST_MODEL, [provider, model])
        recent = [pair for pair in await self.recent_models() if pair != (provider, model)]
        await state.put(RECENT_MODELS, [[provider, model], *map(list, recent)][:MOST_RECENT])
        self._screen.pane.send_queued()

    async def recent_models(self) -> list[tuple[str, str]]:
        """Provider and model of the last choices, the newest first."""
        pairs = await self._services.state.get(RECENT_MODELS, list[list[str]]())
        return [(pair[0], pair[1]) for pair in pairs if len(pair) == 2]

    async def show_title(self) -> None:
        """Show the title that the store gave the conversation."""
        with suppress(ChattermError):  # a conversation whose only turn was withdrawn has none
            row = await self._services.history.find(self._screen.pane.session.conversation_id)
            self._screen.header.show_title(row.title)

    async def _recall_toggles(self) -> None:
        state = self._services.state
        wanted = await state.get(SIDEBAR, None)
        self._screen.sidebar_wanted = wanted if isinstance(wanted, bool) else None
        self._screen.pane.composer.set_history(await state.prompts(MOST_PROMPTS))
        self._screen.fold_sidebar(self._screen.size.width)

    async def _open_conversation(self) -> None:
        start, history = self._services.start, self._services.history
        if start.resume is not None:
            await self.resume(await history.find(start.resume))
        elif start.continue_last:
            last = await history.last_conversation()
            if last is not None:
                await self.resume(last)
            else:
                self._screen.pane.notices.show("There is no conversation to continue yet.")
        else:
            self._screen.pane.composer.load(await self._services.state.draft("new"))
        self._screen.pane.session.options = start.options

    async def _choose_first(self) -> None:
        services, settings = self._services, self._services.settings
        last = await services.state.get(LAST_MODEL, list[str]())
        wanted = Wanted(
            provider=services.start.provider or settings.provider,
            model=services.start.model or settings.model,
            last_provider=last[0] if len(last) == 2 else None,
            last_model=last[1] if len(last) == 2 else None,
        )
        try:
            choice = await first_model(wanted, services.targets, services.models)
            if choice.reason:
                self._screen.pane.notices.show(choice.reason, "warning")
            if choice.model is not None:
                await self.use(choice.provider, choice.model)
                return
            self._screen.header.show_model(choice.provider, "")
            await self._screen.run_command("model")
        except ChattermError as error:
            self._screen.pane.tell(error)
            self._screen.header.show_model("no model", "")

    async def _show(self, session: Session, title: str) -> None:
        old = self._screen.pane.session
        session.options, session.target = old.options, old.target
        self._screen.pane.show(session)
        self._screen.header.show_title(title)
        self._screen.pane.composer.load(await self._services.state.draft(draft_key(session)))

    def _refuse_while_running(self) -> None:
        if self._screen.pane.session.running is not None:
            raise TurnInProgressError("A reply is still coming in.", "Esc stops it first.")
