"""The source of chatterm as syntax trees, and how a lint is applied to all of it."""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

Finding = tuple[int, str]
"""A line, and what is wrong there."""

Lint = Callable[[ast.Module], Iterator[Finding]]


@dataclass(frozen=True, slots=True)
class Source:
    """One module; `name` is its path from the top of the checkout."""

    name: str
    text: str
    tree: ast.Module


@functools.cache
def sources(folder: str = "chatterm") -> tuple[Source, ...]:
    """All modules in a folder of the checkout, in order."""
    found: list[Source] = []
    for path in sorted((ROOT / folder).rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        found.append(Source(path.relative_to(ROOT).as_posix(), text, ast.parse(text)))
    return tuple(found)


def findings(lint: Lint, folder: str = "chatterm") -> list[str]:
    """What a lint finds in a folder, one readable line each."""
    return [
        f"{source.name}:{line}: {words}" for source in sources(folder) for line, words in lint(source.tree)
    ]


def bites(lint: Lint, code: str) -> bool:
    """Whether a lint finds fault with a piece of code."""
    return any(lint(ast.parse(code)))


def dotted(node: ast.expr) -> str:
    """The name of a called thing as written, such as `re.compile`; "" for anything but names."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return f"{before}.{node.attr}" if before else f"?.{node.attr}"
    return ""


def imported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every module that is imported by its full name, with the line; `from a import b` gives `a`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.lineno, node.module
