"""Reading and writing TOML files of the user, whatever may lie at their path."""

from __future__ import annotations

import os
import re
import stat
import tomllib
from dataclasses import dataclass
from pathlib import Path

from chatterm.core.clean import clean_line
from chatterm.core.errors import ConfigError

LIMIT_BYTES = 1024 * 1024
"""Largest file that is read; settings and palettes are a few kilobytes."""

_POSITION = re.compile(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", re.DOTALL)
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class TomlFile:
    """The values of a file. `foreign`: somebody other than this user (or root) can change it."""

    values: dict[str, object]
    foreign: bool = False


def read_toml(path: Path) -> TomlFile | None:
    """The values of the TOML file at `path` (TOML 1.0), or None where nothing is.

    Raises ConfigError with `FILE:LINE:COLUMN: reason` for a syntax error, and as `read_file` does.
    """
    found = read_file(path)
    if found is None:
        return None
    data, status = found
    foreign = bool(status.st_mode & stat.S_IWOTH) or status.st_uid not in (os.getuid(), 0)
    return TomlFile(parse_toml(data, path), foreign)


def read_text(path: Path) -> str | None:
    """The UTF-8 text of the file at `path`, or None where nothing is; raises ConfigError as `read_file` does."""
    found = read_file(path)
    try:
        return None if found is None else found[0].removeprefix(_BOM).decode()
    except UnicodeDecodeError:
        raise _unreadable(path, "is not UTF-8") from None


def read_file(path: Path) -> tuple[bytes, os.stat_result] | None:
    """The bytes of the file at `path` and what the system says of it, or None where nothing is.

    Raises ConfigError for what is no regular file, cannot be read, or is larger than `LIMIT_BYTES`. Never
    blocks on a pipe or a device.
    """
    try:
        with open(path, "rb", opener=_open_at_once) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise _unreadable(path, "is not a regular file")
            if status.st_size > LIMIT_BYTES:
                raise _unreadable(path, f"has {status.st_size:,} bytes; at most {LIMIT_BYTES:,} are read")
            return file.read(LIMIT_BYTES), status
    except FileNotFoundError:
        return None
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise _unreadable(path, f"cannot be read ({reason})") from None


def parse_toml(data: bytes, path: Path) -> dict[str, object]:
    """`data` parsed as TOML 1.0; `path` is only named in the ConfigError."""
    data = data.removeprefix(_BOM)
    try:
        return tomllib.loads(data.decode())
    except UnicodeDecodeError as error:
        before = data[: error.start]
        raise _syntax_error(path, _end(before), f"byte 0x{data[error.start]:02x} is not UTF-8") from None
    except RecursionError:
        raise _syntax_error(path, (1, 1), "values are nested too deep") from None
    except ValueError as error:  # TOMLDecodeError, and what int() says of 5,000 digits
        match = _POSITION.fullmatch(str(error))
        if match is None:
            raise _syntax_error(path, (1, 1), clean_line(str(error))) from None
        place = (int(match[2]), int(match[3])) if match[2] else _end(data)
        raise _syntax_error(path, place, clean_line(match[1])) from None


def write_private(path: Path, data: bytes) -> None:
    """Replace the file at `path` in one step; only its owner can read it, also while it is written.

    A link is followed, so that the file it points to is replaced and the link stays. Raises OSError.
    """
    target = path.resolve()
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _open_at_once(path: str, flags: int) -> int:
    # Without O_NONBLOCK, opening a named pipe that nobody writes to would wait for ever.
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)


def _unreadable(path: Path, reason: str) -> ConfigError:
    name = clean_line(str(path))
    return ConfigError(f"{name} {reason}.", "Put a readable text file there or remove it.", path=str(path))


def _end(data: bytes) -> tuple[int, int]:
    """Line and column, both from 1, of what follows `data`."""
    return data.count(b"\n") + 1, len(data) - data.rfind(b"\n")


def _syntax_error(path: Path, place: tuple[int, int], reason: str) -> ConfigError:
    line, column = place
    name = clean_line(str(path))
    hint = "Correct the line; the file was left as it is."
    return ConfigError(f"{name}:{line}:{column}: {reason}.", hint, path=str(path))
