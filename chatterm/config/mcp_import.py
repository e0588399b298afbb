"""MCP servers out of the settings of other programs: the `mcpServers` of a JSON file as sections `[mcp.NAME]`."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from chatterm.config.edit import put_sections
from chatterm.config.files import read_text
from chatterm.config.load import check_tree, tree_of
from chatterm.config.urls import address_fault
from chatterm.core.clean import clean_line
from chatterm.core.errors import ConfigError
from chatterm.core.redact import redact

_PLACES = (("mcpServers",), ("servers",), ("mcp", "servers"))
"""Where programs keep their servers in the file."""
_URLS = ("url", "serverUrl", "httpUrl")
_HOMES = ("${HOME}", "${userHome}", "${env:HOME}")
_FOREIGN_VARIABLE = re.compile(r"\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}")
_BAD_NAME = re.compile(r"[^A-Za-z0-9_-]+")
_LONGEST_NAME = 32

Section = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What became of a file. `sections` were written, by the name of the server; `kept` were there before.

    `notes` say what was not taken over, and why; `backup` holds the settings with their comments, if they had any.
    """

    sections: Mapping[str, Section]
    kept: tuple[str, ...]
    notes: tuple[str, ...]
    backup: Path | None


def import_servers(source: Path, settings_file: Path, *, replace: bool) -> Imported:
    """Write the servers of `source` into the settings; those that are there stay, unless with `replace`.

    Raises `ConfigError`, and writes nothing, where the file cannot be read or has no servers.
    """
    notes: list[str] = []
    found: dict[str, Section] = {}
    for foreign, entry in _entries(source).items():
        name = _free_name(foreign, found)
        try:
            section = _section(entry)
            _check(name, section, source)
        except ValueError as error:
            notes.append(f"{clean_line(foreign, 60)} was left out: {error}")
        else:
            found[name] = section
            notes += [f"{name} {note}" for note in _unread(entry)]
            if name != foreign:
                notes.append(f"{clean_line(foreign, 60)} is called {name} here")
    written, backup = put_sections(settings_file, "mcp", found, replace=replace)
    kept = tuple(name for name in found if name not in written)
    return Imported(
        sections={name: found[name] for name in written}, kept=kept, notes=tuple(notes), backup=backup
    )


def summary_of(section: Section) -> str:
    """A section in a line: its program or host, and the names of its variables or headers; arguments may be secret."""
    values: object = section.get("env") or section.get("headers") or {}
    names = ", ".join(cast("Section", values))
    command = cast("list[str]", section.get("command") or ())
    count = len(command) - 1
    words = (
        f"{command[0]} and {count} argument{'' if count == 1 else 's'}"
        if command
        else str(section.get("url")).partition("?")[0]
    )
    return redact(clean_line(f"{words}, with {names}" if names else words, 300))


def _entries(source: Path) -> Mapping[str, object]:
    """The servers of the file by name."""
    shown, path = clean_line(str(source), 4096), str(source)
    text = read_text(source)
    if text is None:
        raise ConfigError(
            f"{shown} is not there.", "Name the file in which the other program keeps its servers.", path=path
        )
    try:
        tree: object = json.loads(text)
    except json.JSONDecodeError as error:
        where = f"{shown}:{error.lineno}:{error.colno}"
        raise ConfigError(
            f"{where}: it is no JSON, {error.msg.lower()}.", "Nothing was written.", path=path
        ) from None
    except (ValueError, RecursionError):
        raise ConfigError(
            f"{shown} is no JSON that can be read.", "Nothing was written.", path=path
        ) from None
    for place in _PLACES:
        node: object = tree
        for key in place:
            node = cast("Section", node).get(key) if isinstance(node, dict) else None
        if isinstance(node, dict) and node:
            return cast("Section", node)
    hint = 'It should look like {"mcpServers": {"NAME": {"command": "...", "args": []}}}.'
    raise ConfigError(f"{shown} has no mcpServers.", hint, path=path)


def _free_name(foreign: str, taken: Mapping[str, object]) -> str:
    """A name for a section that no other server of the file has."""
    name = _BAD_NAME.sub("-", foreign).lstrip("-_").rstrip("-")[:_LONGEST_NAME] or "server"
    number, free = 2, name
    while free in taken:
        free = f"{name[: _LONGEST_NAME - 5]}-{number}"
        number += 1
    return free


def _section(entry: object) -> Section:
    """An entry as a section of our settings. Raises `ValueError` with what is wrong with it."""
    if not isinstance(entry, dict):
        raise ValueError("it is no object")
    own = cast("Section", entry)
    kind = str(own.get("type", own.get("transport", ""))).lower()
    if kind == "sse":
        raise ValueError(
            "it is of type sse, which was replaced; see whether it has an address for streamable HTTP"
        )
    section: dict[str, object] = {}
    url = next((own[key] for key in _URLS if own.get(key)), None)
    if own.get("command"):
        section["command"] = list(_command(own))
        section |= _values(own, "env")
        if isinstance(folder := own.get("cwd"), str):
            section["folder"] = _plain(folder, "its folder")
    elif isinstance(url, str):
        section["url"] = _plain(url, "its address")
        if reason := address_fault(url.partition("?")[0], False, "base_url")[0]:
            raise ValueError(f"of its address: {reason}")
        section |= _values(own, "headers")
    else:
        raise ValueError("it has neither a command nor a url")
    if own.get("disabled") is True or own.get("enabled") is False:
        section["enabled"] = False
    return section


def _command(own: Section) -> Iterator[str]:
    command, rest = own["command"], own.get("args", [])
    words = [command] if isinstance(command, str) else command
    for part in (words, rest):
        if not isinstance(part, list) or not all(
            isinstance(word, str) for word in cast("list[object]", part)
        ):
            raise ValueError("its command or its args are no list of texts")
        yield from (_plain(word, "its command") for word in cast("list[str]", part))


def _values(own: Section, key: str) -> dict[str, object]:
    """Variables or headers, with `${NAME}` for what is taken from the environment when the server is started."""
    table = own.get(key)
    if table is None:
        return {}
    if not isinstance(table, dict):
        raise ValueError(f"its {key} is no object")
    values: dict[str, str] = {}
    for name, value in cast("Section", table).items():
        if not isinstance(value, str | int | float):
            raise ValueError(f"its {key} has something else than a text")
        text = str(value).lower() if isinstance(value, bool) else str(value)
        text = _FOREIGN_VARIABLE.sub(r"${\1}", text)
        if "${input:" in text:
            raise ValueError(f"its {key} asks for an input; put a variable like ${{TOKEN}} in its place")
        values[name] = text
    return {key: values} if values else {}


def _plain(text: str, what: str) -> str:
    """A text in which nothing is left to be filled in."""
    for home in _HOMES:
        text = text.replace(home, os.path.expanduser("~"))
    if match := re.search(r"\$\{[^}]*\}", text):
        raise ValueError(f"{what} holds {clean_line(match[0], 60)}; put the value in its place")
    return text


def _check(name: str, section: Section, source: Path) -> None:
    """Raises `ValueError` where the settings would not take the section."""
    for problem in check_tree(tree_of(("mcp", name), section), source).problems:
        raise ValueError(problem.message.rstrip("."))


def _unread(entry: object) -> Iterator[str]:
    """What an entry says that has no place here, and matters."""
    own = cast("Section", entry)
    for key, note in (
        ("envFile", "names a file of variables, which is not read"),
        ("oauth", "wants a login"),
    ):
        if own.get(key):
            yield note
