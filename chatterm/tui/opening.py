"""Opening conversations and choosing models: what the screen shows first, and what changes later."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from chatterm.backend.daemon_thread import in_daemon_thread
from chatterm.backend.fallback import with_chain
from chatterm.backend.first_model import Wanted, first_model, split_model
from chatterm.backend.models import ModelLists
from chatterm.backend.past import read_end
from chatterm.backend.remembered_models import RememberedModel, last_model, recent_models, remember_model
from chatterm.backend.session import Session
from chatterm.backend.targets import GUIDE, Targets
from chatterm.core.errors import ChattermError, ConfigError, StoreError
from chatterm.core.turn import Turn
from chatterm.store.rows import ConversationRow
from chatterm.tui.context_gauge import ContextGauge
from chatterm.tui.transcript.warming import warm_up

if TYPE_CHECKING:
    from chatterm.tui.screens.chat import ChatScreen
    from chatterm.tui.services import Services

SIDEBAR = "sidebar"
THEME = "theme"
MOST_PROMPTS = 500
NEW = "new"
OPEN_ELSEWHERE = (
    "This conversation is open in another chatterm. Here it can only be read; /new starts another."
)


IDLE_SECONDS = 0.5
"""How long after the start what the first reply needs is loaded, should it not be there already."""


def draft_key(session: Session) -> str:
    """Under which name the unsent text of a session is kept; one for all that nothing was sent in yet."""
    return session.conversation_id if session.turns else NEW


class Opening:
    """Finds the conversation and the model to start with, and switches both."""

    def __init__(self, screen: ChatScreen, services: Services) -> None:
        self._screen = screen
        self._services = services
        self._setup = screen.setup
        self._resumed: ConversationRow | None = None
        self._gauge = ContextGauge(screen)
        self.is_open = False
        """Whether the start is over: a model is chosen, or the user has to choose one."""

    async def open(self) -> None:
        """At the start: what is remembered, the conversation asked for, then a model for it.

        Each step goes on without what an earlier one could not get; prompts sent meanwhile wait.
        """
        pane, start = self._screen.pane, self._setup.start
        for step in (self._prepare, self._recall, self._open_conversation):
            try:
                await step()
            except ChattermError as error:
                pane.tell(error)
        pane.session.options = start.options
        # A conversation whose own model cannot be had waits for the user's choice.
        if pane.session.target is None and (start.provider or start.model or not pane.session.turns):
            await self._choose_first()
        if (router := pane.session.router) is not None and router.enabled:
            await router.prepare(self.models)
        self.is_open = True
        pane.opened()
        self.show_model()
        self._screen.set_timer(IDLE_SECONDS, partial(self._screen.run_worker, self._warm_up))

    async def _warm_up(self) -> None:
        await in_daemon_thread(warm_up, "warm-up")

    async def resume(self, conversation: ConversationRow) -> None:
        """Put a stored conversation on screen, with the model it was held with where that is still there."""
        self._screen.pane.refuse_while_busy()
        start = self._setup.start
        is_ours = await self._claim(conversation.id)
        turns, past = await read_end(self._services.history, conversation)
        system = conversation.system if start.system is None else start.system
        session = self._services.new_session(conversation.id, turns, system)
        session.past = past
        await self._show(session, conversation.title)
        self._resumed = conversation
        if start.provider is None and start.model is None and conversation.provider and conversation.model:
            await self.use(conversation.provider, conversation.model, conversation.base_url)
            if session.router is not None:
                session.router.resumed(session.target)
        if not is_ours:
            self._screen.pane.notices.show(OPEN_ELSEWHERE, "warning")

    async def new(self) -> None:
        """An empty conversation with the present model; one that is empty already stays."""
        self._screen.pane.refuse_while_busy()
        if self._screen.pane.session.turns:
            await self.leave_conversation()

    async def leave_conversation(self) -> None:
        """An empty conversation in place of the one on screen. Raises `TurnInProgressError` while one runs."""
        session = self._services.new_session(None, (), self._setup.start.system)
        await self._show(session, "")
        await self._claim(session.conversation_id)

    async def use(
        self, provider: str, model: str, base_url: str | None = None, *, send_queued: bool = True
    ) -> None:
        """Answer with this model from now on; prompts that wait are sent.

        Raises `ConfigError` for an unknown provider.
        """
        session = self._screen.pane.session
        targets = with_chain(self._services.targets.at(provider, base_url), provider, model, session.fallback)
        session.target = target = targets.resolve(provider, model)
        self.show_model()
        if send_queued:
            self._screen.pane.send_queued()
        try:
            await session.use(target)
        except StoreError as error:
            self._screen.pane.tell(error)
        await self.models.prepare(provider)

    async def use_named(self, name: str, *, send_queued: bool = True) -> None:
        """Answer with the model that the user typed: PROVIDER/MODEL, or a model of the present provider.

        Another model of the present provider is asked at the same address.
        """
        provider, model = split_model(name, self._services.targets)
        target = self._screen.pane.session.target
        if provider is None and target is None:
            raise ConfigError(f"No provider is chosen for {name!r}.", "Write it as PROVIDER/MODEL.")
        if provider is None and target is not None and "/" in name:
            await self._doubt(name, target.provider)
        same = target if target is not None and provider in (None, target.provider) else None
        at = same.base_url if same else None
        await self.use(provider or (same.provider if same else ""), model, at, send_queued=send_queued)
        await self._say_if_unlisted()
        self._screen.pane.session.warm()

    async def _doubt(self, name: str, provider: str) -> None:
        """Say of `X/Y`, X being no provider, that it is taken as a model of this one.

        Raises `ConfigError` where this one's models are known and have no such names.
        """
        pane, wrong = self._screen.pane, f"There is no provider {name.partition('/')[0]!r}"
        models = (await self.models.cached(provider)).models
        if provider == GUIDE or (models and not any("/" in model.id for model in models)):
            raise ConfigError(
                f"{wrong}, and {provider} has no model {name!r}.",
                f"{pane.key('model')} lists all there are; PROVIDER/MODEL names one.",
            )
        if not models:
            pane.notices.show(f"{wrong}: {name!r} is taken as a model of {provider}.", "warning")

    async def _say_if_unlisted(self) -> None:
        """Tell where the provider's list has no model of this name; it is asked for all the same."""
        target = self._screen.pane.session.target
        if target is not None and (told := await self.models.doubt(target.provider, target.model)):
            self._screen.pane.notices.show(f"{told} It is asked for all the same.", "warning")

    @property
    def targets(self) -> Targets:
        """All targets, the provider of this conversation at the address that the conversation is held at."""
        target, targets = self._screen.pane.session.target, self._services.targets
        return targets.at(target.provider, target.base_url) if target is not None else targets

    @property
    def models(self) -> ModelLists:
        """The models of these targets."""
        return ModelLists(self.targets, self._services.state)

    def show_model(self) -> None:
        """Say who answers, at the top and in an empty transcript."""
        target = self._screen.pane.session.target
        if target is not None:
            self._screen.header.show_model(target.provider, target.model)
            self.show_routing()
        elif self.is_open:
            self._screen.header.show_model("no model", "")
        self._screen.started.value.show_empty_text(target)
        self._gauge.look()

    def show_routing(self) -> None:
        """Say at the top whether rules choose the model."""
        router = self._screen.pane.session.router
        is_on = router is not None and router.enabled
        note = "no rules next" if router is not None and router.skips_next else "rules"
        self._screen.header.show_note(note if is_on else "")

    async def recent_models(self) -> list[tuple[str, str]]:
        """Provider and model of the last that answered, the newest first; none where they cannot be read."""
        with suppress(StoreError):
            return await recent_models(self._services.state)
        return []

    async def remember(self, turn: Turn) -> None:
        """A turn is over: start with its model the next time, if it answered; measure what comes after it."""
        self._gauge.look()
        if turn.reply.is_summary:
            return  # its model was asked this once
        await self._screen.told(remember_model(turn, self._services.state))

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
        start, history, pane = self._setup.start, self._services.history, self._screen.pane
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
        services, setup, last = self._services, self._setup, None
        with suppress(StoreError):
            last = await last_model(services.state)
        if turns := self._screen.pane.session.turns:  # a resumed conversation stays with its provider
            row, provider = self._resumed, turns[-1].provider
            at = row.base_url if row is not None and row.provider == provider else None
            last = RememberedModel(provider, turns[-1].model, at)
        wanted = Wanted(
            provider=setup.start.provider or (None if turns else setup.settings.provider),
            model=setup.start.model or (None if turns else setup.settings.model),
            last_provider=last.provider if last else None,
            last_model=last.model if last else None,
            last_base_url=last.base_url if last else None,
        )
        try:
            choice = await first_model(wanted, services.targets, services.models)
            if choice.model is None:  # without its key there is nothing to choose from: that is said instead
                await services.targets.endpoint(choice.provider)
            if choice.reason:
                self._screen.pane.notices.show(choice.reason, "warning")
            if choice.model is not None:
                await self.use(choice.provider, choice.model, choice.base_url)
                if choice.model == wanted.model:
                    await self._say_if_unlisted()
            else:
                await self._screen.run_command("model")
        except ChattermError as error:
            self._screen.pane.tell(error)

    async def _claim(self, conversation_id: str) -> bool:
        """Keep other chatterms from writing to it; False where another one does. True where that is not known."""
        with suppress(StoreError):
            return await self._services.history.claim(conversation_id)
        return True

    async def _show(self, session: Session, title: str) -> None:
        """Change sessions. What was not sent in the one that is left stays with it as its draft."""
        pane = self._screen.pane
        draft = await self._services.state.draft(draft_key(session))
        self._screen.pane.refuse_while_busy()  # nothing awaits from here until the other session is shown
        left = pane.session
        session.options, session.target = left.options, left.target
        if session.router is not None and left.router is not None:
            session.router.enabled = left.router.enabled
        unsent = pane.take_unsent() if self.is_open else None
        pane.show(session, waiting=left.queued if unsent is None else ())
        self._screen.header.show_title(title)
        self.show_model()
        pane.return_to_composer(draft)
        if unsent is not None:
            await self._screen.started.value.keep_draft(left, unsent)
