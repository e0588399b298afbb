"""An MCP server as a child process: messages as lines over its pipes, bounded, whatever it writes.

The SDK brings a transport of its own; one byte that is not UTF-8 ends it without a word, a line without end fills the
memory, and a program that ignores signals holds it up for 4 s.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import TYPE_CHECKING, Self

from chatterm.backend.tools.mcp.intake import Filtered, Intake
from chatterm.backend.tools.mcp.pipes import READ_BYTES, PipedProgram
from chatterm.backend.tools.mcp.values import McpServerSpec
from chatterm.backend.tools.programs.processes import Processes
from chatterm.backend.tools.programs.tree import GRACE_SECONDS

if TYPE_CHECKING:
    from anyio.streams.memory import MemoryObjectSendStream
    from mcp.shared.message import SessionMessage

MOST_MESSAGE_BYTES = 4 * 1024 * 1024
MOST_GARBAGE_BYTES = 16 * 1024 * 1024
ERRORS_KEPT_BYTES = 8 * 1024

EXIT_SECONDS = 0.5
"""How long a program that closed its output has to end, so that its status is known."""


class ServerProcess:
    """The process of one server. `is_over`: no more messages come; `ended` is called then.

    `ending` says why, in words; "" while they may come, and where we ended it.
    """

    def __init__(
        self, spec: McpServerSpec, processes: Processes, intake: Intake, ended: Callable[[], None]
    ) -> None:
        self._spec, self._intake, self._ended = spec, intake, ended
        self._errors = b""
        self._garbage = 0
        self._is_ended = False
        self.program = PipedProgram(processes)
        self.ending = ""
        self.is_over = False

    @property
    def errors(self) -> str:
        """The end of what it wrote to its error output: outside text."""
        return self._errors.decode(errors="replace")

    async def start(self) -> None:
        """Start the program. Raises `ToolError` where that cannot be done."""
        await self.program.start(self._spec)

    def end(self, *, at_once: bool) -> None:
        """End the program and all it started; `at_once` without a word of warning."""
        self._is_ended = True
        self.program.end(at_once=at_once)

    def send(self, data: bytes) -> None:
        """Hand over a line. Raises `BrokenPipeError` where nobody reads."""
        if self.ending:
            raise BrokenPipeError
        if not self.program.write(data):
            self.ending = "it does not read what is sent to it"
            self.end(at_once=True)
            raise BrokenPipeError

    async def read(self, to: MemoryObjectSendStream[SessionMessage | Exception]) -> None:
        """Pass on its messages until it ends; then `ending` is set."""
        held: list[bytes] = []
        size = 0
        while not self.ending and (chunk := await self.program.output.read(READ_BYTES)):
            *lines, rest = chunk.split(b"\n")
            for line in lines:
                await self._pass_on(b"".join((*held, line)), to)
                held, size = [], 0
            held.append(rest)
            size += len(rest)
            if size > MOST_MESSAGE_BYTES:
                self.ending = f"it sent a message of more than {MOST_MESSAGE_BYTES // 1024**2} MB"
        if not self.ending and not self._is_ended:
            await self.program.gone(EXIT_SECONDS)
            self.ending = self._how_it_ended()
        self.is_over = True
        self._ended()

    async def drain(self) -> None:
        """Read its error output, so that it never waits for us, and keep the end of it."""
        while chunk := await self.program.errors.read(READ_BYTES):
            self._errors = (self._errors + chunk)[-ERRORS_KEPT_BYTES:]

    async def _pass_on(self, line: bytes, to: MemoryObjectSendStream[SessionMessage | Exception]) -> None:
        if not line.strip():
            return
        if (message := self._intake.parse(line)) is not None:
            await to.send(message)
            if self._intake.is_flooded:
                self.ending = "it sends more messages than can be read"
            return
        self._garbage += len(line)
        if self._garbage > MOST_GARBAGE_BYTES:
            self.ending = "it writes what is no message; its output must hold nothing else"

    def _how_it_ended(self) -> str:
        status = self.program.status
        if status is None:
            return self.program.fault or "it closed its output"
        return f"it was ended by signal {-status}" if status < 0 else f"it ended with status {status}"


class _Writer:
    """What the SDK writes to. It never waits for the server."""

    def __init__(self, process: ServerProcess) -> None:
        self._process = process

    async def send(self, item: SessionMessage, /) -> None:
        """Send a message; raises `anyio.BrokenResourceError` where nobody reads."""
        from anyio import BrokenResourceError

        line = item.message.model_dump_json(by_alias=True, exclude_unset=True)
        try:
            self._process.send(line.encode() + b"\n")
        except (OSError, RuntimeError):
            raise BrokenResourceError from None

    async def aclose(self) -> None:
        """Nothing to do: the process is ended by who started it."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


@asynccontextmanager
async def over_pipes(process: ServerProcess, intake: Intake) -> AsyncGenerator[tuple[Filtered, _Writer]]:
    """Start the program and give the streams to and from it; at the end it is ended, within 2 s at most.

    Raises `ToolError` where it cannot be started.
    """
    import anyio

    send, receive = anyio.create_memory_object_stream["SessionMessage | Exception"](0)

    async def read() -> None:
        with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
            async with send:
                await process.read(send)

    tasks: list[asyncio.Task[None]] = []
    try:
        await process.start()
        tasks += [asyncio.create_task(read()), asyncio.create_task(process.drain())]
        yield Filtered(receive, intake), _Writer(process)
    finally:
        receive.close()
        process.end(at_once=bool(process.ending))
        try:
            await process.program.gone(GRACE_SECONDS + EXIT_SECONDS)
        finally:
            for task in tasks:
                task.cancel()
            send.close()
            process.program.release()
