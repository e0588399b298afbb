"""Sizes of requests that were recorded, and the input tokens that the provider reported for each.

What was said in them does not matter to an estimate, only how much of each kind of character: that is kept here.
"""

from __future__ import annotations

from typing import NamedTuple

from chatterm.backend.token_estimates import message_tokens
from chatterm.core.messages import Message, OpaquePart, Part, TextPart, ToolResultPart


class Recorded(NamedTuple):
    """One request: characters by kind (`two` to `four` are of that many bytes), and what is around them."""

    reported: int
    letters: int
    digits: int
    signs: int
    newlines: int
    two: int
    three: int
    four: int
    messages: int
    calls: int
    sealed: int

    @property
    def counted(self) -> float:
        """Its tokens by the rule: those of a request with as many of each, whatever it says."""
        text = "a" * self.letters + "1" * self.digits + "." * self.signs + "\n" * self.newlines
        text += "ü" * self.two + "你" * self.three + "😀" * self.four
        parts: list[Part] = [TextPart(text), OpaquePart("recorded", "A" * self.sealed)]
        parts += [ToolResultPart("", "")] * self.calls
        first = Message(role="user", parts=tuple(parts))
        others = [Message(role="user", parts=())] * (self.messages - 1)
        return sum(message_tokens(message, {}) for message in (first, *others))


WITH_TOOLS = {
    "claude-haiku-4-5": (
        Recorded(608, 239, 4, 72, 3, 0, 0, 0, 1, 0, 0),
        Recorded(542, 88, 0, 41, 0, 0, 0, 0, 1, 0, 0),
        Recorded(678, 140, 0, 49, 0, 0, 0, 0, 3, 4, 0),
        Recorded(707, 185, 4, 48, 0, 0, 0, 0, 3, 2, 524),
        Recorded(934, 501, 99, 210, 4, 1, 0, 0, 7, 4, 0),
        Recorded(617, 168, 4, 47, 0, 0, 0, 0, 3, 2, 0),
        Recorded(598, 172, 0, 44, 0, 0, 0, 0, 1, 0, 0),
    ),
    "deepseek-v4-flash": (
        Recorded(390, 280, 24, 87, 0, 0, 0, 0, 6, 2, 0),
        Recorded(353, 229, 8, 79, 0, 0, 0, 0, 4, 2, 0),
        Recorded(297, 200, 0, 73, 0, 0, 0, 0, 2, 0, 0),
    ),
    "gpt-oss:120b": (
        Recorded(169, 265, 24, 120, 0, 0, 0, 0, 1, 0, 0),
        Recorded(300, 453, 79, 166, 0, 2, 6, 0, 5, 2, 0),
        Recorded(134, 211, 0, 69, 0, 0, 0, 0, 2, 0, 0),
    ),
}
"""Models of which there are several, each set in a scenario of its own."""

PROSE = {
    "gpt-4.1": Recorded(1144, 4600, 0, 82, 0, 0, 0, 0, 2, 0, 0),
    "a model at Azure": Recorded(168, 606, 0, 20, 15, 0, 0, 0, 2, 0, 0),
    "gemini-2.0-flash-exp": Recorded(163, 603, 0, 20, 15, 0, 0, 0, 1, 0, 0),
    "claude-sonnet-4.6": Recorded(254, 957, 0, 21, 0, 0, 0, 0, 2, 0, 0),
}
"""Long texts without tools, of which nothing is learnt yet."""
