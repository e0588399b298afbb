"""What the table of commands means: the user's keys, slash commands, and bindings for Textual."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from chatterm.core.errors import ConfigError
from chatterm.tui.commands import COMMANDS, Command
from chatterm.tui.key_names import normal_key, shown_key

if TYPE_CHECKING:
    from textual.binding import Binding

__all__ = [
    "COMMANDS",
    "Command",
    "MisusedCommand",
    "ParsedCommand",
    "UnknownCommand",
    "apply_keymap",
    "key_name",
    "parse_slash",
    "textual_bindings",
]


@dataclass(frozen=True, slots=True)
class ParsedCommand:
    """A command typed into the prompt; `argument` is the text after it, stripped, "" for none."""

    id: str
    argument: str


@dataclass(frozen=True, slots=True)
class UnknownCommand:
    """A word shaped like a command that is none; `nearest` is the closest that exists, or `None`."""

    name: str
    nearest: str | None

    @property
    def message(self) -> str:
        """What is wrong."""
        return f"There is no command {self.name}."

    @property
    def hint(self) -> str:
        """What to do next."""
        near = f"Did you mean {self.nearest}? " if self.nearest else ""
        return f"{near}With a space in front it is sent as text."


@dataclass(frozen=True, slots=True)
class MisusedCommand:
    """A command with text after it that takes none, or without the text that it needs: nothing is done."""

    name: str
    expected: str

    @property
    def message(self) -> str:
        """What is wrong."""
        return (
            f"{self.name} needs {self.expected}." if self.expected else f"{self.name} takes nothing after it."
        )

    @property
    def hint(self) -> str:
        """What to do next."""
        return "With a space in front it is sent as text."


_SLASH_WORD = re.compile(r"(/[a-z]+(?:-[a-z]+)*|:q)(?:\s+|\Z)")


def parse_slash(
    text: str, commands: Iterable[Command]
) -> ParsedCommand | UnknownCommand | MisusedCommand | None:
    """Read a prompt as a command; `None` when it is a prompt.

    Only a word such as `/model` (lower-case letters and inner hyphens) at the very start counts, or `:q`
    alone, so that `/usr/bin/foo is broken`, `//x` and text after a space are prompts.
    """
    found = _SLASH_WORD.match(text)
    if found is None:
        return None
    name, argument = found.group(1), text[found.end() :].strip()
    names = {word: command for command in commands for word in command.slash}
    command = names.get(name)
    if name == ":q" and (command is None or argument):
        return None
    if command is None:
        near = difflib.get_close_matches(name, names, n=1)
        return UnknownCommand(name, near[0] if near else None)
    if argument and not command.argument:
        return MisusedCommand(name, "")
    if command.argument and not command.argument.startswith("[") and not argument:
        return MisusedCommand(name, command.argument)
    return ParsedCommand(command.id, argument)


def apply_keymap(
    commands: Iterable[Command], overrides: Mapping[str, str]
) -> tuple[tuple[Command, ...], tuple[ConfigError, ...]]:
    """The table with the user's keys (`{"stop": "escape,ctrl+x"}`, "" for none), and what could not be used.

    A key belongs to one command, to one more while the cursor is on a message, and to one in the list of models:
    a key chosen by the user beats a default, otherwise the first command in the table keeps it; each loss is named.
    An unknown id or key is named with the nearest and changes nothing.
    """
    table = tuple(commands)
    problems = _unknown_ids(table, overrides)
    chosen: dict[str, tuple[str, ...]] = {}
    for command in table:
        if command.id in overrides:
            keys, wrong = _read_keys(command, overrides[command.id])
            problems += wrong
            if keys or not wrong:
                chosen[command.id] = keys
    owners: dict[tuple[str, str], Command] = {}
    for command in sorted(table, key=lambda each: each.id not in chosen):
        for key in chosen.get(command.id, command.keys):
            owner = owners.setdefault(_owned(command, key), command)
            if owner is not command:
                problems.append(_clash(key, owner, command))
    result = tuple(
        replace(
            command,
            keys=tuple(
                key for key in chosen.get(command.id, command.keys) if owners[_owned(command, key)] is command
            ),
        )
        for command in table
    )
    return result, tuple(problems)


def _owned(command: Command, key: str) -> tuple[str, str]:
    return command.scope if command.scope in ("message", "picker") else "", key


def _unknown_ids(commands: tuple[Command, ...], overrides: Mapping[str, str]) -> list[ConfigError]:
    ids = [command.id for command in commands]
    problems: list[ConfigError] = []
    for name in overrides:
        if name not in ids:
            near = difflib.get_close_matches(name, ids, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"Known are: {', '.join(ids)}."
            problems.append(
                ConfigError(f"[keys] {name}: there is no command of this id.", hint, key=f"keys.{name}")
            )
    return problems


def _read_keys(command: Command, text: str) -> tuple[tuple[str, ...], list[ConfigError]]:
    keys: dict[str, None] = {}
    problems: list[ConfigError] = []
    for word in filter(None, (part.strip() for part in text.split(","))):
        try:
            keys[normal_key(word)] = None
        except ValueError as error:
            message = f"[keys] {command.id}: {error}"
            problems.append(ConfigError(message, "/help lists the keys in use.", key=f"keys.{command.id}"))
    return tuple(keys), problems


def _clash(key: str, owner: Command, loser: Command) -> ConfigError:
    return ConfigError(
        f"[keys] {key} is bound to both {owner.id} and {loser.id}; it stays with {owner.id}.",
        f"Give {loser.id} another key, or none with an empty string.",
        key=f"keys.{loser.id}",
    )


def textual_bindings(commands: Iterable[Command]) -> list[Binding]:
    """Bindings for the application: each calls the action `command(id)`. Keys of the prompt are left out.

    Those of `quit` and `interrupt` come first whatever has the focus; the application must not inherit
    Textual's own bindings and its command palette, which use the same keys.
    """
    from textual.binding import Binding

    return [
        Binding(
            ",".join(command.keys),
            f"command({command.id!r})",
            command.title,
            show=False,
            id=command.id,
            priority=command.id in ("quit", "interrupt"),
        )
        for command in commands
        if command.keys and command.scope == "app"
    ]


def footer_hints(commands: Iterable[Command], *, walking: bool = False) -> list[tuple[str, str, str]]:
    """Id, first key as shown, and word of every command that has a hint in the bottom row.

    `walking`: of those for the message that the cursor is on, else of the others.
    """
    return [
        (command.id, shown_key(command.keys[0]), command.footer)
        for command in commands
        if command.footer and command.keys and (command.scope == "message") == walking
    ]


def key_name(commands: Iterable[Command], command_id: str, *, but_not: frozenset[str] = frozenset()) -> str:
    """How a hint names the way to a command: its first key, else its first slash word, else its id.

    A key in `but_not` is named only where the command has no other.
    """
    command = next(command for command in commands if command.id == command_id)
    keys = sorted(command.keys, key=lambda key: key in but_not)
    return next(iter((*map(shown_key, keys), *command.slash, command.id)))
