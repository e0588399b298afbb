"""The main screen: header, conversation, figures, prompt and key hints, and which command does what."""

from __future__ import annotations

import asyncio

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.screen import Screen

from chatterm.core.errors import ChattermError
from chatterm.tui.bindings import MisusedCommand, UnknownCommand, parse_slash
from chatterm.tui.front import Front
from chatterm.tui.opening import Opening, draft_key
from chatterm.tui.reply_commands import ReplyCommands
from chatterm.tui.screen_commands import ScreenCommands
from chatterm.tui.services import Services
from chatterm.tui.widgets.composer import Composer
from chatterm.tui.widgets.conversation_pane import ConversationPane
from chatterm.tui.widgets.footer import KeyHints
from chatterm.tui.widgets.header import HeaderBar
from chatterm.tui.widgets.sidebar import MetricsSidebar
from chatterm.tui.widgets.status_line import StatusLine

NARROW_COLUMNS = 100
DRAFT_SECONDS = 1.0

EMPTY_TEXT = """\
# chatterm

Type a message and press Enter. Esc stops a reply.

- Ctrl+L chooses a model, Ctrl+S lists conversations
- Ctrl+P lists the commands, F1 the keys
- @path attaches a file, /help opens the manual
"""


class ChatScreen(Screen[None], inherit_bindings=False):
    """Wires the widgets to the session and the commands; what a command does is in the command classes."""

    def __init__(self, services: Services, front: Front) -> None:
        super().__init__()
        self.services = services
        self.front = front
        self.opening = Opening(self)
        self.commands = (ScreenCommands(self), ReplyCommands(self))
        self.sidebar_wanted: bool | None = None

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
        self.pane.transcript.set_empty_text(EMPTY_TEXT)
        self.pane.show(self.services.new_session(None, (), self.services.start.system))
        self.pane.composer.focus()
        self.fold_sidebar(self.size.width)
        for notice in self.services.notices:
            self.pane.notices.show(notice, "warning")
        self.run_worker(self.opening.open())

    def on_resize(self, event: events.Resize) -> None:
        """Narrow terminals get the status line in place of the sidebar."""
        self.fold_sidebar(event.size.width)

    def fold_sidebar(self, width: int) -> None:
        """Show the sidebar where the user wants it, else where there is room for it."""
        wanted = self.sidebar_wanted
        shown = width >= NARROW_COLUMNS if wanted is None else wanted and width >= 60
        self.set_class(shown, "-sidebar")
        self.set_class(not shown, "-no-sidebar")

    # ---- commands ----------------------------------------------------------------------------

    async def run_command(self, command_id: str, argument: str = "") -> None:
        """Do what a command says; a failure is told, never raised."""
        for group in self.commands:
            action = getattr(group, f"do_{command_id}", None)
            if action is not None:
                break
        else:
            raise RuntimeError(f"the command {command_id} is in the table but nothing does it")
        try:
            await action(argument)
        except ChattermError as error:
            self.pane.tell(error)

    @on(Composer.Submitted)
    async def _submitted(self, event: Composer.Submitted) -> None:
        self.pane.notices.acknowledge(sent=True)
        parsed = parse_slash(event.text, self.services.commands)
        if parsed is None:
            self.pane.submit(event.text)
            if event.text.strip():
                self.run_worker(self._remember(event.text))
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

    @on(ConversationPane.FiguresChanged)
    def _figures_changed(self, event: ConversationPane.FiguresChanged) -> None:
        self.query_one(MetricsSidebar).update_figures(event.figures)
        self.query_one(StatusLine).update_figures(event.figures)

    @on(ConversationPane.TurnEnded)
    async def _turn_ended(self) -> None:
        await self.opening.show_title()

    def on_key(self, event: events.Key) -> None:
        """Any key shows that notices were read."""
        self.pane.notices.acknowledge()

    # ---- drafts ------------------------------------------------------------------------------

    @on(Composer.Changed)
    def _draft_changed(self) -> None:
        self.run_worker(self._save_draft_soon(), group="draft", exclusive=True)

    async def _save_draft_soon(self) -> None:
        await asyncio.sleep(DRAFT_SECONDS)
        await self.save_draft()

    async def save_draft(self) -> None:
        """Keep what is in the prompt, so that a killed program does not lose it."""
        session, text = self.pane.session, self.pane.composer.text
        try:
            await self.services.state.put_draft(draft_key(session), text)
            if session.turns:
                await self.services.state.put_draft("new", "")
        except ChattermError as error:
            self.pane.tell(error)

    async def _remember(self, text: str) -> None:
        try:
            await self.services.state.append_prompt(text, self.pane.session.conversation_id)
        except ChattermError as error:
            self.pane.tell(error)
