"""Going on with a reply that was cut: what is asked, and how its pieces become one turn. Pure."""

from __future__ import annotations

import re
import time
from dataclasses import replace

from chatterm.backend.turn_pieces import added, one_after_the_other
from chatterm.core.errors import (
    ChattermError,
    ConnectionFailedError,
    RequestTimeoutError,
    TruncatedStreamError,
)
from chatterm.core.messages import Message, TextPart, ToolCallPart, ToolResultPart
from chatterm.core.rounds import messages_of
from chatterm.core.turn import Outcome, Seam, StopReason, Turn

QUOTED_CHARACTERS = 400
AGAIN_CHARACTERS = 8
"""The last words that are asked for again are at least so long, if they are on one line."""

MOST_AGAIN_CHARACTERS = 60

CUT_AT_LIMIT = (StopReason.MAX_TOKENS, StopReason.CONTEXT_FULL)


def require_continuable(turn: Turn) -> None:
    """Raises `ChattermError` for a reply that there is nothing to go on with."""
    if turn.outcome is None:
        raise ChattermError("This reply is still being written.", "It can be continued once it has ended.")
    if not any(isinstance(part, TextPart) and part.text.strip() for part in turn.reply.parts):
        raise ChattermError("An empty reply cannot be continued.", "/retry asks again.")
    if any(isinstance(part, ToolCallPart | ToolResultPart) for part in messages_of(turn.reply)[-1].parts):
        raise ChattermError("A reply that ends with a tool call cannot be continued.", "/retry asks again.")


def is_all_there(turn: Turn) -> bool:
    """Whether the model ended the reply by itself, so that there may be nothing to add."""
    return turn.outcome is Outcome.COMPLETE and turn.stop_reason not in CUT_AT_LIMIT


def is_cut(error: ChattermError) -> bool:
    """Whether the network, or a server that fell silent, cut a reply short; not one that said why it ends it."""
    return isinstance(error, ConnectionFailedError | RequestTimeoutError | TruncatedStreamError)


def last_words(reply: Message) -> str:
    """The end of the last line of a reply that is asked for again, in whole words where there are any."""
    lines = joint_text(reply).rstrip().splitlines()
    line = lines[-1].strip() if lines else ""
    starts = [found.start() for found in re.finditer(r"\S+", line)]
    start = next((at for at in reversed(starts) if len(line) - at >= AGAIN_CHARACTERS), 0)
    return line[max(start, len(line) - MOST_AGAIN_CHARACTERS) :]


def asked_on(reply: Message, again: str) -> tuple[Message, ...]:
    """The messages that follow the prompt: the reply so far and, with `again`, a request to go on after it.

    The reply ends before the white space at its end, which no service takes well and some refuse. It keeps no
    reasoning: whoever goes on with it need not be who sealed that. Neither is shown or stored.
    """
    *earlier, last = messages_of(reply)
    texts = [part.text for part in last.parts if isinstance(part, TextPart) and part.text.strip()]
    parts = tuple(TextPart(text) for text in [*texts[:-1], *(text.rstrip() for text in texts[-1:])])
    so_far = Message(role="assistant", parts=parts, pinned=True)
    if not again:
        return (*earlier, so_far)
    tail = parts[-1].text[-QUOTED_CHARACTERS:]
    ask = (
        "Your reply was cut off. Continue exactly where this stops, do not repeat what is before it, and say nothing"
        f" about it:\n\n…{tail}\n\nBegin with its last words again, so that the two can be joined: {again}"
    )
    return (*earlier, so_far, Message(role="user", parts=(TextPart(ask),)))


def seam_of(begun: Turn) -> Seam:
    """The seam behind a reply so far, which is gone on with now."""
    return Seam(at=time.time(), characters=len(begun.reply.text), why=_why(begun))


def joined(begun: Turn, piece: Turn, repeated: int) -> Turn:
    """The two pieces of a reply as one turn. `piece` has the parts of both, and the last of its seams is this one.

    Figures are added up, and unknown where one of the two is not known. A piece that came to a seam of its own
    before has been joined already.
    """
    *before, seam = piece.seams
    return replace(
        piece,
        seams=(*before, replace(seam, repeated=repeated)),
        usage=added(begun.usage, piece.usage),
        timings=one_after_the_other(begun.timings, piece.timings),
        attempts=begun.attempts + piece.attempts,
        tries=(*begun.tries, *piece.tries),
        asked=begun.asked or piece.asked,
        prompt_cut=begun.prompt_cut or piece.prompt_cut,
        skipped_frames=begun.skipped_frames + piece.skipped_frames,
        tool_runs=(*begun.tool_runs, *piece.tool_runs),
    )


def _why(turn: Turn) -> str:
    match turn.outcome:
        case Outcome.CANCELLED:
            return "stopped"
        case Outcome.COMPLETE if turn.stop_reason is StopReason.MAX_TOKENS:
            return "cut at the limit of output tokens"
        case Outcome.COMPLETE if turn.stop_reason is StopReason.CONTEXT_FULL:
            return "cut because the context was full"
        case Outcome.COMPLETE:
            return "complete, and asked to go on"
        case _:
            return turn.error.message if turn.error is not None else "chatterm ended"


def joint_text(reply: Message) -> str:
    """The text that is gone on with: that of the last part that has any."""
    texts = [part.text for part in reply.parts if isinstance(part, TextPart)]
    return texts[-1] if texts else ""
