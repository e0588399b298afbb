"""Values to JSON and back: message parts in tagged form, options, timings, and whatever else is remembered.

A part is a JSON object of its fields and a `type` that names it. What SQLite or UTF-8 cannot hold is replaced
on the way in: see `storable`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any, cast

import msgspec

from chatterm.core.clean import well_formed
from chatterm.core.messages import (
    CitationsPart,
    FilePart,
    ImagePart,
    OpaquePart,
    Part,
    RefusalPart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
)

_PART_TYPES: dict[str, type[Part]] = {
    "text": TextPart,
    "thinking": ThinkingPart,
    "opaque": OpaquePart,
    "image": ImagePart,
    "file": FilePart,
    "tool_call": ToolCallPart,
    "tool_result": ToolResultPart,
    "citations": CitationsPart,
    "refusal": RefusalPart,
}
_TAGS = {part_type: tag for tag, part_type in _PART_TYPES.items()}

# SQLite's integers have 64 bits with a sign: https://www.sqlite.org/datatype3.html
_LARGEST = 2**63 - 1
_SMALLEST = -(2**63)


def storable(value: object) -> object:
    """The value as SQLite and JSON can hold it, containers included.

    NUL becomes U+2400 and a lone surrogate U+FFFD; an integer beyond 64 bits becomes the nearest one within.
    """
    match value:
        case str():
            return well_formed(value)
        case bool():
            return value
        case int():
            return max(_SMALLEST, min(_LARGEST, value))
        case Mapping():
            items = cast("Mapping[object, object]", value).items()
            return {well_formed(str(key)): storable(item) for key, item in items}
        case list() | tuple():
            return [storable(item) for item in cast("Iterable[object]", value)]
        case _:
            return value


def encode(value: object) -> str:
    """The value as JSON text; what JSON has no form for is written as its `str`."""
    return msgspec.json.encode(storable(value), enc_hook=str).decode()


def encode_fields(value: Any) -> str:
    """The fields of a dataclass instance as a JSON object."""
    return encode(asdict(value))


def decode(text: str) -> Any:
    """The value that `encode` was given."""
    return msgspec.json.decode(text)


def encode_parts(parts: Iterable[Part]) -> str:
    """The parts as a JSON array of tagged objects."""
    return encode([{"type": _TAGS[type(part)], **asdict(part)} for part in parts])


def decode_parts(text: str) -> tuple[tuple[Part, ...], tuple[str, ...]]:
    """The parts of a stored message, and the JSON of those this version does not know.

    An unknown part is replaced by a text that says so, in its place; the stored form stays as it is.
    """
    parts: list[Part] = []
    unknown: list[str] = []
    for item in msgspec.json.decode(text, type=list[dict[str, Any]]):
        part_type = _PART_TYPES.get(item.get("type", ""))
        if part_type is None:
            unknown.append(encode(item))
            parts.append(TextPart(f"[{item.get('type', 'untyped')}: a newer chatterm can show this part]"))
        else:
            parts.append(msgspec.convert(item, part_type))
    return tuple(parts), tuple(unknown)


def blobs_of(parts: Iterable[Part]) -> set[str]:
    """The sha256 of every blob that the parts name."""
    return {part.sha256 for part in parts if isinstance(part, ImagePart | FilePart)}
