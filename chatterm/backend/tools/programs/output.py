"""What a program writes, in bounded memory: its beginning and its end."""

from __future__ import annotations

KEPT_BYTES = 8 * 1024 * 1024
"""How much of an output is kept; what is missing, is missing in the middle."""

SHOWN_BYTES = 4000
"""How much of the end is told while the program runs."""


class ProgramOutput:
    """Takes output as it comes. Takes up twice `kept_bytes` at most, however much there is."""

    def __init__(self, kept_bytes: int = KEPT_BYTES) -> None:
        self._half = kept_bytes // 2
        self._head, self._tail = bytearray(), bytearray()
        self._dropped = 0

    @property
    def size(self) -> int:
        """How many bytes were written."""
        return len(self._head) + self._dropped + len(self._tail)

    @property
    def is_full(self) -> bool:
        """Whether something had to be left out."""
        return self._dropped > 0

    def feed(self, data: bytes) -> None:
        """Take what was written next."""
        room = max(0, self._half - len(self._head))
        self._head += data[:room]
        self._tail += data[room:]
        if len(self._tail) > 3 * self._half:
            self._drop()

    def end(self) -> str:
        """The last of it, to show while there is more to come."""
        data = self._tail[-SHOWN_BYTES:]
        if len(data) < SHOWN_BYTES:
            data = self._head[len(data) - SHOWN_BYTES :] + data
        return data.decode(errors="replace")

    def text(self) -> str:
        """All that was kept, with a line in the place of what was not. Of binary output, only that it is binary."""
        self._drop()
        if b"\0" in self._head or b"\0" in self._tail:
            return f"[binary output: {self.size:,} bytes, not shown]"
        if not self._dropped:
            return (self._head + self._tail).decode(errors="replace")
        missing = f"\n[{self._dropped:,} bytes of the output are left out here.]\n"
        return self._head.decode(errors="ignore") + missing + self._tail.decode(errors="ignore")

    def _drop(self) -> None:
        if (over := len(self._tail) - self._half) > 0:
            self._dropped += over
            del self._tail[:over]
