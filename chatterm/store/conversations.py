"""Conversations as a whole: listed, found, renamed, deleted."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from chatterm.core.errors import StoreError
from chatterm.store.rows import ConversationRow, conversation_row

# A conversation without anything to show has no head, or one that is not stored, and so is not listed.
_LISTED = (
    "SELECT conversation.*, message.depth AS message_count FROM conversation"
    " JOIN message ON message.id = conversation.head_id WHERE deleted_at IS NULL"
)
_NEWEST_FIRST = " ORDER BY updated_at DESC, conversation.rowid DESC LIMIT ?"


def listed(connection: sqlite3.Connection, limit: int, title_part: str) -> list[ConversationRow]:
    """The newest conversations whose title contains `title_part`, whatever the case of either."""
    rows = connection.execute(
        # `casefold` is Python's own: LIKE ignores case in ASCII only, and knows wildcards.
        f"{_LISTED} AND (?1 = '' OR instr(casefold(title), ?1)){_NEWEST_FIRST.replace('?', '?2')}",
        (title_part.casefold(), limit),
    )
    return [conversation_row(row) for row in rows]


def find(connection: sqlite3.Connection, id_prefix: str) -> ConversationRow:
    """The one conversation whose id begins so. Raises StoreError for none and for several."""
    prefix = id_prefix.strip().lower()
    rows = connection.execute(
        f"{_LISTED} AND substr(conversation.id, 1, length(?1)) = ?1{_NEWEST_FIRST.replace('?', '?2')}",
        (prefix, 4),
    ).fetchall()
    if not rows or not prefix:
        raise StoreError(
            f"No conversation has an id that begins with {id_prefix!r}.",
            "/sessions in the chat screen lists all conversations.",
        )
    if len(rows) > 1:
        some = ", ".join(row["id"] for row in rows[:3])
        raise StoreError(
            f"Several conversations have an id that begins with {id_prefix!r}.",
            f"Give more of it: {some}{', ...' if len(rows) > 3 else ''}.",
        )
    return conversation_row(rows[0])


def change(connection: sqlite3.Connection, conversation_id: str, column: str, value: object) -> bool:
    """Set a column of a conversation. False where there is no such conversation."""
    changed = connection.execute(
        f"UPDATE conversation SET {column} = ? WHERE id = ?", (value, conversation_id)
    )
    return changed.rowcount > 0


def claim(
    connection: sqlite3.Connection, conversation_id: str, instance: str, is_alive: Callable[[str], bool]
) -> bool:
    """Have this conversation open in `instance`, and no other one. False where another one has it that lives."""
    connection.execute(
        "UPDATE conversation SET open_in = NULL WHERE open_in = ? AND id <> ?", (instance, conversation_id)
    )
    row = connection.execute("SELECT open_in FROM conversation WHERE id = ?", (conversation_id,)).fetchone()
    holder = row["open_in"] if row else None
    if holder is not None and holder != instance and is_alive(holder):
        return False
    change(connection, conversation_id, "open_in", instance)
    return True


def purge(connection: sqlite3.Connection, before: int) -> int:
    """Remove what was deleted before that time (microseconds), with drafts and prompts; how many there were.

    Attachments that no message needs go too, if they were put there before that time.
    """
    gone = [
        row["id"]
        for row in connection.execute(
            "SELECT id FROM conversation WHERE deleted_at < ?", (before,)
        ).fetchall()
    ]
    for conversation_id in gone:
        for table in ("draft", "prompt_history"):
            connection.execute(f"DELETE FROM {table} WHERE conversation_id = ?", (conversation_id,))
        connection.execute("DELETE FROM conversation WHERE id = ?", (conversation_id,))
    connection.execute(
        "DELETE FROM blob WHERE put_at < ? AND NOT EXISTS"
        " (SELECT 1 FROM message_blob WHERE message_blob.sha256 = blob.sha256)",
        (before,),
    )
    return len(gone)
