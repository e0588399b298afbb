"""Long conversations, written straight into the tables: a hundred thousand messages in two seconds."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from chatterm.store.migrations import migrate
from tests.store.builders import CONVERSATION

TEXT = "Some words of a reply, with `code` and more of it, so that a message has its usual size. " * 8
"""About 700 characters, which is the mean of real messages."""


def prompt_text(position: int) -> str:
    return f"prompt {position}"


def reply_text(position: int) -> str:
    return f"reply {position}\n\n{TEXT}"


def write_conversation(
    connection: sqlite3.Connection, count: int, provider: str = "provider", model: str = "model"
) -> None:
    """A conversation of `count` messages, an even number, without branches; the ids are `m0`, `m1` and so on.

    The connection must be in no transaction; it may have the schema of any version.
    """

    def row(position: int) -> tuple[object, ...]:
        is_reply = position % 2 == 1
        text = reply_text(position) if is_reply else prompt_text(position)
        return (
            f"m{position}",
            CONVERSATION,
            f"m{position - 1}" if position else None,
            position + 1,
            "assistant" if is_reply else "user",
            f'[{{"type":"text","text":"{text}"}}]'.replace("\n", "\\n"),
            len(text),
            3 if is_reply else 1,
            provider if is_reply else None,
            model if is_reply else None,
            "complete" if is_reply else None,
            '{"sent":1.0,"first_delta":1.5,"last_delta":3.0,"finished":3.1}' if is_reply else None,
            100 if is_reply else None,
        )

    connection.execute("BEGIN")
    connection.execute(
        "INSERT INTO conversation (id, title, created_at, updated_at, provider, model, head_id)"
        " VALUES (?, 'Long', 0, 0, ?, ?, ?)",
        (CONVERSATION, provider, model, f"m{count - 1}"),
    )
    connection.executemany(
        "INSERT INTO message (id, conversation_id, parent_id, depth, role, parts, chars, lines, created_at,"
        " provider, model, state, timings, usage_output) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?)",
        map(row, range(count)),
    )
    connection.execute("COMMIT")


def make_long_file(path: Path, count: int, provider: str = "provider", model: str = "model") -> None:
    """A database with one conversation of `count` messages."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, isolation_level=None)
    migrate(connection)
    connection.execute("PRAGMA journal_mode=WAL")
    write_conversation(connection, count, provider, model)
    connection.close()


def delete_messages(path: Path, before: int) -> None:
    """Takes the messages before this position out of the database for good, as another program could."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("DELETE FROM message WHERE depth < ?", (before,))
    connection.close()
