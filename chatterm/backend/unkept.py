"""A history that keeps nothing, for turns that are no part of any conversation."""

from __future__ import annotations

from collections.abc import Awaitable

from chatterm.core.events import ChunkKind
from chatterm.core.messages import Part
from chatterm.core.turn import Turn


class UnkeptHistory:
    """Takes all that a session gives to its store, and forgets it at once."""

    async def begin_turn(self, turn: Turn) -> None:
        """Nothing is written."""

    async def keep_parts(self, reply_id: str, parts: tuple[Part, ...]) -> None:
        """Nothing is written."""

    async def finish_turn(self, turn: Turn) -> None:
        """Nothing is written."""

    def append_chunk(self, reply_id: str, kind: ChunkKind, text: str) -> Awaitable[None]:
        """Nothing is written."""
        return _nothing()

    async def set_system(self, conversation_id: str, system: str | None) -> None:
        """Nothing is written."""

    async def set_model(self, conversation_id: str, provider: str, model: str, base_url: str | None) -> None:
        """Nothing is written."""

    async def set_summary(self, message_id: str, is_summary: bool) -> None:
        """Nothing is written."""

    async def turn_pin(self, message_id: str) -> bool:
        """Nothing is pinned."""
        return False


async def _nothing() -> None: ...
