"""How a piece of text looks, by name: which colours that means is known where it is painted."""

from __future__ import annotations

from typing import NamedTuple


class Look(NamedTuple):
    """How a piece of text looks: the name of a colour scheme, and what is laid over it."""

    name: str
    bold: bool = False
    italic: bool = False
    strike: bool = False


class Span(NamedTuple):
    """A piece of text with one look. `link` is what a click on it is about: the target of a link, or ""."""

    text: str
    look: Look
    link: str = ""


Spans = tuple[Span, ...]

TEXT = Look("text")
DIM = Look("dim")
CODE = Look("code")
CODE_TAG = Look("code-tag")
"""The head row of a code block. Tokens of code have the looks `code-keyword`, `code-string`, `code-number`,
`code-comment`, `code-function` and `code-type`."""

LOOKS = (
    *("text", "dim", "user", "heading", "bullet", "quote", "link", "rule", "math"),
    *("code", "code-tag", "code-inline"),
    *("code-keyword", "code-string", "code-number", "code-comment", "code-function", "code-type"),
    *("fold", "spinner", "warning", "error", "cursor"),
)
"""All names of looks that a palette must know."""
