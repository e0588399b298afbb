"""The main screen: header, conversation, figures, prompt and key hints, and which command does what."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from functools import partial
from typing import TYPE_CHECKING

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.geometry import Size
from textual.screen import Screen

from chatterm.backend.daemon_thread import in_daemon_thread
from chatterm.core.errors import ChattermError
from chatterm.tui.front import Front
from chatterm.tui.later import Later
from chatterm.tui.messages import FiguresChanged, PromptStored, TurnEnded
from chatterm.tui.services import Setup
from chatterm.tui.skeleton import NARROW_COLUMNS, SHORT_ROWS, TINY_ROWS
from chatterm.tui.transcript.transcript import Transcript
from chatterm.tui.widgets.composer import Composer
from chatterm.tui.widgets.conversation_widgets import ConversationWidgets
from chatterm.tui.widgets.footer import KeyHints
from chatterm.tui.widgets.header import HeaderBar
from chatterm.tui.widgets.sidebar import MetricsSidebar
from chatterm.tui.widgets.status_line import StatusLine

if TYPE_CHECKING:
    from chatterm.tui.opening import Opening
    from chatterm.tui.started import Started
    from chatterm.tui.transcript_commands import Asked
    from chatterm.tui.widgets.conversation_pane import ConversationPane

DRAFT_SECONDS = 1.0


class ChatScreen(Screen[None], inherit_bindings=False):
    """Wires the widgets to the session and the commands; what a command does is in the command classes.

    It is painted before there is an engine: commands wait for it, and prompts are held until it is there.
    """

    def __init__(self, setup: Setup, front: Front) -> None:
        super().__init__()
        self.setup = setup
        self.front = front
        self.started: Later[Started] = Later()
        self._held: list[str] = []
        self.sidebar_wanted: dict[str, bool] = {}
        """Whether the user asked for the sidebar on "wide" and on "narrow" terminals, where it was said."""

    def compose(self) -> ComposeResult:
        self.fit(self.front.size)  # now there are no widgets yet whose styles would be made twice
        yield HeaderBar()
        with Horizontal(id="middle"):
            yield ConversationWidgets(self.setup.commands, self.setup.settings)
            yield MetricsSidebar()
        yield StatusLine()
        yield KeyHints(self.setup.commands)

    @property
    def conversation(self) -> ConversationWidgets:
        """Transcript and prompt."""
        return self.query_one(ConversationWidgets)

    @property
    def pane(self) -> ConversationPane:
        """The conversation on screen, with its session. Raises `RuntimeError` before the engine has started."""
        return self.started.value.pane

    @property
    def opening(self) -> Opening:
        """What opens conversations and chooses models. Raises `RuntimeError` before the engine has started."""
        return self.started.value.opening

    @property
    def header(self) -> HeaderBar:
        """The top row."""
        return self.query_one(HeaderBar)

    def on_mount(self) -> None:
        """Show an empty prompt at once; the engine is made once that is painted."""
        self.set_focus(self.conversation.composer)
        self.front.takes_keys.set()
        self.conversation.notices.warn(self.setup.notices)
        self.call_after_refresh(self.run_worker, self._start)

    async def _start(self) -> None:
        """Make the engine, hand over what was sent meanwhile, and open the conversation asked for."""
        started = await self.started.make(self._make())
        self.conversation.notices.warn(started.services.notices)
        self.front.offer_themes(started.services.palettes)
        while self._held:
            await started.take(self._held[0])
            del self._held[0]
        await started.opening.open()

    async def _make(self) -> Started:
        kind, services = await in_daemon_thread(self.setup.load, "engine")
        return kind(self, services)

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

    # ---- commands ----------------------------------------------------------------------------

    async def run_command(self, command_id: str, argument: str = "") -> bool:
        """Do what a command says, once the engine is there; False when that failed, as `told`."""
        if command_id == "quit":  # waits for nothing
            await self.front.leave()
            return True
        return await self.told((await self.started.get()).do(command_id, argument))

    async def told(self, work: Awaitable[None]) -> bool:
        """Wait for work that the user asked for; False when it failed, which is told, never raised."""
        try:
            await work
        except ChattermError as error:
            self.conversation.notices.show_error(error)
            return False
        return True

    @on(Composer.Submitted)
    async def _submitted(self, event: Composer.Submitted) -> None:
        if not self.conversation.composer.hand_over(event.text):
            return
        if self.started.is_there and not self._held:
            await self.started.value.take(event.text)
        elif event.text.strip():
            self._held.append(event.text)
            self.conversation.hold(f"held-{len(self._held)}", event.text)

    @on(Composer.TakeBackRequested)
    def _take_back(self) -> None:
        self.pane.take_back()

    @on(Composer.QuitRequested)
    async def _quit(self) -> None:
        await self.run_command("quit")

    @on(KeyHints.Chosen)
    def _hint_chosen(self, event: KeyHints.Chosen) -> None:
        # Not awaited: this screen would stand still while the command waits for the engine.
        self.run_worker(partial(self.run_command, event.command_id))

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
        await self.started.value.turn_stored(event.turn)

    @on(Transcript.Selected)
    @on(Transcript.Clicked)
    @on(Transcript.CommandAsked)
    async def _asked(self, event: Asked) -> None:
        await self.told((await self.started.get()).asked(event))

    def on_key(self, event: events.Key) -> None:
        """Any key shows that notices were read."""
        self.conversation.notices.acknowledge(at=event.time)

    # ---- drafts ------------------------------------------------------------------------------

    @on(Composer.Changed)
    def _draft_changed(self, event: Composer.Changed) -> None:
        self.conversation.notices.acknowledge(at=event.time)
        self.run_worker(self._keep_draft_soon, group="draft", exclusive=True)

    async def _keep_draft_soon(self) -> None:
        (await self.started.get()).expect_prompt()
        await asyncio.sleep(DRAFT_SECONDS)
        await (await self.started.get()).keep_unsent()

    async def save(self, within_seconds: float) -> None:
        """End the running turn, and keep what was not sent: also what was typed before the engine was there."""
        composer = self.conversation.composer
        if not self.started.is_there and not self._held and composer.is_empty and not composer.sent:
            return
        await (await self.started.get()).save(self._held[1:], within_seconds)
