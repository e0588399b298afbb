"""What the conversation tells the screen around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from chatterm.backend.metrics import Figures
    from chatterm.core.events import TurnFinished
    from chatterm.core.turn import Turn


@dataclass
class FiguresChanged(Message):
    """The figures of the running or last turn; None where there is no turn."""

    figures: Figures | None

    def can_replace(self, message: Message) -> bool:
        """Only the newest figures matter."""
        return isinstance(message, FiguresChanged)


@dataclass
class TurnEnded(Message):
    """A turn is over and stored."""

    finished: TurnFinished


@dataclass
class PromptStored(Message):
    """The prompt of a turn is in the store; what was kept of it as a draft is not needed any more."""

    turn: Turn
