"""The command palette (Ctrl+P), filled from the one table."""

from __future__ import annotations

from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from chatterm.tui.commands import Command
from chatterm.tui.key_names import shown_key
from chatterm.tui.mcp_offers import PROMPT
from chatterm.tui.screens.chat import ChatScreen


def _with_key(title: Content, command: Command) -> Content:
    """The title, and the key that does the same without the palette."""
    key = shown_key(command.keys[0]) if command.keys else ""
    return title.append(Content.styled(f"  {key}", "not bold $chatterm-dim")) if key else title


class CommandHits(Provider):
    """Finds commands by title; choosing one runs it on the chat screen."""

    async def discover(self) -> Hits:
        """All commands, before anything is typed."""
        for command in self._commands():
            shown = _with_key(Content(command.title), command)
            yield DiscoveryHit(shown, partial(self._run, command), text=command.title, help=command.help)

    async def search(self, query: str) -> Hits:
        """Commands whose title or slash word fits what is typed."""
        matcher = self.matcher(query)
        for command in self._commands():
            if (score := max(map(matcher.match, (command.title, *command.slash)))) > 0:
                shown = _with_key(matcher.highlight(command.title), command)
                run = partial(self._run, command)
                yield Hit(score, shown, run, text=command.title, help=command.help)

    def _commands(self) -> list[Command]:
        screen = self.screen
        if not isinstance(screen, ChatScreen):
            return []
        walking = screen.conversation.transcript.walking
        offered = screen.started.value.offers.commands() if screen.started.is_there else ()
        return [
            command
            for command in (*screen.setup.commands, *offered)
            if command.palette and (walking or command.scope != "message")
        ]

    async def _run(self, command: Command) -> None:
        screen = self.screen
        if not isinstance(screen, ChatScreen):
            return
        if command.id != PROMPT:
            await screen.run_command(command.id)
        elif command.argument:  # to be written behind it
            screen.pane.return_to_composer(f"{command.slash[0]} ")
        else:
            await screen.run_command(PROMPT, command.slash[0][1:])
