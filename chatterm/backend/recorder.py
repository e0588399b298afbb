"""Writes a turn to the store while it happens.

The prompt is committed before any byte is sent. Shown text follows at the latest 250 ms or 2 KB later, so
that a killed process loses no more than that. The store failing never ends a turn: it is told instead, and
what the store could not take is offered again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import Protocol

from chatterm.core.errors import StoreError
from chatterm.core.events import ChunkKind, RefusalDelta, StreamEvent, TextDelta, ThinkingDelta
from chatterm.core.messages import Part
from chatterm.core.turn import Turn

FLUSH_SECONDS = 0.25
FLUSH_CHARACTERS = 2048

RETRY_SECONDS = 5.0
"""How long after a failure the store is asked again."""

END_RETRIES = 12
"""How often the end of a turn is offered again: for a minute."""


Write = Callable[[], Coroutine[None, None, None]]


class TurnStore(Protocol):
    """What the recorder needs of the store's history."""

    async def begin_turn(self, turn: Turn) -> None: ...
    def append_chunk(self, reply_id: str, kind: ChunkKind, text: str) -> Awaitable[None]: ...
    async def keep_parts(self, reply_id: str, parts: tuple[Part, ...]) -> None: ...
    async def finish_turn(self, turn: Turn) -> None: ...


class Recorder:
    """Records one turn.

    `problem` is what the store failed with, as text for the user; None while it has all that it was given.
    """

    def __init__(self, store: TurnStore) -> None:
        self._store = store
        self._turn: Turn | None = None
        self._is_begun = False
        self._is_over = False
        self._unsent: list[tuple[ChunkKind, str]] = []
        self._size = 0
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.Task[None] | None = None
        self._retries_left = END_RETRIES
        self.problem: str | None = None

    async def begin(self, turn: Turn) -> None:
        """Commit the prompt and an empty reply in state streaming."""
        self._turn = turn
        await self._write()

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
        self._unsent.append((kind, text))
        self._size += len(text)
        if self.problem is not None or (self._writing is not None and not self._writing.done()):
            return  # the write that comes next takes it along
        if self._size >= FLUSH_CHARACTERS:
            self._start(self._write)
        elif self._timer is None:
            self._start_in(FLUSH_SECONDS, self._write)

    async def keep(self, parts: tuple[Part, ...]) -> None:
        """Commit the parts of the reply so far in place of its chunks: what tools did cannot be said again."""
        if self._writing is not None and not self._writing.done():
            await asyncio.wait({self._writing})
        if self._turn is None or self._is_over:
            return
        self._stop_timer()
        self._unsent.clear()
        self._size = 0
        self._turn = replace(self._turn, reply=replace(self._turn.reply, parts=parts))
        if not self._is_begun:  # comes with the beginning, which is offered again
            self._start_in(RETRY_SECONDS, self._write)
            return
        try:
            await self._store.keep_parts(self._turn.reply.id, parts)
        except StoreError as error:
            self.problem = self.problem or str(error)

    async def finish(self, turn: Turn) -> None:
        """Commit what became of the turn; the folded reply replaces the chunks. Returns after the first try.

        A failure is followed by more tries, unless the turn would then hide what came after it.
        """
        self._is_over = True
        self._stop_timer()
        try:
            await self._store.finish_turn(turn)
        except StoreError as error:
            self.problem = self.problem or str(error)
            self._retries_left -= 1
            # Only a beginning makes a reply the one that is shown; here it would come too late.
            if self._retries_left >= 0 and (self._is_begun or turn.replaces is None):
                self._start_in(RETRY_SECONDS, partial(self.finish, turn))
        else:
            self.problem = None

    async def _write(self) -> None:
        """Store what is not stored yet. One at a time, so that nothing overtakes what failed."""
        turn = self._turn
        if turn is None:
            return
        self._size = 0
        runs = [(kind, [text for _, text in run]) for kind, run in groupby(self._unsent, key=itemgetter(0))]
        try:
            if not self._is_begun:
                await self._store.begin_turn(turn)
                self._is_begun = True
            for kind, texts in runs:
                if self._is_over:
                    return  # the end is on its way, with all the text in it
                await self._store.append_chunk(turn.reply.id, kind, "".join(texts))
                del self._unsent[: len(texts)]
        except StoreError as error:
            if not self._is_over:
                self.problem = self.problem or str(error)
                self._start_in(RETRY_SECONDS, self._write)
            return
        if not self._is_over:
            self.problem = None
            if self._unsent:
                self._start_in(FLUSH_SECONDS, self._write)

    def _start_in(self, seconds: float, write: Write) -> None:
        self._stop_timer()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._start, write)

    def _start(self, write: Write) -> None:
        self._stop_timer()
        self._writing = asyncio.ensure_future(write())

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
