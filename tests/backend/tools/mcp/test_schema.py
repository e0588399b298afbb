"""Schemas that servers wrote: which are passed on, and which arguments fit them, in bounded time."""

from __future__ import annotations

from typing import Any

import pytest

from chatterm.backend.tools.mcp.schema import check_arguments, usable_schema
from chatterm.core.errors import InvalidCallError
from tests.cpu_time import within


def properties(**each: Any) -> dict[str, Any]:
    return {"type": "object", "properties": each}


def nested(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(depth):
        schema = properties(a=schema)
    return schema


def doubling(depth: int) -> dict[str, Any]:
    """Each definition refers twice to the next: 2 ** depth ways through it."""
    definitions = {
        f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}, {"$ref": f"#/$defs/d{n + 1}"}]}
        for n in range(depth)
    }
    definitions[f"d{depth}"] = {"type": "object"}
    return {"type": "object", "$ref": "#/$defs/d0", "$defs": definitions}


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        (None, "no object"),
        ([], "no object"),
        ("object", "no object"),
        ({"type": "array"}, "not of an object"),
        ({"type": ["object", "null"]}, "not of an object"),
        (properties(a={"description": "x" * 70_000}), "70,0"),
        (nested(40), "too deep"),
        (properties(a={"$ref": "https://evil.example/a.json"}), "another document, https://evil"),
        (properties(a={"$dynamicRef": "other.json#a"}), "another document"),
        ({"type": "object", "$ref": "#"}, "circle"),
        ({"type": "object", "anyOf": [{"$ref": "#"}]}, "circle"),
        (
            {
                "$ref": "#/$defs/a",
                "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"oneOf": [{"$ref": "#/$defs/a"}]}},
            },
            "circle",
        ),
    ],
)
def test_a_schema_that_cannot_be_used(schema: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        usable_schema(schema)


def test_a_schema_gets_what_every_provider_wants() -> None:
    assert usable_schema({}) == {"type": "object", "properties": {}}


def test_a_tree_may_refer_to_itself() -> None:
    schema = properties(children={"type": "array", "items": {"$ref": "#"}}, name={"type": "string"})
    usable_schema(schema)
    check_arguments(schema, {"name": "a", "children": [{"name": "b", "children": []}]})
    with pytest.raises(InvalidCallError, match=r"'children\.0\.name' must be of type string"):
        check_arguments(schema, {"children": [{"name": 1}]})


FITTING = [
    (properties(a={"type": "integer"}), {"a": 3.0}),
    (properties(a={"type": ["string", "null"]}), {"a": None}),
    (properties(a={"anyOf": [{"type": "string"}, {"type": "null"}]}), {"a": None}),
    (properties(a={"enum": ["x", 1]}), {"a": 1}),
    (properties(a={"type": "strange"}), {"a": 1}),
    (properties(a={"pattern": "(a+)+$"}), {"a": "a" * 60 + "!"}),
    ({"type": "object", "properties": None, "required": "a", "anyOf": {}, "enum": 3}, {"a": 1}),
    ({"type": "object", "additionalProperties": False, "patternProperties": {".": {}}}, {"a": 1}),
    ({"type": "object", "properties": {"a": {"$ref": "#/nowhere"}}}, {"a": 1}),
    (properties(a=True, b=False), {"a": 1, "b": 2}),
]


@pytest.mark.parametrize(("schema", "arguments"), FITTING)
def test_arguments_that_fit_or_are_for_the_server_to_judge(schema: Any, arguments: dict[str, object]) -> None:
    check_arguments(schema, arguments)


@pytest.mark.parametrize(
    ("schema", "arguments", "words"),
    [
        (properties(a={"type": "integer"}), {"a": True}, "'a' must be of type integer; it is true"),
        (properties(a={"type": "integer"}), {"a": 1.5}, "must be of type integer"),
        (properties(a={"type": "boolean"}), {"a": 1}, "must be of type boolean"),
        (properties(a={"type": ["string", "null"]}), {"a": 1}, "string or null"),
        (properties(a={"anyOf": [{"type": "string"}, {"type": "null"}]}), {"a": 1}, "must be of type string"),
        (properties(a={"enum": ["x", "y"]}), {"a": "z"}, 'must be one of "x", "y"; it is "z"'),
        (properties(a={"const": 0}), {"a": False}, "must be one of 0"),
        ({"type": "object", "required": ["a"]}, {}, "'a' is missing"),
        ({**properties(a={}), "additionalProperties": False}, {"b": 1}, "no argument 'b'; known are: a"),
        (properties(a={"items": {"type": "string"}}), {"a": ["x", 1]}, r"'a\.1'"),
        ({"type": "object", "allOf": [{"required": ["a"]}]}, {}, "'a' is missing"),
    ],
)
def test_arguments_that_do_not_fit(schema: Any, arguments: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidCallError, match=words):
        check_arguments(schema, arguments)


def test_a_schema_with_a_million_ways_through_it_takes_no_time() -> None:
    schema = usable_schema(doubling(40))
    within(1, lambda: check_arguments(schema, {"a": 1}))
