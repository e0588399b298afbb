"""The token of the metrics server, in a file that only the user can read."""

from __future__ import annotations

import os
import re
import secrets
import stat
from pathlib import Path

from chatterm.config.files import read_file, write_private
from chatterm.config.paths import private_folder
from chatterm.core.clean import clean_line
from chatterm.core.errors import ConfigError

TOKEN_BYTES = 32
"""256 bits, which nobody guesses."""

_TOKEN = re.compile(rb"[A-Za-z0-9_-]{43}\n?")


def find_token(file: Path) -> str:
    """The token in `file`, which is made where it is missing.

    Raises `ConfigError` where others could read or change it, and where it can be neither read nor made.
    """
    found = read_file(file)
    if found is None:
        return _new_token(file)
    data, status = found
    name = clean_line(str(file))
    if status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o077:
        raise ConfigError(f"{name} is not yours alone to read.", f"Remove it: rm {name}", path=str(file))
    if not _TOKEN.fullmatch(data):
        raise ConfigError(f"{name} holds no token.", f"Remove it: rm {name}", path=str(file))
    return data.decode().rstrip()


def _new_token(file: Path) -> str:
    token = secrets.token_urlsafe(TOKEN_BYTES)
    try:
        private_folder(file.parent)
        write_private(file, f"{token}\n".encode())
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise ConfigError(f"The token cannot be kept in {clean_line(str(file))} ({reason}).") from None
    return token
