"""Which processes a program has started, by what the system tells of all. Standard library only, and little of it.

The supervisor of a program imports this, and starts once for each of them.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress

GRACE_SECONDS = 2.0
"""How long a program has after SIGTERM, before SIGKILL."""

Tree = dict[int, str]
"""Process numbers, each with the moment at which the process began: a number is given out again, with another one."""


def tree_of(roots: Tree) -> Tree:
    """These, as far as they live, and all that is below them or in their sessions, nearest first; without zombies.

    Where the system has no /proc, `ps` is asked.
    """
    parents: dict[int, list[int]] = {}
    members: dict[int, list[int]] = {}
    began: Tree = {}
    for pid, parent, session, moment in _processes():
        began[pid] = moment
        parents.setdefault(parent, []).append(pid)
        members.setdefault(session, []).append(pid)
    todo = [pid for pid in roots if began.get(pid, roots[pid]) == roots[pid]]
    found: Tree = {}
    for pid in todo:  # it grows; parents come before their children
        if pid in found:
            continue
        found[pid] = began.get(pid, roots.get(pid, ""))
        todo += parents.get(pid, ())
        todo += members.get(pid, ())
    return {pid: moment for pid, moment in found.items() if pid in began}


def began_at(pid: int) -> str:
    """A word for the moment at which a process began; empty for one that is no more, or where nothing tells."""
    return next((moment for number, _, _, moment in _processes(str(pid)) if number == pid), "")


def send(tree: Tree, number: signal.Signals) -> None:
    """Send a signal to each, except to those whose number belongs to another process by now."""
    for pid, moment in tree.items():
        if began_at(pid) == moment:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)


def _processes(only: str = "") -> list[tuple[int, int, int, str]]:
    """Number, parent, session and beginning of each process, or of one."""
    if not sys.platform.startswith("linux"):
        return _listed_by_ps(only)
    found: list[tuple[int, int, int, str]] = []
    for name in (only,) if only else os.listdir("/proc"):
        if not name.isdecimal():
            continue
        with suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:  # it may end at any moment
            # The name of the program stands in parentheses, and may hold any character.
            state, parent, _group, session, *more = file.read().rpartition(b")")[2].decode().split()
            if state not in "ZX":
                found.append((int(name), int(parent), int(session), more[15]))
    return found


def _listed_by_ps(only: str) -> list[tuple[int, int, int, str]]:
    import subprocess

    # A process of a session of its own leads a group too, and elsewhere than on Linux `sess` is an address.
    which = ("-p", only) if only else ("-A",)
    command = ("/bin/ps", *which, "-o", "pid=,ppid=,pgid=,state=,lstart=")
    with suppress(OSError, subprocess.SubprocessError):
        listed = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=5, check=False
        )
        rows = [line.split(maxsplit=4) for line in listed.stdout.decode("ascii", "replace").splitlines()]
        return [(int(row[0]), int(row[1]), int(row[2]), row[4]) for row in rows if not row[3].startswith("Z")]
    return []
