"""The steps of the schema: all or nothing, with a copy of what was there."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from chatterm.store.connection import open_database
from chatterm.store.migrations import MIGRATIONS, migrate, schema_version
from tests.store.builders import opened, say, texts

NEXT = (
    *MIGRATIONS,
    ("ALTER TABLE conversation ADD COLUMN mood TEXT", "UPDATE conversation SET mood = 'good'"),
)
BROKEN = (*MIGRATIONS, ("ALTER TABLE conversation ADD COLUMN mood TEXT", "UPDATE nothing SET x = 1"))


@pytest.fixture
def connection() -> sqlite3.Connection:
    return sqlite3.connect(":memory:", isolation_level=None)


def columns(connection: sqlite3.Connection) -> set[str]:
    return {row[1] for row in connection.execute("PRAGMA table_info(conversation)")}


def test_steps_are_done_once_and_in_order(connection: sqlite3.Connection) -> None:
    migrate(connection, MIGRATIONS)
    assert schema_version(connection) == len(MIGRATIONS)
    migrate(connection, NEXT)
    migrate(connection, NEXT)
    assert schema_version(connection) == len(NEXT)
    assert "mood" in columns(connection)


def test_a_step_that_fails_leaves_no_trace(connection: sqlite3.Connection) -> None:
    migrate(connection, MIGRATIONS)
    with pytest.raises(sqlite3.OperationalError, match="nothing"):
        migrate(connection, BROKEN)
    assert schema_version(connection) == len(MIGRATIONS)
    assert "mood" not in columns(connection)
    assert not connection.in_transaction


async def test_an_older_file_is_copied_before_it_is_changed(path: Path) -> None:
    async with opened(path) as (_, history):
        await say(history, "Keep me")
    newer = open_database(path, NEXT)
    assert newer.notices == ()
    assert newer.connection.execute("SELECT mood FROM conversation").fetchone()[0] == "good"
    newer.close()
    (backup,) = path.parent.glob(f"{path.name}.schema-{len(MIGRATIONS)}-*")
    assert backup.stat().st_mode & 0o777 == 0o600
    async with opened(backup) as (_, history):
        assert await texts(history, (await history.conversations())[0].id) == ["Keep me", "Hi."]


async def test_an_older_file_that_cannot_be_changed_is_left_as_it_was(path: Path) -> None:
    async with opened(path) as (_, history):
        await say(history, "Keep me")
    failed = open_database(path, BROKEN)
    assert failed.log is None
    assert str(path) in failed.notices[0]
    failed.close()
    async with opened(path) as (database, history):
        assert database.notices == ()
        assert len(await history.conversations()) == 1
