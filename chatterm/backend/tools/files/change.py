"""One change to a file below the root: looked at, shown, and made only if the file is still as it was."""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256

from chatterm.backend.tools.files.denied_paths import DeniedPaths
from chatterm.backend.tools.files.rooted import MissingError, Place, Root, read_all
from chatterm.backend.tools.files.text import FILE_LIMIT_BYTES
from chatterm.backend.tools.files.undo_copies import UndoCopies, UndoCopy
from chatterm.backend.tools.stopping import Stop
from chatterm.core.clean import clean_line
from chatterm.core.errors import ToolDeniedError, ToolError

NEW_FILE_MODE = 0o644
UNDO_TOOL = "undo"
"""What a copy names as its tool that was made when a change was taken back."""
_PERMISSIONS = 0o777
_WRITABLE = 0o222
_ACL = "system.posix_acl_access"


@dataclass(frozen=True, slots=True)
class FileState:
    """A file as it was when it was looked at: its bytes, and what tells that it is the same one.

    `identity` is device, number, size and time of the last change (ns); None if there was no file.
    """

    data: bytes = b""
    identity: tuple[int, int, int, int] | None = None
    mode: int = 0
    owner: tuple[int, int] = (-1, -1)

    @property
    def exists(self) -> bool:
        """Whether there was a file."""
        return self.identity is not None

    @property
    def digest(self) -> str:
        """SHA-256 of the bytes, in hexadecimal; "" if there was no file."""
        return sha256(self.data).hexdigest() if self.exists else ""


@dataclass(frozen=True, slots=True)
class FileChange:
    """`data` in place of what was `seen` of a file; None to remove it. `tool` is who changes it.

    `new_mode` are the permissions of a file that was not there, before the umask.
    """

    root: Root
    place: Place
    seen: FileState
    data: bytes | None
    tool: str
    new_mode: int = NEW_FILE_MODE

    def make(self, copies: UndoCopies, stop: Stop) -> UndoCopy:
        """Make the change at once or not at all, after a copy is kept. Blocks. Raises `ToolError`.

        Missing folders are made. A file that is not as it was seen is left alone.
        """
        copy: UndoCopy | None = None
        is_done = False
        try:
            with self.root.folder(self.place.above, make=True) as folder:
                stop.check()
                copy = self._keep(copies)
                if self.data is None:
                    self._remove(folder, stop)
                else:
                    self._replace(folder, self.data, stop)
                is_done = True
                return copy
        except OSError as error:
            raise ToolError(f"{self.place.shown} could not be changed: {error.strerror}.") from None
        finally:
            if copy is not None and not is_done:
                copies.drop(copy.id)

    def _keep(self, copies: UndoCopies) -> UndoCopy:
        try:
            return copies.keep(
                tool=self.tool,
                root=self.place.root,
                parts=self.place.parts,
                mode=self.seen.mode,
                data=self.seen.data,
                before=self.seen.digest,
                after="" if self.data is None else sha256(self.data).hexdigest(),
            )
        except OSError as error:
            raise ToolError(f"No copy to take the change back could be kept: {error.strerror}.") from None

    def _remove(self, folder: int, stop: Stop) -> None:
        self._check_unchanged(folder)
        stop.check()
        os.unlink(self.place.parts[-1], dir_fd=folder)

    def _replace(self, folder: int, data: bytes, stop: Stop) -> None:
        name = self.place.parts[-1]
        temporary = f".chatterm-{secrets.token_hex(8)}.tmp"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(temporary, flags, 0o600 if self.seen.exists else self.new_mode, dir_fd=folder)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                self._take_over(file.fileno(), folder)
                os.fsync(file.fileno())
            self._check_unchanged(folder)
            stop.check()
            if self.seen.exists:
                os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
            else:
                self._put_new(folder, temporary)
        finally:
            with suppress(OSError):
                os.unlink(temporary, dir_fd=folder)
        with suppress(OSError):  # some file systems cannot; the change is made
            os.fsync(folder)

    def _put_new(self, folder: int, temporary: str) -> None:
        """Give the file its name unless something has it by now."""
        name = self.place.parts[-1]
        try:
            os.link(temporary, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
        except FileExistsError:
            raise _changed(self.place) from None
        except OSError:  # a file system without hard links; whether the name is free was looked at just now
            os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)

    def _take_over(self, handle: int, folder: int) -> None:
        """Permissions, owner and attributes of the file that goes."""
        if not self.seen.exists:
            return
        about = os.fstat(handle)
        if (about.st_uid, about.st_gid) != self.seen.owner:
            try:
                os.fchown(handle, *self.seen.owner)
            except OSError:
                raise ToolError(
                    f"{self.place.shown} belongs to another user or group, which a change would take it from."
                ) from None
        os.fchmod(handle, self.seen.mode & _PERMISSIONS)
        if hasattr(os, "listxattr"):
            # A file that is another one by now is found so right after.
            with suppress(OSError, ToolError), self.root.file_in(folder, self.place) as old:
                # Not those of the system, which can give a program rights.
                names = [name for name in os.listxattr(old) if name.startswith("user.") or name == _ACL]
                for name in names:
                    os.setxattr(handle, name, os.getxattr(old, name))

    def _check_unchanged(self, folder: int) -> None:
        try:
            about = os.stat(self.place.parts[-1], dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            if self.seen.exists:
                raise _changed(self.place) from None
            return
        if not self.seen.exists or _identity(about) != self.seen.identity:
            raise _changed(self.place)
        with self.root.file_in(folder, self.place) as handle:
            if _look_at(handle, self.place) != self.seen:
                raise _changed(self.place)


def look(root: Root, place: Place) -> FileState:
    """A file that is to be changed, as it is now; that there is none is a state too. Blocks.

    Raises `ToolError` for what cannot be changed: too large, read-only, with a second name, no regular file.
    """
    try:
        with root.file(place) as handle:
            state = _look_at(handle, place)
            names = os.fstat(handle).st_nlink
    except MissingError:
        return FileState()
    if names > 1:
        raise ToolDeniedError(
            f"{place.shown} has a second name elsewhere (a hard link), so it is not changed. Ask the user."
        )
    if not state.mode & _WRITABLE:
        raise ToolDeniedError(f"{place.shown} is read-only. Ask the user whether it may be changed.")
    return state


def take_back(copy_id: str, copies: UndoCopies, denied: DeniedPaths, stop: Stop) -> UndoCopy:
    """Make a file what it was before a change; a copy of what it is now is kept in turn. Blocks.

    Raises `ToolError` if the file is not as the change left it, or the copy is not kept any more.
    """
    kept = copies.get(copy_id)
    if kept is None:
        raise ToolError(f"There is no copy {clean_line(copy_id, 40)}: only the newest are kept.")
    copy, data = kept
    root = Root(copy.root, denied)
    place = Place(copy.root, copy.parts)
    if root.path != copy.root:
        raise ToolError(f"{clean_line(copy.root)} is another folder now, so nothing in it was taken back.")
    root.check(place, writing=True)
    seen = look(root, place)
    if seen.digest != copy.after:
        raise ToolError(f"{clean_line(copy.path)} was changed since, so it was left as it is.")
    change = FileChange(
        root=root,
        place=place,
        seen=seen,
        data=None if copy.was_new else data,
        tool=UNDO_TOOL,
        new_mode=copy.mode & _PERMISSIONS or NEW_FILE_MODE,
    )
    done = change.make(copies, stop)
    copies.drop(copy.id)
    return done


def _look_at(handle: int, place: Place) -> FileState:
    before = os.fstat(handle)
    data = read_all(handle, FILE_LIMIT_BYTES + 1)
    if len(data) > FILE_LIMIT_BYTES:
        raise ToolError(
            f"{place.shown} is larger than {FILE_LIMIT_BYTES // 1024**2} MB: too large to be changed."
        )
    mode = stat.S_IMODE(before.st_mode)
    return FileState(data, _identity(before), mode, (before.st_uid, before.st_gid))


def _identity(about: os.stat_result) -> tuple[int, int, int, int]:
    return about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns


def _changed(place: Place) -> ToolError:
    return ToolError(
        f"{place.shown} was changed since the user was asked, so it was left alone. Read it again."
    )
