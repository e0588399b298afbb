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
        for piece in chunk.splitlines(keepends=True):
            line = piece.rstrip(b"\r\n")
            _check_size(self._data_bytes + len(self._line) + len(line), self._event_bytes)
            if len(line) == len(piece):
                self._line += piece
                continue
            if self._line:
                line = bytes(self._line + line)
                self._line.clear()
            yield from self._take_line(line, at)

    def end(self, at: float) -> Iterator[Frame]:
        """See `Splitter.end`."""
        line = bytes(self._line)
        self._line.clear()
        if line:
            yield from self._take_line(line, at)
        data = b"\n".join(self._data)
        if data.strip() == DONE_MARKER or _is_whole_json(data):
            yield from self._dispatch(at)

    def _take_line(self, line: bytes, at: float) -> Iterator[Frame]:
        if self._is_first_line:
            self._is_first_line = False
            line = line.removeprefix(BYTE_ORDER_MARK)
        if not line:
            yield from self._dispatch(at)
            return
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
            self._data_bytes += len(value) + 1
        elif name == b"event":
            self._event = value.decode("utf-8", "replace")
        elif not name:
            self.keep_alives += 1

    def _dispatch(self, at: float) -> Iterator[Frame]:
        data, event = b"\n".join(self._data), self._event
        had_lines = bool(self._data)
        self._data.clear()
        self._data_bytes = 0
        self._event = ""
        if data:
            yield Frame(at, data, event)
        elif had_lines or event:
            self.keep_alives += 1


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
            _check_size(len(self._line) + stop - start, self._event_bytes)
            self._line += chunk[start:stop]
            start = stop + 1
            yield from self._take_line(at)
        _check_size(len(self._line) + len(chunk) - start, self._event_bytes)
        self._line += chunk[start:]

    def end(self, at: float) -> Iterator[Frame]:
        """See `Splitter.end`."""
        if _is_whole_json(bytes(self._line).removeprefix(BYTE_ORDER_MARK)):
            yield from self._take_line(at)

    def _take_line(self, at: float) -> Iterator[Frame]:
        line = bytes(self._line)
        self._line.clear()
        if self._is_first_line:
            self._is_first_line = False
            line = line.removeprefix(BYTE_ORDER_MARK)
        line = line.strip()
        if line:
            yield Frame(at, line)
        else:
            self.keep_alives += 1


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise ProtocolError(
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
