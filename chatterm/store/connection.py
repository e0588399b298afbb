"""Opening the database: whatever lies at its path, a usable connection comes of it, and notices for the user."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto
from pathlib import Path
from typing import Any, assert_never, cast

from chatterm.core.clean import clean_line
from chatterm.core.errors import StoreError
from chatterm.store.encoding import storable
from chatterm.store.failures import is_damage, result_code, shown, store_error
from chatterm.store.files import (
    backup_path,
    make_private_file,
    make_private_folder,
    network_file_system,
    set_aside,
)
from chatterm.store.instances import Instances
from chatterm.store.locks import FileLock
from chatterm.store.migrations import (
    APPLICATION_ID,
    MIGRATIONS,
    Migration,
    back_up,
    migrate,
    schema_version,
)
from chatterm.store.patience import BUSY_SECONDS


class StoreConnection(sqlite3.Connection):
    """A connection that takes any str and int: what SQLite cannot hold is replaced, see `storable`."""

    # Any, because the parameters have no public type.
    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        """As sqlite3's."""
        return super().execute(sql, cast(Any, storable(parameters)))


class _Condition(Enum):
    """What is found at the path of the database."""

    NEW = auto()
    OLDER = auto()
    READY = auto()
    NEWER = auto()
    FOREIGN = auto()
    DAMAGED = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenDatabase:
    """A connection with what belongs to it. In memory mode there are no lock, instances or log.

    `log` is the write-ahead log where there is one; `read_only` says why nothing may be written. The
    connection waits for no lock: who uses it does.
    """

    connection: sqlite3.Connection
    lock: FileLock | None = None
    instances: Instances | None = None
    log: Path | None = None
    read_only: str | None = None
    notices: tuple[str, ...] = ()

    def close(self) -> None:
        """Close all of it."""
        self.connection.close()
        if self.instances is not None:
            self.instances.close()
        if self.lock is not None:
            self.lock.close()


def open_database(path: Path | None, migrations: Sequence[Migration] = MIGRATIONS) -> OpenDatabase:
    """Open or make the database at `path`; in memory where that is None or cannot be used.

    Runs in the thread that will use the connection. Raises nothing for what is wrong with the file.
    """
    if path is None:
        return _open_in_memory(())
    try:
        return _open_file(path, migrations)
    except StoreError as error:
        reason = error.message
    except (sqlite3.Error, TimeoutError) as error:
        reason = store_error(error, path).message
    except OSError as error:
        place = clean_line(str(error.filename or path))
        reason = f"{place} cannot be used: {(error.strerror or type(error).__name__).lower()}."
    return _open_in_memory((f"{reason} This session works, but nothing of it will be saved.",))


def suspect(path: Path) -> Path:
    """The file whose presence asks the next start to check the whole database."""
    return Path(f"{path}.check")


def _open_in_memory(notices: tuple[str, ...]) -> OpenDatabase:
    connection = _connect(":memory:")
    migrate(connection)
    return OpenDatabase(connection=connection, notices=notices)


def _open_file(path: Path, migrations: Sequence[Migration]) -> OpenDatabase:
    make_private_folder(path.parent)
    with ExitStack() as undo:
        lock = FileLock(Path(f"{path}.lock"))
        undo.callback(lock.close)
        network = network_file_system(path.parent)
        notices = _prepare(path, migrations, lock, "delete" if network else "wal")
        if network is not None:
            notices.append(
                f"{shown(path)} is on a network folder ({network}). "
                "Do not use it from two computers at the same time."
            )
        instances = Instances(path.parent / "instances")
        undo.callback(instances.close)
        connection = _connect(str(path))
        undo.callback(connection.close)
        read_only = _reason_not_to_write(connection, path, len(migrations))
        if read_only is not None:
            connection.execute("PRAGMA query_only=ON")
            notices.append(f"{read_only} The history can be read, but nothing will be saved.")
        connection.execute("PRAGMA busy_timeout=0")
        undo.pop_all()
    return OpenDatabase(
        connection=connection,
        lock=lock,
        instances=instances,
        log=None if network else Path(f"{path}-wal"),
        read_only=read_only,
        notices=tuple(notices),
    )


def _prepare(path: Path, migrations: Sequence[Migration], lock: FileLock, journal: str) -> list[str]:
    """Make the file usable; returns what the user should know. Raises StoreError, sqlite3.Error, OSError."""
    make_private_file(path)
    condition = _condition(path, migrations)
    if condition is _Condition.NEWER or (condition is _Condition.READY and _journal(path) == journal):
        return []
    # Looked at again under the lock: another chatterm may be doing the same at this moment.
    with lock.exclusive(BUSY_SECONDS):
        notices = _repair(path, migrations)
        with _plain(path) as connection:
            connection.execute(f"PRAGMA journal_mode={journal}")
    return notices


def _repair(path: Path, migrations: Sequence[Migration]) -> list[str]:
    condition = _condition(path, migrations)
    match condition:
        case _Condition.READY | _Condition.NEWER:
            return []
        case _Condition.NEW:
            _create(path, migrations)
            return []
        case _Condition.OLDER:
            with _plain(path) as connection:
                version = schema_version(connection)
                back_up(connection, str(backup_path(path, version, datetime.now(UTC))))
                migrate(connection, migrations)
            return []
        case _Condition.FOREIGN:
            raise StoreError(f"{shown(path)} is the database of another program.")
        case _Condition.DAMAGED:
            kept = set_aside(path, datetime.now(UTC))
            suspect(path).unlink(missing_ok=True)
            _create(path, migrations)
            return [f"{shown(path)} was damaged. It is kept as {shown(kept)}; the history starts anew."]
        case _:
            assert_never(condition)


def _create(path: Path, migrations: Sequence[Migration]) -> None:
    make_private_file(path)
    with _plain(path) as connection:
        migrate(connection, migrations)


def _condition(path: Path, migrations: Sequence[Migration]) -> _Condition:
    """What is at `path`, told without changing it. Raises sqlite3.Error where that cannot be told."""
    if not _has_header(path):
        return _Condition.DAMAGED
    with _plain(path) as connection:
        try:
            version = schema_version(connection)
            application = connection.execute("PRAGMA application_id").fetchone()[0]
            tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            if suspect(path).exists():
                if connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                    return _Condition.DAMAGED
                suspect(path).unlink(missing_ok=True)
        except sqlite3.DatabaseError as error:
            if is_damage(error):
                return _Condition.DAMAGED
            raise
    if application != APPLICATION_ID:
        return _Condition.FOREIGN if tables or application or version else _Condition.NEW
    if version == len(migrations):
        return _Condition.READY
    return _Condition.OLDER if version < len(migrations) else _Condition.NEWER


def _journal(path: Path) -> str:
    with _plain(path) as connection:
        return connection.execute("PRAGMA journal_mode").fetchone()[0]


def _has_header(path: Path) -> bool:
    """Whether the file is empty or begins as a database does.

    Asked without its log: SQLite removes the log of a file that it cannot read.
    """
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?immutable=1", uri=True)
    try:
        schema_version(connection)
    except sqlite3.DatabaseError as error:
        return result_code(error) != sqlite3.SQLITE_NOTADB
    finally:
        connection.close()
    return True


def _reason_not_to_write(connection: sqlite3.Connection, path: Path, latest: int) -> str | None:
    version = schema_version(connection)
    if version > latest:
        return (
            f"{shown(path)} was written by a newer chatterm (its schema is {version}, this chatterm knows "
            f"{latest}). Update chatterm."
        )
    return None if os.access(path, os.W_OK) else f"{shown(path)} is read-only."


@contextmanager
def _plain(path: Path) -> Generator[sqlite3.Connection]:
    """A connection that looks or migrates, and is closed again."""
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    try:
        yield connection
    finally:
        connection.close()


def _connect(place: str) -> sqlite3.Connection:
    connection = sqlite3.connect(place, timeout=BUSY_SECONDS, isolation_level=None, factory=StoreConnection)
    try:
        connection.row_factory = sqlite3.Row
        # Checkpoints happen under our own lock only: before SQLite 3.51.3 one connection that writes to the
        # log while another one moves it into the database may lose what it wrote.
        connection.execute("PRAGMA wal_autocheckpoint=0")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA trusted_schema=OFF")
        connection.execute("PRAGMA secure_delete=ON")
        connection.create_function("casefold", 1, str.casefold, deterministic=True)
    except BaseException:
        connection.close()
        raise
    return connection
