"""The command that shows statistics."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from chatterm.backend.daemon_thread import in_daemon_thread
from chatterm.backend.process_memory import peak_memory_bytes
from chatterm.backend.reporting.statistics import Standing, read_standing, read_statistics
from chatterm.core.errors import StoreError
from chatterm.core.performance import USUAL_OPERATIONS, Selection
from chatterm.tui.statistics_text import USUAL_TURNS, since_of, statistics_page
from chatterm.tui.typed_number import typed_number
from chatterm.tui.widgets.page_box import PageBox
from chatterm.tui.widgets.sidebar import MetricsSidebar

if TYPE_CHECKING:
    from chatterm.store.performance import PerformanceStore
    from chatterm.tui.screens.chat import ChatScreen


class StatisticsCommands:
    """Each `do_ID` does the command of that id; `argument` is what was typed after its slash word."""

    def __init__(self, screen: ChatScreen, records: PerformanceStore) -> None:
        self._screen, self._records = screen, records
        screen.query_one(MetricsSidebar).read_standing = self._standing

    async def do_stats(self, argument: str) -> None:
        """Show the statistics of the last turns, of so many, or of all since a time."""
        last = typed_number(argument) if argument else USUAL_TURNS
        since = since_of(argument) if last is None else None
        # Not awaited: many records take seconds, in which the screen would stand still.
        self._screen.run_worker(self._screen.told(self._show(since, last)))

    async def _standing(self) -> Standing | None:
        turns = self._screen.pane.session.turns if self._screen.started.is_there else ()
        if not turns:
            return None
        try:
            return await read_standing(self._records, turns[-1])
        except StoreError:
            return None

    async def _show(self, since: float | None, last: int | None) -> None:
        selection = Selection(since=since, operations=USUAL_OPERATIONS)
        targets = self._screen.setup.settings.targets
        found = await read_statistics(self._records, selection, targets, last_turns=last, by="model")
        page = await in_daemon_thread(
            partial(statistics_page, found, peak_memory_bytes()), "chatterm-statistics"
        )
        copy = self._screen.started.value.copy
        self._screen.front.push_screen(
            PageBox("Statistics", page, lambda text: self._screen.told(copy(text)))
        )
