"""An MCP server as a child process: messages as lines over its pipes, bounded, whatever it writes.

The SDK brings a transport of its own; one byte that is not UTF-8 ends it without a word, a line without end fills the
memory, and a program that ignores signals holds it up for 4 s.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from chatterm.backend.tools.mcp_intake import Filtered, Intake
from chatterm.backend.tools.mcp_values import McpServerSpec
from chatterm.backend.tools.processes import GRACE_SECONDS, end_group
from chatterm.core.errors import ToolError

if TYPE_CHECKING:
    from anyio.streams.memory import MemoryObjectSendStream
    from mcp.shared.message import SessionMessage

MOST_MESSAGE_BYTES = 4 * 1024 * 1024
MOST_GARBAGE_BYTES = 16 * 1024 * 1024
MOST_UNSENT_BYTES = 8 * 1024 * 1024
ERRORS_KEPT_BYTES = 8 * 1024

_READ_BYTES = 64 * 1024
_LOOK_SECONDS = 0.01
_EXIT_SECONDS = 0.5


class ServerProcess:
    """The process of one server. `is_over`: no more messages come; `ended` is called then.

    `ending` says why, in words; "" while they may come, and where we ended it.
    """

    def __init__(self, spec: McpServerSpec, intake: Intake, ended: Callable[[], None]) -> None:
        self._spec, self._intake, self._ended = spec, intake, ended
        self._process: asyncio.subprocess.Process | None = None
        self._errors = b""
        self._garbage = 0
        self._is_ended = False
        self.ending = ""
        self.is_over = False

    @property
    def errors(self) -> str:
        """The end of what it wrote to its error output: outside text."""
        return self._errors.decode(errors="replace")

    async def start(self) -> asyncio.subprocess.Process:
        """Start the program. Raises `ToolError` where that cannot be done."""
        request = self._spec.request
        try:
            self._process = await asyncio.create_subprocess_exec(
                *request.argv,
                cwd=request.folder,
                env=dict(self._spec.environment),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
                limit=_READ_BYTES,
            )
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise ToolError(f"it cannot be started: {reason}") from None
        return self._process

    def end(self, *, at_once: bool) -> None:
        """End the program and all it started; `at_once` without a word of warning."""
        process, self._is_ended = self._process, True
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        if process.returncode is None:
            end_group(process.pid, at_once=at_once)

    async def gone(self, seconds: float) -> bool:
        """Whether the program ends within so many seconds. Not its pipes: a child may hold them."""
        process = self._process
        until = asyncio.get_running_loop().time() + seconds
        while process is not None and process.returncode is None:
            if asyncio.get_running_loop().time() >= until:
                return False
            await asyncio.sleep(_LOOK_SECONDS)
        return True

    def release(self) -> None:
        """Let go of the pipes, also where somebody holds their other end."""
        transport: Any = getattr(self._process, "_transport", None)
        if transport is not None:
            transport.close()

    def send(self, data: bytes) -> None:
        """Hand over a line. Raises `BrokenPipeError` where nobody reads."""
        pipe = self._process.stdin if self._process is not None else None
        if pipe is None or pipe.is_closing() or self.ending:
            raise BrokenPipeError
        if pipe.transport.get_write_buffer_size() + len(data) > MOST_UNSENT_BYTES:
            self.ending = "it does not read what is sent to it"
            self.end(at_once=True)
            raise BrokenPipeError
        pipe.write(data)

    async def read(
        self, output: asyncio.StreamReader, to: MemoryObjectSendStream[SessionMessage | Exception]
    ) -> None:
        """Pass on its messages until it ends; then `ending` is set."""
        held: list[bytes] = []
        size = 0
        while not self.ending and (chunk := await output.read(_READ_BYTES)):
            *lines, rest = chunk.split(b"\n")
            for line in lines:
                await self._pass_on(b"".join((*held, line)), to)
                held, size = [], 0
            held.append(rest)
            size += len(rest)
            if size > MOST_MESSAGE_BYTES:
                self.ending = f"it sent a message of more than {MOST_MESSAGE_BYTES // 1024**2} MB"
        if not self.ending and not self._is_ended:
            await self.gone(_EXIT_SECONDS)
            self.ending = self._how_it_ended()
        self.is_over = True
        self._ended()

    async def drain(self, errors: asyncio.StreamReader) -> None:
        """Read its error output, so that it never waits for us, and keep the end of it."""
        while chunk := await errors.read(_READ_BYTES):
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
        status = self._process.returncode if self._process is not None else None
        if status is None:
            return "it closed its output"
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

    child = await process.start()
    send, receive = anyio.create_memory_object_stream["SessionMessage | Exception"](0)

    output, errors = child.stdout, child.stderr
    assert output is not None and errors is not None

    async def read() -> None:
        with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
            async with send:
                await process.read(output, send)

    tasks = [asyncio.create_task(read()), asyncio.create_task(process.drain(errors))]
    try:
        yield Filtered(receive, intake), _Writer(process)
    finally:
        receive.close()
        process.end(at_once=bool(process.ending))
        try:
            await process.gone(GRACE_SECONDS + _EXIT_SECONDS)
        finally:
            for task in tasks:
                task.cancel()
            send.close()
            process.release()
