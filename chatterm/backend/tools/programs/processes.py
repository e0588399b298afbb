"""Programs that tools start: what of the environment they get, and that all they started ends with them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from chatterm.backend.daemon_thread import in_daemon_thread
from chatterm.backend.tools.programs.tree import GRACE_SECONDS, Tree, began_at, send, tree_of
from chatterm.core.errors import ToolError

_PASSED = frozenset({"PATH", "HOME", "LANG", "TERM", "TMPDIR"})
_SECRET = ("KEY", "SECRET", "TOKEN")
_DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin"
_LOOK_SECONDS = 0.05
_CLOSE_SECONDS = 1.0
_SUPERVISE = (
    "import sys; sys.path.append(sys.argv.pop(1));"
    " from chatterm.backend.tools.programs.supervisor import main; main()"
)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program to start, exactly: no shell, no search. `argv[0]` is the path of its file.

    `folder` is a folder, or what opens one: it is called on a thread, and what it returns is closed. `may_gain_rights`:
    whether programs such as sudo may be more than their user.
    """

    argv: tuple[str, ...]
    folder: Path | Callable[[], int]
    environment: Mapping[str, str]
    may_gain_rights: bool = False


class Child:
    """A program that was started under a supervisor, which ends all that it started.

    It has a session of its own and no terminal. Standard input is empty unless a pipe is asked for; errors go where
    the output goes, unless they are.
    """

    def __init__(self) -> None:
        self._ours, self._theirs = socket.socketpair()
        self._said = bytearray()
        self._process: subprocess.Popen[bytes] | None = None
        self.pid: int | None = None
        """The number of the program, once `read` has come upon it."""
        self.left = 0
        """How many processes the program left behind when it ended; they were ended."""
        self.status: int | None = None
        """How the program ended; negative is the signal that ended it; None while it runs."""

    def start(
        self, program: Program, *, has_input: bool = False, has_errors: bool = False
    ) -> subprocess.Popen[bytes]:
        """Start it, and return the supervisor with the pipes. Raises `OSError`; takes milliseconds, so not on a loop.

        After `end` was called, the program is not run.
        """
        with self._theirs:
            opened = program.folder
            folder = os.open(opened, os.O_RDONLY) if isinstance(opened, Path) else opened()
            numbers = (self._theirs.fileno(), folder)
            try:
                self._process = subprocess.Popen(
                    [
                        *(sys.executable, "-I", "-S", "-c", _SUPERVISE, str(Path(__file__).parents[4])),
                        *(str(number) for number in (*numbers, int(program.may_gain_rights))),
                        program.environment.get("LC_CTYPE", ""),
                        *program.argv,
                    ],
                    stdin=subprocess.PIPE if has_input else subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE if has_errors else subprocess.STDOUT,
                    env=dict(program.environment),
                    start_new_session=True,
                    pass_fds=numbers,
                    bufsize=0,
                )
            finally:
                os.close(folder)
        return self._process

    def fileno(self) -> int:
        """What becomes readable when there is something for `read`."""
        return self._ours.fileno()

    def read(self) -> bool:
        """Take what the supervisor tells, waiting for it; False once all has ended. Raises `OSError` of the start."""
        try:
            data = self._ours.recv(4096)
        except ConnectionError:
            data = b""
        self._said += data
        *lines, self._said = self._said.split(b"\n")
        for line in lines:
            name, *numbers = line.decode().split()
            if name == "error":
                self.pid = None
                raise OSError(int(numbers[0]), os.strerror(int(numbers[0])))
            if name == "pid":
                self.pid = int(numbers[0])
            else:
                self.status, self.left = int(numbers[0]), int(numbers[1])
        return bool(data)

    def end(self, *, at_once: bool = False) -> None:
        """End the program and all that it started: SIGTERM now and SIGKILL after 2 s, or SIGKILL `at_once`.

        Returns at once; the supervisor does it, also when this process is gone by then.
        """
        with suppress(OSError):
            self._ours.send(b"K" if at_once else b"T")

    def wait(self) -> None:
        """Wait until all has ended, and leave no zombie. Blocks for 2 s and more."""
        with suppress(OSError):
            while self.read():
                pass
        if self._process is not None:
            self._process.wait()
        if self.status is None and self.pid is not None:
            end_group(self.pid, at_once=True)  # somebody ended the supervisor
        self._ours.close()


class Processes:
    """The programs that run. Nothing of them is left when `kill_all` has been called, or this process has ended."""

    def __init__(self) -> None:
        self._children: set[Child] = set()
        self._lock = threading.Lock()
        self._is_closed = False

    def new(self) -> Child:
        """A child to start. Raises `ToolError` after the end."""
        with self._lock:
            if self._is_closed:
                raise ToolError("chatterm is being closed: no program is started any more.")
            child = Child()
            self._children.add(child)
        return child

    def finish(self, child: Child) -> None:
        """Wait until all of the child has ended, on a thread of its own that nobody has to wait for."""

        def wait() -> None:
            child.wait()
            with self._lock:
                self._children.discard(child)

        threading.Thread(target=wait, name="chatterm-child", daemon=True).start()

    def kill_all(self) -> None:
        """End everything at once, and let nothing start any more. Does not wait; may be called on any way out."""
        with self._lock:
            self._is_closed = True
            children = tuple(self._children)
        for child in children:
            child.end(at_once=True)

    async def aclose(self) -> None:
        """`kill_all`, and wait for it, for 1 s at most."""
        self.kill_all()
        until = time.monotonic() + _CLOSE_SECONDS

        def wait() -> None:
            while self._children and time.monotonic() < until:
                time.sleep(_LOOK_SECONDS / 10)

        if self._children:
            await in_daemon_thread(wait, "chatterm-children")


def end_group(leader: int, *, at_once: bool = False) -> None:
    """End a program that leads a session of its own, its group, and all else that is found below it.

    For programs that were started without a supervisor, see `Child`. They get SIGTERM now, and SIGKILL after 2 s from
    a thread that nobody has to wait for; `at_once`, SIGKILL now. Whoever started the leader waits for it afterwards,
    and must not have done so before. What was made a session of its own by a program that has ended is not found.
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
