"""Programs of the tests: which of them run, and the environment that they get."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from chatterm.backend.tools.programs.processes import Program

PATH = "/usr/local/bin:/usr/bin:/bin"

linux_only = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")

TREES = {
    "two in the background": "sleep 600 {m} & sleep 600 {m} & echo ready; wait",
    "a session of its own": "setsid sleep 600 {m} & echo ready; wait",
    "an orphan": "(sleep 600 {m} &); echo ready; sleep 600 {m}",
    "an orphan in a session of its own": "(setsid sh -c 'sleep 600 {m} & sleep 600 {m}' &); echo ready; sleep 600 {m}",
    "without its environment": "(env -i setsid sleep 600 {m} &); echo ready; sleep 600 {m}",
}
"""Shell commands that start others; `{m}` is an argument that marks them and means nothing (`0` with `sleep`)."""


def marker() -> str:
    """A word by which the processes of one test are found."""
    return f"0.{time.monotonic_ns()}"


def marked(mark: str) -> list[int]:
    """The living processes that have the word among their arguments."""
    found: list[int] = []
    for name in filter(str.isdecimal, os.listdir("/proc")):
        with suppress(OSError):
            if mark.encode() in Path(f"/proc/{name}/cmdline").read_bytes():
                found.append(int(name))
    return found


def all_gone(mark: str, seconds: float = 20) -> bool:
    """Whether none of them is left, within this time."""
    until = time.monotonic() + seconds
    while marked(mark):
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


def shell(text: str, folder: Path, environment: Mapping[str, str] | None = None) -> Program:
    """A program that does what a shell makes of the text."""
    return Program(argv=("/bin/sh", "-c", text), folder=folder, environment=environment or {"PATH": PATH})
