"""What is kept of an error that nobody foresaw."""

from __future__ import annotations

import logging
import os
import platform
import traceback
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from chatterm import __version__
from chatterm.backend.providers.registry import services
from chatterm.config.files import write_private
from chatterm.config.paths import private_folder
from chatterm.core.redact import redact, secrets_in

_LOGGER = "chatterm"


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


class CrashLog(logging.Handler):
    """Keeps what chatterm's own code logs of an error that it survived, in a crash file; drops all else.

    Without it Python would print the traceback, over the screen or into a reply. `secrets` gives what must
    not get into a file, at the time of the error: a key may have become known since the start.
    """

    def __init__(self, folder: Path, secrets: Callable[[], list[str]] = list) -> None:
        super().__init__(logging.ERROR)
        self._folder = folder
        self.secrets = secrets

    def emit(self, record: logging.LogRecord) -> None:
        """Write the error of a record, if it has one."""
        if record.exc_info is not None and record.exc_info[1] is not None:
            write_crash_file(record.exc_info[1], self._folder, self.secrets())

    def install(self) -> None:
        """Take what is logged below `chatterm`, and nothing of it goes further."""
        logger = logging.getLogger(_LOGGER)
        logger.handlers = [self]
        logger.propagate = False


def known_secrets(environ: Mapping[str, str]) -> list[str]:
    """What must never be shown: what `environ` holds, and what the engine knows that runs in this process."""
    handlers = logging.getLogger(_LOGGER).handlers
    engine = [secret for handler in handlers if isinstance(handler, CrashLog) for secret in handler.secrets()]
    return [*engine, *secrets_in(environ, {name for row in services() for name in row.key_env})]
