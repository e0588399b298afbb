"""Runs a program to its end: its output in order and in bounded memory, its time limited, a stop never waited for."""

from __future__ import annotations

import asyncio
import os
import selectors
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from chatterm.backend.daemon_thread import in_daemon_thread
from chatterm.backend.tools.base import TellProgress
from chatterm.backend.tools.programs.output import ProgramOutput
from chatterm.backend.tools.programs.processes import Child, Processes, Program
from chatterm.core.errors import ToolError

TELL_SECONDS = 0.1
"""How often the end of the output is told, at most."""

_LAST_WORDS_SECONDS = 0.2
"""How long a program that took too long may still write, after SIGTERM."""

_READ_BYTES = 64 * 1024
_MOST_DRAINED_BYTES = 4 * 1024 * 1024
_BREATH_SECONDS = 0.001
"""Pause between reads of endless output, so that it takes no processor from the screen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramEnd:
    """What became of a program. `status` is negative for a signal, and None if it took too long and was ended.

    `left` is how many processes it left running, which were ended.
    """

    output: str
    size_bytes: int
    status: int | None
    left: int
    seconds: float


async def run_program(
    processes: Processes, program: Program, limit_seconds: float, tell: TellProgress
) -> ProgramEnd:
    """Run it until it ends, or for this long. Raises `ToolError` where it cannot be started.

    Cancelled, it ends the program without waiting for it. `tell` gets the end of the output so far.
    """
    loop = asyncio.get_running_loop()
    child = processes.new()
    is_awaited = True

    def tell_here(text: str) -> None:
        if is_awaited:
            tell(text)

    def tell_loop(text: str) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody looks any more
            loop.call_soon_threadsafe(tell_here, text)

    def work() -> ProgramEnd:
        try:
            pipe = child.start(program).stdout
            assert pipe is not None
            with pipe:
                return _Watch(child, pipe.fileno(), tell_loop).until(time.monotonic() + limit_seconds)
        except (OSError, ValueError) as error:
            name = os.path.basename(program.argv[0])
            raise ToolError(f"{name} could not be started: {_reason(error)}.") from None
        finally:
            processes.finish(child)

    try:
        return await in_daemon_thread(work, "chatterm-command")
    except asyncio.CancelledError:
        child.end()
        raise
    finally:
        is_awaited = False


class _Watch:
    """Reads what a program writes and what its supervisor tells, on a thread."""

    def __init__(self, child: Child, pipe: int, tell: Callable[[str], None]) -> None:
        self._child, self._pipe, self._tell = child, pipe, tell
        self._output = ProgramOutput()
        self._told = 0
        self._tell_at = self._began = time.monotonic()

    def until(self, limit: float) -> ProgramEnd:
        """Read until the program has ended, or the clock shows this and it was told to."""
        os.set_blocking(self._pipe, False)
        is_late = False
        with selectors.DefaultSelector() as selector:
            selector.register(self._pipe, selectors.EVENT_READ)
            selector.register(self._child, selectors.EVENT_READ)
            is_running = True
            while is_running:
                for key, _ in selector.select(self._pause(limit)):
                    if key.fileobj is self._child:
                        is_running = self._child.read() and self._child.status is None
                    elif not self._take():
                        selector.unregister(self._pipe)
                self._tell_end()
                if is_running and time.monotonic() >= limit:
                    if is_late:
                        break
                    is_late, limit = True, time.monotonic() + _LAST_WORDS_SECONDS
                    self._child.end()
        return self._outcome(is_late)

    def _outcome(self, is_late: bool) -> ProgramEnd:
        until = self._output.size + _MOST_DRAINED_BYTES  # what it left behind may write for ever
        while self._output.size < until and self._take():
            pass
        status = self._child.status
        if status is None and not is_late:
            raise ToolError("The program was lost: the process that watched it was ended.")
        return ProgramEnd(
            output=self._output.text(),
            size_bytes=self._output.size,
            status=None if is_late else status,
            left=self._child.left,
            seconds=time.monotonic() - self._began,
        )

    def _take(self) -> bool:
        """Read once; False where there is nothing, or nothing more."""
        try:
            data = os.read(self._pipe, _READ_BYTES)
        except BlockingIOError:
            return False
        self._output.feed(data)
        if self._output.is_full:
            time.sleep(_BREATH_SECONDS)
        return bool(data)

    def _pause(self, limit: float) -> float:
        until = limit if self._told == self._output.size else min(limit, self._tell_at)
        return max(0.0, until - time.monotonic())

    def _tell_end(self) -> None:
        now = time.monotonic()
        if self._told != self._output.size and now >= self._tell_at:
            self._told, self._tell_at = self._output.size, now + TELL_SECONDS
            self._tell(self._output.end())


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
