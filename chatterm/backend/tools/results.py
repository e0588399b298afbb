"""Results of tools as the model gets them: bounded, the whole kept in a file that the user can open."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from chatterm.backend.daemon_thread import in_daemon_thread
from chatterm.config.paths import private_folder
from chatterm.core.clean import well_formed
from chatterm.core.ids import new_id

KEPT_BYTES = 100 * 1024 * 1024
"""What all kept results may take together; the oldest go first."""

HEAD_SHARE = 0.75
"""How much of what the model gets is the beginning of a long result; the rest is its end."""


def cut(text: str, most_bytes: int, where: str) -> str:
    """The text in at most about `most_bytes` of UTF-8: its beginning and its end, and between them what is missing.

    `where` says where all of it is. A text that is short enough is returned as it is.
    """
    data = text.encode(errors="replace")
    if len(data) <= most_bytes:
        return text
    head = data[: int(most_bytes * HEAD_SHARE)].decode(errors="ignore")
    tail = data[len(data) - (most_bytes - int(most_bytes * HEAD_SHARE)) :].decode(errors="ignore")
    missing = len(data) - len(head.encode()) - len(tail.encode())
    return f"{head}\n[{missing:,} bytes are left out here. {where}]\n{tail}"


class KeptResults:
    """A folder of results that were too long for the model, one file each; readable by the user alone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def keep(self, tool: str, text: str) -> str:
        """Write a result of a tool; the path of its file, empty where it cannot be written."""
        name = f"{datetime.now():%Y%m%d-%H%M%S}-{tool}-{new_id()[-6:]}"
        return await in_daemon_thread(lambda: self._write(name, text), "chatterm-result")

    def _write(self, name: str, text: str) -> str:
        path = self._folder / f"{name}.txt"
        try:
            private_folder(self._folder)
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(well_formed(text).encode())
        except OSError:
            with suppress(OSError):
                path.unlink()  # the half of it that the disk had room for
            return ""
        with suppress(OSError):
            self._make_room(path)
        return str(path)

    def _make_room(self, newest: Path) -> None:
        """Remove the oldest files beyond `KEPT_BYTES`; never the one just written."""
        files: list[tuple[float, int, Path]] = []
        for path in self._folder.glob("*.txt"):
            with suppress(FileNotFoundError):  # another program makes room, too
                about = path.lstat()
                files.append((about.st_mtime, about.st_size, path))
        taken = 0
        for _, size, path in sorted(files, reverse=True):
            taken += size
            if taken > KEPT_BYTES and path != newest:
                path.unlink(missing_ok=True)
