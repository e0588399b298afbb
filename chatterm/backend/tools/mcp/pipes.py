"""A program that runs on, with pipes to and from it on the event loop, under a supervisor that leaves nothing of it."""

from __future__ import annotations

import asyncio
import subprocess
from contextlib import suppress
from pathlib import Path

from chatterm.backend.daemon_thread import in_daemon_thread
from chatterm.backend.tools.mcp.values import McpServerSpec
from chatterm.backend.tools.programs.processes import Child, Processes, Program
from chatterm.core.errors import ToolError

READ_BYTES = 64 * 1024
MOST_UNSENT_BYTES = 8 * 1024 * 1024


class PipedProgram:
    """The program of one server, once `start` is done. `output` and `errors` are what it writes."""

    def __init__(self, processes: Processes) -> None:
        self._processes = processes
        self._child: Child | None = None
        self._input: asyncio.WriteTransport | None = None
        self._pipes: list[asyncio.BaseTransport] = []
        self._is_gone = asyncio.Event()
        self.output = asyncio.StreamReader(READ_BYTES)
        self.errors = asyncio.StreamReader(READ_BYTES)
        self.fault = ""
        """Why the program could not be started."""

    @property
    def status(self) -> int | None:
        """How it ended; negative is the signal; None while it runs, and where nobody knows."""
        return self._child.status if self._child is not None else None

    async def start(self, spec: McpServerSpec) -> None:
        """Start it. Raises `ToolError` where that cannot be done; some faults are known only later: see `fault`."""
        request, child = spec.request, self._processes.new()
        # The user was asked for exactly this command, so it may do all that it could from a shell.
        program = Program(
            argv=request.argv,
            folder=Path(request.folder),
            environment=spec.environment,
            may_gain_rights=True,
        )
        starting = asyncio.create_task(
            in_daemon_thread(lambda: child.start(program, has_input=True, has_errors=True), "mcp-start")
        )
        try:
            process = await asyncio.shield(starting)
        except (OSError, ValueError) as error:
            self._processes.finish(child)
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise ToolError(f"it cannot be started: {reason}") from None
        except asyncio.CancelledError:
            child.end(at_once=True)
            starting.add_done_callback(_close_pipes)
            self._processes.finish(child)
            raise
        self._child = child
        await self._connect(process, child)

    def write(self, data: bytes) -> bool:
        """Hand over a line, without waiting; whether there is room for it. Raises `BrokenPipeError`."""
        if self._input is None or self._input.is_closing():
            raise BrokenPipeError
        if self._input.get_write_buffer_size() + len(data) > MOST_UNSENT_BYTES:
            return False
        self._input.write(data)
        return True

    def end(self, *, at_once: bool) -> None:
        """End it and all that it started: within 2 s, or `at_once`. Returns at once."""
        if self._input is not None:
            self._input.close()
        if self._child is not None:
            self._child.end(at_once=at_once)

    async def gone(self, seconds: float) -> None:
        """Wait for its end, at most so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._is_gone.wait()

    def release(self) -> None:
        """Let go of it, also where somebody holds the other end of a pipe. What it left is ended without us."""
        for pipe in self._pipes:
            pipe.close()
        child, self._child = self._child, None
        if child is not None:
            child.end(at_once=True)
            asyncio.get_running_loop().remove_reader(child.fileno())
            self._processes.finish(child)

    async def _connect(self, process: subprocess.Popen[bytes], child: Child) -> None:
        loop = asyncio.get_running_loop()
        loop.add_reader(child.fileno(), self._on_told, child)
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        self._input, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, process.stdin)
        self._pipes.append(self._input)
        for reader, pipe in ((self.output, process.stdout), (self.errors, process.stderr)):
            transport, _ = await loop.connect_read_pipe(
                lambda reader=reader: asyncio.StreamReaderProtocol(reader), pipe
            )
            self._pipes.append(transport)

    def _on_told(self, child: Child) -> None:
        """The supervisor tells something: take it, without waiting."""
        is_more = True
        try:
            is_more = child.read()
        except OSError as error:
            self.fault = f"it cannot be started: {error.strerror or 'its program cannot be run'}"
        if self.fault or child.status is not None or not is_more:
            self._is_gone.set()
        if not is_more:
            asyncio.get_running_loop().remove_reader(child.fileno())


def _close_pipes(started: asyncio.Task[subprocess.Popen[bytes]]) -> None:
    """Close the pipes of a start that nobody waits for any more."""
    if started.cancelled() or started.exception() is not None:
        return
    for pipe in (started.result().stdin, started.result().stdout, started.result().stderr):
        if pipe is not None:
            pipe.close()
