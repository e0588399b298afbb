"""Kept replies as files: one each, within a bound of age and size, the least recently used removed first."""

from __future__ import annotations

import asyncio
import os
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from chatterm.core.errors import StoreError
from chatterm.store.files import make_private_folder

SUFFIX = ".reply"
LARGEST_BYTES = 64 * 1024 * 1024
"""What a file may unpack to."""

T = TypeVar("T")


class ReplyFiles:
    """A folder of files by key; only the owner can read them. `now` gives seconds since 1970.

    The time of a file's change says when it was put there, that of its access when it was last used.
    """

    def __init__(
        self, folder: Path, *, most_bytes: int, most_seconds: float, now: Callable[[], float] = time.time
    ) -> None:
        self._folder = folder
        self._most_bytes, self._most_seconds = most_bytes, most_seconds
        self._now = now

    async def get(self, key: str) -> bytes | None:
        """What was put under `key`; None for nothing, what is too old, or a damaged file."""
        return await self._do(lambda: self._get(key))

    async def put(self, key: str, data: bytes) -> None:
        """Keep data under `key`, in place of what was there; then remove what is too old or too much."""
        await self._do(lambda: self._put(key, data))

    async def remove(self, key: str) -> None:
        """Remove what is under `key`, if anything is."""
        await self._do(lambda: self._path(key).unlink(missing_ok=True))

    async def clear(self) -> int:
        """Remove everything; how many replies that were."""
        return await self._do(lambda: sum(_removed(path) for path, _ in self._kept()))

    async def size(self) -> tuple[int, int]:
        """How many replies are kept, and their bytes together."""
        kept = await self._do(self._kept)
        return len(kept), sum(status.st_size for _, status in kept)

    async def _do(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.to_thread(work)
        except OSError as error:
            raise StoreError(
                f"The response cache cannot be used: {error.strerror}.", f"It is in {self._folder}."
            ) from None

    def _get(self, key: str) -> bytes | None:
        path = self._path(key)
        try:
            data, put_at = path.read_bytes(), path.stat().st_mtime
        except FileNotFoundError:
            return None
        unpacker = zlib.decompressobj()
        try:
            found = unpacker.decompress(data, LARGEST_BYTES)
        except zlib.error:
            found = b""
        if not unpacker.eof or not 0 <= self._now() - put_at <= self._most_seconds:
            path.unlink(missing_ok=True)
            return None
        with suppress(FileNotFoundError):  # another chatterm removed it just now
            os.utime(path, (self._now(), put_at))
        return found

    def _put(self, key: str, data: bytes) -> None:
        make_private_folder(self._folder)
        path = self._path(key)
        temporary = path.with_name(f".{key}.{os.getpid()}.tmp")
        temporary.unlink(missing_ok=True)
        try:
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with open(handle, "wb") as file:
                file.write(zlib.compress(data, 1))
            os.utime(temporary, (self._now(), self._now()))
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        self._trim()

    def _trim(self) -> None:
        kept = sorted(self._kept(), key=lambda item: item[1].st_atime, reverse=True)
        total, now = 0, self._now()
        for path, status in kept:
            total += status.st_size
            if total > self._most_bytes or now - status.st_mtime > self._most_seconds:
                _removed(path)

    def _kept(self) -> list[tuple[Path, os.stat_result]]:
        kept: list[tuple[Path, os.stat_result]] = []
        try:
            names = os.listdir(self._folder)
        except FileNotFoundError:
            return []
        for name in names:
            path = self._folder / name
            if name.endswith(SUFFIX):
                with suppress(FileNotFoundError):
                    kept.append((path, path.stat()))
        return kept

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}{SUFFIX}"


def _removed(path: Path) -> bool:
    path.unlink(missing_ok=True)
    return True
