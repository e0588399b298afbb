"""Files that go with a prompt: found in its text as `@path`, checked, and read once with a limit."""

from __future__ import annotations

import os
import re
import stat
from collections import Counter
from collections.abc import Container
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from chatterm.core.clean import clean_line
from chatterm.core.errors import AttachmentError
from chatterm.core.messages import FilePart, ImagePart, Part

IMAGE_LIMIT_BYTES = 20 * 1024 * 1024
"""For PDF files as well."""
TEXT_LIMIT_BYTES = 10 * 1024 * 1024

_MENTION = re.compile(r"(?:^|(?<=\s))@(?:\"([^\"\n]+)\"|(\S+))")
_TRAILING = ".,;:!?)]}'\""

PDF = "application/pdf"

_SIGNATURES = (
    (b"%PDF-", PDF),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)


class BlobStore(Protocol):
    """Where the bytes of attachments are kept."""

    async def put_blob(self, media_type: str, data: bytes) -> str: ...


class HeldBlobs:
    """Keeps bytes in memory, for attachments that the history cannot take."""

    def __init__(self) -> None:
        self._data: dict[str, bytes] = {}
        self._times: Counter[str] = Counter()

    async def put_blob(self, media_type: str, data: bytes) -> str:
        """Keep the bytes; their SHA-256 in hexadecimal."""
        digest = sha256(data).hexdigest()
        self._data[digest] = data
        self._times[digest] += 1
        return digest

    def get(self, digest: str) -> bytes | None:
        """The bytes, or None where they are not kept here."""
        return self._data.get(digest)

    def let_go(self, digest: str) -> None:
        """Forget the bytes, once for each time that they were put here."""
        self._times[digest] -= 1
        if self._times[digest] <= 0:
            self._times.pop(digest, None)
            self._data.pop(digest, None)


@dataclass(frozen=True, slots=True)
class LoadedFile:
    """An attachment read from disk; `media_type` is told from its bytes, not from its name."""

    path: Path
    media_type: str
    data: bytes

    @property
    def is_image(self) -> bool:
        """Whether it goes to the model as a picture."""
        return self.media_type.startswith("image/")


def mentioned_paths(text: str, folder: Path) -> list[Path]:
    """The existing files that the text names as `@path` or `@"path with spaces"`, in order, each once.

    What names no existing file is left alone: an `@name` is often a person or a decorator, and a folder is
    something to talk about.
    """
    found: dict[Path, None] = {}
    for quoted, bare in _MENTION.findall(text):
        for word in (quoted,) if quoted else (bare, bare.rstrip(_TRAILING)):
            path = _absolute(word, folder)
            if path is not None and os.path.lexists(path):
                if not os.path.isdir(path):
                    found[path] = None
                break
    return list(found)


def other_mentions(text: str, folder: Path) -> list[tuple[str, ...]]:
    """What else the text names as `@word`: each in its readings, as it stands and without punctuation after it."""
    found: list[tuple[str, ...]] = []
    for quoted, bare in _MENTION.findall(text):
        readings = (quoted,) if quoted else (bare, bare.rstrip(_TRAILING))
        paths = [_absolute(word, folder) for word in readings]
        if not any(path is not None and os.path.lexists(path) for path in paths):
            found.append(readings)
    return found


def unfound_mentions(text: str, folder: Path, known: Container[str] = ()) -> list[str]:
    """Words that look like `@path`, with a dot or a slash inside, and name no existing file; none that is `known`."""
    found: list[str] = []
    for quoted, bare in _MENTION.findall(text):
        word = quoted or bare.rstrip(_TRAILING)
        if word in known or bare in known:
            continue
        path = _absolute(word, folder)
        if re.search(r"\w[./]|[./]\w", word) and not (path is not None and os.path.lexists(path)):
            found.append(clean_line(f"@{word}", 80))
    return list(dict.fromkeys(found))


def read_attachment(path: Path) -> LoadedFile:
    """Read a regular file of text, a PDF or an image. Blocking: call it in a thread. Raises `AttachmentError`."""
    name = clean_line(str(path))
    try:
        # O_NONBLOCK: opening a FIFO must not wait for a writer.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        raise AttachmentError(f"{name} cannot be read: {error.strerror}.", "Check the path.") from None
    except ValueError:
        raise AttachmentError(f"{name} is not a path.", "Check the path.") from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise AttachmentError(f"{name} is not a regular file.", "Name a text file, a PDF or an image.")
    with os.fdopen(handle, "rb") as file:
        data = file.read(IMAGE_LIMIT_BYTES + 1)
    return _checked(path, name, data)


def loaded_from(name: str, data: bytes) -> LoadedFile:
    """An attachment of these bytes, as a file of this name would be. Blocking. Raises `AttachmentError`."""
    return _checked(Path(name.replace("/", "_")), clean_line(name), data)


async def store_attachment(file: LoadedFile, blobs: BlobStore) -> Part:
    """Put the bytes into the store; the part names them."""
    digest = await blobs.put_blob(file.media_type, file.data)
    if file.is_image:
        return ImagePart(file.media_type, digest, file.path.name)
    return FilePart(file.path.name, file.media_type, digest)


def _checked(path: Path, name: str, data: bytes) -> LoadedFile:
    if not data:
        raise AttachmentError(f"{name} is empty.", "Nothing was attached.")
    media_type = _media_type(data)
    if media_type is None:
        raise AttachmentError(
            f"{name} is neither text nor an image.", "Text files, PDF, PNG, JPEG, GIF and WebP work."
        )
    is_text = media_type != PDF and not media_type.startswith("image/")
    limit = TEXT_LIMIT_BYTES if is_text else IMAGE_LIMIT_BYTES
    if len(data) > limit:
        raise AttachmentError(
            f"{name} is larger than {limit // (1024 * 1024)} MB.", "Attach a smaller file or a part of it."
        )
    return LoadedFile(path, media_type, data)


def _media_type(data: bytes) -> str | None:
    for signature, media_type in _SIGNATURES:
        if data.startswith(signature):
            return media_type
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    if b"\0" in data:
        return None
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        # Reading stops at the limit, perhaps inside a character; the size check then says what is wrong.
        cut = error.start >= len(data) - 4 and len(data) > TEXT_LIMIT_BYTES
        return "text/plain" if cut else None
    return "text/plain"


def _absolute(word: str, folder: Path) -> Path | None:
    if not word or "\0" in word:
        return None
    try:
        return folder / Path(word).expanduser()
    except RuntimeError:  # ~nobody: no such user
        return None
