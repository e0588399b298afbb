"""The marks inside one line of text: `code`, **bold**, *italic*, ~~struck~~, links and addresses.

A small part of CommonMark's inline rules (https://spec.commonmark.org/0.31.2/#inlines), for a line alone.
It takes time proportional to the line: of each kind of mark only the last opener is remembered.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple


class Look(NamedTuple):
    """How a piece of text looks: the name of a colour scheme, and what is laid over it."""

    name: str
    bold: bool = False
    italic: bool = False
    strike: bool = False


class Span(NamedTuple):
    """A piece of text with one look."""

    text: str
    look: Look


_CODE = Look("code")
_LINK = Look("link")
_DIM = Look("dim")

_MARK = re.compile(
    r"\\(?P<escaped>[!-/:-@\[-`{-~])"
    r"|(?P<ticks>`+)"
    r"|!?\[(?P<label>[^\[\]]*)\]\((?P<target>[^()\s]*(?:\([^()\s]*\)[^()\s]*)*)(?:\s+\"[^\"]*\")?\)"
    r"|<?(?P<address>https?://[^\s<>\"`]+)>?"
    r"|(?P<emphasis>\*{1,3}|_{1,3}|~~)"
)
_AFTER_ADDRESS = ".,;:!?*_~)]}'"


def inline_spans(text: str, look: Look) -> list[Span]:
    """The line as spans over the given look, marks taken out; what is no complete mark stays as it is."""
    if _MARK.search(text) is None:
        return [Span(text, look)] if text else []
    return [span for span in _Scan(text, look).spans() if span.text]


class _Scan:
    def __init__(self, text: str, look: Look) -> None:
        self._text: str = text
        self._look: Look = look
        self._pieces: list[Span] = []
        self._openers: dict[str, int] = {}
        self._runs: dict[int, list[int]] = {}
        for run in re.finditer("`+", text):
            self._runs.setdefault(len(run[0]), []).append(run.start())

    def spans(self) -> list[Span]:
        at = 0
        while (match := _MARK.search(self._text, at)) is not None:
            self._put(self._text[at : match.start()])
            at = self._take(match)
        self._put(self._text[at:])
        return self._pieces

    def _put(self, text: str, look: Look | None = None) -> None:
        if text:
            self._pieces.append(Span(text, look or self._look))

    def _take(self, match: re.Match[str]) -> int:
        """Puts what the match stands for, and returns where to go on."""
        if match["escaped"]:
            self._put(match["escaped"])
        elif match["ticks"]:
            return self._code(match)
        elif match["address"]:
            return self._address(match)
        elif match["emphasis"]:
            self._emphasis(match)
        else:
            self._link(match)
        return match.end()

    def _code(self, match: re.Match[str]) -> int:
        size = len(match["ticks"])
        runs = self._runs[size]
        while runs and runs[0] < match.end():
            runs.pop(0)
        if not runs:
            self._put(match[0])
            return match.end()
        code = self._text[match.end() : runs[0]]
        if len(code) > 2 and code[0] == code[-1] == " " and code.strip():
            code = code[1:-1]
        self._put(code, _CODE)
        return runs[0] + size

    def _address(self, match: re.Match[str]) -> int:
        address = match["address"]
        if match[0][0] == "<" and match[0][-1] == ">":
            self._put(address, _LINK)
            return match.end()
        if match[0][0] == "<":
            self._put("<")
        address = address.rstrip(_AFTER_ADDRESS)
        self._put(address, _LINK)
        return match.start("address") + len(address)

    def _link(self, match: re.Match[str]) -> None:
        label, target = match["label"], match["target"]
        if match[0][0] == "!":
            label = f"[image: {label}]" if label else "[image]"
        inner = inline_spans(label, _LINK) if label != target else []
        self._pieces.extend(inner)
        if not inner:
            self._put(target, _LINK)
        elif target:
            self._put(f" ({target})", _DIM)

    def _emphasis(self, match: re.Match[str]) -> None:
        mark, text = match["emphasis"], self._text
        before = text[match.start() - 1 : match.start()] or " "
        after = text[match.end() : match.end() + 1] or " "
        word_before = mark[0] == "_" and before.isalnum()
        word_after = mark[0] == "_" and after.isalnum()
        opener = self._openers.get(mark)
        if opener is not None and not before.isspace() and not word_after:
            del self._openers[mark]
            self._pieces[opener] = Span("", self._look)
            self._pieces[opener:] = self._over(mark, self._pieces[opener:])
            return
        if not after.isspace() and not word_before:
            self._openers[mark] = len(self._pieces)
        self._put(mark)

    @staticmethod
    def _over(mark: str, pieces: list[Span]) -> Iterator[Span]:
        for text, look in pieces:
            if mark == "~~":
                yield Span(text, look._replace(strike=True))
            else:
                yield Span(
                    text,
                    look._replace(bold=look.bold or len(mark) > 1, italic=look.italic or len(mark) != 2),
                )
