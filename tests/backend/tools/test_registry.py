"""Which tools there are: each made once, whoever asks first."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from chatterm.backend.tools.base import Tool
from chatterm.backend.tools.registry import ToolRegistry
from tests.doubles.patience import soon
from tests.doubles.tools import PlainTool


async def test_a_tool_that_is_asked_for_twice_at_once_is_made_once() -> None:
    began, go = threading.Event(), threading.Event()
    made: list[str] = []

    def make() -> Tool:
        made.append("tool")
        began.set()
        assert go.wait(20)
        return PlainTool("tool")

    makers: dict[str, Callable[[], Tool]] = {"tool": make}
    registry = ToolRegistry(("tool",), makers)
    registry.warm()
    first = asyncio.ensure_future(registry.enabled())
    second = asyncio.ensure_future(registry.known())
    assert await asyncio.to_thread(began.wait, 20)
    go.set()
    (tool,) = (await soon(first, "was not made")).values()
    assert [row.is_on for row in await soon(second, "was not listed")] == [True]
    assert (await registry.enabled())["tool"] is tool
    assert made == ["tool"]


async def test_a_tool_that_cannot_be_made_for_an_unforeseen_reason_costs_no_other() -> None:
    def broken() -> Tool:
        raise PermissionError(13, "Permission denied", "/nowhere")

    registry = ToolRegistry(("broken", "good"), {"broken": broken, "good": lambda: PlainTool("good")})
    assert set(await registry.enabled()) == {"good"}
    problems = {row.name: row.problem for row in await registry.known()}
    assert "Permission denied" in problems["broken"] and not problems["good"]
