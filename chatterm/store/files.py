"""Files and folders that only their owner can read, and what kind of file system they are on."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from datetime import datetime
from pathlib import Path

SIDE_SUFFIXES = ("-wal", "-shm")
"""What SQLite appends to the name of a database for its write-ahead log and its shared memory."""

# As /proc/self/mountinfo names them.
_NETWORK_TYPES = frozenset(
    {"9p", "afs", "ceph", "cifs", "davfs", "fuse.rclone", "fuse.sshfs", "nfs", "nfs4", "smb3", "smbfs"}
)


def make_private_folder(folder: Path) -> None:
    """Make the folder, and those above it that are missing, with mode 0700. One that exists stays as it is."""
    for path in (*reversed(folder.parents), folder):
        with suppress(FileExistsError):
            if not path.exists():
                path.mkdir(0o700)
    if not folder.is_dir():
        raise NotADirectoryError(20, "Not a directory", str(folder))


def make_private_file(path: Path) -> None:
    """See to it that a regular file with mode 0600 is at `path`; what it holds stays. Raises OSError."""
    # An existing database is never opened here: closing it would drop SQLite's POSIX locks of this process
    # (https://www.sqlite.org/howtocorrupt.html section 2.2).
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise OSError(21, "Not a regular file", str(path))
    if stat.S_IMODE(status.st_mode) & 0o077:
        path.chmod(0o600)


def set_aside(path: Path, now: datetime) -> Path:
    """Rename a database and the files beside it to `PATH.corrupt-DATE`; the new path of the database."""
    stamp = now.strftime("%Y%m%d-%H%M%S")
    target = _free(path, f"corrupt-{stamp}")
    # The database last: with a stale log beside it, a new one would be damaged from the start.
    for suffix in (*SIDE_SUFFIXES, ""):
        with suppress(FileNotFoundError):
            Path(f"{path}{suffix}").rename(f"{target}{suffix}")
    return target


def backup_path(path: Path, version: int, now: datetime) -> Path:
    """An empty private file beside the database, for a copy of it as it was at schema `version`."""
    target = _free(path, f"schema-{version}-{now.strftime('%Y%m%d-%H%M%S')}")
    make_private_file(target)
    return target


def network_file_system(path: Path, mounts: Path = Path("/proc/self/mountinfo")) -> str | None:
    """The type of the network file system that `path` is on; None for a local one or where it is not known.

    `mounts` is in the form of proc(5): field 5 is the mount point, the type follows the field `-`.
    """
    try:
        lines = mounts.read_text(errors="replace").splitlines()
    except OSError:
        return None
    place, best, kind = path.resolve(), -1, None
    for line in lines:
        fields, _, rest = line.partition(" - ")
        point = Path(fields.split()[4].replace("\\040", " "))
        if place.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), rest.split()[0]
    return kind if kind in _NETWORK_TYPES else None


def _free(path: Path, ending: str) -> Path:
    target, count = Path(f"{path}.{ending}"), 1
    while target.exists():
        count += 1
        target = Path(f"{path}.{ending}-{count}")
    return target
