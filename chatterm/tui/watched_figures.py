"""Keeps what is known of a turn only by having watched it, for as long as that turn is the last one."""

from __future__ import annotations

from collections.abc import Callable

from chatterm.backend.metrics import Figures, figures_of
from chatterm.core.turn import Turn
from chatterm.tui.messages import FiguresChanged


class WatchedFigures:
    """Posts the figures of the turn that runs, and answers with them once it is over."""

    def __init__(self, post: Callable[[FiguresChanged], object]) -> None:
        self._post = post
        self._turn_id = ""
        self._figures: Figures | None = None

    def show(self, turn_id: str, figures: Figures) -> None:
        """Show the figures of a turn that runs, or has just ended."""
        self._turn_id, self._figures = turn_id, figures
        self._post(FiguresChanged(figures))

    def of(self, turn: Turn) -> Figures:
        """The figures of a turn that is over; with its gaps and rates if its end was watched here, and last."""
        seen = self._figures
        if seen is not None and turn.id == self._turn_id and seen.outcome is turn.outcome:
            return seen
        return figures_of(turn)
