"""What is remembered of servers, whatever the store holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from chatterm.backend.tools.base import TellProgress, ToolOutput
from chatterm.backend.tools.mcp.memory import MOST_LINES, McpMemory
from chatterm.backend.tools.mcp.tools import McpTool, tools_of
from chatterm.backend.tools.mcp.values import McpStartRequest, McpToolEntry
from chatterm.core.errors import StoreError

REQUEST = McpStartRequest(server="s", argv=("a",), digest="1")


async def no_call(tool: McpTool, arguments: Mapping[str, object], tell: TellProgress) -> ToolOutput:
    raise AssertionError(tool)


def tools(**descriptions: str) -> tuple[McpTool, ...]:
    entries = [McpToolEntry(name=name, description=each, schema={}) for name, each in descriptions.items()]
    return tools_of("s", entries, no_call, lambda name, reason: None)


class Box:
    def __init__(self, value: Mapping[str, Any]) -> None:
        self.value = value

    async def load(self) -> Mapping[str, object]:
        return self.value

    async def save(self, value: Mapping[str, object]) -> None:
        self.value = value


def memory(value: Mapping[str, Any] | None = None) -> McpMemory:
    box = Box(value or {})
    return McpMemory(box.load, box.save)


@pytest.mark.parametrize(
    "value",
    [{"allowed": 5, "tools": []}, {"allowed": {"s": ["1"]}}, {"tools": {"s": 3}}, {"allowed": None}],
)
async def test_what_the_store_holds_may_be_anything(value: Mapping[str, Any]) -> None:
    kept = memory(value)
    assert not await kept.allows(REQUEST)
    assert await kept.compare("s", tools(a="A")) is None
    await kept.allow(REQUEST)
    assert await kept.allows(REQUEST)


async def test_a_tool_that_is_remembered_as_nonsense_counts_as_changed() -> None:
    change = await memory({"tools": {"s": {"s__a": 7, "s__b": {"pin": 1}}}}).compare("s", tools(a="A"))
    assert change is not None
    assert (change.changed, change.removed) == (("s__a",), ("s__b",))


async def test_a_store_that_fails_means_that_nothing_is_remembered() -> None:
    async def fails(value: Mapping[str, object] | None = None) -> Mapping[str, object]:
        raise StoreError("no")

    async def fails_to_save(value: Mapping[str, object]) -> None:
        raise StoreError("no")

    kept = McpMemory(fails, fails_to_save)
    await kept.allow(REQUEST)
    assert not await kept.allows(REQUEST)
    assert await kept.compare("s", tools(a="A")) is None


async def test_what_was_allowed_can_be_taken_back() -> None:
    kept = memory()
    await kept.allow(REQUEST)
    await kept.forbid("s")
    assert not await kept.allows(REQUEST)


async def test_a_difference_names_all_and_has_an_end() -> None:
    kept = memory()
    assert await kept.compare("s", tools(a="A", b="B", c="C" * 9000)) is None
    now = tools(a="A", b="\n".join("xyz" * 300), c="C" * 8999 + "D", d="D")
    change = await kept.compare("s", now)
    assert change is not None
    assert (change.added, change.changed, change.removed) == (("s__d",), ("s__b",), ())
    assert "lines more)" in change.difference
    assert len(change.difference.splitlines()) == MOST_LINES + 1
    assert await kept.compare("s", tools(a="A", b="B", c="C")) is not None


async def test_what_is_too_long_to_show_is_told() -> None:
    kept = memory()
    schema = {"properties": {f"p{n}": {} for n in range(500)}}
    entry = McpToolEntry(name="a", description="A", schema=schema)
    other = McpToolEntry(name="a", description="A", schema={"properties": {**schema["properties"], "z": {}}})
    ignore = lambda name, reason: None  # noqa: E731  # named as what it stands in for
    await kept.compare("s", tools_of("s", [entry], no_call, ignore))
    change = await kept.compare("s", tools_of("s", [other], no_call, ignore))
    assert change is not None
    assert change.difference == "s__a differs in what is too long to be shown"
