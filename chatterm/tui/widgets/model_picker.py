"""The model picker: all models of all providers, as they become known."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from functools import partial
from typing import ClassVar, Protocol

from textual import on
from textual.actions import SkipAction
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import Input, Static
from textual.worker import Worker

from chatterm.backend.model_facts import ModelFacts
from chatterm.backend.models import ModelList
from chatterm.backend.providers.ollama_models import PullProgress
from chatterm.core.clean import clean_line
from chatterm.core.errors import ChattermError
from chatterm.tui.commands import COMMANDS, Command
from chatterm.tui.key_names import shown_key
from chatterm.tui.widgets.list_box import ListBox
from chatterm.tui.widgets.model_lines import LINES, facts_lines, pull_text
from chatterm.tui.widgets.model_rows import Choice, Listing, Marks, ModelCatalogue, Pull
from chatterm.tui.widgets.row_list import RowList


class ModelSource(Protocol):
    """What the picker asks and has done."""

    def facts_of(self, choice: Choice) -> ModelFacts:
        """All that is known of the model, without waiting."""
        ...

    async def keep_favourites(self, favourites: Sequence[Choice]) -> None: ...
    def keeps_models(self, provider: str) -> bool:
        """Whether models of this provider can be fetched and deleted."""
        ...

    def pull(self, provider: str, model: str) -> AsyncGenerator[PullProgress, None]: ...
    async def remove(self, provider: str, model: str) -> None: ...
    async def fetch(self, provider: str) -> ModelList: ...


def _now() -> datetime:
    return datetime.now(UTC)


class ModelPicker(ListBox[Choice]):
    """Answers with (provider, model id), the id as the provider wrote it, or `None`.

    `set_models` may be called at any time and in any order while the picker is open: what is under the cursor
    stays there. A provider without a list yet is shown as being asked. Without a `source` it only chooses.
    """

    BINDINGS: ClassVar[list[BindingType]] = []
    DEFAULT_CSS = f"""
    ModelPicker #facts {{
        height: {LINES}; padding: 0 1; color: $foreground; text-wrap: nowrap; text-overflow: ellipsis;
    }}
    """

    def __init__(
        self,
        *,
        providers: Sequence[str],
        favourites: Sequence[Choice] = (),
        recent: Sequence[Choice] = (),
        current: Choice | None = None,
        aliases: Mapping[str, Choice] | None = None,
        query: str = "",
        source: ModelSource | None = None,
        commands: Sequence[Command] = COMMANDS,
        now: Callable[[], datetime] = _now,
    ) -> None:
        self._keys = {command.id: command.keys for command in commands if command.scope == "picker"}
        mark = next(iter(self._keys["favourite"]), "")
        hint = f" · {shown_key(mark)} favourite" if source is not None and mark else ""
        super().__init__("Choose a model", "type to search", f"enter chooses{hint} · esc leaves", query)
        self._providers = tuple(providers)
        self._favourites, self._recent = tuple(favourites), tuple(recent)
        self._current, self._aliases = current, dict(aliases or {})
        self._source, self._now = source, now
        self._known: dict[str, ModelList] = {}
        self._catalogue: ModelCatalogue | None = None
        self._listing = Listing("", (), ())
        self._pulling: Worker[None] | None = None
        self._doomed: Choice | None = None
        """What is deleted if the key is pressed once more."""

    def compose_below(self) -> ComposeResult:
        """What is known of the model under the cursor, always as high."""
        if self._source is not None:
            yield Static("", id="facts", markup=False)

    def on_mount(self) -> None:
        """Show what is known, and listen to the keys of the table."""
        if self._source is not None:
            for command_id, keys in self._keys.items():
                for key in keys:
                    self._bindings.bind(key, command_id, show=False, priority=True)
        self._refresh()

    def set_models(self, known: ModelList) -> None:
        """Take in what is known of a provider's models now; it takes the place of what was known before."""
        self._known[known.provider] = known
        self._catalogue = None
        if self.is_mounted:
            self._refresh()

    def tell(self, text: str) -> None:
        """Say something under the list, unless it was left meanwhile; any text is safe."""
        if self.query("#line"):
            super().tell(text)

    @property
    def under_cursor(self) -> Choice | Pull | None:
        """What the row under the cursor stands for."""
        at = self.row_list.cursor
        return None if at is None or at >= len(self._listing.choices) else self._listing.choices[at]

    def cursor_moved(self) -> None:
        """Tell what is known of the model under the cursor."""
        self._show_facts()

    async def action_favourite(self) -> None:
        """Keep the model under the cursor at the top, or no longer."""
        choice = self.under_cursor
        if self._source is None or not isinstance(choice, tuple):
            self.tell("Move to a model to mark it.")
            return
        is_new = choice not in self._favourites
        others = tuple(other for other in self._favourites if other != choice)
        self._favourites = (*others, choice) if is_new else others
        self._catalogue = None
        self._refresh()
        said = f"{clean_line(choice[1], 60)} is {'a favourite now' if is_new else 'no favourite any more'}."
        try:
            await self._source.keep_favourites(self._favourites)
            self.tell(said)
        except ChattermError as error:
            self.tell(f"{said} It is not kept: {error}")

    def action_delete_model(self) -> None:
        """Delete the model under the cursor, once that is confirmed; in the text of the field the key deletes there."""
        choice, source = self.under_cursor, self._source
        if self.field.cursor_position < len(self.field.value) or source is None:
            raise SkipAction
        if not isinstance(choice, tuple) or not source.keeps_models(choice[0]):
            self.tell("Only models that Ollama keeps can be deleted.")
            return
        name = f"{clean_line(choice[1], 60)!r} from {clean_line(choice[0], 30)}"
        if self._doomed != choice:
            self._doomed = choice
            self.tell(f"Delete {name}? The same key again deletes it.")
            return
        self._doomed = None
        self.tell(f"Deleting {name} …")
        self.run_worker(partial(self._delete, source, choice), group="delete")

    async def action_leave(self) -> None:
        """Stop what is being fetched, or close."""
        if self._pulling is not None and not self._pulling.is_finished:
            self._pulling.cancel()
            self._pulling = None
            self.tell("Stopped; what was fetched is kept, pulling again goes on from there.")
        else:
            self.dismiss(None)

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
        if isinstance(choice, Pull):
            if self._source is not None and (self._pulling is None or self._pulling.is_finished):
                self._pulling = self.run_worker(partial(self._pull, self._source, choice), group="pull")
        elif choice is not None:
            self.dismiss(choice)
        else:
            self.tell(f"There is no model to choose for {clean_line(self.field.value, 40)!r} yet.")

    async def _pull(self, source: ModelSource, wanted: Pull) -> None:
        name = clean_line(wanted.model, 40)
        self.tell(f"Pulling {name} · esc stops")
        try:
            async with aclosing(source.pull(wanted.provider, wanted.model)) as steps:
                async for progress in steps:
                    self.tell(pull_text(name, progress))
        except ChattermError as error:
            self.tell(str(error))
            return
        self.set_models(await source.fetch(wanted.provider))
        self.tell(f"{name} is there.")

    async def _delete(self, source: ModelSource, choice: Choice) -> None:
        try:
            await source.remove(*choice)
        except ChattermError as error:
            self.tell(str(error))
            return
        self.tell(f"{clean_line(choice[1], 60)!r} is deleted.")
        self.set_models(await source.fetch(choice[0]))

    def _refresh(self) -> None:
        # A group of its own: exclusive ends all workers of its group, and the one that fills the list is no rival.
        self.run_worker(partial(self._search, self.field.value), group="search", exclusive=True)

    async def _search(self, query: str) -> None:
        listing = await asyncio.to_thread(lambda: self._picture().listing(query))
        if self.query(RowList):  # it may have been left meanwhile
            self._show(listing)

    def _picture(self) -> ModelCatalogue:
        catalogue = self._catalogue
        if catalogue is None:
            marks = Marks(
                favourites=self._favourites,
                recent=self._recent,
                current=self._current,
                aliases=self._aliases,
                pulling=frozenset(name for name in self._providers if self._keeps(name)),
            )
            catalogue = ModelCatalogue(self._providers, self._known, marks, self._now())
            self._catalogue = catalogue
        return catalogue

    def _keeps(self, provider: str) -> bool:
        return self._source is not None and self._source.keeps_models(provider)

    def _show(self, listing: Listing) -> None:
        at = self.row_list.cursor
        same = at is not None and listing.query == self._listing.query
        cursor = listing.place_of(self._listing, at) if same and at is not None else None
        self._listing = listing
        self.row_list.set_rows(listing.rows, cursor)
        self._show_facts()

    def _show_facts(self) -> None:
        choice, source = self.under_cursor, self._source
        if self._doomed is not None and self._doomed != choice:
            self._doomed = None
            self.tell("")
        if source is not None:
            lines = facts_lines(source.facts_of(choice)) if isinstance(choice, tuple) else ()
            self.query_one("#facts", Static).update(Content("\n".join(map(clean_line, lines))))
