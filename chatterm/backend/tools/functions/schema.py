"""The schema of a function's parameters, from its type hints and its docstring."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Annotated, Any, get_type_hints

import msgspec

from chatterm.backend.tools.arguments import spec_of
from chatterm.core.clean import clean_line
from chatterm.core.turn import ToolSpec

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ARGUMENTS = re.compile(r"^\s*(Args|Arguments|Parameters):?\s*$", re.IGNORECASE)
_GOOGLE = re.compile(r"^\s+\*{0,2}(\w+)\s*(?:\([^)]*\))?\s*:\s*(\S.*)$")
_FIELD = re.compile(r"^\s*:param\s+(?:[^:]*\s)?(\w+)\s*:\s*(.*)$")
_END = re.compile(r"^(\S|\s*:(?!param)\w)")

# Hints that are strings are code.
_OF_HINTS = (
    *(NameError, TypeError, AttributeError, SyntaxError),
    *(ArithmeticError, LookupError, ValueError, RuntimeError, OSError),
)


def described(function: Callable[..., Any]) -> tuple[ToolSpec, type[msgspec.Struct]]:
    """What a model is told of a function, and the struct that its arguments are read into.

    A parameter with a default may be left out; its field is then `UNSET`. Raises `ValueError` with the reason where
    a function cannot be a tool.
    """
    name = function.__name__
    if not _NAME.fullmatch(name):
        raise ValueError("its name may only have letters of ASCII, digits and _, and at most 64 of them")
    description, told = _docstring(inspect.getdoc(function) or "")
    try:
        hints = get_type_hints(function, include_extras=True)
    except _OF_HINTS as error:
        raise ValueError(f"its type hints cannot be read: {clean_line(str(error), 200)}") from None
    parameters = inspect.signature(function).parameters
    fields = [_field(each, hints, told.get(each.name, "")) for each in parameters.values()]
    try:
        struct = msgspec.defstruct(
            f"Arguments_of_{name}", fields, namespace={"__doc__": description}, kw_only=True
        )
        spec = spec_of(name, struct)
    except (TypeError, ValueError, NameError, RecursionError) as error:
        raise ValueError(f"its type hints cannot be told as JSON: {clean_line(str(error), 200)}") from None
    return replace(spec, parameters=_with_defaults(spec.parameters, parameters)), struct


def _field(parameter: inspect.Parameter, hints: Mapping[str, Any], told: str) -> tuple[Any, ...]:
    name = parameter.name
    if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
        raise ValueError(
            f"its parameter {name} cannot be given by name; *args, **kwargs and / are not supported"
        )
    if name not in hints:
        raise ValueError(f"its parameter {name} has no type hint; write one, such as {name}: str")
    hint: Any = hints[name]
    if parameter.default is not inspect.Parameter.empty:
        try:
            hint = hint | msgspec.UnsetType
        except TypeError:
            raise ValueError(f"the type hint of its parameter {name} is no type that JSON has") from None
    if told:
        hint = Annotated[hint, msgspec.Meta(description=told)]
    return (name, hint) if parameter.default is inspect.Parameter.empty else (name, hint, msgspec.UNSET)


def _with_defaults(
    schema: Mapping[str, object], parameters: Mapping[str, inspect.Parameter]
) -> Mapping[str, object]:
    """The schema, with the defaults that are plain values: a model should know what it leaves out."""
    properties: Any = schema["properties"]
    shown = {
        name: {**own, "default": parameters[name].default}
        if isinstance(parameters[name].default, str | int | float | bool)
        else own
        for name, own in properties.items()
    }
    return {**schema, "properties": shown}


def _docstring(text: str) -> tuple[str, dict[str, str]]:
    """What a docstring says of the function, and of each parameter: under `Args:`, or as `:param NAME:`."""
    told: dict[str, str] = {}
    said: list[str] = []
    is_inside, last = False, ""
    for line in text.splitlines():
        if _ARGUMENTS.match(line):
            is_inside = True
        elif (found := _FIELD.match(line)) or (is_inside and (found := _GOOGLE.match(line))):
            last = found[1]
            told[last] = found[2].strip()
        elif is_inside and last and line.startswith("    ") and line.strip():
            told[last] = f"{told[last]} {line.strip()}"
        else:
            is_inside = is_inside and not _END.match(line)
            said.append(line)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(said)).strip(), told
