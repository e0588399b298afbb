"""Files and folders below one folder, reached so that nothing outside of it can be.

A path is taken apart as text, then walked from a handle of the root, name by name, without following a link: what
was checked is what is used, whoever swaps names meanwhile.
"""

from __future__ import annotations

import errno
import os
import stat
import time
import unicodedata
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from chatterm.backend.tools.files.denied_paths import DeniedPaths, Identity
from chatterm.backend.tools.stopping import Stop
from chatterm.core.clean import clean_line, well_formed
from chatterm.core.errors import InvalidCallError, ToolDeniedError, ToolError

MOST_PATH_BYTES = 4000
MOST_NAME_BYTES = 255

NEW_FOLDER_MODE = 0o755

_LOOK_UP_SECONDS = 1.0
_PIECE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Place:
    """A path below a root, made of names alone; that it exists is not said."""

    root: str
    parts: tuple[str, ...]

    @property
    def path(self) -> str:
        """The absolute path, which consent is for."""
        return os.path.join(self.root, *self.parts)

    @property
    def shown(self) -> str:
        """The path from the root, for an error or a result, on one line of at most 200 characters."""
        return clean_line("/".join(self.parts) or ".", 200)

    @property
    def above(self) -> Place:
        """The folder that it is in; that of the root is the root."""
        return Place(self.root, self.parts[:-1])

    def below(self, name: str) -> Place:
        """What has this name in this folder."""
        return Place(self.root, (*self.parts, name))


@dataclass(frozen=True, slots=True)
class _Forbidden:
    """Files and folders by what they are, and devices that are no disks."""

    identities: frozenset[Identity]
    devices: frozenset[int]


class MissingError(ToolError):
    """There is no such file or folder."""


class Root:
    """The folder that file tools are kept in. All methods but `place` block: call them in a thread."""

    def __init__(self, folder: str | Path, denied: DeniedPaths) -> None:
        self._given = os.path.abspath(folder)
        self.path = os.path.realpath(self._given)
        self.denied = denied
        self._forbidden: tuple[float, _Forbidden] | None = None

    def place(self, path: str, *, is_folder: bool = False, writing: bool = False) -> Place:
        """What a path of the model names: relative to the root, or absolute and below it. Touches no disk.

        Raises `InvalidCallError` for what is no path, `ToolDeniedError` for what is outside or on the deny list.
        """
        _check_text(path)
        place = Place(self.path, self._parts(path))
        self.check(place, is_folder=is_folder, writing=writing)
        return place

    def check(self, place: Place, *, is_folder: bool = False, writing: bool = False) -> None:
        """Raise `ToolDeniedError` if the deny list names it."""
        if why := self.denied.why(place.path, is_folder=is_folder, writing=writing):
            raise ToolDeniedError(
                f"{place.shown} {why}: no tool may touch it. Do without it, or ask the user."
            )

    @contextmanager
    def folder(self, place: Place, *, make: bool = False) -> Generator[int]:
        """A handle of a folder, to be used as `dir_fd`; with `make`, missing ones are made. Raises `ToolError`."""
        _check_system()
        forbidden = self._looked_up()
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            handle = os.open(self.path, flags)
        except OSError as error:
            raise ToolError(
                f"The folder of the tools, {clean_line(self.path)}, cannot be opened: {error.strerror}."
            ) from None
        try:
            at = Place(self.path, ())
            _check_identity(os.fstat(handle), at, forbidden)
            for name in place.parts:
                at = at.below(name)
                deeper = _open_folder(handle, at, flags, make)
                os.close(handle)
                handle = deeper
                _check_identity(os.fstat(handle), at, forbidden)
            yield handle
        finally:
            os.close(handle)

    @contextmanager
    def file(self, place: Place) -> Generator[int]:
        """A handle of a regular file, for reading. Raises `ToolError` for what is none."""
        with self.folder(place.above) as folder, self.file_in(folder, place) as handle:
            yield handle

    @contextmanager
    def file_in(self, folder: int, place: Place) -> Generator[int]:
        """The same in a folder that is open."""
        if not place.parts:
            raise ToolError(f"{place.shown} is a folder. list_dir tells what is in it.")
        name = place.parts[-1]
        try:
            # Looked at first, since to open a device can already do something.
            _check_regular(os.stat(name, dir_fd=folder, follow_symlinks=False), folder, place)
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
            handle = os.open(name, flags, dir_fd=folder)
        except OSError as error:
            raise _told(error, folder, place) from None
        try:
            about = os.fstat(handle)
            _check_regular(about, folder, place)
            _check_identity(about, place, self._looked_up())
            yield handle
        finally:
            os.close(handle)

    def _looked_up(self) -> _Forbidden:
        """What must not be opened under any name, as it was at most a second ago."""
        now = time.monotonic()
        if self._forbidden is None or now - self._forbidden[0] > _LOOK_UP_SECONDS:
            self._forbidden = now, _Forbidden(self.denied.identities(), _kernel_devices())
        return self._forbidden[1]

    def _parts(self, path: str) -> tuple[str, ...]:
        names = [name for name in path.split("/") if name not in ("", ".")]
        if path.startswith("/"):
            # Each name before `..` is taken away first: /root/../etc is not below /root.
            plain = _without_parents(names, path)
            for root in (self.path, self._given):
                above = tuple(name for name in root.split("/") if name)
                if plain[: len(above)] == above:
                    return plain[len(above) :]
            raise self._outside(path)
        if names and names[0].startswith("~") and not path.startswith("./"):
            raise ToolDeniedError(
                f"{clean_line(path)}: ~ is not read as a home. Name a path below {clean_line(self.path)}."
            )
        try:
            return _without_parents(names, path)
        except _AboveError:
            raise self._outside(path) from None

    def _outside(self, path: str) -> ToolDeniedError:
        return ToolDeniedError(
            f"{clean_line(path, 150)} is outside of {clean_line(self.path)}, where tools are kept. "
            "Name a path below it, or ask the user for what you need."
        )


class _AboveError(ToolDeniedError):
    """`..` leads above where the path began."""


def _check_text(path: str) -> None:
    said = clean_line(path)
    if not path:
        raise InvalidCallError(
            "The path is empty. Name a file or folder, `.` for the one that tools are kept in."
        )
    if well_formed(path) != path or any(unicodedata.category(each) == "Cc" for each in path):
        raise InvalidCallError(
            f"The path {said!r} has control characters in it: no tool reaches such a name."
        )
    too_long = any(len(name.encode()) > MOST_NAME_BYTES for name in path.split("/"))
    if too_long or len(path.encode()) > MOST_PATH_BYTES:
        raise InvalidCallError(f"The path {said!r} is too long.")


def _without_parents(names: list[str], path: str) -> tuple[str, ...]:
    plain: list[str] = []
    for name in names:
        if name != "..":
            plain.append(name)
        elif plain:
            plain.pop()
        elif not path.startswith("/"):
            raise _AboveError("")
    return tuple(plain)


def _check_system() -> None:
    needed = (os.open, os.stat, os.mkdir, os.rename, os.unlink)
    has_flags = all(hasattr(os, flag) for flag in ("O_NOFOLLOW", "O_DIRECTORY", "O_NONBLOCK"))
    if (
        not has_flags
        or not all(each in os.supports_dir_fd for each in needed)
        or os.scandir not in os.supports_fd
    ):
        raise ToolError("File tools do not work on this system: it cannot open a path below a folder safely.")


def _open_folder(above: int, place: Place, flags: int, make: bool) -> int:
    name = place.parts[-1]
    try:
        if make:
            with suppress(FileExistsError):
                os.mkdir(name, NEW_FOLDER_MODE, dir_fd=above)
        return os.open(name, flags, dir_fd=above)
    except OSError as error:
        raise _told(error, above, place) from None


def _check_identity(about: os.stat_result, place: Place, forbidden: _Forbidden) -> None:
    if (about.st_dev, about.st_ino) in forbidden.identities:
        raise ToolDeniedError(
            f"{place.shown} is a protected file or folder under another name: no tool may touch it."
        )
    if about.st_dev in forbidden.devices:
        raise ToolDeniedError(
            f"{place.shown} is no file on a disk but a view into the system: no tool reads it."
        )


def _kernel_devices() -> frozenset[int]:
    """Devices of /proc and /sys, whose "files" can do something when they are read, or never end."""
    found: set[int] = set()
    for top in ("/proc", "/sys"):
        try:
            found.add(os.stat(top).st_dev)
        except OSError:
            continue
    return frozenset(found - {os.stat("/").st_dev})


def _check_regular(about: os.stat_result, folder: int, place: Place) -> None:
    mode = about.st_mode
    if stat.S_ISREG(mode):
        return
    if stat.S_ISLNK(mode):
        raise _link(folder, place)
    if stat.S_ISDIR(mode):
        raise ToolError(f"{place.shown} is a folder. list_dir tells what is in it.")
    raise ToolDeniedError(f"{place.shown} is a {kind_of(mode)}, no regular file: file tools do not open it.")


def kind_of(mode: int) -> str:
    """What a file is, from the mode that `stat` tells, in one word."""
    kinds = {
        stat.S_IFREG: "file",
        stat.S_IFDIR: "folder",
        stat.S_IFLNK: "link",
        stat.S_IFIFO: "pipe",
        stat.S_IFSOCK: "socket",
        stat.S_IFBLK: "device",
        stat.S_IFCHR: "device",
    }
    return kinds.get(stat.S_IFMT(mode), "special file")


def read_all(handle: int, limit: int, stop: Stop | None = None) -> bytes:
    """The bytes of a file from where its handle is, at most `limit`. Raises OSError, and as `Stop.check` does."""
    pieces: list[bytes] = []
    while limit > 0 and (piece := os.read(handle, min(limit, _PIECE_BYTES))):
        if stop is not None:
            stop.check()
        pieces.append(piece)
        limit -= len(piece)
    return b"".join(pieces)


def _link(folder: int, place: Place) -> ToolDeniedError:
    try:
        target = clean_line(os.readlink(place.parts[-1], dir_fd=folder), 150)
    except OSError:
        target = "another path"
    return ToolDeniedError(
        f"{place.shown} is a symbolic link to {target}; file tools follow none. "
        "If that is below the folder of the tools, name it directly."
    )


def _told(error: OSError, folder: int, place: Place) -> ToolError:
    try:
        is_link = stat.S_ISLNK(os.stat(place.parts[-1], dir_fd=folder, follow_symlinks=False).st_mode)
    except OSError:
        is_link = False
    if is_link:
        return _link(folder, place)
    if error.errno == errno.ENOENT:
        return MissingError(f"There is no {place.shown}. list_dir tells what there is.")
    if error.errno == errno.ENOTDIR:
        return ToolError(f"{place.shown} is no folder.")
    return ToolError(f"{place.shown} cannot be opened: {error.strerror}.")
