"""Which running chatterm writes which reply: one locked file for each, in a folder beside the database."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

from chatterm.store.files import make_private_folder
from chatterm.store.locks import try_lock

_SUFFIX = ".lock"


class Instances:
    """This process among all that use the same database. `name` is stored with every reply it writes."""

    def __init__(self, folder: Path) -> None:
        make_private_folder(folder)
        self._folder = folder
        # The start time tells two processes apart that were given the same id one after the other.
        self.name = f"{os.getpid()}-{time.time_ns()}"
        self._handle = self._register()

    def is_alive(self, name: str) -> bool:
        """Whether the process of that name still runs; this one does."""
        try:
            handle = os.open(self._path(name), os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            return not try_lock(handle)
        finally:
            os.close(handle)

    def clear(self) -> None:
        """Remove the files of processes that are gone."""
        for path in self._folder.glob("*" + _SUFFIX):
            if not self.is_alive(path.name.removesuffix(_SUFFIX)):
                path.unlink(missing_ok=True)

    def close(self) -> None:
        """Take this process out."""
        with suppress(OSError):
            self._path(self.name).unlink()
        os.close(self._handle)

    def _register(self) -> int:
        # Locked before it has its name, so that nobody ever sees the file of a live process unlocked.
        unnamed = self._folder / f".{self.name}"
        handle = os.open(unnamed, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try_lock(handle)
        unnamed.rename(self._path(self.name))
        return handle

    def _path(self, name: str) -> Path:
        return self._folder / (name + _SUFFIX)
