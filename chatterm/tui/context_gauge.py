"""Shows how full the context is, and says so before something is left out of it for the first time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from chatterm.core.errors import ChattermError
from chatterm.tui.context_page import left_out_words
from chatterm.tui.messages import FiguresChanged

if TYPE_CHECKING:
    from chatterm.tui.screens.chat import ChatScreen


class ContextGauge:
    """Measures the conversation on screen between its turns."""

    def __init__(self, screen: ChatScreen) -> None:
        self._screen = screen

    def look(self) -> None:
        """Measure soon; nothing while a turn runs, whose own figures are shown, nor in an empty conversation."""
        self._screen.run_worker(self._measure, group="context", exclusive=True)

    async def _measure(self) -> None:
        pane = self._screen.pane
        session = pane.session
        # A long past is not read for this alone.
        if pane.followed is not None or not session.turns or not session.context.is_at_hand:
            return
        try:
            fitted = await session.context.measure()
        except ChattermError:
            return  # the next turn will tell
        if fitted is None or session is not pane.session or pane.followed is not None:
            return
        figures = replace(pane.figures.of(session.turns[-1]), context_share=fitted.plan.share)
        pane.widgets.post_message(FiguresChanged(figures))
        if session.context.note_left_out(fitted):
            target = session.target
            pane.notices.show(left_out_words(fitted.plan.left_out, target.model if target else ""), "warning")
