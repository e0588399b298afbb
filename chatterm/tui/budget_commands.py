"""The command about what was spent and what may be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatterm.core.clean import clean_line
from chatterm.core.errors import ChattermError

if TYPE_CHECKING:
    from chatterm.backend.budget import Budget, ChatBudget
    from chatterm.tui.screens.chat import ChatScreen


class BudgetCommands:
    """Each `do_ID` does the command of that id."""

    def __init__(self, screen: ChatScreen, budget: ChatBudget) -> None:
        self._screen, self._budget = screen, budget

    async def do_budget(self, argument: str) -> None:
        """Tell what was spent, or lift the limits or set them again."""
        budget, notices = self._budget, self._screen.pane.notices
        match argument.strip():
            case "":
                spent = await budget.read(self._screen.pane.session.conversation_id)
                notices.show(spent_words(*spent, enabled=budget.enabled))
            case "off":
                budget.enabled = False
                notices.show("No limit on spending holds until chatterm ends.")
            case "on" if not budget.has_limits:
                raise ChattermError("There is no limit on spending.", "[budget] in the settings sets one.")
            case "on":
                budget.enabled = True
                notices.show("The limits on spending hold again.")
            case other:
                raise ChattermError(f"/budget cannot do {clean_line(other, 60)!r}.", "/budget on or off")


def spent_words(day: Budget, conversation: Budget, *, enabled: bool) -> str:
    """What was spent, against which limits, in one line."""
    words = f"{day.words} · {conversation.words}"
    unknown = f" · not counted: {day.unknown} of today whose cost nobody knows" if day.unknown else ""
    limited = day.limit_dollars is not None or conversation.limit_dollars is not None
    return f"{words}{unknown}{' · the limits are off' if limited and not enabled else ''}"
