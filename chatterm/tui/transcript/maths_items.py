"""A formula in LaTeX as the library reads it, and what the library knows of symbols; it is imported on use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from chatterm.tui.transcript.maths_symbols import SYMBOLS


class NotShownError(Exception):
    """The formula cannot be shown as text."""


class Command(str):
    """The name of a command."""

    __slots__ = ()


class Group(list["Item"]):
    """What stands in braces."""


class Environment:
    """What stands between `\\begin` and `\\end`."""

    def __init__(self, name: str, items: list[Item]) -> None:
        self.name: str = name
        self.items: list[Item] = items


_BLANK = " \t\n"

Item = str | Group | Command | Environment
"""A character, or one of these."""


class Cursor:
    """A place in a list of items."""

    def __init__(self, items: Sequence[Item]) -> None:
        self.items: Sequence[Item] = items
        self.at: int = 0

    def next(self) -> Item | None:
        """The next item that is not blank."""
        while self.at < len(self.items):
            item = self.items[self.at]
            self.at += 1
            if isinstance(item, Command) or not (isinstance(item, str) and item in _BLANK):
                return item
        return None

    def accept(self, *marks: str) -> str | None:
        """The next item if it is one of these characters."""
        at = self.at
        item = self.next()
        if isinstance(item, str) and not isinstance(item, Command) and item in marks:
            return item
        self.at = at
        return None

    def split(self, *marks: Item) -> list[list[Item]]:
        """What is left, cut at these marks."""
        parts: list[list[Item]] = [[]]
        for item in self.items[self.at :]:
            if isinstance(item, str) and any(item == mark and type(item) is type(mark) for mark in marks):
                parts.append([])
            else:
                parts[-1].append(item)
        self.at = len(self.items)
        if len(parts) > 1 and all(isinstance(item, str) and item in _BLANK for item in parts[-1]):
            parts.pop()
        return parts

    def number(self, digits: str) -> str:
        """The number that begins with these digits."""
        while self.at < len(self.items):
            item = self.items[self.at]
            after = self.items[self.at + 1 : self.at + 2]
            in_number = item == "." and bool(after) and isinstance(after[0], str) and after[0].isdigit()
            if not isinstance(item, str) or isinstance(item, Command) or not (item.isdigit() or in_number):
                break
            digits += item
            self.at += 1
        return digits


def parsed(latex: str) -> list[Item]:
    """The items of a formula; NotShownError if it is wrong."""
    from pylatexenc.latexwalker import LatexWalker, LatexWalkerError

    walker: Any = LatexWalker(latex, latex_context=_grammar(), tolerant_parsing=False)
    try:
        nodes = walker.get_latex_nodes()[0]
    except (LatexWalkerError, RecursionError) as error:
        raise NotShownError from error
    return list(_items(nodes))


@lru_cache(maxsize=1)
def _grammar() -> Any:
    """A grammar in which no command takes arguments: they are taken where the command is shown."""
    from pylatexenc.macrospec import EnvironmentSpec, LatexContextDb, MacroSpec

    grammar: Any = LatexContextDb()
    grammar.set_unknown_macro_spec(MacroSpec(""))
    grammar.set_unknown_environment_spec(EnvironmentSpec(""))
    return grammar


@lru_cache(maxsize=512)
def known_symbol(name: str) -> str | None:
    """What a command without arguments stands for."""
    if name in SYMBOLS:
        return SYMBOLS[name]
    text: Any = getattr(_symbols().get_macro_spec(name), "simplify_repl", None)
    return text if isinstance(text, str) and text and "%" not in text else None


@lru_cache(maxsize=1)
def _symbols() -> Any:
    from pylatexenc.latex2text import get_default_latex_context_db

    return get_default_latex_context_db()


def styled(text: str, style: str) -> str:
    """The letters of a text in one of the library's styles."""
    from pylatexenc import latex2text

    library: Any = latex2text
    return str(library.fmt_math_text_style(text, style))


def _items(nodes: Any) -> Iterator[Item]:
    for node in nodes:
        kind = type(node).__name__
        if kind == "LatexCharsNode":
            yield from str(node.chars)
        elif kind == "LatexMacroNode":
            yield Command(node.macroname)
        elif kind == "LatexEnvironmentNode":
            yield Environment(str(node.environmentname), list(_items(node.nodelist)))
        elif kind in ("LatexGroupNode", "LatexMathNode"):
            yield Group(_items(node.nodelist))
