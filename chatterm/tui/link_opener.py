"""Opening a link in the user's browser or mail program, by the program that the system has for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from chatterm.core.errors import ChattermError

WAIT_SECONDS = 3.0
"""An opener that has not failed by then is at work: some stay until the browser is closed."""
_SSH = ("SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT")


def find_opener(environ: Mapping[str, str], platform: str = sys.platform) -> str | None:
    """The program that opens links where the user sits; None over ssh, and where there is no such program."""
    if any(environ.get(name) for name in _SSH):
        return None
    names: list[str] = []
    if platform == "darwin":
        names.append("open")
    if environ.get("WSL_DISTRO_NAME"):
        names.append("wslview")
    if environ.get("WAYLAND_DISPLAY") or environ.get("DISPLAY"):
        names.append("xdg-open")
    path = environ.get("PATH", os.defpath)
    return next(filter(None, (shutil.which(name, path=path) for name in names)), None)


def why_none(environ: Mapping[str, str]) -> str:
    """Why there is no opener."""
    if any(environ.get(name) for name in _SSH):
        return "Over ssh no browser opens where you sit."
    return "There is no program here that opens links."


def open_link(opener: str, target: str, environ: Mapping[str, str]) -> None:
    """Hand the target to the opener, past any shell; blocks up to `WAIT_SECONDS`. Raises `ChattermError`."""
    name = Path(opener).name
    silent = subprocess.DEVNULL
    try:
        process = subprocess.Popen(
            [opener, target],
            stdin=silent,
            stdout=silent,
            stderr=silent,
            start_new_session=True,
            env=dict(environ),
        )
    except OSError as error:
        raise ChattermError(
            f"{name} cannot be started: {error.strerror}.", "Copy the link instead."
        ) from None
    try:
        status = process.wait(WAIT_SECONDS)
    except subprocess.TimeoutExpired:
        # Something must wait for it, so that it leaves no zombie.
        threading.Thread(target=process.wait, name="link", daemon=True).start()
        return
    except OSError as error:
        raise ChattermError(
            f"{name} cannot be started: {error.strerror}.", "Copy the link instead."
        ) from None
    if status:
        raise ChattermError(f"{name} could not open the link (status {status}).", "Copy it instead.")
