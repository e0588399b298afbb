"""What files were before a tool changed them, kept so that it can be taken back."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from chatterm.config.paths import private_folder

MOST_COPIES = 200
MOST_BYTES = 50 * 1024 * 1024

_SUFFIX = ".undo"
_MOST_HEADER_BYTES = 64 * 1024


class UndoCopy(msgspec.Struct, frozen=True, kw_only=True):
    """One file as it was. `before` and `after` are SHA-256 of it and of what the tool made of it.

    `before` "": there was no file. `root` and `parts` say where it is, `mode` are its permissions, `bytes` is how
    long it was, `at` the time of the change in seconds since 1970.
    """

    id: str
    at: float
    tool: str
    root: str
    parts: tuple[str, ...]
    mode: int
    bytes: int
    before: str
    after: str

    @property
    def path(self) -> str:
        """The absolute path of the file."""
        return os.path.join(self.root, *self.parts)

    @property
    def when(self) -> datetime:
        """The time of the change, in UTC."""
        return datetime.fromtimestamp(self.at, UTC)

    @property
    def was_new(self) -> bool:
        """Whether the tool made the file, so that to take it back is to remove it."""
        return not self.before


@dataclass(frozen=True, slots=True)
class UndoCopies:
    """The newest copies in a folder for this user alone, at most 200 and 50 MB. All methods block.

    Each is one file: a line of JSON, then the bytes. Several programs may share the folder.
    """

    folder: Path

    def keep(
        self, *, tool: str, root: str, parts: tuple[str, ...], mode: int, data: bytes, before: str, after: str
    ) -> UndoCopy:
        """Keep a file before it is changed; the oldest copies go. Raises OSError."""
        private_folder(self.folder)
        while True:
            now = time.time_ns()
            copy = UndoCopy(
                id=f"{now:020}",
                at=now / 1e9,
                tool=tool,
                root=root,
                parts=parts,
                mode=mode,
                bytes=len(data),
                before=before,
                after=after,
            )
            try:
                self._write(copy, data)
            except FileExistsError:
                continue
            self._drop_oldest()
            return copy

    def all(self) -> list[UndoCopy]:
        """All that are kept, the newest first; damaged ones are left out."""
        found = (self._read(path)[0] for path in reversed(self._files()))
        return [copy for copy in found if copy is not None]

    def get(self, copy_id: str) -> tuple[UndoCopy, bytes] | None:
        """A copy and the bytes of the file, or None if it is not kept any more."""
        path = next((path for path in self._files() if path.stem == copy_id), None)
        copy, data = (None, b"") if path is None else self._read(path, whole=True)
        return None if copy is None or len(data) != copy.bytes else (copy, data)

    def drop(self, copy_id: str) -> None:
        """Forget a copy, such as that of a change which then was not made."""
        (self.folder / f"{copy_id}{_SUFFIX}").unlink(missing_ok=True)

    def _write(self, copy: UndoCopy, data: bytes) -> None:
        path = self.folder / f"{copy.id}{_SUFFIX}"
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        is_whole = False
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(msgspec.json.encode(copy) + b"\n")
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            is_whole = True
        finally:
            if not is_whole:
                path.unlink(missing_ok=True)

    def _files(self) -> list[Path]:
        try:
            return sorted(path for path in self.folder.iterdir() if path.suffix == _SUFFIX)
        except OSError:
            return []

    def _read(self, path: Path, *, whole: bool = False) -> tuple[UndoCopy | None, bytes]:
        try:
            with path.open("rb") as file:
                copy = msgspec.json.decode(file.readline(_MOST_HEADER_BYTES), type=UndoCopy)
                return copy, file.read() if whole else b""
        except (OSError, ValueError):
            return None, b""

    def _drop_oldest(self) -> None:
        for path in self._too_many():
            path.unlink(missing_ok=True)

    def _too_many(self) -> Iterator[Path]:
        total = 0
        for number, path in enumerate(reversed(self._files())):
            try:
                total += path.stat().st_size
            except OSError:
                continue
            if number and (number >= MOST_COPIES or total > MOST_BYTES):
                yield path
