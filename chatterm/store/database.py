"""One thread with one SQLite connection: whatever the store does happens there, in the order it was asked for.

Prompts and finished turns are committed with a sync to the disk, and so survive a loss of power; the chunks
between them survive the death of the process.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import nullcontext, suppress
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

from chatterm.core.errors import StoreError
from chatterm.store.connection import OpenDatabase, open_database, suspect
from chatterm.store.failures import is_damage, store_error
from chatterm.store.files import make_private_file
from chatterm.store.instances import Instances
from chatterm.store.patience import Patience

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

LOG_LIMIT_BYTES = 4 * 1024 * 1024
"""The write-ahead log is moved into the database when it has grown to this."""


class Database:
    """The database at `path`, or one in memory for None. Opened in the background; several may share a file.

    Whatever is wrong with the file at the start ends up in `notices`, as texts for the user; what goes wrong
    later reaches the caller concerned as a `StoreError`, whose hint ends with `if_unsaved`. Work that was handed
    over is done even if nobody waits for it any more. `busy_seconds` is how long it waits for other programs.
    """

    def __init__(self, path: Path | None, *, busy_seconds: float | None = None, if_unsaved: str = "") -> None:
        self.path = path
        self._if_unsaved = if_unsaved
        self._open: OpenDatabase | None = None
        self._patience = Patience(busy_seconds)
        self._queue: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._closed = False
        self._closing = threading.Lock()
        # A daemon, so that a disk that hangs cannot keep the program from ending.
        self._thread = threading.Thread(target=self._serve, name="chatterm-store", daemon=True)
        self._thread.start()
        self._ask(lambda _: None)

    @property
    def notices(self) -> tuple[str, ...]:
        """What the user should know of the file; complete once `ready` or anything else has returned."""
        return self._open.notices if self._open else ()

    @property
    def read_only(self) -> bool:
        """Whether writing is refused, because the file is a newer chatterm's or cannot be written."""
        return self._open is not None and self._open.read_only is not None

    @property
    def instances(self) -> Instances | None:
        """For work in progress: the processes that use this database; None in memory mode."""
        return self._open.instances if self._open else None

    async def ready(self) -> None:
        """Wait until the database is open."""
        await self._asked(lambda _: None)

    def read(self, work: Work[T]) -> asyncio.Future[T]:
        """Do `work`, which only reads. The future ends with its result, with a `StoreError`, or as it raised."""
        return self._asked(lambda database: work(database.connection))

    def write(self, work: Work[T], *, durable: bool = False) -> asyncio.Future[T]:
        """Do `work` in one transaction, undone if it raises. `durable`: synced to disk before the future ends."""
        return self._asked(lambda database: self._transact(database, work, durable=durable))

    def post(self, work: Work[None]) -> None:
        """Do `work` in one transaction, as `write`, for nobody who waits or wants to know of a failure.

        May be called without a running loop.
        """
        self._ask(lambda database: self._transact(database, work, durable=False))

    def empty_log(self) -> asyncio.Future[None]:
        """Move the write-ahead log into the database now, unless another process writes."""
        return self._asked(lambda database: _trim_log(database, 0))

    def close(self, within_seconds: float) -> bool:
        """Finish all that was asked for, then close the file. False when that took too long; it goes on then.

        Blocks the caller for at most that long, and all its callers together for what the first one gave;
        then nothing waits for another program's lock any more. What is asked for after the first call ends
        with a `StoreError`.
        """
        with self._closing:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join(self._patience.end_within(within_seconds))
        return not self._thread.is_alive()

    def _asked(self, work: Callable[[OpenDatabase], T]) -> asyncio.Future[T]:
        """`_ask` for a running loop. Cancelling what this returns cancels the waiting, never the work."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[T] = loop.create_future()

        def settle(done: Future[T]) -> None:
            if waiter.done():
                return
            if (error := done.exception()) is not None:
                waiter.set_exception(error)
            else:
                waiter.set_result(done.result())

        def deliver(done: Future[T]) -> None:
            with suppress(RuntimeError):  # the loop is closed, so nobody waits
                loop.call_soon_threadsafe(settle, done)

        self._ask(work).add_done_callback(deliver)
        return waiter

    def _ask(self, work: Callable[[OpenDatabase], T]) -> Future[T]:
        future: Future[T] = Future()

        def run() -> None:
            try:
                database = self._opened()
                future.set_result(self._patience.keep_trying(lambda: work(database)))
            except (sqlite3.Error, TimeoutError) as error:
                future.set_exception(self._explained(error))
            except BaseException as error:  # not handled here: it belongs to who waits
                future.set_exception(error)

        with self._closing:
            if self._closed:
                future.set_exception(StoreError("The history is closed.", "Start chatterm again."))
            else:
                self._queue.put(run)
        return future

    def _serve(self) -> None:
        while (run := self._queue.get()) is not None:
            run()
        if self._open is not None:
            _trim_log(self._open, 0)
            self._open.close()

    def _opened(self) -> OpenDatabase:
        if self._open is None:
            self._open = open_database(self.path)
        return self._open

    def _transact(self, database: OpenDatabase, work: Work[T], durable: bool) -> T:
        if database.read_only is not None:
            raise StoreError(database.read_only, self._if_unsaved)
        connection = database.connection
        with database.lock.shared(within_seconds=0) if database.lock else nullcontext():
            connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
            # IMMEDIATE: a transaction that begins with a read fails at once when another process wrote since.
            connection.execute("BEGIN IMMEDIATE")
            try:
                result = work(connection)
                connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # SQLite may have rolled back itself
                    connection.execute("ROLLBACK")
                raise
        self._patience.renew()
        if durable:
            _trim_log(database, LOG_LIMIT_BYTES)
        return result

    def _explained(self, error: sqlite3.Error | TimeoutError) -> StoreError:
        if isinstance(error, sqlite3.Error) and is_damage(error) and self.path is not None:
            with suppress(OSError):
                make_private_file(suspect(self.path))
        explained = store_error(error, self.path, self._if_unsaved)
        explained.__cause__ = error
        return explained


def _trim_log(database: OpenDatabase, at_bytes: int) -> None:
    """Move the log into the database if it is larger than that and no other process writes."""
    # Nothing is lost when this fails: the log stays as it is and the next durable write tries again.
    with suppress(OSError, sqlite3.Error):
        if database.lock is None or database.log is None or database.log.stat().st_size <= at_bytes:
            return
        with database.lock.exclusive(within_seconds=0):
            database.connection.execute("PRAGMA busy_timeout=100")
            try:
                database.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                database.connection.execute("PRAGMA busy_timeout=0")
