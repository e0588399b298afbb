"""The one border at which every error becomes a line on stderr and an exit status."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Callable

from chatterm.cli.statuses import ExitStatus
from chatterm.core.clean import clean
from chatterm.core.errors import AttachmentError, ChattermError, InternalError, ProviderError
from chatterm.core.redact import redact


def guarded(work: Callable[[], int], restore: Callable[[], None] = lambda: None) -> int:
    """The exit status of `work`. Every error is told on stderr, none as a traceback.

    `restore` puts the terminal back after the work, before anything is told.
    """
    try:
        try:
            status = work()
        finally:
            restore()
        sys.stdout.flush()
    except KeyboardInterrupt:
        status = ExitStatus.CANCELLED
    except ChattermError as error:
        tell(error.message, error.hint)
        status = _status_of(error)
    except Exception as error:  # the border: whatever nobody foresaw ends here
        status = ExitStatus.CLOSED_PIPE if _is_closed_pipe(error) else _report_crash(error)
    _settle_output()
    return status


def tell(message: str, hint: str) -> None:
    """Say on stderr what is wrong and what to do next."""
    with contextlib.suppress(OSError):  # nobody may be listening
        print(told(message, hint), file=sys.stderr)


def told(message: str, hint: str) -> str:
    """The same as text, clean and without secrets."""
    text = f"chatterm: {message}\n{hint}" if hint else f"chatterm: {message}"
    return redact(clean(text), _secrets())


def _status_of(error: ChattermError) -> int:
    match error:
        case ProviderError():
            return ExitStatus.PROVIDER
        case AttachmentError():
            return ExitStatus.USAGE
        case InternalError():
            return ExitStatus.UNFORESEEN
        case _:
            return ExitStatus.CONFIGURATION


def _report_crash(error: Exception) -> int:
    from chatterm.cli.crash import write_crash_file
    from chatterm.config.paths import find_paths

    path = write_crash_file(error, find_paths(os.environ).state, _secrets())
    kept = f"Details are in {path}." if path else "No details could be written."
    tell(f"Something went wrong that was not foreseen ({type(error).__name__}).", kept)
    return ExitStatus.UNFORESEEN


def _secrets() -> list[str]:
    from chatterm.cli.crash import known_secrets

    return known_secrets(os.environ)


def _is_closed_pipe(error: Exception) -> bool:
    return isinstance(error, OSError) and error.errno == errno.EPIPE


def _settle_output() -> None:
    """Write out what is left; where that fails, throw it away, or Python would complain of it at exit."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
