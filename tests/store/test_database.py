"""What the database does with files, failures and time."""
# ruff: noqa: ASYNC240 - a test may wait for the disk; nothing else runs on its loop

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from chatterm.core.errors import StoreError
from chatterm.core.turn import Outcome
from chatterm.store import connection as opening
from chatterm.store import patience
from chatterm.store.connection import suspect
from chatterm.store.database import LOG_LIMIT_BYTES, Database
from chatterm.store.files import make_private_file, network_file_system
from chatterm.store.history import UNDO_TIME, History
from chatterm.store.migrations import MIGRATIONS
from tests.store.builders import CONVERSATION, FixedClock, ended, new_turn, opened, say, texts

CANARY = "canary-7f3a9c"


def kept_bytes(path: Path) -> bytes:
    """All bytes of the database and of what lies beside it."""
    return b"".join(file.read_bytes() for file in path.parent.rglob("*") if file.is_file())


async def test_without_a_path_everything_works_in_memory(tmp_path: Path) -> None:
    async with opened(None) as (database, history):
        await say(history, "x")
        assert database.notices == ()
        assert await texts(history) == ["x", "Hi."]
        assert await history.recover() == ()
    assert list(tmp_path.glob("**/*.db")) == []


async def test_files_and_folders_are_private_from_the_start_under_any_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        path = tmp_path / "a" / "b" / "chatterm.db"
        async with opened(path) as (_, history):
            await say(history, "x")
            found = {
                file.name: stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "a").rglob("*") if file
            }
            assert {"chatterm.db", "chatterm.db-wal", "chatterm.db-shm", "chatterm.db.lock"} < found.keys()
            folders = {"b", "instances"}
            assert {name: mode for name, mode in found.items() if name in folders and mode != 0o700} == {}
            assert {name: mode for name, mode in found.items() if name not in folders and mode != 0o600} == {}
            assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o700
    finally:
        os.umask(before)


def test_a_new_file_is_private_before_anything_could_be_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("it was made with another mode first")

    monkeypatch.setattr(Path, "chmod", refuse)
    before = os.umask(0)
    try:
        make_private_file(tmp_path / "new")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o600


async def test_a_file_that_others_could_read_is_made_private(path: Path) -> None:
    async with opened(path) as (_, history):
        await say(history, "x")
    path.chmod(0o644)
    async with opened(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_the_connection_is_set_up_for_safety(database: Database) -> None:
    def pragmas(connection: sqlite3.Connection) -> dict[str, object]:
        names = ("journal_mode", "foreign_keys", "trusted_schema", "secure_delete", "wal_autocheckpoint")
        return {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in (*names, "busy_timeout")}

    assert await database.read(pragmas) == {
        "journal_mode": "wal",
        "foreign_keys": 1,
        "trusted_schema": 0,
        "secure_delete": 1,
        "wal_autocheckpoint": 0,
        "busy_timeout": 0,
    }


async def test_prompts_and_ends_are_synced_to_disk_and_chunks_are_not(
    database: Database, history: History
) -> None:
    levels: list[int] = []

    def note(connection: sqlite3.Connection) -> None:
        levels.append(connection.execute("PRAGMA synchronous").fetchone()[0])

    turn = new_turn()
    await history.begin_turn(turn)
    await database.read(note)
    await history.append_chunk(turn.reply.id, "text", "x")
    await database.read(note)
    await history.finish_turn(ended(turn))
    await database.read(note)
    assert levels == [2, 1, 2]


async def test_work_that_raises_is_undone_and_raises_for_the_caller(database: Database) -> None:
    def work(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO state (key, value) VALUES ('a', '1')")
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await database.write(work)
    count = await database.read(lambda c: c.execute("SELECT count(*) FROM state").fetchone()[0])
    assert count == 0


async def test_work_is_done_although_nobody_waits_for_it_any_more(database: Database) -> None:
    problems: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: problems.append(context))
    gate = threading.Event()
    blocked = database.read(lambda _: gate.wait(10))
    written = database.write(lambda c: c.execute("INSERT INTO state (key, value) VALUES ('a', '1')"))
    written.cancel()
    gate.set()
    assert await blocked
    assert await database.read(lambda c: c.execute("SELECT count(*) FROM state").fetchone()[0]) == 1
    assert problems == []


async def test_the_loop_goes_on_while_the_database_works(database: Database) -> None:
    gate = threading.Event()
    blocked = database.read(lambda _: gate.wait(10))
    await asyncio.sleep(0)
    assert not blocked.done()
    gate.set()
    assert await blocked


async def test_closing_finishes_what_was_asked_for(path: Path) -> None:
    database = Database(path)
    history = History(database)
    turn = new_turn()
    begun = asyncio.ensure_future(history.begin_turn(turn))
    await asyncio.sleep(0)
    for _ in range(20):
        history.append_chunk(turn.reply.id, "text", "x")
    assert database.close(10)
    assert database.close(0)
    await begun
    with pytest.raises(StoreError, match="closed"):
        await history.load(CONVERSATION)
    async with opened(path) as (_, history):
        assert await history.recover() == ("Hello",)
        assert (await texts(history))[-1] == "x" * 20


def test_closing_is_bounded_and_a_closed_loop_is_no_matter(path: Path) -> None:
    gate = threading.Event()

    async def ask(database: Database) -> None:
        database.read(lambda _: gate.wait(10))

    database = Database(path)
    asyncio.run(ask(database))
    assert not database.close(0.01)
    assert not database.close(10), "a later call waits for what the first one left"
    gate.set()
    database._thread.join(10)  # pyright: ignore[reportPrivateUsage]  # no caller waits as long as a test
    assert database.close(0)


async def test_a_file_that_is_no_database_is_kept_aside(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    path.write_bytes(b"not a database " * 100)
    Path(f"{path}-wal").write_bytes(b"its log")
    async with opened(path) as (database, history):
        (notice,) = database.notices
        await say(history, "x")
    (kept,) = path.parent.glob("chatterm.db.corrupt-*[0-9]")
    assert kept.read_bytes() == b"not a database " * 100
    assert Path(f"{kept}-wal").read_bytes() == b"its log"
    assert str(path) in notice
    assert str(kept) in notice
    async with opened(path) as (database, history):
        assert database.notices == ()
        assert await texts(history) == ["x", "Hi."]


async def test_damage_found_later_is_told_and_set_aside_at_the_next_start(path: Path) -> None:
    async with opened(path) as (_, history):
        for number in range(30):
            await say(history, "long " * 400, conversation=f"{number:016x}")
    with closing(sqlite3.connect(path)) as connection:
        root = connection.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'conversation'"
        ).fetchone()[0]
    with path.open("r+b") as file:  # the schema stays as it is
        file.seek((root - 1) * 4096)
        file.write(b"\xa5" * 4096)
    damaged = path.read_bytes()
    async with opened(path) as (database, history):
        assert database.notices == ()
        with pytest.raises(StoreError, match="is damaged") as told:
            await history.conversations()
        assert "Start chatterm again" in told.value.hint
        assert suspect(path).exists()
    async with opened(path) as (database, history):
        assert "was damaged" in database.notices[0]
        assert await history.conversations() == []
    assert not suspect(path).exists()
    (kept,) = path.parent.glob("chatterm.db.corrupt-*[0-9]")
    assert kept.read_bytes() == damaged


async def test_a_sound_file_under_suspicion_is_kept_in_use(path: Path) -> None:
    async with opened(path) as (_, history):
        await say(history, "x")
    suspect(path).touch()
    async with opened(path) as (database, history):
        assert database.notices == ()
        assert await texts(history) == ["x", "Hi."]
    assert not suspect(path).exists()


async def test_the_database_of_another_program_is_left_alone(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE theirs (x)")
    other.close()
    before = path.read_bytes()
    async with opened(path) as (database, history):
        assert "another program" in database.notices[0]
        await say(history, "x")
    assert path.read_bytes() == before


async def test_a_newer_file_can_be_read_but_not_written(path: Path) -> None:
    async with opened(path) as (_, history):
        await say(history, "x")
    newer = sqlite3.connect(path)
    newer.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 6}")
    newer.execute("ALTER TABLE message ADD COLUMN mood TEXT")
    newer.commit()
    newer.close()
    before = path.read_bytes()
    async with opened(path) as (database, history):
        (notice,) = database.notices
        assert f"its schema is {len(MIGRATIONS) + 6}, this chatterm knows {len(MIGRATIONS)}" in notice
        assert database.read_only
        assert await texts(history) == ["x", "Hi."]
        assert await history.recover() == ()
        assert await history.purge_deleted() == 0
        with pytest.raises(StoreError, match="newer chatterm"):
            await history.begin_turn(new_turn())
        with pytest.raises(StoreError, match="read-only"):
            await database.read(lambda c: c.execute("DELETE FROM message"))
    assert path.read_bytes() == before


@pytest.mark.parametrize("place", ["file/chatterm.db", "folder"])
async def test_where_no_database_can_be_the_session_goes_on_in_memory(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "folder").mkdir()
    path = tmp_path / place
    async with opened(path) as (database, history):
        (notice,) = database.notices
        assert str(tmp_path / place.split("/")[0]) in notice
        assert "nothing of it will be saved" in notice
        await say(history, "x")
        assert await texts(history) == ["x", "Hi."]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write where the mode forbids it")
async def test_a_folder_that_cannot_be_written_means_memory(tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    async with opened(folder / "chatterm.db") as (database, history):
        assert "permission denied" in database.notices[0]
        await say(history, "x")


async def test_a_file_that_cannot_be_written_can_be_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(path) as (_, history):
        await say(history, "x")
    # access(2) as for another user than root, who may write whatever the mode says.
    monkeypatch.setattr(opening.os, "access", lambda _path, _mode: False)
    async with opened(path) as (database, history):
        assert "is read-only" in database.notices[0]
        assert await texts(history) == ["x", "Hi."]
        with pytest.raises(StoreError, match="read-only"):
            await history.rename(CONVERSATION, "y")


async def test_a_full_disk_reaches_the_caller_and_the_end_is_stored_once_there_is_room(
    database: Database, history: History
) -> None:
    await say(history, "One")

    def limit(pages: str) -> object:
        return database.read(lambda c: c.execute(f"PRAGMA max_page_count = {pages}").fetchone())

    pages = await database.read(lambda c: c.execute("PRAGMA page_count").fetchone()[0])
    await limit(pages)
    turn = new_turn("long " * 10_000, parent=(await history.load(CONVERSATION))[-1].message.id)
    with pytest.raises(StoreError, match="the disk is full") as told:
        await history.begin_turn(turn)
    assert str(database.path) in told.value.message
    assert "Free some space" in told.value.hint
    assert await texts(history) == ["One", "Hi."]
    await limit("1000000")
    await history.finish_turn(ended(turn, outcome=Outcome.COMPLETE))
    assert len(await texts(history)) == 4


FILE_LIMIT = """
import asyncio, resource, sys
from pathlib import Path
from chatterm.core.errors import StoreError
from chatterm.core.turn import Outcome
from tests.store.builders import opened, say

async def main():
    async with opened(Path(sys.argv[1])) as (_, history):
        await say(history, "small")
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
        try:
            await say(history, "x" * 1_000_000)
        except StoreError as error:
            print(error.message)
        print(len(await history.conversations()))

asyncio.run(main())
"""


def test_a_file_that_must_not_grow_reaches_the_caller(path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FILE_LIMIT, path], capture_output=True, text=True, check=True, timeout=60
    )
    told, count = done.stdout.splitlines()
    assert "the disk is full or failing" in told
    assert count == "1"


@contextmanager
def held_by_another(path: Path) -> Generator[sqlite3.Connection]:
    """The database as another program keeps it while it writes."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield other


async def test_a_lock_that_is_not_given_back_ends_in_an_error(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "BUSY_SECONDS", 0.02)
    async with opened(path) as (_, history):
        await say(history, "x")
        with held_by_another(path), pytest.raises(StoreError, match="locked by another program"):
            await history.rename(CONVERSATION, "y")
        await history.rename(CONVERSATION, "y")


async def test_a_lock_that_is_given_back_in_time_is_waited_for(path: Path) -> None:
    async with opened(path) as (_, history):
        await say(history, "x")
        with held_by_another(path) as other:
            renamed = asyncio.ensure_future(history.rename(CONVERSATION, "y"))
            await asyncio.sleep(0.02)  # time to meet the lock; without it the test proves less, and passes
            assert not renamed.done()
            other.execute("ROLLBACK")
            await renamed
        assert (await history.conversations())[0].title == "y"


async def test_writes_behind_one_that_waited_in_vain_fail_soon(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "BUSY_SECONDS", 0.2)
    monkeypatch.setattr(patience, "BUSY_AGAIN_SECONDS", 0.001)
    async with opened(path) as (_, history):
        await say(history, "x")
        with held_by_another(path):
            began_at = time.monotonic()
            results = await asyncio.gather(
                *(history.rename(CONVERSATION, str(number)) for number in range(20)), return_exceptions=True
            )
            took = time.monotonic() - began_at
        assert [type(result) for result in results] == [StoreError] * 20
        assert 0.2 <= took < 1.0, "twenty full waits are 4 s"


async def test_after_a_write_that_succeeds_the_next_one_waits_in_full_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "BUSY_SECONDS", 0.05)
    monkeypatch.setattr(patience, "BUSY_AGAIN_SECONDS", 0.0)
    async with opened(path) as (_, history):
        await say(history, "x")
        with held_by_another(path), pytest.raises(StoreError):
            await history.rename(CONVERSATION, "y")
        await history.rename(CONVERSATION, "y")
        with held_by_another(path):
            began_at = time.monotonic()
            with pytest.raises(StoreError):
                await history.rename(CONVERSATION, "z")
            assert time.monotonic() - began_at >= 0.05


async def test_closing_ends_the_wait_for_a_lock(path: Path) -> None:
    database = Database(path)
    history = History(database)
    await say(history, "x")
    with held_by_another(path):
        began_at = time.monotonic()
        waiting = [asyncio.ensure_future(history.rename(CONVERSATION, "y")) for _ in range(3)]
        await asyncio.sleep(0)
        database.close(0.1)
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(result) for result in results] == [StoreError] * 3
        assert time.monotonic() - began_at < 1.0


async def test_a_lock_that_goes_while_closing_costs_nothing(path: Path) -> None:
    database = Database(path)
    history = History(database)
    await say(history, "x")
    with held_by_another(path) as other:
        waiting = asyncio.ensure_future(history.rename(CONVERSATION, "y"))
        await asyncio.sleep(0)
        closer = asyncio.create_task(asyncio.to_thread(database.close, 5))
        await asyncio.sleep(0.02)  # time to meet the lock; without it the test proves less, and passes
        assert not waiting.done()
        other.execute("ROLLBACK")
        assert await closer
        await waiting
    async with opened(path) as (_, again):
        assert (await again.conversations())[0].title == "y"


async def test_what_was_deleted_for_good_leaves_no_bytes(
    path: Path, database: Database, history: History, clock: FixedClock
) -> None:
    await say(history, "stays", conversation="stays")
    for number in range(20):
        await say(history, f"{CANARY} {number} " * 300, f"{CANARY} " * 2000)
    assert await history.put_blob("text/plain", f"{CANARY} ".encode() * 5000)
    await database.empty_log()
    assert kept_bytes(path).count(CANARY.encode()) > 1000
    await history.delete(CONVERSATION)
    clock.now += UNDO_TIME + timedelta(hours=1)
    assert await history.purge_deleted() == 1
    assert CANARY.encode() not in kept_bytes(path)
    assert b"stays" in kept_bytes(path)


async def test_the_log_is_moved_into_the_database_when_large_and_only_when_nobody_writes(
    path: Path, database: Database, history: History
) -> None:
    await database.ready()
    log = Path(f"{path}-wal")
    async with opened(path) as (other, _):
        lock = other._open.lock  # pyright: ignore[reportPrivateUsage]  # stands in for a writer elsewhere
        assert lock is not None
        with lock.shared(1):
            await say(history, "x" * LOG_LIMIT_BYTES)
            assert log.stat().st_size > LOG_LIMIT_BYTES
        await say(history, "y")
        assert log.stat().st_size < LOG_LIMIT_BYTES
    assert len(await texts(history)) == 4


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/home/me", "nfs4"),
        ("/home/me/local/x", None),
        ("/", None),
        ("/mnt/a b/c", "cifs"),
        ("/homely", None),
    ],
)
def test_a_network_file_system_is_told_by_its_mount(tmp_path: Path, folder: str, kind: str | None) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"
        "36 22 0:42 / /home rw - nfs4 server:/home rw\n"
        "37 36 0:43 / /home/me/local rw - ext4 /dev/vdb rw\n"
        "38 22 0:44 / /mnt/a\\040b rw shared:7 master:2 - cifs //s/x rw\n"
    )
    assert network_file_system(Path(folder), mounts) == kind
    assert network_file_system(Path(folder), tmp_path / "missing") is None


async def test_on_a_network_folder_there_is_no_log_but_a_notice(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "network_file_system", lambda _path: "nfs4")
    async with opened(path) as (database, history):
        await say(history, "x")
        assert "network folder (nfs4)" in database.notices[0]
        assert not Path(f"{path}-wal").exists()
        assert await database.read(lambda c: c.execute("PRAGMA journal_mode").fetchone()[0]) == "delete"
        assert await texts(history) == ["x", "Hi."]
