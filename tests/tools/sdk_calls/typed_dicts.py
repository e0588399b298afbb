"""Holds a body to the TypedDicts of a client."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import import_module
from pkgutil import walk_packages
from typing import Any


def typed_dict_complaints(kind: Any, body: Mapping[str, Any], package: str) -> list[str]:
    """What is wrong with the body as a TypedDict of the package, unknown fields included; one line each."""
    pydantic = import_module("pydantic")
    # Iterables are looked at late, by an adapter that must still be there.
    adapter = _strict_adapter(kind, package)
    try:
        _exhaust(adapter.validate_python(body))
    except pydantic.ValidationError as error:
        return [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
    return []


@cache
def _strict_adapter(kind: Any, package: str) -> Any:
    """One that lets no TypedDict of the package take fields that it does not name."""
    pydantic = import_module("pydantic")
    top = import_module(package)
    for module in walk_packages(top.__path__, f"{package}."):
        import_module(module.name)
    for name, module in list(sys.modules.items()):
        if name.startswith(package.partition(".")[0]):
            for each in list(vars(module).values()):
                if isinstance(each, type) and hasattr(each, "__total__"):
                    each.__pydantic_config__ = pydantic.ConfigDict(
                        extra="forbid", arbitrary_types_allowed=True
                    )
    return pydantic.TypeAdapter(kind)


def _exhaust(value: Any) -> None:
    """Go through everything: what is typed as an iterable is only looked at as it is gone through."""
    if isinstance(value, Mapping):
        value = value.values()
    elif isinstance(value, str | bytes) or not isinstance(value, Iterable):
        return
    for each in value:
        _exhaust(each)
