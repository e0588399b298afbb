"""What the chat screen works with once the engine is there; importing this imports the rest of the program."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from chatterm.tui.bench_commands import BenchCommands
from chatterm.tui.bindings import MisusedCommand, UnknownCommand, parse_slash
from chatterm.tui.budget_commands import BudgetCommands
from chatterm.tui.context_commands import ContextCommands
from chatterm.tui.continue_commands import ContinueCommands
from chatterm.tui.empty_text import empty_text
from chatterm.tui.exchange_commands import ExchangeCommands
from chatterm.tui.fallback_commands import FallbackCommands
from chatterm.tui.find_commands import FindCommands
from chatterm.tui.mcp_commands import McpCommands
from chatterm.tui.mcp_offers import McpOffers
from chatterm.tui.opening import NEW, Opening, draft_key
from chatterm.tui.prompt_files import PromptReader
from chatterm.tui.reply_commands import ReplyCommands
from chatterm.tui.route_commands import RouteCommands
from chatterm.tui.screen_commands import ScreenCommands
from chatterm.tui.statistics_commands import StatisticsCommands
from chatterm.tui.tool_commands import ToolCommands
from chatterm.tui.transcript_commands import Asked, TranscriptCommands
from chatterm.tui.widgets.conversation_pane import ConversationPane

if TYPE_CHECKING:
    from chatterm.backend.session import Session
    from chatterm.backend.target import Target
    from chatterm.core.turn import Turn
    from chatterm.tui.screens.chat import ChatScreen
    from chatterm.tui.services import Services


class Started:
    """The services, the conversation bound to a session, and what the commands do."""

    def __init__(self, screen: ChatScreen, services: Services) -> None:
        setup = screen.setup
        self._screen = screen
        self.services = services
        servers = services.tools.servers if services.tools is not None else None
        self.offers = McpOffers(servers)
        self.pane = ConversationPane(
            screen.conversation,
            services.new_session(None, (), setup.start.system),
            PromptReader(services.history, self.offers.read),
            setup,
        )
        self.opening = Opening(screen, services)
        services.performance.tell = lambda text: self.pane.notices.show(text, "warning")
        self._transcript_commands = TranscriptCommands(screen)
        self.commands = (
            ScreenCommands(screen, services),
            ReplyCommands(screen, services),
            ContinueCommands(screen, services),
            self._transcript_commands,
            FindCommands(screen),
            RouteCommands(screen),
            FallbackCommands(screen),
            BudgetCommands(screen, services.budget),
            ExchangeCommands(screen, services.exchanges),
            ContextCommands(screen),
            StatisticsCommands(screen, services.records),
            BenchCommands(screen, services),
            ToolCommands(screen, services.tools),
            McpCommands(screen, servers, self.offers),
        )

    def show_empty_text(self, target: Target | None) -> None:
        """Say in an empty transcript what can be done with this target."""
        self.pane.transcript.set_empty_text(empty_text(self._screen.setup.commands, target))

    async def do(self, command_id: str, argument: str) -> None:
        """Do what a command says. Raises `ChattermError` where that fails."""
        for group in self.commands:
            action = getattr(group, f"do_{command_id}", None)
            if action is not None:
                break
        else:
            raise RuntimeError(f"the command {command_id} is in the table but nothing does it")
        if command_id != "interrupt":
            self.pane.notices.acknowledge()
        await action(argument)

    async def asked(self, event: Asked) -> None:
        """Do what a key or a click in the transcript asks for. Raises `ChattermError` where that fails."""
        await self._transcript_commands.asked(event)

    async def take(self, text: str) -> None:
        """Send a prompt or do a command; an empty text sends what waits. A command that fails comes back."""
        running = self.pane.session.running
        if not text.strip() and running is not None and running.retry_now():
            return
        if not text.strip() and self.pane.send_queued():
            return
        self.pane.notices.clear_notices()
        parsed = parse_slash(text, self._screen.setup.commands)
        if parsed is None or isinstance(parsed, UnknownCommand):  # no command of ours
            parsed = None if self._is_routed(text) else self.offers.parse(text) or parsed
        if parsed is None:
            self.pane.submit(text)
            if text.strip():
                self._screen.run_worker(partial(self._remember, text))
        elif isinstance(parsed, UnknownCommand | MisusedCommand):
            self.pane.composer.load(text)
            self.pane.notices.show(f"{parsed.message} {parsed.hint}", "warning")
        elif not await self._screen.run_command(parsed.id, parsed.argument):
            self.pane.return_to_composer(text)

    def _is_routed(self, text: str) -> bool:
        """Whether the word at the start is one by which a rule chooses the model."""
        session = self.pane.session
        return session.router is not None and session.router.takes_prefix(text, session.target)

    async def copy(self, text: str) -> None:
        """Copy a text and say what became of it. Raises `ChattermError` where nothing was copied."""
        self.pane.notices.show((await self._screen.front.clipboard_writer.copy(text)).message)

    async def turn_stored(self, turn: Turn) -> None:
        """The prompt of a turn is in the store: no draft of it is needed any more."""
        await self.opening.show_title()
        self.opening.show_routing()
        await self.keep_unsent()
        if turn.prompt.parent_id is None:
            # The conversation has its own draft from its first turn on; the next new one starts empty.
            await self._screen.told(self.services.state.put_draft(NEW, ""))

    async def save(self, held: Iterable[str], within_seconds: float) -> None:
        """End the running turn, and keep what was not sent, after what is `held`; the prompt is empty then."""
        session, running = self.pane.session, self.pane.followed
        unsent = [*held, self.pane.take_unsent()]
        await session.aclose(within_seconds)
        if running is not None and not running.turn.is_kept and running.turn.is_own_prompt:
            # Withdrawn, and too late to come back into the composer.
            unsent.insert(0, running.turn.prompt.text)
        await self.keep_draft(session, "\n".join(filter(None, unsent)))

    def expect_prompt(self) -> None:
        """Somebody types: by the time it is sent the connection should be there, and a local model loaded."""
        if not self.pane.composer.is_empty:
            self.pane.session.warm()

    async def keep_unsent(self) -> None:
        """Keep what is typed and not sent in the session on screen."""
        await self.keep_draft(self.pane.session, self.pane.unsent)

    async def keep_draft(self, session: Session, text: str) -> None:
        """Keep what was not sent in a session, so that a killed program does not lose it."""
        await self._screen.told(self.services.state.put_draft(draft_key(session), text))

    async def _remember(self, text: str) -> None:
        state = self.services.state
        await self._screen.told(state.append_prompt(text, self.pane.session.conversation_id))
