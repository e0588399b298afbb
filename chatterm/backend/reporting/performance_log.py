"""The performance log: one line of JSON for each request, in files that do not grow without end."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from queue import Empty, SimpleQueue

import msgspec

from chatterm.config.paths import private_folder
from chatterm.core.performance import AttemptRecord
from chatterm.store.encoding import encode_fields
from chatterm.store.locks import try_lock

LOG_NAME = "performance.jsonl"
LOG_BYTES = 10_000_000
"""A file that has grown to this is renamed, and a new one begun."""

LOGS_KEPT = 3
"""How many renamed files there are: NAME.1 is the youngest."""


_MEASURED = (
    *(
        "latency_seconds",
        "ttft_seconds",
        "first_text_seconds",
        "delta_gap_p50_seconds",
        "delta_gap_p95_seconds",
    ),
    *("resolve_seconds", "connect_seconds", "secure_seconds", "loop_lag_seconds", "tool_seconds"),
    *("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens"),
    *("cost_dollars", "tokens_per_second", "stalls", "retries", "tool_count", "peak_memory_bytes"),
)
"""What is never below 0, nor above `_MOST`: of such a line nothing can be believed."""

_MOST = 2.0**53
"""Beyond it a sum is not exact."""


class PerformanceLog:
    """Writes records to the file at `path`, for its owner alone. Several processes may share it.

    What the disk does not take is lost, and nobody is told: a reply is worth more than its record.
    """

    def __init__(self, path: Path, most_bytes: int = LOG_BYTES) -> None:
        self.path = path
        self._most_bytes = most_bytes
        self._encoder = msgspec.json.Encoder()
        self._records: SimpleQueue[AttemptRecord | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def take(self, record: AttemptRecord) -> None:
        """Write a record, later and on another thread."""
        self._records.put(record)
        if self._thread is None:  # a daemon, so that a disk that hangs cannot keep the program from ending
            self._thread = threading.Thread(target=self._serve, name="chatterm-performance", daemon=True)
            self._thread.start()

    def close(self, within_seconds: float) -> None:
        """Write what is left, in bounded time."""
        if self._thread is not None:
            self._records.put(None)
            self._thread.join(within_seconds)

    def _serve(self) -> None:
        record = self._records.get()
        while record is not None:
            lines = [self._line(record)]
            with suppress(Empty):  # those of many requests at a time cost one opened file
                while (record := self._records.get_nowait()) is not None:
                    lines.append(self._line(record))
            with suppress(OSError):
                self._write(b"".join(lines))
            if record is None:
                return
            record = self._records.get()

    def _line(self, record: AttemptRecord) -> bytes:
        try:
            return self._encoder.encode(record) + b"\n"
        except UnicodeEncodeError:  # a name with half a character
            return encode_fields(record).encode() + b"\n"

    def _write(self, lines: bytes) -> None:
        private_folder(self.path.parent)
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        file = os.open(self.path, flags, 0o600)
        try:
            size = os.fstat(file).st_size
            if size and os.pread(file, 1, size - 1) != b"\n":  # a line that was cut stays a line of its own
                lines = b"\n" + lines
            os.write(file, lines)
            if size + len(lines) > self._most_bytes and try_lock(file):
                self._rotate(file)
        finally:
            os.close(file)

    def _rotate(self, file: int) -> None:
        """Begin a new file, unless another process did so since this one was opened."""
        if not os.path.samestat(os.fstat(file), self.path.stat()):
            return
        names = [self.path, *(Path(f"{self.path}.{number}") for number in range(1, LOGS_KEPT + 1))]
        for younger, older in reversed(list(pairwise(names))):
            with suppress(FileNotFoundError):
                younger.replace(older)


def read_log(lines: Iterable[bytes]) -> Iterator[AttemptRecord | None]:
    """The records of these lines, in their order; None for a line that is damaged, or cannot be true."""
    decoder = msgspec.json.Decoder(AttemptRecord)
    for line in lines:
        try:
            record = decoder.decode(line)
            yield record if all(0 <= (getattr(record, name) or 0) <= _MOST for name in _MEASURED) else None
        except (msgspec.DecodeError, UnicodeDecodeError):
            if line.strip():
                yield None
