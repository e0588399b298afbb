"""Advisory locks between processes, by flock(2): the system frees them when their process dies."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

POLL_SECONDS = 0.005


class FileLock:
    """A lock file, made with mode 0600, that many may hold shared or one alone."""

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def shared(self, within_seconds: float) -> AbstractContextManager[None]:
        """Hold the lock beside others. Raises `TimeoutError` when it is not free in time."""
        return self._held(fcntl.LOCK_SH, within_seconds)

    def exclusive(self, within_seconds: float) -> AbstractContextManager[None]:
        """Hold the lock alone. Raises `TimeoutError` when it is not free in time."""
        return self._held(fcntl.LOCK_EX, within_seconds)

    @contextmanager
    def _held(self, kind: int, within_seconds: float) -> Generator[None]:
        self._take(kind, within_seconds)
        try:
            yield
        finally:
            fcntl.flock(self._handle, fcntl.LOCK_UN)

    def close(self) -> None:
        """Give the lock file back."""
        os.close(self._handle)

    def _take(self, kind: int, within_seconds: float) -> None:
        deadline = time.monotonic() + within_seconds
        # flock itself has no limit of time, and its holder may be stopped.
        while not try_lock(self._handle, kind):
            if time.monotonic() >= deadline:
                raise TimeoutError(f"not free within {within_seconds:g} s")
            time.sleep(POLL_SECONDS)


def try_lock(handle: int, kind: int = fcntl.LOCK_EX) -> bool:
    """Take the flock of an open file, unless somebody else has it."""
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
