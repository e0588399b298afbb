"""Finding words in the conversation on screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chatterm.tui.screens.chat import ChatScreen


class FindCommands:
    """`do_find` does the command `find`; `argument` is what was typed after its slash word."""

    def __init__(self, screen: ChatScreen) -> None:
        self._screen = screen

    async def do_find(self, argument: str) -> None:
        """Open the line to find words in; with words, go to the first; if it is open, go to the next."""
        await self._screen.conversation.find(argument)
