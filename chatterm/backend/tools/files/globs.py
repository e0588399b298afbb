"""Patterns for paths, as in `.gitignore`, matched name by name so that no pattern takes long."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

MOST_RULES = 500
MOST_PATTERN_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class IgnoreRule:
    """One line of a `.gitignore`: names below `folder`; `is_wanted` for one that began with `!`."""

    folder: tuple[str, ...]
    pattern: tuple[str, ...]
    only_folders: bool
    is_wanted: bool


def glob_matches(pattern: str, parts: tuple[str, ...]) -> bool:
    """Whether a path has the pattern: `*.py` in any folder, `src/*.py` from the first, `**` for any folders."""
    names = tuple(name for name in pattern.split("/") if name)
    if "/" not in pattern:
        return fnmatchcase(parts[-1], pattern)
    return _matches(names, parts)


def ignore_rules(text: str, folder: tuple[str, ...]) -> list[IgnoreRule]:
    """The rules in a `.gitignore` of this folder, but for backslashes and overlong lines; at most 500."""
    rules: list[IgnoreRule] = []
    for line in text.splitlines()[: 10 * MOST_RULES]:
        word = line.rstrip()
        if not word or word.startswith("#") or "\\" in word or len(word) > MOST_PATTERN_CHARACTERS:
            continue
        is_wanted = word.startswith("!")
        word = word.removeprefix("!")
        names = tuple(name for name in word.split("/") if name)
        if names:
            anywhere = "/" not in word.rstrip("/")
            pattern = ("**", *names) if anywhere else names
            rules.append(IgnoreRule(folder, pattern, word.endswith("/"), is_wanted))
    return rules[:MOST_RULES]


def is_ignored(rules: Iterable[IgnoreRule], parts: tuple[str, ...], *, is_folder: bool) -> bool:
    """Whether the last rule that matches has it ignored; rules of deeper folders come later."""
    ignored = False
    for rule in rules:
        if rule.is_wanted != ignored or (rule.only_folders and not is_folder):
            continue
        below = parts[len(rule.folder) :]
        if parts[: len(rule.folder)] == rule.folder and _matches(rule.pattern, below):
            ignored = not rule.is_wanted
    return ignored


def _matches(pattern: tuple[str, ...], parts: tuple[str, ...]) -> bool:
    """Each name of the pattern for one of the path, `**` for any number: the places reached, name by name."""
    reached: set[int] = {0}
    for name in pattern:
        if not reached:
            return False
        if name == "**":
            reached = set(range(min(reached), len(parts) + 1))
        else:
            reached = {n + 1 for n in reached if n < len(parts) and fnmatchcase(parts[n], name)}
    return len(parts) in reached
