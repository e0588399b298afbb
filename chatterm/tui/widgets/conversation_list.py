"""The list of saved conversations: resume, rename, delete and bring back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import ClassVar, Protocol

from textual import on
from textual.actions import SkipAction
from textual.binding import Binding, BindingType
from textual.widgets import Input

from chatterm.backend.model_words import age_text
from chatterm.core.clean import clean_line, well_formed
from chatterm.core.errors import ChattermError
from chatterm.tui.widgets.list_box import ListBox
from chatterm.tui.widgets.row_list import Row, RowList


class ListedConversation(Protocol):
    """What the list shows of a conversation; the times are aware."""

    @property
    def id(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def updated_at(self) -> datetime: ...
    @property
    def model(self) -> str | None: ...
    @property
    def message_count(self) -> int: ...


def _now() -> datetime:
    return datetime.now(UTC)


class ConversationList(ListBox[str]):
    """Answers with the id of the conversation to resume, or `None`. Knows no store: it is given what to call.

    `load(words)` gives the conversations whose title fits, the newest first. Nothing asks before deleting,
    because `undelete` brings the last one back; `deleted` keeps them, the last one last, for the next time the list
    is opened.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f2,ctrl+r", "rename", "Rename", priority=True),
        Binding("delete,ctrl+x", "delete", "Delete", priority=True),
        Binding("ctrl+z", "undelete", "Undo", priority=True),
    ]

    def __init__(
        self,
        *,
        load: Callable[[str], Awaitable[Sequence[ListedConversation]]],
        rename: Callable[[str, str], Awaitable[object]],
        delete: Callable[[str], Awaitable[object]],
        undelete: Callable[[str], Awaitable[object]],
        deleted: list[ListedConversation] | None = None,
        filter_text: str = "",
        now: Callable[[], datetime] = _now,
    ) -> None:
        hint = "enter resumes · f2 renames · del deletes · esc leaves"
        super().__init__("Conversations", "type to filter by title", hint, filter_text)
        self._load = load
        self._rename = rename
        self._delete = delete
        self._undelete = undelete
        self._now = now
        self._shown: Sequence[ListedConversation] = ()
        self._deleted = deleted if deleted is not None else []
        self._renaming: ListedConversation | None = None
        self._words = filter_text
        self._loaded: str | None = None

    def on_mount(self) -> None:
        """Show the newest."""
        self._refresh()

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        if self._renaming is None:
            self._words = event.value
            self._refresh()

    @on(Input.Submitted)
    async def _submitted(self, event: Input.Submitted) -> None:
        if self._renaming is not None:
            await self._end_renaming(event.value)
        else:
            self.run_worker(self._resume, group="load", exclusive=True)

    @on(RowList.Chosen)
    def _clicked(self, event: RowList.Chosen) -> None:
        self.dismiss(self._shown[event.index].id)

    def action_rename(self) -> None:
        """Edit the title in the field; Enter keeps it, Esc leaves it as it was."""
        chosen = self._under_cursor()
        if chosen is None or self._renaming is not None:
            raise SkipAction
        self._renaming = chosen
        self.field.value = clean_line(chosen.title)
        self.field.cursor_position = len(self.field.value)
        self.tell("A new title · enter keeps it · esc leaves it as it was")

    async def action_leave(self) -> None:
        """Leave the title as it was, or close."""
        if self._renaming is not None:
            await self._end_renaming("")
        else:
            self.dismiss(None)

    async def _end_renaming(self, title: str) -> None:
        renamed, title = self._renaming, well_formed(title.strip())
        self.field.value = self._words
        self._renaming = None
        if renamed is not None and title and title != renamed.title:
            await self._change(self._rename(renamed.id, title), f"Renamed to {clean_line(title, 60)!r}")
        else:
            self.tell("")

    async def action_delete(self) -> None:
        """Delete the conversation under the cursor; within the text of the field the key deletes there."""
        chosen = self._under_cursor()
        in_text = self.field.cursor_position < len(self.field.value)
        if chosen is None or in_text or self._renaming is not None:
            raise SkipAction
        title = clean_line(chosen.title, 50)
        if await self._change(self._delete(chosen.id), f"Deleted · ^z brings back {title!r}"):
            self._deleted.append(chosen)

    async def action_undelete(self) -> None:
        """Bring the last deleted conversation back."""
        if not self._deleted:
            self.tell("Nothing was deleted here.")
            return
        back = self._deleted[-1]
        if await self._change(self._undelete(back.id), f"{clean_line(back.title, 50)!r} is back"):
            self._deleted.pop()

    async def _change(self, change: Awaitable[object], done: str) -> bool:
        # Awaited here and in no worker: a worker would be cancelled when the list is closed at once.
        try:
            await change
        except ChattermError as error:
            self.tell(str(error))
            return False
        self.tell(done)
        self._refresh(keep=True)
        return True

    def _refresh(self, *, keep: bool = False) -> None:
        self.run_worker(partial(self._reload, self._words, keep), group="load", exclusive=True)

    async def _reload(self, words: str, keep: bool) -> None:
        try:
            shown = await self._load(words.strip())
        except ChattermError as error:
            self.tell(str(error))
            return
        at, now = self.row_list.cursor, self._now()
        self._shown, self._loaded = shown, words
        rows = [Row(each.title.strip() or "untitled", _note(each, now), keeps_end=True) for each in shown]
        empty = "No title fits." if words.strip() else "No conversation is saved yet."
        self.row_list.set_rows(
            rows or [Row(empty, is_heading=True)],
            min(at, len(rows) - 1) if keep and at is not None and rows else None,
        )

    async def _resume(self) -> None:
        # Who types fast and presses Enter means the list for all that was typed.
        if self._loaded != self._words:
            await self._reload(self._words, False)
        chosen = self._under_cursor()
        if chosen is not None:
            self.dismiss(chosen.id)

    def _under_cursor(self) -> ListedConversation | None:
        at = self.row_list.cursor
        return None if at is None or at >= len(self._shown) else self._shown[at]


def _note(conversation: ListedConversation, now: datetime) -> str:
    parts = [
        conversation.model or "",
        f"{conversation.message_count:,} messages",
        age_text(conversation.updated_at, now),
    ]
    return " · ".join(filter(None, parts))
