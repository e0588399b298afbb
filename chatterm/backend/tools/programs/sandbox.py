"""A sandbox for commands, where the system has one: bubblewrap on Linux, Seatbelt on macOS.

A command in it reads the system but not the home folder, writes below the root and in temporary folders of its own,
and has no network. It sees no other process, and ends with its supervisor.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from chatterm.backend.daemon_thread import in_daemon_thread
from chatterm.backend.tools.programs.processes import Processes, Program
from chatterm.backend.tools.programs.run import run_program
from chatterm.core.errors import ToolDeniedError, ToolError

TRIAL_SECONDS = 5.0

_PROGRAM_FOLDERS = "/usr/bin:/bin:/usr/local/bin:/run/current-system/sw/bin"
"""Where the sandbox's own program is looked for: not on PATH, which may name a folder that tools write to."""

_SCRATCH = ("/tmp", "/var/tmp", "/run", "/home", "/root", "/media", "/mnt")
"""Folders of other people's things, or of sockets that lead out of a sandbox; an empty one takes their place."""

_NEEDED = ("/run/current-system", "/run/opengl-driver")
"""Programs of some systems that are in one of those."""

_KEPT_OF_GIT = (".git/hooks", ".git/config")
"""Parts of the root that are only read: git runs later what they say, outside of the sandbox."""

_KEPT_FROM_PROGRAMS = (".cargo/credentials.toml", ".cargo/credentials")
"""Secrets in folders of the home folder that are shown for the programs in them."""

_TOO_MUCH = (".local", ".config", ".cache", "Library")
"""Folders of the home folder that hold more than one program; only the one folder on PATH is shown."""

_STRICTER = ("--unshare-user", "--disable-userns")
"""For bubblewrap from 0.8 on: no name spaces in the sandbox, which are a way to many a hole of a kernel."""

_SEATBELT = """(version 1)
(deny default)
(allow process-exec process-fork)
(allow signal (target same-sandbox))
(allow process-info* (target same-sandbox))
(allow sysctl-read)
(allow mach-lookup (global-name "com.apple.system.opendirectoryd.libinfo"))
(allow ipc-posix-sem)
(allow file-read*)
(allow file-write* (literal "/dev/null") (literal "/dev/zero"))
(deny file-read* (subpath "/Volumes") (subpath "/private/tmp") (subpath "/private/var/folders"))
(deny file-read-data (subpath (param "HOME")))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What a sandbox shows. All are absolute; `hidden` are not to be seen, wherever they are."""

    root: Path
    home: Path
    hidden: tuple[str, ...] = ()
    path: str = ""
    """The PATH of the command, whose folders it can read also where they are in the home folder."""


@dataclass(frozen=True, slots=True)
class SandboxState:
    """Whether commands run in a sandbox, as a line for the user."""

    is_on: bool
    line: str
    may_always: bool = False
    """Whether consent may last: only where a sandbox keeps the command from all that others trust."""


class Sandbox:
    """The sandbox of one root. Tried once, when it is first needed."""

    def __init__(
        self, layout: Layout, processes: Processes, mode: Literal["auto", "required", "off"] = "auto"
    ) -> None:
        self._layout, self._processes, self._mode = layout, processes, mode
        self._extra: tuple[str, ...] = ()
        self._state: SandboxState | None = None
        self._trying = asyncio.Lock()

    @property
    def needs_scratch(self) -> bool:
        """Whether `wrap` wants a folder for temporary files."""
        return sys.platform == "darwin"

    async def state(self) -> SandboxState:
        """Whether there is one that works. Raises `ToolDeniedError` where it is required and there is none."""
        async with self._trying:
            if self._state is None:
                self._state = await self._find()
        if self._mode == "required" and not self._state.is_on:
            raise ToolDeniedError(
                f"Commands may only run in a sandbox, and there is none here: {self._state.line}. "
                "Go on without running commands."
            )
        return self._state

    def wrap(self, argv: Sequence[str], folder: str, scratch: str = "") -> tuple[str, ...]:
        """The argv that runs this one in the sandbox, in a folder below the root. Looks at the disk.

        `scratch` is a folder for temporary files, where the sandbox cannot make one.
        """
        if self.needs_scratch:
            return seatbelt_argv(self._layout, argv, scratch)
        return bwrap_argv(self._layout, argv, folder, self._extra)

    async def _find(self) -> SandboxState:
        if self._mode == "off":
            return _none("turned off by [tools] sandbox")
        if self._layout.root == Path("/"):
            return _none("none can hold a command whose root is /")
        name = "sandbox-exec" if sys.platform == "darwin" else "bwrap"
        if _program(name) is None:
            return _none(f"{name} is not installed")
        root, true = self._layout.root, shutil.which("true", path=_PROGRAM_FOLDERS) or "/usr/bin/true"
        why = ""
        for self._extra in (_STRICTER, ()) if name == "bwrap" else ((),):
            argv = await in_daemon_thread(lambda: self.wrap([true], str(root)), "chatterm-sandbox")
            program = Program(argv=argv, folder=root, environment={}, may_gain_rights=True)
            try:
                ended = await run_program(self._processes, program, TRIAL_SECONDS, lambda _: None)
            except ToolError as error:
                why = str(error)
                continue
            if ended.status == 0:
                is_home = await in_daemon_thread(self._has_home, "chatterm-home")
                note = " (your home folder is in there)" if is_home else ""
                line = f"in a sandbox: writes only below {root}{note}, no network"
                return SandboxState(True, line, may_always=not is_home)
            why = ended.output.strip().rpartition("\n")[2] or "it took too long"
        return _none(f"{name} does not work here: {why[:200]}")

    def _has_home(self) -> bool:
        return _is_below(os.path.realpath(self._layout.home), [os.path.realpath(self._layout.root)])


def _none(why: str) -> SandboxState:
    return SandboxState(False, f"no sandbox ({why}): it can do all that you can")


def _program(name: str) -> str | None:
    return shutil.which(name, path=_PROGRAM_FOLDERS)


def bwrap_argv(
    layout: Layout, argv: Sequence[str], folder: str, extra: Sequence[str] = _STRICTER
) -> tuple[str, ...]:
    """The argv of bubblewrap for a command. What comes later covers what came before."""
    root, home = os.path.realpath(layout.root), os.path.realpath(layout.home)
    emptied = [
        each for each in dict.fromkeys((*_SCRATCH, home)) if os.path.isdir(each) and not _is_link(each)
    ]
    words = [_program("bwrap") or "bwrap", "--unshare-all", *extra, "--die-with-parent", "--new-session"]
    words += ["--cap-drop", "ALL", "--ro-bind", "/", "/", "--dev", "/dev"]
    # Read only, since a root user can change the whole system by what is below /proc/sys.
    words += ["--proc", "/proc", "--remount-ro", "/proc"]
    for each in emptied:
        words += ["--tmpfs", each]
    shown = [root]
    for each in dict.fromkeys((*_NEEDED, *_readable(layout, argv[0], home))):
        if _is_below(each, emptied):
            shown.append(each)
            words += ["--ro-bind-try", each, each]
    words += ["--bind", root, root]
    git = os.path.join(root, ".git")
    if os.path.lexists(git) and not os.path.islink(git):
        # A mount of its own, which cannot be renamed to put another with other hooks in its place.
        words += ["--bind" if os.path.isdir(git) else "--ro-bind", git, git]
    for each in _KEPT_OF_GIT:
        if os.path.lexists(path := os.path.join(root, each)):
            words += ["--ro-bind", path, path]
    for each in _hidden(layout, home):
        if _is_below(each, emptied) and not _is_below(each, shown):
            continue
        if os.path.isdir(each):
            words += ["--tmpfs", each]
        elif os.path.exists(each):
            words += ["--ro-bind", os.devnull, each]
    return (*words, "--chdir", folder, "--", *argv)


def seatbelt_argv(layout: Layout, argv: Sequence[str], scratch: str = "") -> tuple[str, ...]:
    """The argv of Seatbelt for a command. The last rule that fits decides."""
    home = os.path.realpath(layout.home)
    parameters = {"HOME": home}
    rules = [_SEATBELT]
    for number, each in enumerate(dict.fromkeys(_readable(layout, argv[0], home))):
        parameters[f"READ{number}"] = each
        rules.append(f'(allow file-read* (subpath (param "READ{number}")))')
    for number, each in enumerate(os.path.realpath(each) for each in (layout.root, scratch) if each):
        parameters[f"WRITE{number}"] = each
        rules.append(f'(allow file-read* file-write* (subpath (param "WRITE{number}")))')
    for number, each in enumerate(_KEPT_OF_GIT):
        parameters[f"KEPT{number}"] = os.path.join(os.path.realpath(layout.root), each)
        rules.append(f'(deny file-write* (subpath (param "KEPT{number}")))')
    parameters["GIT"] = os.path.join(os.path.realpath(layout.root), ".git")
    rules.append('(deny file-write-unlink (literal (param "GIT")))')  # nor renamed
    for number, each in enumerate(_hidden(layout, home)):
        parameters[f"HIDDEN{number}"] = each
        rules.append(f'(deny file-read* file-write* (subpath (param "HIDDEN{number}")))')
    defined = [word for name, value in parameters.items() for word in ("-D", f"{name}={value}")]
    return (_program("sandbox-exec") or "/usr/bin/sandbox-exec", "-p", "\n".join(rules), *defined, *argv)


def _readable(layout: Layout, program: str, home: str) -> Iterator[str]:
    """Folders that the program, and those on its PATH, need of a home folder that is hidden otherwise."""
    real = os.path.dirname(os.path.realpath(program))
    folders = [
        each for each in layout.path.split(os.pathsep) if os.path.isabs(each) and _is_below(each, [home])
    ]
    too_much = {*_SCRATCH, *(os.path.join(home, each) for each in _TOO_MUCH)}
    for each in (*folders, os.path.dirname(program), real):
        for folder in (each, os.path.dirname(each)):
            # The folder above too, if it holds nothing but this program and what belongs to it.
            is_installation = folder == each or _is_below(folder, [home, *_SCRATCH])
            if is_installation and folder not in too_much and not _is_below(home, [folder]):
                yield folder


def _hidden(layout: Layout, home: str) -> list[str]:
    secrets = (os.path.join(home, each) for each in _KEPT_FROM_PROGRAMS)
    return list(dict.fromkeys(map(os.path.realpath, (*layout.hidden, *secrets))))


def _is_below(path: str, folders: Sequence[str]) -> bool:
    return any(path == each or path.startswith(each.rstrip("/") + "/") for each in folders)


def _is_link(path: str) -> bool:
    return os.path.realpath(path) != path
