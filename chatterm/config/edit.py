"""Changing the settings file: one value, or a first file to start from."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import cast

from chatterm.config.files import parse_toml, read_file, write_private
from chatterm.config.load import check_tree, tree_of
from chatterm.config.paths import private_folder
from chatterm.config.render import render_example
from chatterm.config.schema import Entry, Misfit, Path, convert, dotted, found, walk
from chatterm.core.clean import clean_line
from chatterm.core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Change:
    """What `set_value` wrote. `backup` holds the file as it was; None where nothing in it was lost."""

    path: Path
    value: object
    backup: FilePath | None


def set_value(file: FilePath, key: str, text: str) -> Change:
    """Set the dotted `key` in the settings file to what `text` says; the rest keeps its values, not its comments.

    `text` is taken as it is where a text belongs, else as a TOML value. Raises ConfigError, and leaves the
    file alone, for an unknown key, a value that is not allowed, and a file that cannot be read or written.
    """
    path = _parsed_key(key)
    value = _parsed_value(path, text)
    before = read_file(file)
    tree = parse_toml(before[0], file) if before else {}
    _plant(tree, path, value)
    for problem in check_tree(tree, file).problems:
        if problem.key == dotted(path):
            raise problem
    return Change(path, value, _write(file, tree, before[0] if before else None))


def put_sections(
    file: FilePath, group: str, sections: Mapping[str, Mapping[str, object]], *, replace: bool
) -> tuple[tuple[str, ...], FilePath | None]:
    """Write sections `[GROUP.NAME]` into the settings file; those that are there stay, unless with `replace`.

    The names that were written, and what holds the file as it was; None where nothing in it was lost. Raises
    ConfigError, and leaves the file alone, for a value that is not allowed, and a file that cannot be read or written.
    """
    before = read_file(file)
    tree = parse_toml(before[0], file) if before else {}
    there = tree.get(group)
    written = tuple(name for name in sections if replace or not isinstance(there, dict) or name not in there)
    if not written:
        return (), None
    for name in written:
        _plant(tree, (group, name), dict(sections[name]))
    keys = tuple(dotted((group, name)) for name in written)
    for problem in check_tree(tree, file).problems:
        if problem.key in keys or problem.key.startswith(tuple(f"{key}." for key in keys)):
            raise problem
    return written, _write(file, tree, before[0] if before else None)


def _write(file: FilePath, tree: Mapping[str, object], before: bytes | None) -> FilePath | None:
    """Write the tree, and the file as it was beside it where comments would be lost: then where that is."""
    # The backup must outlive the next change, which finds no comments any more.
    backup = file.with_name(f"{file.name}.bak") if before and b"#" in before else None
    try:
        import tomli_w

        data = tomli_w.dumps(tree).encode()
        private_folder(file.parent)
        if before and backup:
            write_private(backup, before)
        write_private(file, data)
    except (OSError, RecursionError) as error:
        raise _unwritable(file, error) from None
    return backup


def write_example(file: FilePath) -> None:
    """Write a settings file with every setting commented out; raises ConfigError where something is already."""
    if os.path.lexists(file):
        hint = "Change a value with: chatterm config set KEY VALUE"
        raise ConfigError(
            f"{clean_line(str(file))} is already there; nothing was written.", hint, path=str(file)
        )
    try:
        private_folder(file.parent)
        write_private(file, render_example().encode())
    except OSError as error:
        raise _unwritable(file, error) from None


def _parsed_key(key: str) -> Path:
    """The parts of a dotted key, which may be quoted as in TOML."""
    path: list[str] = []
    try:
        node: object = tomllib.loads(f"{key} = 0")
    except (ValueError, RecursionError):
        node = {}
    while isinstance(node, dict):
        table = cast("dict[str, object]", node)
        if len(table) != 1:
            hint = "A key is written like interface.theme; chatterm config show lists them."
            raise ConfigError(f"{clean_line(key, 80)!r} is not a key.", hint)
        name, node = next(iter(table.items()))
        path.append(name)
    return tuple(path)


def _parsed_value(path: Path, text: str) -> object:
    (item,) = walk(tree_of(path, text))
    if isinstance(item, Misfit):
        hint = item.hint or "chatterm config show lists the settings."
        raise ConfigError(f"{dotted(path)} {item.reason}.", hint, key=dotted(path))
    try:
        toml = [cast("object", tomllib.loads(f"value = {text}")["value"])]
    except (ValueError, RecursionError):
        toml = []
    allowed = ""
    for candidate in [*toml, text] if item.hint is object else [text, *toml]:
        try:
            value = convert(Entry(path, candidate, item.hint), lax=True)
        except ValueError as error:
            allowed = str(error)
        else:
            return list(cast("tuple[object, ...]", value)) if isinstance(value, tuple) else value
    message = f"{dotted(path)} cannot be set: the value is {found(path, text)}; allowed is {allowed}."
    raise ConfigError(message, "Nothing was written.", key=dotted(path))


def _plant(tree: dict[str, object], path: Path, value: object) -> None:
    for part in path[:-1]:
        node = tree.setdefault(part, {})
        if not isinstance(node, dict):
            message = (
                f"{dotted((part,))} is a value in the file, not a section; {dotted(path)} cannot be set."
            )
            raise ConfigError(message, "Correct the file by hand first.", key=dotted(path))
        tree = cast("dict[str, object]", node)
    tree[path[-1]] = value


def _unwritable(file: FilePath, error: Exception) -> ConfigError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else "its values nest too deep"
    message = f"{clean_line(str(file))} cannot be written ({reason.lower()})."
    return ConfigError(message, "The settings are as they were.", path=str(file))
