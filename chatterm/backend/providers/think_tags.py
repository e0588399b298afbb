"""Reasoning that a model writes into its text, between `<think>` and `</think>`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum, auto

from chatterm.core.events import TextDelta, ThinkingDelta

OPENING = "<think>"
CLOSING = "</think>"

_MOST_LEADING_SPACE = 64


class _State(Enum):
    START = auto()
    OPENED = auto()
    THINKING = auto()
    CLOSED = auto()
    TEXT = auto()


class ThinkSplitter:
    """Tells reasoning from text while both arrive in pieces, wherever the tags are cut.

    Only a text that begins with the opening tag (after white space) is split; a tag anywhere else is text.
    White space right behind either tag belongs to the tags and is left out.
    """

    def __init__(self) -> None:
        self._state = _State.START
        self._is_text = False
        self._held = ""

    def feed(self, text: str) -> Iterable[TextDelta | ThinkingDelta]:
        """What is certain by now, to be iterated at once; a piece that may be part of a tag is held back."""
        if self._is_text:
            return (TextDelta(text),) if text else ()
        return self._split(text)

    def _split(self, text: str) -> Iterator[TextDelta | ThinkingDelta]:
        self._held += text
        if self._state is _State.START:
            self._open()
        if self._state is _State.OPENED:
            self._skip_space(_State.THINKING)
        if self._state is _State.THINKING:
            yield from self._think()
        if self._state is _State.CLOSED:
            self._skip_space(_State.TEXT)
        self._is_text = self._state is _State.TEXT
        yield from self._rest()

    def finish(self) -> Iterator[TextDelta | ThinkingDelta]:
        """At the end of the text: what was held back."""
        held, self._held = self._held, ""
        if held and self._state is _State.START:
            yield TextDelta(held)
        elif held and self._state is _State.THINKING:
            yield ThinkingDelta(held)

    def _rest(self) -> Iterator[TextDelta]:
        if self._held and self._state is _State.TEXT:
            yield TextDelta(self._held)
            self._held = ""

    def _open(self) -> None:
        begun = self._held.lstrip()
        if len(self._held) - len(begun) > _MOST_LEADING_SPACE:
            self._state = _State.TEXT
        elif begun.startswith(OPENING):
            self._state, self._held = _State.OPENED, begun.removeprefix(OPENING)
        elif not OPENING.startswith(begun):
            self._state = _State.TEXT

    def _skip_space(self, then: _State) -> None:
        self._held = self._held.lstrip()
        if self._held:
            self._state = then

    def _think(self) -> Iterator[ThinkingDelta]:
        inside, tag, after = self._held.partition(CLOSING)
        if tag:
            self._state, self._held = _State.CLOSED, after
        else:
            kept = _beginning_of_tag(inside)
            inside, self._held = inside[: len(inside) - kept], inside[len(inside) - kept :]
        if inside:
            yield ThinkingDelta(inside)


def _beginning_of_tag(text: str) -> int:
    """How many of the last characters may be the beginning of the closing tag."""
    longest = min(len(text), len(CLOSING) - 1)
    return next((n for n in range(longest, 0, -1) if CLOSING.startswith(text[-n:])), 0)
