"""Reading a branch of a conversation: its end, any part of it, and how much it is.

What comes before a message never changes: a message keeps its parent and goes only with its conversation. So
a position (0 is the first message) stays what it is, however the conversation grows and branches after it.
"""

from __future__ import annotations

import sqlite3

from chatterm.store.rows import STREAMING, OutlineRun, Row, StoredMessage, stored_message
from chatterm.store.turn_log import written

RUN_MESSAGES = 2048
"""How many messages a run of an outline measures together."""


def end(connection: sqlite3.Connection, conversation_id: str, count: int | None) -> list[StoredMessage]:
    """The last `count` messages of the branch that is shown, all for None, first to last."""
    head: Row = connection.execute(
        "SELECT message.rowid AS row, depth FROM message WHERE id ="
        " (SELECT head_id FROM conversation WHERE id = ?)",
        (conversation_id,),
    ).fetchone()
    if head is None:
        return []
    first = 0 if count is None else max(0, head["depth"] - count)
    return _walked(connection, head["row"], first, head["depth"])


def part(connection: sqlite3.Connection, last_id: str, first: int, count: int) -> list[StoredMessage]:
    """Up to `count` messages from position `first` on, of the branch whose last message is `last_id`.

    Fewer where the branch ends; none where its last message is not stored.
    """
    last: Row = connection.execute(
        "SELECT message.rowid AS row, conversation_id, depth FROM message WHERE id = ?", (last_id,)
    ).fetchone()
    if last is None:
        return []
    stop = min(first + count, last["depth"])
    # A message that is alone at its depth is on every branch that is long enough.
    alone: Row = connection.execute(
        "SELECT min(rowid) AS row FROM message WHERE conversation_id = ? AND depth >= ? AND depth < ?"
        " GROUP BY depth HAVING count(*) = 1 ORDER BY depth LIMIT 1",
        (last["conversation_id"], stop, last["depth"]),
    ).fetchone()
    return _walked(connection, (alone or last)["row"], first, stop)


def outline(connection: sqlite3.Connection, conversation_id: str, count: int) -> tuple[OutlineRun, ...]:
    """What the first `count` messages of a branch measure, run by run; reads an index alone, no text."""
    runs: list[OutlineRun] = []
    for first in range(0, count, RUN_MESSAGES):
        length = min(RUN_MESSAGES, count - first)
        # Grouped in one statement it takes three times as long: SQLite sorts what is in order already.
        there, chars, lines = connection.execute(
            "SELECT count(*), sum(chars), sum(lines) FROM message"
            " WHERE conversation_id = ? AND depth > ? AND depth <= ?",
            (conversation_id, first, first + length),
        ).fetchone()
        share = length / there if there else 0  # less than 1 where branches lie side by side
        runs.append(OutlineRun(length, chars=round((chars or 0) * share), lines=round((lines or 0) * share)))
    return tuple(runs)


def _walked(connection: sqlite3.Connection, from_row: int, first: int, stop: int) -> list[StoredMessage]:
    """The messages at the positions from `first` up to `stop`, found by walking up from a row."""
    rows = connection.execute(
        "WITH RECURSIVE path (row, parent_id, depth) AS ("
        " SELECT rowid, parent_id, depth FROM message WHERE rowid = ?1"
        " UNION ALL SELECT message.rowid, message.parent_id, message.depth FROM path"
        "  JOIN message ON message.id = path.parent_id WHERE path.depth > ?2 + 1)"
        " SELECT message.* FROM path JOIN message ON message.rowid = path.row"
        " WHERE path.depth > ?2 AND path.depth <= ?3",
        (from_row, first, stop),
    ).fetchall()
    return [
        stored_message(row, written(connection, row["id"], row["parts"]) if row["state"] == STREAMING else ())
        for row in sorted(rows, key=lambda row: row["depth"])
    ]
