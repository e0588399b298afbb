"""Fragments of tool calls find their call."""

from __future__ import annotations

from typing import Any

import pytest

from chatterm.backend.providers.tool_calls import ToolCallMerger
from chatterm.core.messages import ToolCallPart
from chatterm.core.reducer import Draft


def fragment(
    index: int | None = None, call_id: str | None = None, name: str | None = None, arguments: Any = None
) -> Any:
    fields: dict[str, Any] = {"function": {"name": name, "arguments": arguments}}
    return fields | ({} if index is None else {"index": index}) | ({} if call_id is None else {"id": call_id})


def merged(*fragments: Any) -> list[tuple[str, str, str]]:
    merger, draft = ToolCallMerger(), Draft()
    for item in fragments:
        for event in merger.feed(item):
            draft.apply(event)
    for event in merger.finish():
        draft.apply(event)
    return [(p.call_id, p.name, p.arguments) for p in draft.parts() if isinstance(p, ToolCallPart)]


CASES: list[tuple[str, list[Any], list[tuple[str, str, str]]]] = [
    (
        "fragments by index",
        [fragment(0, "a", "f", ""), fragment(0, None, None, '{"x"'), fragment(0, None, None, ":1}")],
        [("a", "f", '{"x":1}')],
    ),
    (
        "two calls interleaved",
        [
            fragment(0, "a", "f", "{"),
            fragment(1, "b", "g", "{"),
            fragment(0, arguments="}"),
            fragment(1, arguments="}"),
        ],
        [("a", "f", "{}"), ("b", "g", "{}")],
    ),
    (
        "a new id at a known index begins a new call",
        [fragment(0, "a", "f", "{}"), fragment(0, "b", "g", "{"), fragment(0, arguments="}")],
        [("a", "f", "{}"), ("b", "g", "{}")],
    ),
    (
        "the id and the name repeated",
        [fragment(0, "a", "f", "{"), fragment(0, "a", "f", "}")],
        [("a", "f", "{}")],
    ),
    (
        "an empty id repeated",
        [fragment(0, "a", "f", "{"), fragment(0, "", "", "}")],
        [("a", "f", "{}")],
    ),
    (
        "no index: the last call",
        [fragment(None, "a", "f", "{"), fragment(arguments="}"), fragment(None, "b", "g", "{}")],
        [("a", "f", "{}"), ("b", "g", "{}")],
    ),
    ("no arguments at all", [fragment(0, "a", "f")], [("a", "f", "{}")]),
    ("arguments as an object", [fragment(0, "a", "f", {"x": 1})], [("a", "f", '{"x":1}')]),
    (
        "the name comes late",
        [fragment(0, "a", None, "{"), fragment(0, None, "f", "}")],
        [("a", "f", "{}")],
    ),
    ("the name never comes", [fragment(0, "a", None, "{}")], [("a", "", "{}")]),
    (
        "indexes with a gap",
        [fragment(3, "a", "f", "{}"), fragment(7, "b", "g", "{}")],
        [("a", "f", "{}"), ("b", "g", "{}")],
    ),
    (
        "arguments that are not JSON are kept as they are",
        [fragment(0, "a", "f", "{oops")],
        [("a", "f", "{oops")],
    ),
]


@pytest.mark.parametrize(
    ("fragments", "calls"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_fragments_find_their_call(fragments: list[Any], calls: list[tuple[str, str, str]]) -> None:
    assert merged(*fragments) == calls


def test_a_call_without_an_id_is_given_one_of_its_own() -> None:
    (first, second) = merged(fragment(0, None, "f", "{}"), fragment(1, "", "g", "{}"))
    assert first[0]
    assert second[0]
    assert first[0] != second[0]


def test_an_id_that_comes_late_does_not_begin_a_second_call() -> None:
    assert len(merged(fragment(0, None, "f", "{"), fragment(0, "a", None, "}"))) == 1


def test_whole_calls() -> None:
    merger = ToolCallMerger()
    assert not merger.any
    events = [*merger.whole("a", "f", {"x": 1}), *merger.whole("a", "f", "")]
    assert [event.index for event in events] == [0, 0, 1]
    assert merger.any
    assert list(merger.finish()) == []


@pytest.mark.parametrize(
    "junk", [None, 7, "x", [], {}, {"function": 7}, {"index": "0", "function": {"name": 1}}]
)
def test_junk_makes_at_most_an_empty_call(junk: Any) -> None:
    assert [call[1:] for call in merged(junk)] == [("", "{}")]
