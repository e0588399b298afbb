"""What chatterm remembers between starts, apart from conversations."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar, overload

from chatterm.store.database import Database
from chatterm.store.encoding import decode, encode
from chatterm.store.rows import from_microseconds, to_microseconds

PROMPTS_KEPT = 1000

T = TypeVar("T")
Clock = Callable[[], datetime]


class StateStore:
    """Remembered values, drafts, sent prompts and model lists. Every method raises `StoreError`."""

    def __init__(self, database: Database, clock: Clock = lambda: datetime.now(UTC)) -> None:
        self._database = database
        self._clock = clock

    @overload
    async def get(self, key: str, default: None = None) -> Any: ...
    @overload
    async def get(self, key: str, default: T) -> T: ...
    async def get(self, key: str, default: object = None) -> object:
        """The value put under `key`; `default` where there is none, or one of another type than `default`."""
        row = await self._one("SELECT value FROM state WHERE key = ?", key)
        if row is None:
            return default
        value = decode(row["value"])
        return value if default is None or isinstance(value, type(default)) else default

    async def put(self, key: str, value: object) -> None:
        """Remember a value that JSON has a form for."""
        await self._write(
            "INSERT INTO state (key, value) VALUES (?, ?)"
            " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            key,
            encode(value),
        )

    async def draft(self, conversation_id: str) -> str:
        """The unsent text of a conversation; empty where there is none."""
        row = await self._one("SELECT text FROM draft WHERE conversation_id = ?", conversation_id)
        return row["text"] if row else ""

    async def put_draft(self, conversation_id: str, text: str) -> None:
        """Keep the unsent text of a conversation, which need not be stored yet; an empty one is removed."""
        if not text:
            await self._write("DELETE FROM draft WHERE conversation_id = ?", conversation_id)
            return
        await self._write(
            "INSERT INTO draft (conversation_id, text) VALUES (?, ?)"
            " ON CONFLICT (conversation_id) DO UPDATE SET text = excluded.text",
            conversation_id,
            text,
        )

    async def append_prompt(self, text: str, conversation_id: str | None = None) -> None:
        """Add a sent prompt to the history of prompts, unless it is the last one there again.

        It is removed for good together with its conversation, where that is given. `PROMPTS_KEPT` are kept.
        """
        now = to_microseconds(self._clock())

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT INTO prompt_history (text, at, conversation_id) SELECT ?1, ?2, ?3 WHERE ?1 IS NOT"
                " (SELECT text FROM prompt_history ORDER BY seq DESC LIMIT 1)",
                (text, now, conversation_id),
            )
            connection.execute(
                "DELETE FROM prompt_history WHERE seq <= (SELECT max(seq) FROM prompt_history) - ?",
                (PROMPTS_KEPT,),
            )

        await self._database.write(work)

    async def prompts(self, count: int = PROMPTS_KEPT) -> list[str]:
        """The last `count` sent prompts, the oldest of them first."""
        rows = await self._database.read(
            lambda connection: connection.execute(
                "SELECT text FROM prompt_history ORDER BY seq DESC LIMIT ?", (count,)
            ).fetchall()
        )
        return [row["text"] for row in reversed(rows)]

    async def model_list(self, provider: str, base_url: str) -> tuple[datetime, bytes] | None:
        """When the models of a service were fetched last, and what it said."""
        row = await self._one(
            "SELECT fetched_at, data FROM model_list WHERE provider = ? AND base_url = ?", provider, base_url
        )
        return (from_microseconds(row["fetched_at"]), row["data"]) if row else None

    async def put_model_list(self, provider: str, base_url: str, fetched_at: datetime, data: bytes) -> None:
        """Keep what a service says of its models; `fetched_at` is an aware time."""
        await self._write(
            "INSERT INTO model_list (provider, base_url, fetched_at, data) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (provider, base_url)"
            " DO UPDATE SET fetched_at = excluded.fetched_at, data = excluded.data",
            provider,
            base_url,
            to_microseconds(fetched_at),
            data,
        )

    async def _one(self, sql: str, *parameters: object) -> Any:
        return await self._database.read(lambda connection: connection.execute(sql, parameters).fetchone())

    async def _write(self, sql: str, *parameters: object) -> None:
        await self._database.write(lambda connection: connection.execute(sql, parameters) and None)
