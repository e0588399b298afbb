"""The schema, as numbered steps. A step that was released is never changed; a new one is added.

Times are microseconds since 1970 in UTC. The number of the last step done is the database's `user_version`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

APPLICATION_ID = 0x63686174
"""Marks a file as ours (https://www.sqlite.org/pragma.html#pragma_application_id): `chat` in ASCII."""

Migration = Sequence[str]

_FIRST: Migration = (
    # head_id: the last message of the branch that is shown; NULL while nothing is.
    """
    CREATE TABLE conversation (
        id TEXT PRIMARY KEY,
        title TEXT NOT NULL,
        title_is_own INTEGER NOT NULL DEFAULT 0,
        created_at INTEGER NOT NULL,
        updated_at INTEGER NOT NULL,
        system TEXT,
        provider TEXT NOT NULL,
        model TEXT NOT NULL,
        head_id TEXT,
        deleted_at INTEGER
    )
    """,
    "CREATE INDEX conversation_by_update ON conversation (updated_at) WHERE deleted_at IS NULL",
    # depth counts the messages from the root to this one. head_before: what was shown before this reply.
    # state: NULL for a prompt, 'streaming' or an outcome for a reply; instance: who streams it.
    """
    CREATE TABLE message (
        id TEXT PRIMARY KEY,
        conversation_id TEXT NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
        parent_id TEXT REFERENCES message (id),
        depth INTEGER NOT NULL,
        role TEXT NOT NULL,
        parts TEXT NOT NULL,
        provider_data TEXT,
        chars INTEGER NOT NULL,
        lines INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        model TEXT,
        provider TEXT,
        options TEXT,
        state TEXT,
        stop_reason TEXT,
        error_kind TEXT,
        error_message TEXT,
        error_hint TEXT,
        attempts INTEGER NOT NULL DEFAULT 0,
        skipped_frames INTEGER NOT NULL DEFAULT 0,
        close_seconds REAL,
        usage_input INTEGER,
        usage_output INTEGER,
        usage_cache_read INTEGER,
        usage_cache_write INTEGER,
        usage_reasoning INTEGER,
        timings TEXT,
        instance TEXT,
        recovered INTEGER NOT NULL DEFAULT 0,
        head_before TEXT
    )
    """,
    "CREATE INDEX message_by_conversation ON message (conversation_id)",
    "CREATE INDEX message_by_parent ON message (parent_id)",
    "CREATE INDEX message_streaming ON message (state) WHERE state = 'streaming'",
    """
    CREATE TABLE chunk (
        message_id TEXT NOT NULL REFERENCES message (id) ON DELETE CASCADE,
        seq INTEGER NOT NULL,
        kind TEXT NOT NULL,
        text TEXT NOT NULL,
        PRIMARY KEY (message_id, seq)
    )
    """,
    # data comes last: what follows a large value in a row is slow to reach.
    """
    CREATE TABLE blob (
        sha256 TEXT PRIMARY KEY,
        media_type TEXT NOT NULL,
        put_at INTEGER NOT NULL,
        data BLOB NOT NULL
    )
    """,
    # No reference to blob: a message whose attachment is missing must still be stored.
    """
    CREATE TABLE message_blob (
        message_id TEXT NOT NULL REFERENCES message (id) ON DELETE CASCADE,
        sha256 TEXT NOT NULL,
        PRIMARY KEY (message_id, sha256)
    )
    """,
    "CREATE INDEX message_blob_by_sha256 ON message_blob (sha256)",
    "CREATE TABLE state (key TEXT PRIMARY KEY, value TEXT NOT NULL)",
    # No reference to conversation: a draft may come before the first message.
    "CREATE TABLE draft (conversation_id TEXT PRIMARY KEY, text TEXT NOT NULL)",
    """
    CREATE TABLE prompt_history (
        seq INTEGER PRIMARY KEY,
        text TEXT NOT NULL,
        at INTEGER NOT NULL,
        conversation_id TEXT
    )
    """,
    """
    CREATE TABLE model_list (
        provider TEXT NOT NULL,
        base_url TEXT NOT NULL,
        fetched_at INTEGER NOT NULL,
        data BLOB NOT NULL,
        PRIMARY KEY (provider, base_url)
    )
    """,
)

# base_url: where the conversation's model was asked for, if not where the settings say.
_ADDRESSES: Migration = ("ALTER TABLE conversation ADD COLUMN base_url TEXT",)

# Positions, and what the messages there measure, without reading them.
_BY_DEPTH: Migration = (
    "CREATE INDEX message_by_depth ON message (conversation_id, depth, chars, lines)",
    "DROP INDEX message_by_conversation",
)

# open_in: the instance that has the conversation open and may go on with it, if that still runs.
_OPEN: Migration = (
    "ALTER TABLE conversation ADD COLUMN open_in TEXT",
    "CREATE INDEX conversation_open ON conversation (open_in) WHERE open_in IS NOT NULL",
)

# usage_cost: what the provider says that the reply cost, in US dollars.
_COST: Migration = (
    "ALTER TABLE message ADD COLUMN usage_cost REAL",
    "ALTER TABLE message ADD COLUMN request_id TEXT",
)

# tries: the requests that failed before the last, as JSON; asked: whose place the answering model took.
_TRIES: Migration = (
    "ALTER TABLE message ADD COLUMN tries TEXT",
    "ALTER TABLE message ADD COLUMN asked TEXT",
)

# pinned: never left out of what is sent. is_summary: stands in there for what is before it.
# prompt_cut: the server read only a part of what it was sent.
_CONTEXT: Migration = (
    "ALTER TABLE message ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE message ADD COLUMN is_summary INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE message ADD COLUMN prompt_cut INTEGER NOT NULL DEFAULT 0",
)

# routed: where a rule sent the prompt, and why.
_ROUTED: Migration = ("ALTER TABLE message ADD COLUMN routed TEXT",)

# seams: where a reply was cut and gone on with, as JSON.
_SEAMS: Migration = ("ALTER TABLE message ADD COLUMN seams TEXT",)

# tool_runs: what became of the tool calls of a reply, as JSON.
_TOOLS: Migration = ("ALTER TABLE message ADD COLUMN tool_runs TEXT",)

# One row for each request: the fields of an AttemptRecord. First those that statistics read of every row.
_PERFORMANCE: Migration = (
    """
    CREATE TABLE performance (
        at REAL NOT NULL,
        operation TEXT NOT NULL,
        provider TEXT NOT NULL,
        model TEXT NOT NULL,
        attempt INTEGER NOT NULL,
        round INTEGER NOT NULL,
        success INTEGER NOT NULL,
        outcome TEXT NOT NULL,
        error_kind TEXT NOT NULL,
        latency_seconds REAL,
        ttft_seconds REAL,
        first_text_seconds REAL,
        delta_gap_p95_seconds REAL,
        tokens_per_second REAL,
        retries INTEGER NOT NULL,
        fallback_from TEXT NOT NULL,
        reused_connection INTEGER,
        input_tokens INTEGER,
        output_tokens INTEGER,
        cache_read_tokens INTEGER,
        reasoning_tokens INTEGER,
        cost_dollars REAL,
        cost_is_estimate INTEGER NOT NULL,
        tool_count INTEGER NOT NULL,
        tool_seconds REAL,
        loop_lag_seconds REAL,
        stalls INTEGER,
        delta_gap_p50_seconds REAL,
        resolve_seconds REAL,
        connect_seconds REAL,
        secure_seconds REAL,
        cache_write_tokens INTEGER,
        prompt_tokens_per_second REAL,
        load_duration_ns INTEGER,
        prompt_eval_count INTEGER,
        prompt_eval_duration_ns INTEGER,
        eval_count INTEGER,
        eval_duration_ns INTEGER,
        total_duration_ns INTEGER,
        load_time_ms REAL,
        prompt_eval_time_ms REAL,
        generation_time_ms REAL,
        warm INTEGER,
        stop_reason TEXT NOT NULL,
        host TEXT NOT NULL,
        conversation_id TEXT NOT NULL,
        turn_id TEXT NOT NULL,
        id TEXT NOT NULL PRIMARY KEY
    )
    """,
    "CREATE INDEX performance_by_time ON performance (at, cost_dollars, operation)",
    "CREATE INDEX performance_by_model ON performance (provider, model, at)",
    "CREATE INDEX performance_by_conversation ON performance (conversation_id)",
)

_MEMORY: Migration = ("ALTER TABLE performance ADD COLUMN peak_memory_bytes INTEGER",)

MIGRATIONS: Sequence[Migration] = (
    *(_FIRST, _ADDRESSES, _BY_DEPTH, _OPEN, _COST, _TRIES, _CONTEXT, _ROUTED),
    *(_SEAMS, _TOOLS, _PERFORMANCE, _MEMORY),
)


def schema_version(connection: sqlite3.Connection) -> int:
    """How many steps were done; 0 for a new database."""
    return connection.execute("PRAGMA user_version").fetchone()[0]


def migrate(connection: sqlite3.Connection, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Do the steps that are missing, each in one transaction. Raises sqlite3.Error; the failed step left no trace."""
    for number in range(schema_version(connection) + 1, len(migrations) + 1):
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in migrations[number - 1]:
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {number}")
            connection.execute("COMMIT")
        except sqlite3.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def back_up(connection: sqlite3.Connection, target: str) -> None:
    """Write a copy of the database to `target`, a file that is missing or empty. Raises sqlite3.Error."""
    connection.execute("VACUUM INTO ?", (target,))
