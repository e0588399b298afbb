"""JSON as providers write it: read without ever failing in an unnamed way, written so that joined pieces fit.

RFC 8259 is the format; the readers below accept what real servers make of it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import cast

import msgspec

MAX_DEPTH = 64
"""Deepest nesting of arrays and objects that is taken in."""

MAX_COUNT = 2**63 - 1
"""Largest count kept; larger ones are cut to it, so that a database can hold them."""


def safe_json(data: bytes) -> object:
    """The JSON value in `data`. Raises `ValueError`, and nothing else, saying what is wrong with it.

    Lone surrogate escapes stay in the strings: the other half may come with the next piece. Bytes that are
    not UTF-8 become U+FFFD; NaN, infinities and raw control characters in strings are accepted.
    """
    try:
        value = cast("object", msgspec.json.decode(data))
    except (ValueError, RecursionError):
        value = _decode_loosely(data)
    # Counting brackets is cheap and settles nearly every frame; only the rest is walked through.
    if data.count(b"[") + data.count(b"{") > MAX_DEPTH and _is_deep(value):
        raise ValueError(f"nested deeper than {MAX_DEPTH} levels")
    return value


def _decode_loosely(data: bytes) -> object:
    try:
        return cast("object", json.loads(data.decode("utf-8-sig", "replace"), strict=False))
    except RecursionError:
        raise ValueError(f"nested deeper than {MAX_DEPTH} levels") from None


def _is_deep(value: object) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [child for parent in level for child in (*as_object(parent).values(), *as_list(parent))]
        if not level:
            return False
    return any(isinstance(child, dict | list) for child in level)


def encode_json(value: object) -> bytes:
    """Compact JSON in UTF-8. Surrogate pairs are joined, lone surrogates become U+FFFD.

    A list encodes to the encodings of its items, joined by commas, in brackets: the payload cache's law.
    """
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return msgspec.json.encode(_well_formed(value))


def joined_body(head: bytes, items: Iterable[bytes], tail: bytes) -> bytes:
    """`head`, the items with commas between them, `tail`: copied once, as an item may be megabytes."""
    parts = list(items)
    pieces = [b","] * (2 * len(parts) - 1)
    pieces[::2] = parts
    return b"".join((head, *pieces, tail))


def _well_formed(value: object) -> object:
    if isinstance(value, str):
        return _paired(value)
    if isinstance(value, dict):
        fields = cast("dict[str, object]", value)
        return {_paired(key): _well_formed(item) for key, item in fields.items()}
    if isinstance(value, list | tuple):
        return [_well_formed(item) for item in cast("list[object]", value)]
    return value


def _paired(text: str) -> str:
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def object_in(data: bytes | str) -> dict[str, object]:
    """The JSON object in `data`; an empty one where it is another value or no JSON."""
    try:
        return as_object(safe_json(data if isinstance(data, bytes) else data.encode(errors="replace")))
    except ValueError:
        return {}


def as_object(value: object) -> dict[str, object]:
    """The value if it is a JSON object, else an empty one."""
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def as_list(value: object) -> list[object]:
    """The value if it is a JSON array, else an empty one."""
    return cast("list[object]", value) if isinstance(value, list) else []


def as_text(value: object) -> str:
    """The value if it is a string, else an empty one."""
    return value if isinstance(value, str) else ""


def as_number(value: object) -> float | None:
    """The value if it is a finite number of at least 0, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def as_count(value: object) -> int | None:
    """The value if it is a whole number of at least 0, at most `MAX_COUNT`; else None."""
    if type(value) is int and 0 <= value <= MAX_COUNT:  # nearly all are, and every frame may hold some
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        return None
    return min(value, MAX_COUNT)
