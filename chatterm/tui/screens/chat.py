"""The main screen: header, conversation, figures, prompt and key hints, and which command does what."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from functools import partial

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.geometry import Size
from textual.screen import Screen

from chatterm.backend.session import Session
from chatterm.backend.target import Target
from chatterm.core.errors import ChattermError
from chatterm.tui.bindings import MisusedCommand, UnknownCommand, parse_slash
from chatterm.tui.empty_text import empty_text
from chatterm.tui.front import Front
from chatterm.tui.messages import FiguresChanged, PromptStored, TurnEnded
from chatterm.tui.opening import NARROW_COLUMNS, NEW, Opening, draft_key
from chatterm.tui.reply_commands import ReplyCommands
from chatterm.tui.screen_commands import ScreenCommands
from chatterm.tui.services import Services
from chatterm.tui.widgets.composer import Composer
from chatterm.tui.widgets.conversation_pane import ConversationPane
from chatterm.tui.widgets.footer import KeyHints
from chatterm.tui.widgets.header import HeaderBar
from chatterm.tui.widgets.sidebar import MetricsSidebar
from chatterm.tui.widgets.status_line import StatusLine

SHORT_ROWS = 12
"""Lower terminals show no key hints and no figures."""
TINY_ROWS = 8
"""Lower ones show the conversation and the prompt alone."""
DRAFT_SECONDS = 1.0


class ChatScreen(Screen[None], inherit_bindings=False):
    """Wires the widgets to the session and the commands; what a command does is in the command classes."""

    def __init__(self, services: Services, front: Front) -> None:
        super().__init__()
        self.services = services
        self.front = front
        self.opening = Opening(self)
        self.commands = (ScreenCommands(self), ReplyCommands(self))
        self.sidebar_wanted: dict[str, bool] = {}
        """Whether the user asked for the sidebar on "wide" and on "narrow" terminals, where it was said."""

    def compose(self) -> ComposeResult:
        yield HeaderBar()
        with Horizontal(id="middle"):
            yield ConversationPane(
                self.services.history, self.services.commands, self.services.settings.interface
            )
            yield MetricsSidebar()
        yield StatusLine()
        yield KeyHints(self.services.commands)

    @property
    def pane(self) -> ConversationPane:
        """The conversation on screen."""
        return self.query_one(ConversationPane)

    @property
    def header(self) -> HeaderBar:
        """The top row."""
        return self.query_one(HeaderBar)

    def on_mount(self) -> None:
        """Show an empty conversation at once; the rest follows as it is found."""
        self.pane.show(self.services.new_session(None, (), self.services.start.system))
        self.pane.composer.focus()
        self.fit(self.size)
        for notice in self.services.notices:
            self.pane.notices.show(notice, "warning")
        self.run_worker(self.opening.open)

    def on_resize(self, event: events.Resize) -> None:
        """Narrow terminals get the status line in place of the sidebar, low ones the conversation alone."""
        self.fit(event.size)

    def fit(self, size: Size) -> None:
        """Show the sidebar where the user wants it, else where there is room for it; leave out what is least."""
        wide = size.width >= NARROW_COLUMNS
        shown = self.sidebar_wanted.get("wide" if wide else "narrow", wide) and size.width >= 60
        self.set_class(shown, "-sidebar")
        self.set_class(not shown, "-no-sidebar")
        self.set_class(size.height < SHORT_ROWS, "-short")
        self.set_class(size.height < TINY_ROWS, "-tiny")

    def show_empty_text(self, target: Target | None) -> None:
        """Say in an empty transcript what can be done with this target."""
        self.pane.transcript.set_empty_text(empty_text(self.services.commands, target))

    # ---- commands ----------------------------------------------------------------------------

    async def run_command(self, command_id: str, argument: str = "") -> None:
        """Do what a command says; a failure is told, never raised."""
        for group in self.commands:
            action = getattr(group, f"do_{command_id}", None)
            if action is not None:
                break
        else:
            raise RuntimeError(f"the command {command_id} is in the table but nothing does it")
        await self.told(action(argument))

    async def told(self, work: Awaitable[None]) -> None:
        """Wait for work that the user asked for; what goes wrong with it is told, never raised."""
        try:
            await work
        except ChattermError as error:
            self.pane.tell(error)

    @on(Composer.Submitted)
    async def _submitted(self, event: Composer.Submitted) -> None:
        self.pane.notices.clear_notices()
        parsed = parse_slash(event.text, self.services.commands)
        if parsed is None:
            self.pane.submit(event.text)
            if event.text.strip():
                self.run_worker(partial(self._remember, event.text))
        elif isinstance(parsed, UnknownCommand | MisusedCommand):
            self.pane.composer.load(event.text)
            self.pane.notices.show(f"{parsed.message} {parsed.hint}", "warning")
        else:
            await self.run_command(parsed.id, parsed.argument)

    @on(Composer.TakeBackRequested)
    def _take_back(self) -> None:
        self.pane.take_back()

    @on(Composer.QuitRequested)
    async def _quit(self) -> None:
        await self.run_command("quit")

    @on(KeyHints.Chosen)
    async def _hint_chosen(self, event: KeyHints.Chosen) -> None:
        await self.run_command(event.command_id)

    @on(FiguresChanged)
    def _figures_changed(self, event: FiguresChanged) -> None:
        self.query_one(MetricsSidebar).update_figures(event.figures)
        self.query_one(StatusLine).update_figures(event.figures)

    @on(TurnEnded)
    async def _turn_ended(self, event: TurnEnded) -> None:
        await self.opening.remember(event.finished.turn)
        await self.opening.show_title()

    @on(PromptStored)
    async def _prompt_stored(self, event: PromptStored) -> None:
        await self.opening.show_title()
        await self.keep_draft(self.pane.session, self.pane.unsent)
        if event.turn.prompt.parent_id is None:
            # The conversation has its own draft from its first turn on; the next new one starts empty.
            await self.told(self.services.state.put_draft(NEW, ""))

    def on_key(self, event: events.Key) -> None:
        """Any key shows that notices were read."""
        self.pane.notices.acknowledge()

    # ---- drafts ------------------------------------------------------------------------------

    @on(Composer.Changed)
    def _draft_changed(self) -> None:
        self.pane.notices.acknowledge()
        self.run_worker(self._keep_draft_soon, group="draft", exclusive=True)

    async def _keep_draft_soon(self) -> None:
        await asyncio.sleep(DRAFT_SECONDS)
        await self.keep_draft(self.pane.session, self.pane.unsent)

    async def keep_draft(self, session: Session, text: str) -> None:
        """Keep what was not sent in a session, so that a killed program does not lose it."""
        await self.told(self.services.state.put_draft(draft_key(session), text))

    async def _remember(self, text: str) -> None:
        await self.told(self.services.state.append_prompt(text, self.pane.session.conversation_id))
