"""The last step of every request body: what the user set wins, and what the provider refused stays out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from chatterm.core.turn import TurnRequest


def finished_fields(fields: Mapping[str, object], request: TurnRequest) -> dict[str, object]:
    """The fields of a body with the request's options in them, and without those that are None or refused.

    Options with the name of a field replace it; two objects are joined, so that `{"reasoning": {"summary":
    "auto"}}` leaves the effort alone. A refused name may be dotted: "reasoning.effort".
    """
    whole = _joined(fields, request.options)
    for name in request.refused:
        whole = _without(whole, name.split("."))
    return {name: value for name, value in whole.items() if value is not None}


def _joined(below: Mapping[str, object], above: Mapping[str, object]) -> dict[str, object]:
    joined = dict(below)
    for name, value in above.items():
        before = joined.get(name)
        if isinstance(before, dict) and isinstance(value, dict):
            value = _joined(cast("dict[str, object]", before), cast("dict[str, object]", value))
        joined[name] = value
    return joined


def _without(fields: dict[str, object], path: list[str]) -> dict[str, object]:
    inner = fields.get(path[0])
    if len(path) > 1 and isinstance(inner, dict):
        left = _without(cast("dict[str, object]", inner), path[1:])
        return {**fields, path[0]: left} if left else {k: v for k, v in fields.items() if k != path[0]}
    return {name: value for name, value in fields.items() if name != path[0]} if len(path) == 1 else fields
