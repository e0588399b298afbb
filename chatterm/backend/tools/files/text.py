"""Bytes of files as text and back."""

from __future__ import annotations

import codecs
from dataclasses import dataclass

FILE_LIMIT_BYTES = 8 * 1024 * 1024
"""What file tools read or write of one file."""

_LOOK_BYTES = 8192

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"%PDF-", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive or an office document"),
    (b"\x1f\x8b", "gzip data"),
    (b"\x7fELF", "a program"),
    (b"SQLite format 3\0", "an SQLite database"),
)


@dataclass(frozen=True, slots=True)
class FileText:
    """The text of a file; `encoding` and `mark`, the bytes before it, are what makes bytes of it again."""

    text: str
    encoding: str = "utf-8"
    mark: bytes = b""

    def encoded(self, text: str) -> bytes:
        """Another text in the form of this file. Raises UnicodeEncodeError for lone surrogates."""
        return self.mark + text.encode(self.encoding)

    def is_all_of(self, data: bytes) -> bool:
        """Whether it makes the same bytes again, so that a part can be changed and nothing else is lost."""
        return self.encoded(self.text) == data


def binary_kind(data: bytes) -> str | None:
    """What a file that begins like this is, in words, if it is no text; else None."""
    for signature, kind in _SIGNATURES:
        if data.startswith(signature):
            return kind
    if any(data.startswith(mark) for mark, _ in _MARKS):
        return None
    return "binary data" if b"\0" in data[:_LOOK_BYTES] else None


def read_text(data: bytes) -> FileText:
    """Text by its byte order mark, else as UTF-8; what does not fit becomes U+FFFD."""
    mark, encoding = next((each for each in _MARKS if data.startswith(each[0])), (b"", "utf-8"))
    # Decoding leaves no surrogates, so that this is all which is needed for `well_formed`, and far quicker.
    text = data[len(mark) :].decode(encoding, "replace").replace("\0", "\u2400")
    return FileText(text, encoding, mark)
