"""The command that goes on with a reply that was cut."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatterm.backend.continuing import is_all_there, require_continuable
from chatterm.backend.targets import GUIDE
from chatterm.core.errors import ChattermError
from chatterm.core.turn import Turn
from chatterm.tui.widgets.question_box import QuestionBox

if TYPE_CHECKING:
    from chatterm.backend.target import Target
    from chatterm.tui.screens.chat import ChatScreen
    from chatterm.tui.services import Services

QUESTION = "The model ended this reply by itself. Ask it to go on all the same?"


class ContinueCommands:
    """Each `do_ID` does the command of that id; `argument` is what was typed after its slash word."""

    def __init__(self, screen: ChatScreen, services: Services) -> None:
        self._screen = screen
        self._services = services

    async def do_continue(self, argument: str) -> None:
        """Have the last reply gone on with by who wrote it; one that is complete only when that is wanted."""
        pane = self._screen.pane
        pane.refuse_while_busy()
        if not pane.session.turns:
            raise ChattermError("There is no reply yet.", f"Type a message and press {pane.key('send')}.")
        last = pane.session.turns[-1]
        require_continuable(last)
        if last.provider == GUIDE:
            raise ChattermError("The guide cannot go on with an answer.", "/retry has it answer again.")
        if is_all_there(last):
            self._screen.front.push_screen(
                QuestionBox("This reply is complete", QUESTION), lambda yes: self._answered(last, yes)
            )
        else:
            self._go_on(last)

    def _answered(self, last: Turn, yes: bool | None) -> None:
        pane = self._screen.pane
        if not yes or pane.followed is not None or pane.session.turns[-1:] != (last,):
            return
        try:
            self._go_on(last)
        except ChattermError as error:
            pane.tell(error)

    def _go_on(self, last: Turn) -> None:
        pane = self._screen.pane
        pane.replace_last(pane.session.continue_reply(self._who_answered(last)))

    def _who_answered(self, turn: Turn) -> Target | None:
        """Who wrote the reply; None where that is the model of the conversation. Raises `ConfigError`."""
        present = self._screen.pane.session.target
        if present is not None and (present.provider, present.model) == (turn.provider, turn.model):
            return None
        return self._services.targets.at(turn.provider, turn.base_url).resolve(turn.provider, turn.model)
