"""Bytes of a streamed reply -> frames, for server-sent events and for JSON lines. Pure and incremental.

Sources: WHATWG HTML, "Server-sent events", section "Interpreting an event stream"; ndjson.org for JSON lines.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Protocol, assert_never

from chatterm.backend.providers.base import Frame, Framing
from chatterm.core.errors import ProtocolError

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
DONE_MARKER = b"[DONE]"


class Splitter(Protocol):
    """Cuts one response into frames. Any division of the bytes into chunks gives the same frames.

    `keep_alives` counts what arrived only to show life: comments, events without data, blank JSON lines.
    """

    keep_alives: int

    def feed(self, chunk: bytes, at: float) -> Iterator[Frame]:
        """Frames that end in this chunk, stamped with `at`; iterate it to its end before the next chunk.

        Raises `ProtocolError` as soon as one event is larger than the limit, after the frames before it.
        """
        ...

    def end(self, at: float) -> Iterator[Frame]:
        """The frame that the end of the bytes completes, if there is one. What is cut short is dropped."""
        ...


def new_splitter(framing: Framing, event_bytes: int) -> Splitter:
    """The splitter for a wire format's framing; no event may be larger than `event_bytes`."""
    if framing == "sse":
        return SseSplitter(event_bytes)
    if framing == "ndjson":
        return NdjsonSplitter(event_bytes)
    assert_never(framing)


class SseSplitter:
    """Server-sent events. Lines end in CRLF, LF or CR and in nothing else, so text may hold U+2028 or U+0085.

    Two things differ from the specification: an event whose data is empty counts as a keep-alive, and data
    left at the end of the bytes is an event if it is complete, since small servers omit the last blank line.
    """

    def __init__(self, event_bytes: int) -> None:
        self.keep_alives = 0
        self._event_bytes = event_bytes
        self._line = bytearray()
        self._after_cr = False
        self._is_first_line = True
        self._data: list[bytes] = []
        self._data_bytes = 0
        self._event = ""

    def feed(self, chunk: bytes, at: float) -> Iterator[Frame]:
        """See `Splitter.feed`."""
        if self._after_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]  # the second half of a CRLF whose first half already ended the line
            self._after_cr = False
        if not chunk:
            return
        self._after_cr = chunk.endswith(b"\r")
        # bytes.splitlines knows CRLF, LF and CR only, unlike its namesake on str
        lines = chunk.splitlines()
        rest = b"" if chunk.endswith((b"\n", b"\r")) else lines.pop()
        if self._line and lines:
            lines[0] = bytes(self._line + lines[0])
            self._line.clear()
        for line in lines:
            if self._data_bytes + len(line) > self._event_bytes:
                raise _too_large(self._event_bytes)
            if self._is_first_line:
                self._is_first_line = False
                line = line.removeprefix(BYTE_ORDER_MARK)
            if line:
                self._take_line(line)
            elif (frame := self._dispatched(at)) is not None:
                yield frame
        if rest:
            self._line += rest
            if self._data_bytes + len(self._line) > self._event_bytes:
                raise _too_large(self._event_bytes)

    def end(self, at: float) -> Iterator[Frame]:
        """See `Splitter.end`."""
        line = bytes(self._line)
        self._line.clear()
        if self._is_first_line:
            line = line.removeprefix(BYTE_ORDER_MARK)
        if line:
            self._take_line(line)
        data = b"\n".join(self._data)
        if data.strip() == DONE_MARKER or _is_whole_json(data):
            yield Frame(at, data, self._event)

    def _take_line(self, line: bytes) -> None:
        """A line that is not blank."""
        name, _, value = line.partition(b":")
        if value.startswith(b" "):
            value = value[1:]
        if name == b"data":
            self._data.append(value)
            self._data_bytes += len(value) + 1
        elif name == b"event":
            self._event = value.decode("utf-8", "replace")
        elif not name:
            self.keep_alives += 1

    def _dispatched(self, at: float) -> Frame | None:
        """The frame that a blank line ends."""
        lines, event = self._data, self._event
        if not (lines or event):
            return None
        self._data, self._data_bytes, self._event = [], 0, ""
        if data := lines[0] if len(lines) == 1 else b"\n".join(lines):
            return Frame(at, data, event)
        self.keep_alives += 1
        return None


class NdjsonSplitter:
    """JSON lines, each ended by LF or CRLF. A last line without its end is a frame if it is complete."""

    def __init__(self, event_bytes: int) -> None:
        self.keep_alives = 0
        self._event_bytes = event_bytes
        self._line = bytearray()
        self._is_first_line = True

    def feed(self, chunk: bytes, at: float) -> Iterator[Frame]:
        """See `Splitter.feed`."""
        start = 0
        while (stop := chunk.find(b"\n", start)) >= 0:
            self._extend(chunk[start:stop])
            start = stop + 1
            if (frame := self._take_line(at)) is not None:
                yield frame
        self._extend(chunk[start:])

    def end(self, at: float) -> Iterator[Frame]:
        """See `Splitter.end`."""
        is_whole = _is_whole_json(bytes(self._line).removeprefix(BYTE_ORDER_MARK))
        if is_whole and (frame := self._take_line(at)) is not None:
            yield frame

    def _extend(self, piece: bytes) -> None:
        self._line += piece
        if len(self._line) > self._event_bytes:
            raise _too_large(self._event_bytes)

    def _take_line(self, at: float) -> Frame | None:
        line = bytes(self._line)
        self._line.clear()
        if self._is_first_line:
            self._is_first_line = False
            line = line.removeprefix(BYTE_ORDER_MARK)
        line = line.strip()
        if line:
            return Frame(at, line)
        self.keep_alives += 1
        return None


def _too_large(limit: int) -> ProtocolError:
    return ProtocolError(
        f"one event of the reply is larger than {limit:,} bytes",
        "The server may not be the API it is taken for. What came before is kept.",
    )


def _is_whole_json(data: bytes) -> bool:
    """Whether the data is one complete object or array: those cannot be the beginning of a longer one."""
    if not data.lstrip().startswith((b"{", b"[")):
        return False
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True
