"""Writes a turn to the store while it happens.

The prompt is committed before any byte is sent. Shown text follows at the latest 250 ms or 2 KB later, so
that a killed process loses no more than that. The store failing never ends a turn: it is told instead.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Literal, Protocol

from chatterm.core.errors import StoreError
from chatterm.core.events import RefusalDelta, StreamEvent, TextDelta, ThinkingDelta
from chatterm.core.turn import Turn

ChunkKind = Literal["text", "thinking", "refusal"]

FLUSH_SECONDS = 0.25
FLUSH_CHARACTERS = 2048


class TurnStore(Protocol):
    """What the recorder needs of the store's history."""

    async def begin_turn(self, turn: Turn) -> None: ...
    def append_chunk(self, reply_id: str, kind: ChunkKind, text: str) -> Awaitable[None]: ...
    async def finish_turn(self, turn: Turn) -> None: ...


class Recorder:
    """Records one turn. `problem` is the first failure of the store, as text for the user; None while all is well."""

    def __init__(self, store: TurnStore) -> None:
        self._store = store
        self._reply_id = ""
        self._kind: ChunkKind | None = None
        self._texts: list[str] = []
        self._size = 0
        self._timer: asyncio.TimerHandle | None = None
        self._writes: set[asyncio.Future[None]] = set()
        self.problem: str | None = None

    async def begin(self, turn: Turn) -> None:
        """Commit the prompt and an empty reply in state streaming."""
        self._reply_id = turn.reply.id
        try:
            await self._store.begin_turn(turn)
        except StoreError as error:
            self._note(error)

    def record(self, event: StreamEvent) -> None:
        """Take a shown delta; it reaches the store within the limits above, without being waited for."""
        match event:
            case TextDelta(text):
                kind: ChunkKind = "text"
            case ThinkingDelta(text=text):
                kind = "thinking"
            case RefusalDelta(text):
                kind = "refusal"
            case _:
                return
        if kind != self._kind:
            self._flush()
            self._kind = kind
        self._texts.append(text)
        self._size += len(text)
        if self._size >= FLUSH_CHARACTERS:
            self._flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_SECONDS, self._flush)

    async def finish(self, turn: Turn) -> None:
        """Commit what became of the turn. The folded reply replaces the chunks."""
        self._flush()
        try:
            await self._store.finish_turn(turn)
        except StoreError as error:
            self._note(error)
        if self._writes:
            await asyncio.wait(self._writes)

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._texts or self._kind is None:
            return
        text = "".join(self._texts)
        self._texts.clear()
        self._size = 0
        if self.problem is None:  # a store that failed is asked again at the end, not for every chunk
            write = asyncio.ensure_future(self._store.append_chunk(self._reply_id, self._kind, text))
            self._writes.add(write)
            write.add_done_callback(self._written)

    def _written(self, write: asyncio.Future[None]) -> None:
        self._writes.discard(write)
        if write.cancelled():
            return
        error = write.exception()
        if isinstance(error, StoreError):
            self._note(error)
        elif error is not None:
            raise error

    def _note(self, error: StoreError) -> None:
        self.problem = self.problem or str(error)
