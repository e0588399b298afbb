"""A small process between chatterm and a program, so that nothing the program starts outlives it.

It is the parent of all that the program starts, also of what takes a session of its own or loses its parent: on
Linux such orphans come to the nearest ancestor that asked for them. It ends them when it is told to, when the program
has ended, and when chatterm is gone, however that came about.

It is a program of its own, so it imports little, and nothing that takes time. On its control socket it reads `T`, end
it all, `K`, end it all at once, or the end of chatterm; and writes the lines `pid NUMBER`, then `error NUMBER`, if the
program could not be started, or `exit STATUS LEFT`: how it ended, negative for a signal, and how many it left behind.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import socket
import sys
import time
from contextlib import suppress
from types import FrameType

from chatterm.backend.tools.programs.tree import GRACE_SECONDS, Tree, began_at, send, tree_of

SANDBOX_NAME = "bwrap"
"""A program of this name is not asked to end, only those in it: it would end them all at once."""

_SET_CHILD_SUBREAPER, _SET_NO_NEW_PRIVS = 36, 38
_AGAIN_SECONDS, _LOOK_SECONDS = 0.01, 0.1
_MOST_SECONDS = 10.0
"""How long it is tried to end what cannot be ended, such as a process that waits for a disk."""


def main() -> None:
    """Start and watch the program of the command line. Ends with it and all of its own.

    The words are: control socket, open folder, whether it may gain rights, its LC_CTYPE, its argv.
    """
    control, folder, may_gain = (int(word) for word in sys.argv[1:4])
    for number in (control, folder):
        os.set_inheritable(number, False)
    os.environ.pop("LC_CTYPE", None)  # Python may have set it for itself
    if sys.argv[4]:
        os.environ["LC_CTYPE"] = sys.argv[4]
    if sys.platform.startswith("linux"):
        libc = ctypes.CDLL(None)
        libc.prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        if not may_gain:
            # What has more rights than its user could not be ended.
            libc.prctl(_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    ours = socket.socket(fileno=control)
    supervisor = Supervisor(ours)
    is_over = bool(select.select([ours], [], [], 0)[0])
    if not is_over and supervisor.start(sys.argv[5:], folder):
        supervisor.watch()
    os._exit(0)


class Supervisor:
    """Watches one program and what it started."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._roots: Tree = {os.getpid(): began_at(os.getpid())}
        self._pid = 0
        self._argv: list[str] = []
        self._kill_at: float | None = None
        self._asked: Tree = {}
        self._wake, wake = os.pipe()
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _wake_up)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)

    def start(self, argv: list[str], folder: int) -> bool:
        """Start the program in the folder; False where it cannot be, which is told."""
        self._argv = argv
        outcome, failure = os.pipe()
        known, go = os.pipe()
        self._pid = os.fork()
        if not self._pid:
            os.close(go)
            os.read(known, 1)
            _become(argv, folder, failure)
        os.close(failure)
        self._roots[self._pid] = began_at(self._pid)
        self._tell(f"pid {self._pid}")
        os.close(go)  # not before it is known, as it may begin by ending us
        os.close(known)
        # They are the program's alone, so that its end, or its closing them, is seen.
        nothing = os.open(os.devnull, os.O_RDWR)
        for number in range(3):
            os.dup2(nothing, number)
        error = os.read(outcome, 20)
        os.close(outcome)
        if error:
            self._tell(f"error {error.decode()}")
            return False
        return True

    def watch(self) -> None:
        """Return when the program has ended, and all that it started."""
        waiting = select.poll()
        waiting.register(self._control, select.POLLIN)
        waiting.register(self._wake, select.POLLIN)
        until: float | None = None
        while self._reap():
            now = time.monotonic()
            if self._kill_at is not None and now >= self._kill_at:
                until = until or now + _MOST_SECONDS
                if now > until:
                    return
                send(self._rest(), signal.SIGKILL)
            elif self._kill_at is not None:
                self._ask()  # what was not there yet the last time
            for number, _ in waiting.poll(self._wait_milliseconds(now)):
                if number == self._wake:
                    os.read(self._wake, 4096)
                elif not self._obey():
                    waiting.unregister(self._control)

    def _wait_milliseconds(self, now: float) -> float | None:
        if self._kill_at is None:
            return None
        seconds = self._kill_at - now
        if not sys.platform.startswith("linux"):
            seconds = min(seconds, _LOOK_SECONDS)  # nobody tells of the end of orphans
        return 1000 * max(_AGAIN_SECONDS, seconds)

    def _obey(self) -> bool:
        """Do what was written to the socket; False at its end."""
        try:
            said = self._control.recv(64)
        except OSError:
            said = b""
        if not said or b"K" in said:
            self._kill_at = time.monotonic()
        elif self._kill_at is None:
            self._end()
        return bool(said)

    def _reap(self) -> bool:
        """Whether anything is left, after all that has ended was waited for."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                # Where orphans do not come here, they are looked for.
                return not sys.platform.startswith("linux") and bool(self._rest())
            if not pid:
                return True
            if pid == self._pid:
                rest = self._rest()
                self._tell(f"exit {os.waitstatus_to_exitcode(status)} {len(self._programs(rest))}")
                if self._kill_at is None:
                    self._end()

    def _rest(self) -> Tree:
        tree = tree_of(self._roots)
        return {pid: began for pid, began in tree.items() if pid != os.getpid()}

    def _programs(self, tree: Tree) -> Tree:
        """These, without the processes of the sandbox itself."""
        if os.path.basename(self._argv[0]) != SANDBOX_NAME:
            return tree
        return {pid: began for pid, began in tree.items() if _name(pid) != SANDBOX_NAME}

    def _end(self) -> None:
        self._kill_at = time.monotonic() + GRACE_SECONDS
        self._ask()

    def _ask(self) -> None:
        """Ask each to end that was not asked yet."""
        tree = self._programs(self._rest())
        send({pid: began for pid, began in tree.items() if self._asked.get(pid) != began}, signal.SIGTERM)
        self._asked = tree

    def _tell(self, line: str) -> None:
        with suppress(OSError):
            self._control.sendall(f"{line}\n".encode())


def _wake_up(number: int, frame: FrameType | None) -> None:
    """A handler, without which no byte is written to the pipe that wakes the wait."""


def _become(argv: list[str], folder: int, failure: int) -> None:
    """Turn this new process into the program, without anything that Python or chatterm set for themselves."""
    try:
        os.setsid()
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            with suppress(OSError, ValueError):
                signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.fchdir(folder)
        os.execv(argv[0], argv)
    except OSError as error:
        os.write(failure, str(error.errno).encode())
    finally:
        os._exit(127)


def _name(pid: int) -> str:
    with suppress(OSError), open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
        return file.read().strip()
    return ""
