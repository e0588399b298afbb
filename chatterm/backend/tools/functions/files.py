"""Finds the user's functions: in files and modules that the settings name, and in installed packages."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from chatterm.backend.tools.base import Tool
from chatterm.backend.tools.functions.function_tool import FunctionTool, attributes_of
from chatterm.backend.tools.functions.schema import described
from chatterm.core.clean import clean_line

ENTRY_POINTS = "chatterm.tools"
"""Entry point group of packages with tools: each names a module, or one function."""


def load_functions(modules: Sequence[str], folder: Path) -> tuple[tuple[Tool, ...], tuple[str, ...]]:
    """The tools of all that is named, then those of installed packages, and one line for each that cannot be one.

    A name that ends in `.py` is a file, below `folder` unless it is a whole path; any other is a module's. Runs their
    code, which may take long and do anything: call it on a daemon thread, and once.
    """
    tools: dict[str, Tool] = {}
    faults: list[str] = []
    for kind, name, load in (*_named(modules, folder), *_installed()):
        try:
            functions = list(_public(load()))
        except BaseException as error:  # whatever the code of others raises while it is imported
            faults.append(_fault(name, error))
            continue
        for function in functions:
            try:
                tool = _tool(function, f"{kind}:{name}")
            except ValueError as error:
                faults.append(
                    f"[tools] modules: {function.__name__} of {clean_line(name)} is left out: {error}"
                )
                continue
            if (other := tools.setdefault(tool.spec.name, tool)) is not tool:
                faults.append(
                    f"[tools] modules: {tool.spec.name} of {clean_line(name)} is left out: "
                    f"{other.source.partition(':')[2]} has one of the same name"
                )
    return tuple(tools.values()), tuple(faults)


def _named(modules: Iterable[str], folder: Path) -> Iterator[tuple[str, str, Callable[[], object]]]:
    for name in modules:
        if name.endswith(".py"):
            path = folder / Path(name).expanduser()
            yield "module", name, lambda path=path: _file(path)
        else:
            yield "module", name, lambda name=name: _module(name)


def _installed() -> Iterator[tuple[str, str, Callable[[], object]]]:
    for point in entry_points(group=ENTRY_POINTS):
        yield "package", point.name, point.load


def _file(path: Path) -> ModuleType:
    if not path.is_file():
        raise ImportError(f"there is no file {path}")
    name = f"chatterm_tools_{sha256(str(path).encode()).hexdigest()[:12]}_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up there
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _module(name: str) -> ModuleType:
    top = name.partition(".")[0]
    spec = importlib.util.find_spec(top)
    if spec is not None and top not in sys.modules and _is_here(spec):
        raise ImportError(
            "it would be taken from the folder chatterm was started in; name its file by a whole path"
        )
    return import_module(name)


def _is_here(spec: ModuleSpec) -> bool:
    """Whether a module is found only because of where chatterm was started: that folder's files are not trusted."""
    places = [Path(each) for each in spec.submodule_search_locations or ()] or [Path(spec.origin or "")]
    return any(place.parent.resolve() == Path.cwd() for place in places)


def _public(loaded: object) -> Iterator[Callable[..., Any]]:
    if not isinstance(loaded, ModuleType):
        if not inspect.isfunction(loaded):
            raise TypeError(f"it names a {type(loaded).__name__}, which is neither a module nor a function")
        yield loaded
        return
    listed: Sequence[str] | None = getattr(loaded, "__all__", None)
    for name, value in inspect.getmembers_static(loaded, inspect.isfunction):
        is_own = value.__module__ == loaded.__name__ and value.__name__ == name
        if name in listed if listed is not None else is_own and not name.startswith("_"):
            yield value


def _tool(function: Callable[..., Any], source: str) -> FunctionTool:
    pure, seconds = attributes_of(function)
    spec, arguments = described(function)
    return FunctionTool(
        function=function,
        spec=spec,
        arguments=arguments,
        source=source,
        where=f"function {function.__name__} of {inspect.getsourcefile(function) or source}",
        is_pure=pure,
        timeout_seconds=seconds,
    )


def _fault(name: str, error: BaseException) -> str:
    said = clean_line(str(error), 200)
    if isinstance(error, SyntaxError):
        return f"[tools] modules: {clean_line(name)} has an error in line {error.lineno}: {clean_line(error.msg, 200)}"
    if isinstance(error, ImportError):
        return f"[tools] modules: {clean_line(name)} cannot be loaded: {said}"
    return f"[tools] modules: {clean_line(name)} cannot be loaded: {type(error).__name__}: {said}"
