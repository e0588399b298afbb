"""A history in memory that remembers the order of what it was told, and can be made to fail."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from chatterm.core.errors import ChattermError
from chatterm.core.events import ChunkKind
from chatterm.core.messages import Part
from chatterm.core.turn import Turn
from tests.doubles.patience import soon


class MemoryTurnStore:
    """Satisfies what a session needs of the store's history."""

    def __init__(self) -> None:
        self.log: list[tuple[str, object]] = []
        self.finished: list[Turn] = []
        self.failure: ChattermError | None = None
        self.pinned: set[str] = set()
        self.appended = asyncio.Event()
        self.beginning = asyncio.Event()
        self.may_begin = asyncio.Event()
        self.may_begin.set()
        self.saved = asyncio.Event()
        self.finishing = asyncio.Event()
        self.may_finish = asyncio.Event()
        self.may_finish.set()

    @property
    def chunks(self) -> list[tuple[str, str]]:
        """All chunks that were appended, as (kind, text)."""
        return [item for name, item in self.log if name == "chunk" and isinstance(item, tuple)]

    async def begin_turn(self, turn: Turn) -> None:
        self.beginning.set()
        await soon(self.may_begin.wait(), "was not allowed to begin a turn")
        self._check()
        self.log.append(("begin", turn))

    def append_chunk(self, reply_id: str, kind: ChunkKind, text: str) -> Awaitable[None]:
        async def append() -> None:
            self._check()
            self.log.append(("chunk", (kind, text)))
            self.appended.set()

        return append()

    async def keep_parts(self, reply_id: str, parts: tuple[Part, ...]) -> None:
        self._check()
        self.log.append(("parts", parts))

    async def finish_turn(self, turn: Turn) -> None:
        self.finishing.set()
        await soon(self.may_finish.wait(), "was not allowed to finish a turn")
        self._check()
        self.log.append(("finish", turn))
        self.finished.append(turn)
        self.saved.set()

    async def set_system(self, conversation_id: str, system: str | None) -> None:
        self.log.append(("system", system))

    async def set_model(self, conversation_id: str, provider: str, model: str, base_url: str | None) -> None:
        self.log.append(("model", (provider, model)))

    async def set_summary(self, message_id: str, is_summary: bool) -> None:
        self.log.append(("summary", (message_id, is_summary)))

    async def turn_pin(self, message_id: str) -> bool:
        self.pinned ^= {message_id}
        return message_id in self.pinned

    def _check(self) -> None:
        if self.failure is not None:
            raise self.failure
