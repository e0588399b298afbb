"""Schemas of tools that a server wrote: which are passed on to a model, and whether arguments fit them.

The check of arguments is our own, a part of JSON Schema 2020-12 in bounded time. A general validator would run
regular expressions of the server on our event loop, fetch schemas that it names, and can be sent around in circles;
what is not checked here is checked by the server itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from types import NoneType
from typing import cast

import msgspec

from chatterm.core.clean import clean_line
from chatterm.core.errors import InvalidCallError

MOST_SCHEMA_BYTES = 64 * 1024
MOST_DEPTH = 48
MOST_STEPS = 20_000
"""How much of a schema is looked at for one call; an honest one takes some hundred steps."""

Schema = Mapping[str, object]

_IN_PLACE = ("allOf", "anyOf", "oneOf")
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_KINDS: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (NoneType,),
}


def usable_schema(schema: object) -> Schema:
    """The schema as it may be passed on. Raises `ValueError` with what is wrong with it."""
    if (own := _object(schema)) is None:
        raise ValueError("its schema is no object")
    if own.get("type", "object") != "object":
        raise ValueError("its schema is not of an object")
    try:
        size = len(msgspec.json.encode(own))
    except (ValueError, TypeError, RecursionError):
        raise ValueError("its schema cannot be written as JSON") from None
    if size > MOST_SCHEMA_BYTES:
        raise ValueError(f"its schema has {size:,} bytes, more than {MOST_SCHEMA_BYTES:,}")
    for node, depth in _nodes(own):
        if depth > MOST_DEPTH:
            raise ValueError("its schema nests too deep")
        for key in _REFERENCES:
            target = node.get(key)
            if isinstance(target, str) and not target.startswith("#"):
                raise ValueError(f"its schema refers to another document, {clean_line(target, 80)}")
    if _runs_in_a_circle(own):
        raise ValueError("its schema refers to itself in a circle")
    return {"properties": {}, **own, "type": "object"}


def check_arguments(schema: Schema, arguments: Mapping[str, object]) -> None:
    """Raises `InvalidCallError` that names the first argument that does not fit."""
    if (fault := _Check(schema).fault(schema, arguments, "")) is not None:
        raise InvalidCallError(clean_line(fault, 500))


def _nodes(schema: Schema) -> Iterator[tuple[Schema, int]]:
    """All objects in the schema with their depth; none below what is too deep."""
    todo: list[tuple[object, int]] = [(schema, 0)]
    while todo:
        value, depth = todo.pop()
        if (node := _object(value)) is not None:
            yield node, depth
            todo += [(each, depth + 1) for each in node.values()]
        todo += [(each, depth + 1) for each in _list(value)]


def _in_place(root: Schema, node: Schema) -> Iterator[Schema]:
    """The schemas that apply to the same value as this one."""
    for key in _IN_PLACE:
        yield from (one for each in _list(node.get(key)) if (one := _object(each)) is not None)
    if (target := _target(root, node)) is not None:
        yield target


def _runs_in_a_circle(root: Schema) -> bool:
    """Whether a value could be checked for ever without getting anywhere in it."""
    done: set[int] = set()
    for start, _ in _nodes(root):
        path: set[int] = set()
        todo: list[tuple[Schema, bool]] = [(start, False)]
        while todo:
            node, is_left = todo.pop()
            if is_left:
                path.discard(id(node))
                done.add(id(node))
            elif id(node) in path:
                return True
            elif id(node) not in done:
                path.add(id(node))
                todo.append((node, True))
                todo += [(each, False) for each in _in_place(root, node)]
    return False


def _target(root: Schema, node: Schema) -> Schema | None:
    """What a `$ref` in this schema points to, where it can be found."""
    reference = node.get("$ref")
    if not isinstance(reference, str) or not reference.startswith("#"):
        return None
    found: object = root
    for part in reference[1:].split("/")[1:]:
        if (table := _object(found)) is None:
            return None
        found = table.get(part.replace("~1", "/").replace("~0", "~"))
    return _object(found)


def _object(value: object) -> Schema | None:
    return cast("Schema", value) if isinstance(value, Mapping) else None


def _list(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []


class _Check:
    """The check of one call, which gives up looking after `MOST_STEPS`."""

    def __init__(self, root: Schema) -> None:
        self._root = root
        self._steps = 0

    def fault(self, schema: object, value: object, path: str) -> str | None:
        """What is wrong with the value, which stands at `path`; None where nothing is, or nothing is known."""
        self._steps += 1
        own = _object(schema)
        if own is None or self._steps > MOST_STEPS or path.count("/") > MOST_DEPTH:
            return None
        return next((fault for fault in self._faults(own, value, path) if fault is not None), None)

    def _faults(self, schema: Schema, value: object, path: str) -> Iterator[str | None]:
        yield _wrong_kind(schema, value, path)
        yield _wrong_value(schema, value, path)
        if (table := _object(value)) is not None:
            yield from self._of_object(schema, table, path)
        for number, each in enumerate(_list(value)):
            if self._steps > MOST_STEPS:
                return
            yield self.fault(schema.get("items"), each, f"{path}/{number}")
        if (target := _target(self._root, schema)) is not None:
            yield self.fault(target, value, path)
        yield from self._of_choices(schema, value, path)

    def _of_object(self, schema: Schema, value: Schema, path: str) -> Iterator[str | None]:
        known = _object(schema.get("properties")) or {}
        for name in _list(schema.get("required")):
            if isinstance(name, str) and name not in value:
                yield f"The argument {_shown(f'{path}/{name}')} is missing."
        for name, each in value.items():
            if name in known:
                yield self.fault(known[name], each, f"{path}/{name}")
            elif schema.get("additionalProperties") is False and "patternProperties" not in schema:
                names = ", ".join(known) or "none"
                yield f"There is no argument {_shown(f'{path}/{name}')}; known are: {names}."

    def _of_choices(self, schema: Schema, value: object, path: str) -> Iterator[str | None]:
        for key in _IN_PLACE:
            faults = [self.fault(each, value, path) for each in _list(schema.get(key))]
            if key == "allOf":
                yield from faults
            elif faults and None not in faults:
                yield faults[0]


def _wrong_kind(schema: Schema, value: object, path: str) -> str | None:
    kinds = schema.get("type")
    names = [kinds] if isinstance(kinds, str) else _list(kinds)
    if not names or not all(name in _KINDS for name in names):
        return None
    if any(_is_of(str(name), value) for name in names):
        return None
    wanted = " or ".join(str(name) for name in names)
    return f"The argument {_shown(path)} must be of type {wanted}; it is {_quoted(value)}."


def _is_of(kind: str, value: object) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _KINDS[kind])


def _wrong_value(schema: Schema, value: object, path: str) -> str | None:
    choices = [schema["const"]] if "const" in schema else _list(schema.get("enum"))
    if not choices or any(type(each) is type(value) and each == value for each in choices):
        return None
    if isinstance(value, int | float) and not isinstance(value, bool) and value in choices:
        return None
    names = ", ".join(_quoted(each) for each in choices[:20])
    return f"The argument {_shown(path)} must be one of {names}; it is {_quoted(value)}."


def _shown(path: str) -> str:
    return repr(clean_line(path.removeprefix("/").replace("/", "."), 80)) if path else "list"


def _quoted(value: object) -> str:
    try:
        return clean_line(json.dumps(value, ensure_ascii=False), 60)
    except (ValueError, RecursionError):
        return "something else"
