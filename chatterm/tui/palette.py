"""The command palette (Ctrl+P), filled from the one table."""

from __future__ import annotations

from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider

from chatterm.tui.commands import Command
from chatterm.tui.screens.chat import ChatScreen


class CommandHits(Provider):
    """Finds commands by title; choosing one runs it on the chat screen."""

    async def discover(self) -> Hits:
        """All commands, before anything is typed."""
        for command in self._commands():
            yield DiscoveryHit(command.title, partial(self._run, command), help=command.help)

    async def search(self, query: str) -> Hits:
        """Commands whose title fits what is typed."""
        matcher = self.matcher(query)
        for command in self._commands():
            if (score := matcher.match(command.title)) > 0:
                title = matcher.highlight(command.title)
                yield Hit(score, title, partial(self._run, command), help=command.help)

    def _commands(self) -> list[Command]:
        screen = self.screen
        if not isinstance(screen, ChatScreen):
            return []
        walking = screen.conversation.transcript.walking
        return [
            command
            for command in screen.setup.commands
            if command.palette and (walking or command.scope != "message")
        ]

    async def _run(self, command: Command) -> None:
        screen = self.screen
        if isinstance(screen, ChatScreen):
            await screen.run_command(command.id)
