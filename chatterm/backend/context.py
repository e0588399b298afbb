"""What of a conversation is sent with the next prompt."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from chatterm.core.messages import Message, TextPart
from chatterm.core.turn import StopReason, Turn


def context_of(turns: Iterable[Turn]) -> tuple[Message, ...]:
    """The messages of the turns that got an answer, stopped and cut ones with the text they reached.

    A turn without any visible text is left out whole: a prompt that could not be answered (too long, refused,
    a broken image) must not spoil every later request, and some services refuse two prompts in a row. So is one
    that a filter of the provider blocked.
    """
    return tuple(_messages(turns))


def is_blocked(turn: Turn) -> bool:
    """Whether a filter of the provider let nothing through of it: sent again, the prompt would block the rest."""
    said = any(isinstance(part, TextPart) and part.text for part in turn.reply.parts)
    return turn.stop_reason is StopReason.CONTENT_FILTER and not said


def _messages(turns: Iterable[Turn]) -> Iterator[Message]:
    for turn in turns:
        # A turn without an outcome is still being written, by another chatterm: what is there of it is a part.
        if turn.outcome is not None and turn.reply.text and not is_blocked(turn):
            yield turn.prompt
            yield turn.reply
