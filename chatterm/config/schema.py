"""What `model` says of a key: where it belongs, which values it takes, and how to name both."""

from __future__ import annotations

import dataclasses
import difflib
import json
import math
import re
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin, get_type_hints

import msgspec

from chatterm.config.model import Settings
from chatterm.core.clean import clean_line
from chatterm.core.redact import redact

Path = tuple[str, ...]
"""A key as its parts, for example ("interface", "theme")."""

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SECRET = re.compile(
    r"(^|[_-])(api)?(key|token)($|[_-])|secret|passw|auth|credential|^headers$|^env$", re.IGNORECASE
)
_DEEPEST = 16


@dataclass(frozen=True, slots=True)
class Entry:
    """One value at its place in the tree; `hint` is the type that `model` gives it."""

    path: Path
    value: object
    hint: Any


@dataclass(frozen=True, slots=True)
class Misfit:
    """Something in the tree that has no place there, or the wrong shape. `hint` suggests what was meant."""

    path: Path
    reason: str
    hint: str = ""


def walk(tree: Mapping[str, object]) -> Iterator[Entry | Misfit]:
    """Every value of a tree of settings with its type; unknown keys and sections as misfits."""
    return _walk((), tree, Settings)


def dotted(path: Path) -> str:
    """The key as it is written in TOML, safe to show."""
    return ".".join(
        part if _BARE.fullmatch(part) else json.dumps(clean_line(part, 64), ensure_ascii=False)
        for part in path
    )


def is_secret(path: Path) -> bool:
    """Whether the value at this key is never shown: its name, or one above it, says it may be a secret."""
    return any(_SECRET.search(part) for part in path)


def found(path: Path, value: object) -> str:
    """The value as it may be shown: short, on one line, without keys."""
    if is_secret(path):
        return "hidden here, as it may be a secret"
    if isinstance(value, str | bool):
        return redact(clean_line(json.dumps(value, ensure_ascii=False), 80))
    if isinstance(value, int) and value.bit_length() > 256:
        return "a number of hundreds of digits"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list):
        return f"a list of {len(cast('list[object]', value))}"
    return "a section" if isinstance(value, dict) else "a date or time"


def convert(entry: Entry, *, lax: bool = False) -> object:
    """The value as its type wants it; `lax` reads numbers and booleans out of text.

    Raises ValueError with what is allowed.
    """
    try:
        value = msgspec.convert(entry.value, entry.hint, strict=not lax)
    except msgspec.ValidationError:
        raise ValueError(describe(entry.hint)) from None
    if entry.hint is object and not _is_json(value, _DEEPEST):
        raise ValueError(
            f"text, true or false, finite numbers, and lists and tables of them, {_DEEPEST} deep"
        )
    return value


def describe(hint: Any) -> str:
    """The allowed values of a type in words."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _describe_bounded(arguments[0], arguments[1])
    if origin in (Union, types.UnionType):
        return describe(next(a for a in arguments if a is not type(None)))
    if origin is Literal:
        return " or ".join(json.dumps(value) for value in arguments)
    if origin is tuple:
        return 'a list of words such as ["one", "two"]'
    if origin is Mapping or dataclasses.is_dataclass(hint):
        return "a section"
    return {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}.get(
        hint, "a value"
    )


def hints_of(section: type) -> dict[str, Any]:
    """The fields of a section with their types, in order."""
    return get_type_hints(section, include_extras=True)


def _walk(path: Path, value: object, hint: Any) -> Iterator[Entry | Misfit]:
    is_table = get_origin(hint) is Mapping
    if (row := row_type(hint)) is not None:
        yield from _walk_rows(path, value, row)
    elif not is_table and not dataclasses.is_dataclass(hint):
        yield Entry(path, value, hint)
    elif not isinstance(value, dict):
        yield Misfit(path, f"is {found(path, value)}; it is a section, [{dotted(path)}]")
    else:
        section = cast("dict[str, object]", value)
        yield from (
            _walk_table(path, section, hint) if is_table else _walk_section(path, section, cast("type", hint))
        )


def _walk_table(path: Path, table: Mapping[str, object], hint: Any) -> Iterator[Entry | Misfit]:
    name_hint, value_hint = get_args(hint)
    for name, value in table.items():
        try:
            convert(Entry((*path, name), name, name_hint))
        except ValueError as error:
            yield Misfit((*path, name), f"has a name that cannot be used; allowed is {error}")
        else:
            yield from _walk((*path, name), value, value_hint)


def _walk_section(path: Path, section: Mapping[str, object], kind: type) -> Iterator[Entry | Misfit]:
    hints = hints_of(kind)
    for name, value in section.items():
        if name in hints:
            yield from _walk((*path, name), value, hints[name])
        else:
            near = difflib.get_close_matches(name, hints, 1, cutoff=0.5)
            hint = f"Did you mean {dotted((*path, near[0]))}?" if near else f"Known are {', '.join(hints)}."
            yield Misfit((*path, name), "is an unknown setting", hint)


def row_type(hint: Any) -> type | None:
    """The section of which a setting is a list (`[[name]]` in TOML); None for every other setting."""
    if get_origin(hint) is Annotated:
        return row_type(get_args(hint)[0])
    first = get_args(hint)[0] if get_origin(hint) is tuple else None
    return first if dataclasses.is_dataclass(first) and isinstance(first, type) else None


def _walk_rows(path: Path, value: object, row: type) -> Iterator[Entry | Misfit]:
    """Each row of a list of sections as one entry: with a part of it left out it would mean something else."""
    if not isinstance(value, list):
        yield Misfit(path, f"is {found(path, value)}; it is a list of sections, [[{dotted(path)}]]")
        return
    for number, item in enumerate(cast("list[object]", value), start=1):
        here = (*path, str(number))
        wrong = [*_row_misfits(here, item, row)]
        yield from wrong or [Entry(here, item, row)]


def _row_misfits(path: Path, item: object, row: type) -> Iterator[Misfit]:
    for entry in _walk(path, item, row):
        if isinstance(entry, Misfit):
            yield entry
            continue
        try:
            convert(entry)
        except ValueError as error:
            yield Misfit(entry.path, f"is {found(entry.path, entry.value)}; allowed is {error}")
    needed = [field.name for field in dataclasses.fields(row) if field.default is dataclasses.MISSING]
    if isinstance(item, dict):
        for name in needed:
            if name not in item:
                yield Misfit((*path, name), "is missing", "It is left out; correct it in the file.")


def _describe_bounded(hint: Any, meta: msgspec.Meta) -> str:
    if meta.description:
        return meta.description
    if meta.ge is None:
        return describe(hint)
    return f"{describe(hint)} from {meta.ge:g} to {meta.le:g}"


def _is_json(value: object, depth: int) -> bool:
    if isinstance(value, str | bool):
        return True
    if isinstance(value, int):
        return value.bit_length() <= 63
    if isinstance(value, float):
        return math.isfinite(value)
    if depth == 0 or not isinstance(value, dict | list):
        return False
    items = (
        cast("dict[str, object]", value).values() if isinstance(value, dict) else cast("list[object]", value)
    )
    return all(_is_json(item, depth - 1) for item in items)
