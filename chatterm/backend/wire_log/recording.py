"""Writes requests and responses to a file as they happen; `exchange_lines` describes the file."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from chatterm import __version__
from chatterm.backend.wire_log.exchange_lines import VERSION, AnyLine, EndLine, Header, RequestLine
from chatterm.core.clean import clean_line
from chatterm.core.errors import ConfigError

CLOSE_SECONDS = 0.3


class Recording:
    """A file that is being written. `count` is how many requests are in it.

    `on_problem` is called, on another thread, with what to tell when the file takes nothing any more. The file is
    new, and readable for its owner alone. Raises `ConfigError` where it cannot be made.
    """

    def __init__(self, path: Path, on_problem: Callable[[str], None] = lambda text: None) -> None:
        self.path = path
        self.count = 0
        self.problem = ""
        self.on_problem = on_problem
        self._running: set[int] = set()
        self._lines: queue.SimpleQueue[AnyLine | None] = queue.SimpleQueue()
        name = clean_line(str(path))
        try:
            self._file = os.open(
                path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600
            )
        except FileExistsError:
            raise ConfigError(f"{name} is there already.", "Name a new file to record to.") from None
        except OSError as error:
            raise ConfigError(
                f"{name} cannot be recorded to: {error.strerror}.", "Name another file."
            ) from None
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self._write(Header(version=VERSION, program=f"chatterm {__version__}", at=now))
        # Its own thread: a disk that stands still must not hold up the screen, nor the exit.
        self._writer = threading.Thread(target=self._serve, name="chatterm-recording", daemon=True)
        self._writer.start()

    def take(self, line: AnyLine, turn_id: str) -> None:
        """Write the next line of an exchange; not of one that began before the recording."""
        if isinstance(line, RequestLine):
            self._running.add(line.exchange)
            self.count += 1
        if line.exchange in self._running:
            self._lines.put(line)
        if isinstance(line, EndLine):
            self._running.discard(line.exchange)

    def close(self, within_seconds: float = CLOSE_SECONDS) -> None:
        """Write what is left and close the file, in bounded time. May be called again."""
        self._lines.put(None)
        self._writer.join(within_seconds)

    def _serve(self) -> None:
        while (line := self._lines.get()) is not None:
            if not self.problem:
                self._write(line)
        os.close(self._file)

    def _write(self, line: AnyLine | Header) -> None:
        data = memoryview(msgspec.json.encode(line) + b"\n")
        try:
            while data:
                data = data[os.write(self._file, data) :]
        except OSError as error:
            name = clean_line(str(self.path))
            self.problem = (
                f"{name} takes nothing any more ({error.strerror}): the recording ends before this."
            )
            self.on_problem(self.problem)
