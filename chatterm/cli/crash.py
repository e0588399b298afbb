"""What is kept of an error that nobody foresaw."""

from __future__ import annotations

import os
import platform
import traceback
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from chatterm import __version__
from chatterm.config.files import write_private
from chatterm.config.paths import private_folder
from chatterm.core.redact import redact


def write_crash_file(error: BaseException, folder: Path, secrets: Iterable[str] = ()) -> Path | None:
    """Write where and why the program failed into a new file in `folder`; None where nothing can be written.

    The file is for its owner alone. It holds the traceback without the values of variables, and no `secrets`.
    """
    now = datetime.now(UTC)
    path = folder / f"crash-{now:%Y%m%d-%H%M%S}-{os.getpid()}.txt"
    about = f"chatterm {__version__}, Python {platform.python_version()}, {platform.platform()}, {now:%FT%TZ}"
    text = redact("".join([about, "\n\n", *traceback.format_exception(error)]), secrets)
    try:
        private_folder(folder)
        write_private(path, text.encode(errors="backslashreplace"))
    except OSError:
        return None
    return path
