"""The model picker: all models of all providers, as they become known."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial

from textual import on
from textual.widgets import Input

from chatterm.backend.models import ModelList
from chatterm.core.clean import clean_line
from chatterm.tui.widgets.list_box import ListBox
from chatterm.tui.widgets.model_rows import Choice, Listing, ModelCatalogue
from chatterm.tui.widgets.row_list import RowList


def _now() -> datetime:
    return datetime.now(UTC)


class ModelPicker(ListBox[Choice]):
    """Answers with (provider, model id), the id as the provider wrote it, or `None`.

    `set_models` may be called at any time and in any order while the picker is open: what is under the cursor
    stays there. A provider without a list yet is shown as being asked.
    """

    def __init__(
        self,
        *,
        providers: Sequence[str],
        recent: Sequence[Choice] = (),
        current: Choice | None = None,
        query: str = "",
        now: Callable[[], datetime] = _now,
    ) -> None:
        super().__init__("Choose a model", "type to search", "enter chooses · esc leaves", query)
        self._providers = tuple(providers)
        self._recent = tuple(recent)
        self._current = current
        self._now = now
        self._known: dict[str, ModelList] = {}
        self._catalogue: ModelCatalogue | None = None
        self._listing = Listing("", (), ())

    def on_mount(self) -> None:
        """Show what is known."""
        self._refresh()

    def set_models(self, known: ModelList) -> None:
        """Take in what is known of a provider's models now; it takes the place of what was known before."""
        self._known[known.provider] = known
        self._catalogue = None
        if self.is_mounted:
            self._refresh()

    @on(Input.Changed)
    def _typed(self) -> None:
        self._refresh()

    @on(Input.Submitted)
    def _submitted(self) -> None:
        # Who types fast and presses Enter means the list for all that was typed.
        if self._listing.query != self.field.value.strip():
            self._show(self._picture().listing(self.field.value))
        self._choose(self.row_list.cursor)

    @on(RowList.Chosen)
    def _clicked(self, event: RowList.Chosen) -> None:
        self._choose(event.index)

    def _choose(self, index: int | None) -> None:
        choice = None if index is None else self._listing.choices[index]
        if choice is not None:
            self.dismiss(choice)
        else:
            self.tell(f"There is no model to choose for {clean_line(self.field.value, 40)!r} yet.")

    def _refresh(self) -> None:
        # A group of its own: exclusive ends all workers of its group, and the one that fills the list is no rival.
        self.run_worker(partial(self._search, self.field.value), group="search", exclusive=True)

    async def _search(self, query: str) -> None:
        listing = await asyncio.to_thread(lambda: self._picture().listing(query))
        self._show(listing)

    def _picture(self) -> ModelCatalogue:
        catalogue = self._catalogue
        if catalogue is None:
            catalogue = ModelCatalogue(self._providers, self._known, self._recent, self._current, self._now())
            self._catalogue = catalogue
        return catalogue

    def _show(self, listing: Listing) -> None:
        at = self.row_list.cursor
        under = self._listing.choices[at] if at is not None and listing.query == self._listing.query else None
        self._listing = listing
        cursor = listing.choices.index(under) if under is not None and under in listing.choices else None
        self.row_list.set_rows(listing.rows, cursor)
