"""What SQLite says went wrong, told to the user: always the file and the next step."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from chatterm.core.clean import clean_line
from chatterm.core.errors import StoreError

# By primary result code (https://www.sqlite.org/rescode.html): what happened, and the next step.
_EXPLANATIONS = {
    sqlite3.SQLITE_FULL: ("could not be written: the disk is full", "Free some space."),
    sqlite3.SQLITE_IOERR: (
        "could not be read or written: the disk is full or failing",
        "Check the free space and the disk.",
    ),
    sqlite3.SQLITE_BUSY: ("is locked by another program", "Close what else has it open."),
    sqlite3.SQLITE_LOCKED: ("is locked by another program", "Close what else has it open."),
    sqlite3.SQLITE_READONLY: ("cannot be written: it is read-only", "Check its permissions."),
    sqlite3.SQLITE_CANTOPEN: ("could not be opened", "Check its permissions."),
    sqlite3.SQLITE_CORRUPT: (
        "is damaged",
        "Start chatterm again: it will check the file and set it aside.",
    ),
    sqlite3.SQLITE_NOTADB: (
        "is damaged",
        "Start chatterm again: it will check the file and set it aside.",
    ),
    sqlite3.SQLITE_TOOBIG: ("cannot hold a text of this size", ""),
}


def shown(path: Path | None) -> str:
    """The database as the user is told of it."""
    return clean_line(str(path)) if path is not None else "The history in memory"


def result_code(error: sqlite3.Error) -> int:
    """SQLite's primary result code; 1, its generic error, where Python raised the error itself."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the file itself is broken."""
    return result_code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def is_locked(error: sqlite3.Error | TimeoutError) -> bool:
    """Whether another program holds the file, or our own lock file, at this moment."""
    if isinstance(error, TimeoutError):
        return True
    return result_code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def store_error(error: sqlite3.Error | TimeoutError, path: Path | None, if_unsaved: str = "") -> StoreError:
    """The error for the user; `if_unsaved` says what becomes of the text that could not be stored."""
    if isinstance(error, TimeoutError):
        code = sqlite3.SQLITE_BUSY
    elif isinstance(error, sqlite3.DataError):  # raised by Python, before SQLite sees the value
        code = sqlite3.SQLITE_TOOBIG
    else:
        code = result_code(error)
    what, hint = _EXPLANATIONS.get(code, (f"could not be used: {clean_line(str(error))}", ""))
    return StoreError(f"{shown(path)} {what}.", f"{hint} {if_unsaved}".strip())
