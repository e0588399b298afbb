"""A tool that does what the test says, and a registry of such tools."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

from chatterm.backend.endpoint_states import EndpointStates
from chatterm.backend.tools.approval import Approvals
from chatterm.backend.tools.base import PreparedCall, TellProgress, Tool, ToolOutput
from chatterm.backend.tools.toolbox import Toolbox
from chatterm.config.model import ToolSettings
from chatterm.core.tools import Access
from chatterm.core.turn import ToolSpec

Work = Callable[[Mapping[str, object], TellProgress], Awaitable[str]]


async def say_done(arguments: Mapping[str, object], tell: TellProgress) -> str:
    """What most tests need of a tool."""
    return f"done {dict(arguments)}" if arguments else "done"


class PlainTool:
    """Runs `work`; asks for consent to a call of its arguments, unless it is `harmless`."""

    def __init__(
        self,
        name: str,
        work: Work = say_done,
        *,
        harmless: bool = True,
        is_pure: bool = False,
        timeout_seconds: float | None = None,
    ) -> None:
        self.spec = ToolSpec(name=name, description="", parameters={"type": "object"})
        self.source = "built-in"
        self.is_pure = is_pure
        self.timeout_seconds = timeout_seconds
        self.runs = 0
        self._work, self._harmless = work, harmless

    async def prepare(self, arguments: Mapping[str, object]) -> PreparedCall:
        """Asks for exactly these arguments."""

        async def run(tell: TellProgress) -> ToolOutput:
            self.runs += 1
            return ToolOutput(text=await self._work(arguments, tell))

        access = Access(kind="call", target=f"{self.spec.name} {dict(arguments)}")
        return PreparedCall(access=None if self._harmless else access, run=run)


def toolbox_of(
    *tools: Tool,
    settings: ToolSettings | None = None,
    approvals: Approvals | None = None,
    keep: Callable[[str, str], Awaitable[str]] | None = None,
) -> Toolbox:
    """A toolbox with these tools on."""

    async def on() -> Mapping[str, Tool]:
        return {tool.spec.name: tool for tool in tools}

    return Toolbox(
        "conversation",
        on,
        settings=settings or ToolSettings(),
        approvals=approvals or Approvals(),
        breaker=EndpointStates(time.monotonic),
        clock=time.monotonic,
        keep=keep,
    )


class Gate:
    """Work that tells when it runs, and goes on when the test lets it."""

    def __init__(self, text: str = "let through") -> None:
        self.text = text
        self.running = asyncio.Event()
        self.open = asyncio.Event()
        self.cancelled = False

    async def __call__(self, arguments: Mapping[str, object], tell: TellProgress) -> str:
        self.running.set()
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return self.text
