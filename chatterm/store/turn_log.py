"""The life of a turn in the database: begun before anything is sent, grown by chunks, folded at its end."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import assert_never

from chatterm.core.events import ChunkKind, RefusalDelta, TextDelta, ThinkingDelta
from chatterm.core.messages import Message, Part
from chatterm.core.reducer import Draft
from chatterm.core.turn import Outcome, Turn
from chatterm.store.encoding import blobs_of, decode_parts, encode, encode_fields, encode_parts
from chatterm.store.rows import STREAMING

TITLE_CHARACTERS = 80


def title_of(text: str) -> str:
    """The first line that says something, cut to `TITLE_CHARACTERS`."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return line[:TITLE_CHARACTERS]


def begin(connection: sqlite3.Connection, turn: Turn, instance: str | None, now: int) -> None:
    """Store the prompt, unless it is there, and a reply without text in state streaming; show both.

    `now` is in microseconds. A prompt follows what is shown where its parent is not stored (its turn could
    not be saved) or where another process added turns after it, unless it takes the place of a reply. A
    conversation that was deleted meanwhile is there again.
    """
    connection.execute(
        "INSERT INTO conversation (id, title, created_at, updated_at, system, provider, model, base_url, open_in)"
        " VALUES (?, '', ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET updated_at = excluded.updated_at,"
        " system = excluded.system, provider = excluded.provider, model = excluded.model,"
        " base_url = excluded.base_url, open_in = excluded.open_in, deleted_at = NULL",
        (turn.conversation_id, now, now, turn.system, turn.provider, turn.model, turn.base_url, instance),
    )
    (head,) = connection.execute(
        "SELECT head_id FROM conversation WHERE id = ?", (turn.conversation_id,)
    ).fetchone()
    _insert_prompt(connection, turn, head, instance, now)
    _insert(
        connection,
        **_columns(turn.reply),
        id=turn.reply.id,
        conversation_id=turn.conversation_id,
        parent_id=turn.prompt.id,
        depth=_depth(connection, turn.prompt.id) + 1,
        created_at=now,
        provider=turn.provider,
        model=turn.model,
        options=encode(turn.options),
        seams=_seams(turn),
        state=STREAMING,
        instance=instance,
        head_before=head,
    )
    connection.execute(
        "UPDATE conversation SET head_id = ? WHERE id = ?", (turn.reply.id, turn.conversation_id)
    )


def append(connection: sqlite3.Connection, reply_id: str, kind: ChunkKind, text: str) -> None:
    """Add text to a reply that is streaming."""
    connection.execute(
        "INSERT INTO chunk (message_id, seq, kind, text)"
        " SELECT ?1, coalesce(max(seq), 0) + 1, ?2, ?3 FROM chunk WHERE message_id = ?1",
        (reply_id, kind, text),
    )


def keep(connection: sqlite3.Connection, reply_id: str, parts: tuple[Part, ...]) -> None:
    """Store the parts that a streaming reply has, in place of its chunks."""
    _update(connection, reply_id, parts=encode_parts(parts))
    connection.execute("DELETE FROM chunk WHERE message_id = ?", (reply_id,))


def finish(connection: sqlite3.Connection, turn: Turn, instance: str | None, now: int) -> None:
    """Store what became of a turn, also of one whose beginning could not be stored; `now` in microseconds.

    A turn that is not kept leaves the conversation as it was shown before it.
    """
    reply = turn.reply
    if connection.execute("SELECT 1 FROM message WHERE id = ?", (reply.id,)).fetchone() is None:
        begin(connection, turn, instance, now)
    usage, error = turn.usage, turn.error
    _update(
        connection,
        reply.id,
        **_columns(reply),
        provider=turn.provider,
        model=turn.model,
        state=turn.outcome or Outcome.INTERRUPTED,
        stop_reason=turn.stop_reason,
        error_kind=error.kind if error else None,
        error_message=error.message if error else None,
        error_hint=error.hint if error else None,
        attempts=turn.attempts,
        skipped_frames=turn.skipped_frames,
        close_seconds=turn.close_seconds,
        usage_input=usage.input,
        usage_output=usage.output,
        usage_cache_read=usage.cache_read,
        usage_cache_write=usage.cache_write,
        usage_reasoning=usage.reasoning,
        usage_cost=usage.cost,
        request_id=turn.request_id,
        tries=encode([asdict(tried) for tried in turn.tries]) if turn.tries else None,
        asked=turn.asked or None,
        routed=turn.routed or None,
        prompt_cut=turn.prompt_cut,
        seams=_seams(turn),
        tool_runs=encode([asdict(run) for run in turn.tool_runs]) if turn.tool_runs else None,
        timings=encode_fields(turn.timings),
        instance=None,
    )
    connection.execute("DELETE FROM chunk WHERE message_id = ?", (reply.id,))
    _link_blobs(connection, reply)
    if not turn.is_kept:
        connection.execute(
            "UPDATE conversation SET head_id = (SELECT head_before FROM message WHERE id = ?1)"
            " WHERE id = ?2 AND head_id = ?1",
            (reply.id, turn.conversation_id),
        )
    connection.execute("UPDATE conversation SET updated_at = ? WHERE id = ?", (now, turn.conversation_id))


def turn_pin(connection: sqlite3.Connection, message_id: str) -> bool | None:
    """Pin a message, or let go of it where it is pinned; which of both. None for one that is not stored."""
    connection.execute("UPDATE message SET pinned = NOT pinned WHERE id = ?", (message_id,))
    row = connection.execute("SELECT pinned FROM message WHERE id = ?", (message_id,)).fetchone()
    return None if row is None else bool(row["pinned"])


def recover(connection: sqlite3.Connection, is_alive: Callable[[str], bool]) -> tuple[str, ...]:
    """End the replies whose process is gone as interrupted, with the text they reached; their conversations' titles."""
    rows = connection.execute(
        "SELECT message.id, parts, coalesce(instance, '') AS instance, title"
        " FROM message JOIN conversation ON conversation.id = conversation_id WHERE state = ?",
        (STREAMING,),
    ).fetchall()
    dead = {name for name in {row["instance"] for row in rows} if not is_alive(name)}
    lost = {row["id"]: row for row in rows if row["instance"] in dead}
    for reply_id, row in lost.items():
        parts = written(connection, reply_id, row["parts"])
        reply = Message(role="assistant", parts=parts, is_summary=_is_summary(connection, reply_id))
        _update(
            connection, reply_id, **_columns(reply), state=Outcome.INTERRUPTED, recovered=True, instance=None
        )
        connection.execute("DELETE FROM chunk WHERE message_id = ?", (reply_id,))
    return tuple(row["title"] for row in lost.values())


def written(connection: sqlite3.Connection, reply_id: str, begun: str) -> tuple[Part, ...]:
    """What a reply that is streaming has so far: its chunks, after the parts that it was begun with, as parts."""
    chunks: Iterable[tuple[ChunkKind, str]] = connection.execute(
        "SELECT kind, text FROM chunk WHERE message_id = ? ORDER BY seq", (reply_id,)
    )
    draft = Draft(decode_parts(begun)[0])
    for kind, text in chunks:
        match kind:
            case "text":
                draft.apply(TextDelta(text))
            case "thinking":
                draft.apply(ThinkingDelta(text))
            case "refusal":
                draft.apply(RefusalDelta(text))
            case _:
                assert_never(kind)
    return draft.parts()


def _seams(turn: Turn) -> str | None:
    return encode([asdict(seam) for seam in turn.seams]) if turn.seams else None


def _is_summary(connection: sqlite3.Connection, reply_id: str) -> bool:
    row = connection.execute("SELECT is_summary FROM message WHERE id = ?", (reply_id,)).fetchone()
    return bool(row["is_summary"])


def _columns(message: Message) -> dict[str, object]:
    """What a message itself says, by column."""
    text = message.text
    return {
        "role": message.role,
        "parts": encode_parts(message.parts),
        "provider_data": encode(message.provider_data) if message.provider_data is not None else None,
        "pinned": message.pinned,
        "is_summary": message.is_summary,
        "chars": len(text),
        "lines": text.count("\n") + 1 if text else 0,
    }


def _insert(connection: sqlite3.Connection, **columns: object) -> None:
    """A new message; one that is there stays as it is."""
    names, places = ", ".join(columns), ", ".join(f":{name}" for name in columns)
    connection.execute(
        f"INSERT INTO message ({names}) VALUES ({places}) ON CONFLICT (id) DO NOTHING", columns
    )


def _update(connection: sqlite3.Connection, message_id: str, **columns: object) -> None:
    changes = ", ".join(f"{name} = :{name}" for name in columns)
    connection.execute(f"UPDATE message SET {changes} WHERE id = :id", {**columns, "id": message_id})


def _insert_prompt(
    connection: sqlite3.Connection, turn: Turn, head: str | None, instance: str | None, now: int
) -> None:
    prompt = turn.prompt
    parent_id = prompt.parent_id
    is_lost = parent_id is not None and not _depth(connection, parent_id)
    if is_lost or (turn.replaces is None and _was_added_to(connection, parent_id, head, instance)):
        parent_id = head
    depth = _depth(connection, parent_id) + 1
    _insert(
        connection,
        **_columns(prompt),
        id=prompt.id,
        conversation_id=turn.conversation_id,
        parent_id=parent_id,
        depth=depth,
        created_at=now,
    )
    _link_blobs(connection, prompt)
    if depth == 1:
        connection.execute(
            "UPDATE conversation SET title = ? WHERE id = ? AND NOT title_is_own",
            (title_of(prompt.text), turn.conversation_id),
        )


def _was_added_to(
    connection: sqlite3.Connection, parent_id: str | None, head: str | None, instance: str | None
) -> bool:
    """Whether what is shown goes on after `parent_id`, and not only with a reply of this process.

    Such a reply is one whose end could not be stored: this process knows best whether it is still shown.
    """
    if head in (None, parent_id):
        return False
    own = connection.execute(
        "SELECT 1 FROM message WHERE id = ? AND state = ? AND instance IS ?", (head, STREAMING, instance)
    ).fetchone()
    before = connection.execute(
        "WITH RECURSIVE path (id) AS (VALUES (?1) UNION ALL"
        " SELECT message.parent_id FROM path JOIN message ON message.id = path.id)"
        " SELECT 1 FROM path WHERE id IS ?2",  # the root comes after NULL
        (head, parent_id),
    ).fetchone()
    return own is None and before is not None


def _depth(connection: sqlite3.Connection, message_id: str | None) -> int:
    """How many messages there are from the root to this one; 0 for one that is not stored."""
    row = connection.execute("SELECT depth FROM message WHERE id = ?", (message_id,)).fetchone()
    return row["depth"] if row else 0


def _link_blobs(connection: sqlite3.Connection, message: Message) -> None:
    for sha256 in blobs_of(message.parts):
        connection.execute(
            "INSERT INTO message_blob (message_id, sha256) VALUES (?, ?) ON CONFLICT DO NOTHING",
            (message.id, sha256),
        )
