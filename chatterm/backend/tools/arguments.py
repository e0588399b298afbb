"""Arguments of tool calls as typed values: one struct is both the schema for the model and the check of a call."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TypeVar, cast

import msgspec

from chatterm.core.clean import clean_line
from chatterm.core.errors import InvalidCallError
from chatterm.core.reducer import TOO_LONG
from chatterm.core.turn import ToolSpec

MOST_ERROR_CHARACTERS = 500

S = TypeVar("S", bound=msgspec.Struct)


def spec_of(name: str, arguments: type[msgspec.Struct]) -> ToolSpec:
    """The specification of a tool with these arguments; the docstring of the struct is its description.

    A field is described by `Annotated[..., msgspec.Meta(description=...)]`.
    """
    schema, components = msgspec.json.schema_components([arguments], ref_template="#/$defs/{name}")
    own = dict(components.pop(arguments.__name__, schema[0]))
    description = inspect.cleandoc(str(own.pop("description", "")))
    own.pop("title", None)
    own["additionalProperties"] = False
    own.setdefault("properties", {})
    if components:
        own["$defs"] = components
    return ToolSpec(name=name, description=description, parameters=own)


def read_object(arguments: str) -> Mapping[str, object]:
    """Arguments as the model wrote them, as an object. Raises `InvalidCallError` for what is none."""
    if arguments == TOO_LONG:
        raise InvalidCallError("The arguments are longer than 1 MB. Call again with less at a time.")
    try:
        value: object = msgspec.json.decode(arguments or "{}")
    except (ValueError, RecursionError) as error:
        raise InvalidCallError(f"The arguments are no JSON: {clean_line(str(error), 200)}.") from None
    if not isinstance(value, dict):
        raise InvalidCallError("The arguments must be a JSON object.")
    return cast("dict[str, object]", value)


def read_arguments(kind: type[S], arguments: Mapping[str, object]) -> S:
    """The arguments as the struct. Raises `InvalidCallError` that names the argument that does not fit."""
    if unknown := sorted(set(arguments) - set(kind.__struct_fields__)):
        known = ", ".join(kind.__struct_fields__) or "none"
        raise InvalidCallError(f"There is no argument {clean_line(unknown[0], 60)!r}; known are: {known}.")
    try:
        return msgspec.convert(arguments, kind)
    except (msgspec.ValidationError, RecursionError) as error:
        raise InvalidCallError(clean_line(str(error), MOST_ERROR_CHARACTERS)) from None
