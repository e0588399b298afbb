"""Coded bodies. None is asked for, but some servers compress all the same."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import Protocol

from chatterm.core.clean import clean_line
from chatterm.core.errors import ProtocolError

PIECE_BYTES = 64 * 1024
"""Largest piece decoded at a time, so that a small body cannot fill the memory before it is counted."""

GZIP_OR_ZLIB = zlib.MAX_WBITS | 32
"""Lets zlib tell the two by their first bytes."""


class Coding(Protocol):
    """Turns the bytes of a body, as they come, into what they stand for."""

    def feed(self, chunk: bytes) -> Iterable[bytes]:
        """Decoded pieces, of at most 64 KB each where they were coded. Raises `ProtocolError` for broken bytes."""
        ...

    def end(self) -> None:
        """The bytes are over. Raises `ProtocolError` if the body was cut."""
        ...


def new_coding(content_encoding: str, host: str) -> Coding:
    """The coding that a Content-Encoding header names (RFC 9110, section 8.4).

    Raises `ProtocolError` for all but gzip and deflate.
    """
    name = content_encoding.strip().lower()
    if name in ("", "identity"):
        return Identity()
    if name in ("gzip", "x-gzip", "deflate"):
        return Deflate(host)
    raise ProtocolError(
        f"{host} sent its answer in the coding {clean_line(name, 40)!r}, which was not asked for",
        "Turn compression off at the server or the proxy in front of it.",
    )


class Identity:
    """A body as it is."""

    def feed(self, chunk: bytes) -> Iterable[bytes]:
        """See `Coding.feed`."""
        return (chunk,)

    def end(self) -> None:
        """See `Coding.end`."""


class Deflate:
    """A gzip body of one or more members, or a zlib body (RFC 1952, RFC 1950)."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._inflate = zlib.decompressobj(GZIP_OR_ZLIB)
        self._began = False

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """See `Coding.feed`."""
        rest, is_full = chunk, False
        while rest or is_full:  # a full piece may have left output inside zlib
            if self._inflate.eof:
                self._inflate = zlib.decompressobj(GZIP_OR_ZLIB)
            self._began = True
            try:
                piece = self._inflate.decompress(rest, PIECE_BYTES)
            except zlib.error:
                raise self._broken("is not compressed as it says") from None
            rest = self._inflate.unused_data or self._inflate.unconsumed_tail
            is_full = len(piece) == PIECE_BYTES and not self._inflate.eof
            if piece:
                yield piece

    def end(self) -> None:
        """See `Coding.end`."""
        if self._began and not self._inflate.eof:
            raise self._broken("ends in the middle of its compressed data")

    def _broken(self, what: str) -> ProtocolError:
        return ProtocolError(
            f"the answer of {self._host} {what}",
            "Turn compression off at the server or the proxy in front of it.",
        )
