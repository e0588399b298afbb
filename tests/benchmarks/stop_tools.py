"""The tool that a turn is stopped at: what it does until then, and how to see that nothing of it is left."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from chatterm.backend.tools.base import PreparedCall, TellProgress, Tool
from chatterm.backend.tools.stopping import Stop, in_stoppable_thread
from tests.benchmarks.stop_stages import ToolKind
from tests.doubles.dialects import TOOL
from tests.doubles.tools import PlainTool, Work

RUNS = "runs"
"""What a tool tells once it runs."""


def stop_tool(kind: ToolKind, command: Tool, mark: str) -> Tool:
    """The tool of this kind. `command` is run_command; programs that it starts have `mark` among their arguments."""
    if kind == "child":
        return _Command(command, mark)
    works: Mapping[str, Work] = {"waits": _wait, "thread": _block}
    return PlainTool(TOOL, works.get(kind, _end), harmless=kind != "asks")


async def _end(arguments: Mapping[str, object], tell: TellProgress) -> str:
    return "done"


async def _wait(arguments: Mapping[str, object], tell: TellProgress) -> str:
    tell(RUNS)
    await asyncio.Event().wait()
    return ""


async def _block(arguments: Mapping[str, object], tell: TellProgress) -> str:
    loop = asyncio.get_running_loop()

    def work(stop: Stop) -> str:
        loop.call_soon_threadsafe(tell, RUNS)
        while not stop.is_asked:
            time.sleep(0.005)
        return ""

    return await in_stoppable_thread(work, "chatterm-tool-that-blocks")


class _Command:
    """run_command under the name that the model calls, with a tree of programs that go on for ten minutes."""

    source = "built-in"
    is_pure = False
    timeout_seconds = None

    def __init__(self, command: Tool, mark: str) -> None:
        self.spec = PlainTool(TOOL).spec
        self._command, self._mark = command, mark

    async def prepare(self, arguments: Mapping[str, object]) -> PreparedCall:
        """Asks for consent like any command."""
        text = f"sleep 600 {self._mark} & echo {RUNS}; sleep 600 {self._mark}"
        return await self._command.prepare({"argv": ["sh", "-c", text]})
