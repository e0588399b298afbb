"""The files of a batch: its output, a line for each reply, and the journal beside it.

Whatever ends the program, a line is whole in the output or not there at all as far as the next run is concerned:
each is written by one call, a torn one at the end is cut away, and what is rewritten takes the place of the old file
in one step. Each line is in the system's hands once it is written, so that a killed program loses none; it is
synced to the disk once a second and at the end, so that a power cut loses at most what came in the last second.

The journal is `OUTPUT.batch`. It holds the digest of the input, is synced with every line, and is locked (flock)
while a program writes here.
"""

from __future__ import annotations

import os
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

import msgspec

from chatterm.backend.batch.lines import WrittenLine
from chatterm.core.clean import clean_line
from chatterm.core.errors import ConfigError, StoreError
from chatterm.store.locks import try_lock

T = TypeVar("T")

JOURNAL_SUFFIX = ".batch"
JOURNAL_VERSION = 1
SYNC_SECONDS = 1.0


class _Header(msgspec.Struct, frozen=True, kw_only=True):
    chatterm_batch: int
    input_sha256: str


class LineFile:
    """A file that lines are added to. What is torn at its end is cut away when it is opened; raises OSError."""

    def __init__(self, path: Path, mode: int) -> None:
        self.path = path
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
        self._handle = os.open(path, flags, mode)
        if not stat.S_ISREG(os.fstat(self._handle).st_mode):
            os.close(self._handle)
            raise OSError(22, "not a regular file")
        self._synced_at = time.monotonic()

    @property
    def size(self) -> int:
        """In bytes."""
        return os.fstat(self._handle).st_size

    def lock(self) -> bool:
        """Keep others out, for as long as the file is open; False where somebody else does."""
        return try_lock(self._handle)

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Every line with its end, and where it begins; a last one without an end is cut away instead."""
        begin = 0
        with open(self.path, "rb") as file:
            for raw in file:
                if not raw.endswith(b"\n"):
                    self.cut(begin)
                    return
                yield begin, raw
                begin += len(raw)

    def cut(self, size: int) -> None:
        """Leave the first bytes only."""
        os.ftruncate(self._handle, size)

    def append(self, data: bytes) -> None:
        """Add lines. Where that fails nothing of them is there."""
        before, rest = self.size, memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._handle, rest) :]
        except OSError:
            self.cut(before)
            raise
        if time.monotonic() - self._synced_at >= SYNC_SECONDS:
            self.sync()

    def sync(self) -> None:
        """Have all on the disk."""
        os.fdatasync(self._handle)
        self._synced_at = time.monotonic()

    def close(self) -> None:
        """Give the file back, and with it its lock."""
        os.close(self._handle)


class BatchFiles:
    """The output and the journal of one batch, ours alone. `done` are the ids whose lines are complete.

    What was written of others is taken out of the output: they are to be asked again. Blocking. Raises `ConfigError`
    where the output is another's, or of another input, and `StoreError` where a file cannot be read or written.
    """

    def __init__(self, output: Path, digest: str) -> None:
        self.path = output
        self._name = clean_line(str(output))
        self.done: set[str] = set()
        self._busy = threading.Lock()  # writes are made on threads that nobody waits for at the end
        self._is_closed = False
        real = _guarded(self._name, output.resolve)
        self._journal = _guarded(f"{self._name}{JOURNAL_SUFFIX}", lambda: LineFile(_beside(real), 0o600))
        with ExitStack() as undo:
            undo.callback(self._journal.close)
            self.entries = self._begin(real, digest)
            self._output = _guarded(self._name, lambda: LineFile(real, 0o666))
            _guarded(self._name, self._take_up)
            undo.pop_all()

    def write(self, line: bytes) -> None:
        """Add a line to the output."""
        self._change(self._name, lambda: self._output.append(line))

    def note(self, entry: bytes) -> None:
        """Add a line to the journal; it is on the disk when this returns."""

        def add() -> None:
            self._journal.append(entry)
            self._journal.sync()

        self._change(self._name + JOURNAL_SUFFIX, add)

    def sort(self) -> None:
        """Put the lines of the output into the order of the input."""
        self._change(self._name, self._sort)

    def close(self) -> None:
        """Sync and give the files back; what is on its way is waited for, and nothing is written afterwards."""
        with self._busy:
            self._is_closed = True
            try:
                _guarded(self._name, self._output.sync)
            finally:
                self._output.close()
                self._journal.close()

    def _change(self, name: str, work: Callable[[], None]) -> None:
        with self._busy:
            if self._is_closed:
                raise StoreError(f"{name} is closed already.")
            _guarded(name, work)

    def _sort(self) -> None:
        places = list[tuple[int, int]]()
        for begin, raw in self._output.lines():
            places.append((msgspec.json.decode(raw, type=WrittenLine).line, begin))
        if places != sorted(places):
            self._replace([begin for _, begin in sorted(places)])

    # ---- at the start --------------------------------------------------------------------------

    def _begin(self, real: Path, digest: str) -> list[bytes]:
        """The entries of the journal behind its header, which is made for a new output."""
        if not self._journal.lock():
            raise ConfigError(
                f"{self._name} is being written by another chatterm batch.",
                "Wait for it, or name another output.",
            )
        entries = _guarded(self._name, lambda: [raw for _, raw in self._journal.lines()])
        if not entries:
            if real.exists() and real.stat().st_size:
                self._journal.path.unlink()
                raise ConfigError(
                    f"{self._name} is there already, and not by chatterm batch.", "Name another output."
                )
            header = _Header(chatterm_batch=JOURNAL_VERSION, input_sha256=digest)
            self.note(msgspec.json.encode(header) + b"\n")
            return []
        try:
            header = msgspec.json.decode(entries[0], type=_Header)
        except msgspec.DecodeError:
            header = None
        if header is None or header.chatterm_batch != JOURNAL_VERSION:
            raise ConfigError(
                f"{self._name}{JOURNAL_SUFFIX} is no journal of a batch that this version reads.",
                "Name another output.",
            )
        if header.input_sha256 != digest:
            raise ConfigError(
                f"The input is not the one that {self._name} was begun with.",
                f"Put the input back as it was, or name another output; to begin anew, delete {self._name} and"
                f" {self._name}{JOURNAL_SUFFIX}.",
            )
        return entries[1:]

    def _take_up(self) -> None:
        kept, others, torn = list[int](), False, -1
        for number, (begin, raw) in enumerate(self._output.lines(), 1):
            if torn >= 0:
                raise ConfigError(
                    f"{self._name}:{number - 1} is no line of a batch.",
                    "Put it right, or name another output.",
                )
            try:
                line = msgspec.json.decode(raw, type=WrittenLine)
            except msgspec.DecodeError:
                torn = begin
                continue
            if line.is_complete and str(line.id) not in self.done:
                self.done.add(str(line.id))
                kept.append(begin)
            else:
                others = True
        if others:
            self._replace(kept)
        elif torn >= 0:  # a power cut may leave zeros where the last line was
            self._output.cut(torn)

    def _replace(self, begins: list[int]) -> None:
        """Have these lines alone in the output, in this order."""
        real = self._output.path
        temporary = real.with_name(f".{real.name}.{os.getpid()}.tmp")
        mode = stat.S_IMODE(real.stat().st_mode)
        try:
            with open(real, "rb") as old, open(temporary, "wb") as new:
                os.fchmod(new.fileno(), mode)
                for begin in begins:
                    old.seek(begin)
                    new.write(old.readline())
                new.flush()
                os.fsync(new.fileno())
            temporary.replace(real)
            before, self._output = self._output, LineFile(real, mode)
            before.close()
        finally:
            temporary.unlink(missing_ok=True)


def _beside(output: Path) -> Path:
    return output.with_name(output.name + JOURNAL_SUFFIX)


def _guarded(name: str, work: Callable[[], T]) -> T:
    try:
        return work()
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise StoreError(
            f"{name} cannot be read or written ({reason}).",
            "What is in it stays; see to it, then run the same command to go on.",
        ) from None
