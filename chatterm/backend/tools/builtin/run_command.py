"""The tool that runs a command: the very words that the user saw, by no shell, in a sandbox where there is one."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import msgspec

from chatterm.backend.daemon_thread import in_daemon_thread
from chatterm.backend.tools.arguments import read_arguments, spec_of
from chatterm.backend.tools.base import PreparedCall, TellProgress, ToolOutput
from chatterm.backend.tools.files.rooted import Place, Root
from chatterm.backend.tools.programs.processes import Processes, Program
from chatterm.backend.tools.programs.run import ProgramEnd, run_program
from chatterm.backend.tools.programs.sandbox import Sandbox, SandboxState
from chatterm.core.clean import clean_line, well_formed
from chatterm.core.errors import InvalidCallError, ToolError
from chatterm.core.tools import Access

MOST_WORDS = 1000
MOST_BYTES = 100_000
"""How long a command may be, since the user has to read it."""

HEADROOM_SECONDS = 1.0
"""How much earlier than the limit of time a command is ended, so that its output can still be told."""

_SHELLS = frozenset(
    {"sh", "bash", "dash", "zsh", "fish", "ksh", "mksh", "csh", "tcsh", "ash", "busybox", "pwsh"}
)

_Identity = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class _Found:
    """A program, what tells it from another in its place, and what the user should know of it."""

    path: str
    identity: _Identity
    notes: tuple[str, ...]


class RunCommandArguments(msgspec.Struct, forbid_unknown_fields=True):
    """Run a program on the user's machine and get its exit status and output.

    The words are given to the program exactly as they are: no shell reads them, so there are no pipes, redirections,
    variables or patterns. Standard input is empty and there is no terminal. All that it starts ends with it.
    """

    argv: Annotated[
        list[str],
        msgspec.Meta(min_length=1, max_length=MOST_WORDS, description="The program and its arguments."),
    ]
    folder: Annotated[str, msgspec.Meta(description="Folder to run it in, below the root.")] = "."
    timeout: Annotated[float, msgspec.Meta(gt=0, description="Seconds after which it is ended.")] | None = (
        None
    )


class RunCommand:
    """`run_command`. `environment` is all that a command gets; `limit_seconds` is how long one may take."""

    source = "built-in"
    is_pure = False
    timeout_seconds = None

    def __init__(
        self,
        *,
        root: Root,
        processes: Processes,
        sandbox: Sandbox,
        environment: Mapping[str, str],
        limit_seconds: float,
    ) -> None:
        self.spec = spec_of("run_command", RunCommandArguments)
        self._root, self._processes, self._sandbox = root, processes, sandbox
        self._environment, self._limit_seconds = environment, limit_seconds

    async def prepare(self, arguments: Mapping[str, object]) -> PreparedCall:
        """Find the program and the folder. The consent is for exactly these words, this program and this folder."""
        given = read_arguments(RunCommandArguments, arguments)
        _check_words(given.argv)
        place = self._root.place(given.folder, is_folder=True)
        path = self._environment.get("PATH", "")
        found = await in_daemon_thread(
            lambda: _find(given.argv, place.path, path, self._root.path), "chatterm-program"
        )
        state = await self._sandbox.state()
        most = self._limit_seconds - min(HEADROOM_SECONDS, self._limit_seconds / 4)
        seconds = min(most, given.timeout or most)
        target = {"argv": given.argv, "program": found.path, "folder": place.path}
        access = Access(
            kind="run",
            target=msgspec.json.encode(target).decode(),
            lines=(
                *found.notes,
                f"folder: {place.path}",
                state.line,
                f"environment: {', '.join(self._environment)}",
                f"ended after {seconds:g} s",
            ),
            may_always=state.may_always,
        )

        async def run(tell: TellProgress) -> ToolOutput:
            argv = (found.path, *given.argv[1:])
            scratch = await in_daemon_thread(lambda: self._scratch(found, state), "chatterm-program")
            try:
                return await self._run(argv, place, scratch, seconds, tell)
            finally:
                if scratch and self._sandbox.needs_scratch:
                    remove = partial(shutil.rmtree, scratch, ignore_errors=True)
                    threading.Thread(target=remove, name="chatterm-scratch", daemon=True).start()

        return PreparedCall(access=access, run=run)

    def _scratch(self, found: _Found, state: SandboxState) -> str:
        """The folder for temporary files in the sandbox; empty where there is none. Raises if the program changed."""
        if _identity(found.path) != found.identity:
            raise ToolError(
                f"{clean_line(found.path)} changed since the user was asked. Call the tool again."
            )
        if not state.is_on:
            return ""
        return tempfile.mkdtemp(prefix="chatterm-") if self._sandbox.needs_scratch else "/tmp"

    async def _run(
        self, argv: Sequence[str], place: Place, scratch: str, seconds: float, tell: TellProgress
    ) -> ToolOutput:
        environment = dict(self._environment)
        if scratch:
            environment["TMPDIR"] = scratch
            argv = await in_daemon_thread(
                lambda: self._sandbox.wrap(argv, place.path, scratch), "chatterm-sandbox"
            )
        program = Program(
            argv=tuple(argv),
            folder=lambda: self._open(place),
            environment=environment,
            may_gain_rights=bool(scratch),
        )
        return _told(await run_program(self._processes, program, seconds, tell), seconds)

    def _open(self, place: Place) -> int:
        """The folder, reached from the root without following a link, as it is when the command starts."""
        with self._root.folder(place) as handle:
            return os.dup(handle)


def _check_words(argv: Sequence[str]) -> None:
    if any("\0" in word or well_formed(word) != word for word in argv):
        raise InvalidCallError("A word of a command can hold no NUL and no half of a surrogate pair.")
    if sum(len(word.encode()) + 1 for word in argv) > MOST_BYTES:
        raise InvalidCallError(f"The command is longer than {MOST_BYTES:,} bytes. Write a file and name it.")


def _find(argv: Sequence[str], folder: str, path: str, root: str) -> _Found:
    """The program of a command, by a path whose links are kept: programs look at the name they have."""
    program = _path_of(argv[0], folder, path)
    return _Found(program, _identity(program), tuple(_notes(argv, program, root)))


def _path_of(name: str, folder: str, path: str) -> str:
    """Looked for on PATH, or from the folder where the name has a slash."""
    if "/" in name:
        found = os.path.normpath(os.path.join(folder, name))
        if not os.path.isfile(found) or not os.access(found, os.X_OK):
            raise ToolError(f"There is no program {clean_line(name)} in {clean_line(folder)}.")
        return found
    absolute = os.pathsep.join(each for each in path.split(os.pathsep) if os.path.isabs(each))
    if not name or (found := shutil.which(name, path=absolute)) is None:
        hint = ' For what a shell does, run one: ["sh", "-c", ...].' if set(name) & set(" |&;<>$") else ""
        raise ToolError(f"There is no program {clean_line(name)!r} on PATH.{hint}")
    return found


def _identity(program: str) -> _Identity:
    try:
        about = os.stat(program)
    except OSError as error:
        raise ToolError(f"{clean_line(program)} cannot be run: {error.strerror}.") from None
    return about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns


def _notes(argv: Sequence[str], program: str, root: str) -> list[str]:
    """What the user should know of the program before its name and arguments."""
    real = os.path.realpath(program)
    found = [f"program: {program}" + (f", which is {real}" if real != program else "")]
    if os.path.commonpath((real, root)) == root or os.path.commonpath((program, root)) == root:
        found.append("this program lies in the folder that tools may write to")
    if shells := [word for word in (*argv, real) if os.path.basename(word) in _SHELLS]:
        found.append(f"runs a shell: {os.path.basename(shells[0])} does whatever its arguments say")
    if foreign := dict.fromkeys(letter for word in argv for letter in word if not letter.isascii()):
        listed = ", ".join(f"U+{ord(letter):04X}" for letter in list(foreign)[:5])
        found.append(f"not ASCII: {listed}" + (f" and {len(foreign) - 5} more" if len(foreign) > 5 else ""))
    if any("\n" in word or "\r" in word for word in argv):
        found.append("a word of it has more than one line")
    return found


def _told(ended: ProgramEnd, seconds: float) -> ToolOutput:
    """The result. A status other than 0 is no error of the tool: many programs mean something else by it."""
    if ended.status is None:
        first = f"ended, since it took longer than {seconds:g} s"
    elif ended.status < 0:
        first = f"ended by signal {-ended.status}"
    else:
        first = f"exit status {ended.status}"
    first += f", {ended.seconds:.2f} s"
    if ended.left:
        first += f"; of what it started, {ended.left} ran on and {'was' if ended.left == 1 else 'were'} ended"
    return ToolOutput(text=f"[{first}]\n{ended.output}", is_error=ended.status is None)
