"""Which tools there are: each made once, whoever asks first."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from functools import partial

from chatterm.backend.tools.base import Tool
from chatterm.backend.tools.registry import ToolRegistry
from chatterm.core.errors import StoreError
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


async def test_what_one_program_turns_on_another_one_leaves_on() -> None:
    stored: list[object] = [None]

    async def load() -> object:
        return stored[-1]

    async def save(turned: object) -> None:
        stored.append(turned)

    makers: dict[str, Callable[[], Tool]] = {name: partial(PlainTool, name) for name in ("a", "b")}
    one, other = (ToolRegistry((), makers, load=load, save=save) for _ in range(2))
    assert not await one.enabled() and not await other.enabled()
    assert await one.turn("a", True) and await other.turn("b", True)
    assert set(await other.enabled()) == {"a", "b"}
    assert await one.turn("b", False)
    assert stored[-1] == {"a": True, "b": False}


async def test_what_is_turned_on_holds_though_it_cannot_be_stored() -> None:
    broken = True
    stored: list[object] = []

    async def load() -> object:
        if broken:
            raise StoreError("it is locked")
        return None

    async def save(turned: object) -> None:
        stored.append(turned)

    makers: dict[str, Callable[[], Tool]] = {name: partial(PlainTool, name) for name in ("a", "b")}
    registry = ToolRegistry((), makers, load=load, save=save)
    assert await registry.turn("a", True)
    assert set(await registry.enabled()) == {"a"}
    broken = False
    assert await registry.turn("b", True)
    assert set(await registry.enabled()) == {"a", "b"}
    assert stored[-1] == {"a": True, "b": True}


async def test_a_tool_that_cannot_be_made_for_an_unforeseen_reason_costs_no_other() -> None:
    def broken() -> Tool:
        raise PermissionError(13, "Permission denied", "/nowhere")

    registry = ToolRegistry(("broken", "good"), {"broken": broken, "good": lambda: PlainTool("good")})
    assert set(await registry.enabled()) == {"good"}
    problems = {row.name: row.problem for row in await registry.known()}
    assert "Permission denied" in problems["broken"] and not problems["good"]
