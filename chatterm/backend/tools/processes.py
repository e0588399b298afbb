"""Programs that tools start: what of the environment they get, and that all they started ends with them."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress

from chatterm.backend.tools.process_tree import Tree, began_at, send, tree_of

GRACE_SECONDS = 2.0
"""How long a program has after SIGTERM, before SIGKILL."""

_PASSED = frozenset({"PATH", "HOME", "LANG", "TERM", "TMPDIR"})
_SECRET = ("KEY", "SECRET", "TOKEN")
_DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin"
_LOOK_SECONDS = 0.05


def environment(
    environ: Mapping[str, str], own: Mapping[str, str] | None = None, passed: Iterable[str] = ()
) -> dict[str, str]:
    """What a program gets of the environment: PATH, HOME, LANG, LC_*, TERM and TMPDIR, and nothing that is secret.

    `passed` are names that the user lets through besides, whatever they hold; `own` are variables that the user
    set for this program.
    """
    names = set(passed)
    found = {name: value for name, value in environ.items() if name in names or _is_passed(name)}
    return {"PATH": _DEFAULT_PATH} | found | dict(own or {})


def _is_passed(name: str) -> bool:
    return (name in _PASSED or name.startswith("LC_")) and not any(word in name.upper() for word in _SECRET)


def end_group(leader: int, *, at_once: bool = False) -> None:
    """End a program that leads a session of its own, its group, and all else that is found below it.

    They get SIGTERM now, and SIGKILL after 2 s from a thread that nobody has to wait for; `at_once`, SIGKILL now.
    Whoever started the leader waits for it afterwards, and must not have done so before. What was made a session of
    its own by a program that has ended is not found.
    """
    tree = tree_of({leader: began_at(leader)})
    _send_all(leader, tree, signal.SIGKILL if at_once else signal.SIGTERM)
    if not at_once:
        threading.Thread(target=_kill_later, args=(leader, tree), name="end-group", daemon=True).start()


def _kill_later(leader: int, tree: Tree) -> None:
    until = time.monotonic() + GRACE_SECONDS
    while time.monotonic() < until:
        time.sleep(_LOOK_SECONDS)
        tree = tree_of(tree)
        if not tree:
            return
    _send_all(leader, tree, signal.SIGKILL)


def _send_all(leader: int, tree: Tree, number: signal.Signals) -> None:
    if leader in tree:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(leader, number)
    send({pid: began for pid, began in tree.items() if pid != leader}, number)
