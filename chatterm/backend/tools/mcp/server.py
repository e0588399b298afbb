"""One MCP server: asked for, started, listed, called, and ended; never in the way of anything else."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, cast

from chatterm import __version__
from chatterm.backend.tools.base import TellProgress, ToolOutput
from chatterm.backend.tools.mcp.intake import Intake
from chatterm.backend.tools.mcp.memory import McpMemory
from chatterm.backend.tools.mcp.notices import Notices
from chatterm.backend.tools.mcp.sdk import load_sdk
from chatterm.backend.tools.mcp.session import McpSession
from chatterm.backend.tools.mcp.tools import McpTool, tools_of, usable_prompts
from chatterm.backend.tools.mcp.transport import ServerProcess, over_pipes
from chatterm.backend.tools.mcp.values import (
    McpChange,
    McpContent,
    McpPrompt,
    McpResource,
    McpServerSpec,
    McpStartRequest,
    McpState,
    McpStatus,
)
from chatterm.backend.tools.programs.processes import Processes
from chatterm.core.clean import clean_line
from chatterm.core.errors import ToolError

START_SECONDS = 60.0
"""How long a server may take to start: some fetch themselves first."""
CLOSE_SECONDS = 0.7
RESTART_SECONDS = 3.0
LISTED_SECONDS = 1.0
"""Least time between two looks at what it offers."""

MayStart = Callable[[McpStartRequest], Awaitable[bool]]
"""Asks the user whether a server may be started; what was allowed before is not asked."""

logger = logging.getLogger(__name__)


class McpServer:
    """A server by its state. `changed` is called whenever a front end should look at `status` again."""

    def __init__(
        self,
        spec: McpServerSpec,
        processes: Processes,
        memory: McpMemory,
        may_start: MayStart,
        changed: Callable[[], None],
    ) -> None:
        self.spec, self._processes, self._memory = spec, processes, memory
        self._may_start, self._changed = may_start, changed
        self.state, self.reason = McpState.OFF, ""
        self.tools: tuple[McpTool, ...] = ()
        self.prompts: tuple[McpPrompt, ...] = ()
        self.resources: tuple[McpResource, ...] = ()
        self.change: McpChange | None = None
        self.was_ready = False
        self._task: asyncio.Task[None] | None = None
        self._session: McpSession | None = None
        self._process: ServerProcess | None = None
        self._settled, self._wake, self._closing = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._notices = Notices(self._wake.set)
        self._version = ""
        self._call_seconds: float | None = None
        self._ping_seconds: float | None = None
        self._intake = Intake(time.monotonic)

    @property
    def status(self) -> McpStatus:
        """How it is now."""
        return McpStatus(
            server=self.spec.name,
            state=self.state,
            reason=self.reason,
            version=self._version,
            tools=len(self.tools),
            prompts=len(self.prompts),
            resources=len(self.resources),
            call_seconds=self._call_seconds,
            ping_seconds=self._ping_seconds,
            log=tuple(self._notices.log),
            errors=self._process.errors if self._process is not None else "",
            left_out=tuple(self._intake.left_out),
            skipped=self._intake.skipped,
        )

    def start(self) -> None:
        """Start it in the background, unless it runs or the user said no."""
        if self._task is None or self._task.done():
            self._settled.clear()
            self._task = asyncio.create_task(self._serve(), name=f"mcp-{self.spec.name}")

    async def settled(self) -> None:
        """Wait until it is ready, off or down."""
        await self._settled.wait()

    async def restart(self) -> None:
        """End it, where it runs, and start it again in the background."""
        await self._stop(RESTART_SECONDS)
        self.start()

    async def aclose(self) -> None:
        """End it within 1 s, whatever it does."""
        self.kill()
        await self._stop(CLOSE_SECONDS)

    async def _stop(self, seconds: float) -> None:
        task = self._task
        if task is not None and not task.done():
            self._closing.set()
            self._wake.set()
            if self.state is not McpState.READY:
                task.cancel()
            _, late = await asyncio.wait({task}, timeout=seconds)
            if late:
                self.kill()
                task.cancel()
                await asyncio.wait({task}, timeout=CLOSE_SECONDS / 4)
        self._set(McpState.OFF)

    def kill(self) -> None:
        """End its process at once; for an exit that cannot wait."""
        if self._process is not None:
            self._process.end(at_once=True)

    async def call(self, tool: McpTool, arguments: Mapping[str, object], tell: TellProgress) -> ToolOutput:
        """Call a tool, if it is still the same; progress and log lines go to `tell`. Raises `ToolError`."""
        began = time.monotonic()
        try:
            with self._notices.told_to(tell) as telling:
                session = self._ready()
                if tool not in self.tools:
                    raise ToolError("The tool changed since the call was allowed. Look at it again.")
                return await session.call(tool.own_name, arguments, telling)
        except ToolError as error:
            raise self._explained(error) from None
        finally:
            self._call_seconds = time.monotonic() - began
            self._changed()

    async def prompt(self, prompt: McpPrompt, arguments: Mapping[str, str]) -> str:
        """The text of one of its prompts. Raises `ToolError`."""
        return await self._ready().prompt(prompt, arguments)

    async def read(self, resource: McpResource) -> tuple[McpContent, ...]:
        """The contents of one of its resources. Raises `ToolError`."""
        return await self._ready().read(resource)

    async def ping(self) -> None:
        """Measure how long it takes to answer. Raises `ToolError`."""
        self._ping_seconds = None
        self._ping_seconds = await self._ready().ping()
        self._changed()

    async def accept_change(self) -> None:
        """The user has seen the difference: from now on these are the tools that are known."""
        await self._memory.accept(self.spec.name, self.tools)
        self.change = None
        self._changed()

    async def _serve(self) -> None:
        """The life of the server, in a task of its own, as the SDK wants it."""
        self._intake, self._process = Intake(time.monotonic), None
        self._closing.clear()
        try:
            if await self._is_allowed():
                self._set(McpState.STARTING)
                await load_sdk()
                async with self._connected() as session:
                    await self._run(session)
            else:
                self._set(McpState.OFF, "you did not allow it")
        except ToolError as error:
            self._set(McpState.DOWN, self._why(error.message))
        except Exception as error:
            # A border: whatever a server brings the SDK to raise costs this server only.
            logger.info("an MCP server went down: %s", type(error).__name__)
            self._set(McpState.DOWN, self._why(_words(error)))
        finally:
            if self.state not in (McpState.DOWN, McpState.OFF):
                self._set(McpState.OFF)
            self._session = None
            self._settled.set()

    async def _is_allowed(self) -> bool:
        if self.spec.fault:
            raise ToolError(self.spec.fault)
        if await self._memory.allows(self.spec.request):
            return True
        self._set(McpState.ASKING)
        if not await self._may_start(self.spec.request):
            return False
        await self._memory.allow(self.spec.request)
        return True

    @asynccontextmanager
    async def _connected(self) -> AsyncGenerator[McpSession]:
        from mcp.client.session import ClientSession
        from mcp_types import Implementation

        if self.spec.request.url:
            from chatterm.backend.tools.mcp.http import over_http

            streams: Any = over_http(self.spec, self._intake)
        else:
            self._process = ServerProcess(self.spec, self._processes, self._intake, self._wake.set)
            streams = over_pipes(self._process, self._intake)
        async with (
            streams as (read, write),
            ClientSession(
                read,
                write,
                logging_callback=self._notices.on_log,
                message_handler=self._notices.on_message,
                client_info=Implementation(name="chatterm", version=__version__),
            ) as sdk,
        ):
            session = McpSession(sdk, self.spec.name)
            try:
                yield session
            finally:
                session.drop()

    async def _run(self, session: McpSession) -> None:
        self._version = await session.begin(START_SECONDS)
        self._session = session
        while True:
            self._wake.clear()
            await self._list(session)
            self.was_ready = True
            self._set(McpState.READY)
            self._settled.set()
            await self._wake.wait()
            if self._process is not None and self._process.is_over:
                raise ToolError(self._process.ending or "it was ended")
            with suppress(TimeoutError):  # a server may say at every moment that its tools are others now
                async with asyncio.timeout(LISTED_SECONDS):
                    await self._closing.wait()
            if self._closing.is_set():
                return

    async def _list(self, session: McpSession) -> None:
        """Take what it offers now, and note what differs from what the user knows."""
        name, intake = self.spec.name, self._intake
        intake.left_out.clear()
        entries = await session.tools()
        tools = tools_of(name, entries, self.call, intake.leave_out, self.spec.timeout_seconds)
        prompts: tuple[McpPrompt, ...] = ()
        resources: tuple[McpResource, ...] = ()
        try:
            prompts = usable_prompts(await session.prompts(), intake.leave_out)
        except ToolError as error:
            intake.leave_out("prompts", error.message)
        try:
            resources = tuple(await session.resources())
        except ToolError as error:
            intake.leave_out("resources", error.message)
        self.change = await self._memory.compare(name, tools)
        self.tools, self.prompts, self.resources = tools, prompts, resources

    def _ready(self) -> McpSession:
        if self._session is None or self.state is not McpState.READY:
            raise self._explained(ToolError(f"it is {self.state}"))
        return self._session

    def _explained(self, error: ToolError) -> ToolError:
        """The error of a request; of a server that went down, that it did and what the user can do."""
        is_over = self._process is not None and self._process.is_over
        if not is_over and self.state is McpState.READY:
            return error
        reason = self._why(self.reason or error.message)
        return ToolError(
            f"The server {self.spec.name} does not run: {reason}. Go on without it; the user can restart it."
        )

    def _why(self, reason: str) -> str:
        if self._process is not None and self._process.ending:
            return self._process.ending
        if (status := self._intake.status) is not None and status >= 400:
            hint = f"; it wants a token: set mcp.{self.spec.name}.headers" if status in (401, 403) else ""
            return f"its address answers with status {status}{hint}"
        return reason

    def _set(self, state: McpState, reason: str = "") -> None:
        self.state, self.reason = state, reason
        if state is not McpState.READY:
            self.tools, self.prompts, self.resources = (), (), ()
        self._changed()


def _words(error: BaseException) -> str:
    """The first cause of an error, in words: the SDK nests them."""
    while isinstance(error, BaseExceptionGroup):
        error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
    said = clean_line(str(error), 200)
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
