"""The history: conversations and their turns, as the rest of chatterm reads and writes them."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from chatterm.core.errors import OpenElsewhereError, StoreError
from chatterm.core.events import ChunkKind
from chatterm.core.messages import Part
from chatterm.core.turn import Turn
from chatterm.store import branch, conversations, turn_log
from chatterm.store.database import Database
from chatterm.store.rows import ConversationRow, OutlineRun, StoredMessage, to_microseconds

UNDO_TIME = timedelta(days=1)
"""How long a deleted conversation can be had back."""

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The time of day, aware, in UTC."""
    return datetime.now(UTC)


class History:
    """Conversations in a database. Every method raises `StoreError` where the file cannot be used."""

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock
        self._open_elsewhere: set[str] = set()

    # ---- at the start -------------------------------------------------------------------------

    async def recover(self) -> tuple[str, ...]:
        """End the replies of processes that are gone as interrupted, their text kept.

        Returns the title of the conversation of each.
        """
        await self._database.ready()
        instances = self._database.instances
        if instances is None or self._database.read_only:
            return ()

        def work(connection: sqlite3.Connection) -> tuple[str, ...]:
            titles = turn_log.recover(connection, instances.is_alive)
            instances.clear()  # a process without a file counts as gone, should the commit fail
            return titles

        return await self._database.write(work, durable=True)

    async def purge_deleted(self) -> int:
        """Remove for good what was deleted more than `UNDO_TIME` ago; how many conversations that were.

        Nothing of them stays in the file, nor of attachments that no message needs any more.
        """
        await self._database.ready()
        if self._database.read_only:
            return 0
        before = to_microseconds(self._clock() - UNDO_TIME)
        count = await self._database.write(
            lambda connection: conversations.purge(connection, before), durable=True
        )
        if count:
            await self._database.empty_log()
        return count

    async def claim(self, conversation_id: str) -> bool:
        """Open a conversation in this process, in place of the one opened before.

        False where another chatterm has it open: it can then only be read here, until a later claim succeeds.
        """
        await self._database.ready()
        instances = self._database.instances
        if instances is None or self._database.read_only:
            return True
        is_ours = await self._database.write(
            lambda connection: conversations.claim(
                connection, conversation_id, instances.name, instances.is_alive
            )
        )
        (self._open_elsewhere.discard if is_ours else self._open_elsewhere.add)(conversation_id)
        return is_ours

    # ---- turns --------------------------------------------------------------------------------

    async def begin_turn(self, turn: Turn) -> None:
        """Commit the prompt, and an empty reply that is streaming, to disk; both are shown from then on.

        Makes the conversation if it is new. A prompt that is stored already gets one more reply. A turn that
        takes no reply's place follows all that is shown, also what another process added. Raises
        `OpenElsewhereError` for a conversation that could not be claimed.
        """
        self._refuse_elsewhere(turn)
        now = to_microseconds(self._clock())
        await self._database.write(
            lambda connection: turn_log.begin(connection, turn, self._instance, now), durable=True
        )

    def append_chunk(self, reply_id: str, kind: ChunkKind, text: str) -> asyncio.Future[None]:
        """Add text to a streaming reply. It is on its way when this returns; the future tells of a failure."""
        return self._database.write(lambda connection: turn_log.append(connection, reply_id, kind, text))

    async def keep_parts(self, reply_id: str, parts: tuple[Part, ...]) -> None:
        """Commit the parts of a streaming reply to disk, in place of its chunks; chunks that follow come after them."""
        await self._database.write(
            lambda connection: turn_log.keep(connection, reply_id, parts), durable=True
        )

    async def finish_turn(self, turn: Turn) -> None:
        """Commit what became of a turn to disk, in place of its chunks.

        Stores all of a turn whose beginning could not be stored. After a turn that is not kept the
        conversation is shown as before it. Raises `OpenElsewhereError` as `begin_turn` does: a turn that was stopped
        before it began is not stored behind its back.
        """
        self._refuse_elsewhere(turn)
        now = to_microseconds(self._clock())
        await self._database.write(
            lambda connection: turn_log.finish(connection, turn, self._instance, now), durable=True
        )

    def _refuse_elsewhere(self, turn: Turn) -> None:
        if turn.conversation_id in self._open_elsewhere:
            raise OpenElsewhereError(
                "This conversation is open in another chatterm.", "Go on there, or leave it there first."
            )

    # ---- messages -----------------------------------------------------------------------------

    async def load(self, conversation_id: str, count: int | None = None) -> list[StoredMessage]:
        """The last `count` messages of a conversation as it is shown, all for None, first to last.

        There are none in one that is not stored.
        """
        return await self._database.read(lambda connection: branch.end(connection, conversation_id, count))

    async def window(self, last_id: str, first: int, count: int) -> list[StoredMessage]:
        """The `count` messages from position `first` on, of the branch whose last message is `last_id`.

        Fewer where that branch is shorter; none where `last_id` is not stored. What is shown later, or in
        another process, does not matter: the messages before `last_id` are always the same.
        """
        return await self._database.read(lambda connection: branch.part(connection, last_id, first, count))

    async def outline(self, conversation_id: str, count: int) -> tuple[OutlineRun, ...]:
        """How much text the first `count` messages of a conversation have, in runs of many, first to last.

        Reads no text. The counts add up to `count`, also where fewer messages are stored.
        """
        return await self._database.read(
            lambda connection: branch.outline(connection, conversation_id, count)
        )

    async def turn_pin(self, message_id: str) -> bool:
        """Pin a message, or let go of one that is pinned; which of both. Raises StoreError for an unknown one."""
        is_pinned = await self._database.write(lambda connection: turn_log.turn_pin(connection, message_id))
        if is_pinned is None:
            raise StoreError("This message is not stored.", "It can be pinned once it is.")
        return is_pinned

    async def set_summary(self, message_id: str, is_summary: bool) -> None:
        """Say whether a reply stands in for what is before it."""
        await self._database.write(
            lambda connection: (
                connection.execute("UPDATE message SET is_summary = ? WHERE id = ?", (is_summary, message_id))
                and None
            )
        )

    # ---- conversations ------------------------------------------------------------------------

    async def conversations(self, limit: int = 1000, filter: str = "") -> list[ConversationRow]:
        """The newest conversations, those changed last first, whose title contains `filter` in any case."""
        return await self._database.read(lambda connection: conversations.listed(connection, limit, filter))

    async def last_conversation(self) -> ConversationRow | None:
        """The conversation that was changed last."""
        return next(iter(await self.conversations(1)), None)

    async def find(self, id_prefix: str) -> ConversationRow:
        """The conversation whose id begins with `id_prefix`. Raises StoreError for none and for several."""
        return await self._database.read(lambda connection: conversations.find(connection, id_prefix))

    async def rename(self, conversation_id: str, title: str) -> None:
        """Give a conversation a title of its own. Raises StoreError for a blank one."""
        wanted = turn_log.title_of(title)
        if not wanted:
            raise StoreError("A title cannot be blank.", "Type at least one character.")

        def work(connection: sqlite3.Connection) -> bool:
            conversations.change(connection, conversation_id, "title_is_own", 1)
            return conversations.change(connection, conversation_id, "title", wanted)

        _expect(await self._database.write(work), conversation_id)

    async def delete(self, conversation_id: str) -> None:
        """Delete a conversation; `undelete` brings it back for `UNDO_TIME`."""
        now = to_microseconds(self._clock())
        _expect(await self._set(conversation_id, "deleted_at", now), conversation_id)

    async def undelete(self, conversation_id: str) -> None:
        """Undo `delete`."""
        _expect(await self._set(conversation_id, "deleted_at", None), conversation_id)

    async def set_system(self, conversation_id: str, system: str | None) -> None:
        """Change the system prompt. One that is not stored yet gets its own with its first turn.

        Nothing changes for a conversation that could not be claimed.
        """
        if conversation_id in self._open_elsewhere:
            return
        await self._set(conversation_id, "system", system)

    async def set_model(
        self, conversation_id: str, provider: str, model: str, base_url: str | None = None
    ) -> None:
        """Change the model, and its address where that is not the settings'.

        A conversation that is not stored yet gets its own with its first turn. Nothing changes for one that
        could not be claimed.
        """
        if conversation_id in self._open_elsewhere:
            return

        def work(connection: sqlite3.Connection) -> None:
            conversations.change(connection, conversation_id, "provider", provider)
            conversations.change(connection, conversation_id, "model", model)
            conversations.change(connection, conversation_id, "base_url", base_url)

        await self._database.write(work)

    # ---- attachments --------------------------------------------------------------------------

    async def put_blob(self, media_type: str, data: bytes) -> str:
        """Store the bytes of an attachment, once; their SHA-256 in hexadecimal, by which they are found."""
        now = to_microseconds(self._clock())

        def work(connection: sqlite3.Connection) -> str:
            digest = sha256(data).hexdigest()
            connection.execute(
                "INSERT INTO blob (sha256, media_type, data, put_at) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (sha256) DO UPDATE SET put_at = excluded.put_at",
                (digest, media_type, data, now),
            )
            return digest

        return await self._database.write(work)

    async def blob(self, sha256: str) -> bytes:
        """The bytes of an attachment. Raises StoreError where they are not stored."""
        row = await self._database.read(
            lambda connection: connection.execute(
                "SELECT data FROM blob WHERE sha256 = ?", (sha256,)
            ).fetchone()
        )
        if row is None:
            raise StoreError(f"The attachment {sha256[:12]!r} is not stored.", "Attach the file again.")
        return row["data"]

    @property
    def _instance(self) -> str | None:
        instances = self._database.instances
        return instances.name if instances else None

    async def _set(self, conversation_id: str, column: str, value: object) -> bool:
        return await self._database.write(
            lambda connection: conversations.change(connection, conversation_id, column, value)
        )


def _expect(found: bool, conversation_id: str) -> None:
    if not found:
        raise StoreError(
            f"There is no conversation {conversation_id!r}.", "/sessions lists all conversations."
        )
