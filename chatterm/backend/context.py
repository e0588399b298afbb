"""What of a conversation is sent with the next prompt, and that it fits. Pure.

The law: what is sent only ever loses turns from its front, so that a request begins with what the one before it
began with, unless something is left out between them. Pinned messages keep their turns from that, wherever
they stand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from chatterm.backend.token_estimates import Correction
from chatterm.core.errors import ContextTooLongError
from chatterm.core.messages import Message, TextPart, ToolResultPart
from chatterm.core.rounds import messages_of
from chatterm.core.turn import Outcome, StopReason, Turn

REPLY_ROOM_TOKENS = 4096
"""What is kept free for the reply where `max_tokens` does not say; of a small context a quarter at most."""

Place = Literal["sent", "summarised", "left out"]
"""What becomes of a turn: it is sent, a summary stands in for it, or there is no room for it."""


@dataclass(frozen=True, slots=True)
class ContextLimit:
    """How many tokens prompt and reply may have together, and who says so."""

    tokens: int
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedTurn:
    """The messages from one prompt to the next, how many tokens they add, and what becomes of them."""

    messages: tuple[Message, ...]
    tokens: int
    place: Place = "sent"
    is_pinned: bool = False
    is_summary: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextPlan:
    """What goes out with a prompt, all in estimated tokens. The last turn is the prompt alone.

    `fixed_tokens` is what goes with every request: system prompt, tools, what the provider adds. `tokens` is the
    whole request. `room` is kept free for the reply. `limit` None: not known, so nothing is left out.
    """

    turns: tuple[PlannedTurn, ...]
    fixed_tokens: int
    tokens: int
    room: int
    limit: ContextLimit | None

    @property
    def messages(self) -> tuple[Message, ...]:
        """The messages that are sent, in order."""
        return tuple(message for turn in self.turns if turn.place == "sent" for message in turn.messages)

    @property
    def left_out(self) -> int:
        """How many turns there is no room for."""
        return sum(turn.place == "left out" for turn in self.turns)

    @property
    def share(self) -> float | None:
        """How much of the limit the request takes, 1 for all of it; None where the limit is not known."""
        return self.tokens / self.limit.tokens if self.limit is not None else None


def context_of(turns: Iterable[Turn]) -> tuple[Message, ...]:
    """The messages of the turns that got an answer, stopped and cut ones with the text they reached.

    A reply with tool calls is several messages, see `messages_of`. A turn without any visible text or tool result
    is left out whole: a prompt that could not be answered (too long, refused, a broken image) must not spoil every
    later request, and some services refuse two prompts in a row. So is one that a filter of the provider blocked,
    and a summary that was not finished.
    """
    return tuple(_messages(turns))


def is_blocked(turn: Turn) -> bool:
    """Whether a filter of the provider let nothing through of it: sent again, the prompt would block the rest."""
    said = any(isinstance(part, TextPart) and part.text for part in turn.reply.parts)
    return turn.stop_reason is StopReason.CONTENT_FILTER and not said


def is_unfinished_summary(turn: Turn) -> bool:
    """Whether it was to stand in for what is before it, and does not, because it is not all there."""
    is_cut = turn.stop_reason in (StopReason.MAX_TOKENS, StopReason.CONTEXT_FULL, StopReason.REFUSAL)
    return turn.reply.is_summary and (turn.outcome is not Outcome.COMPLETE or is_cut)


def reply_room(limit_tokens: int, max_tokens: int | None) -> int:
    """What of a context is kept free for the reply, in tokens; a quarter of it at least is for the prompt."""
    if max_tokens is not None:
        return min(max_tokens, limit_tokens * 3 // 4)
    return min(REPLY_ROOM_TOKENS, limit_tokens // 4)


def planned(
    messages: Sequence[Message],
    counted: Sequence[float],
    fixed: float,
    correction: Correction,
    *,
    limit: ContextLimit | None,
    max_tokens: int | None = None,
) -> ContextPlan:
    """What of the messages is sent, the prompt last. `counted` and `fixed` are tokens by the rule of `token_estimates`.

    Whole turns are left out from the oldest on until the rest fits; the prompt, the last summary and turns with a
    pinned message stay, whether it fits then or not: see `require_room`.
    """
    groups = list(_groups(messages))
    places = _before_summary(messages, groups)
    sums = [sum(counted[first:stop]) for first, stop in groups]
    total = fixed + sum(size for size, place in zip(sums, places, strict=True) if place == "sent")
    room = reply_room(limit.tokens, max_tokens) if limit is not None else 0
    stays = [_stays(messages[first:stop]) for first, stop in groups]
    if limit is not None:
        for number in range(len(groups) - 1):
            if correction.request(total) <= limit.tokens - room:
                break
            if places[number] == "sent" and not stays[number]:
                places[number] = "left out"
                total -= sums[number]
    turns = (
        PlannedTurn(
            messages=tuple(messages[first:stop]),
            tokens=correction.part(size),
            place=place,
            is_pinned=any(message.pinned for message in messages[first:stop]),
            is_summary=any(message.is_summary for message in messages[first:stop]),
        )
        for (first, stop), size, place in zip(groups, sums, places, strict=True)
    )
    return ContextPlan(
        turns=tuple(turns),
        fixed_tokens=correction.request(fixed),
        tokens=correction.request(total),
        room=room,
        limit=limit,
    )


def require_room(plan: ContextPlan, provider: str, model: str) -> None:
    """Raises `ContextTooLongError` where not even what must be sent fits, even with no room for a reply."""
    limit = plan.limit
    if limit is None or plan.tokens <= limit.tokens:
        return
    prompt = plan.turns[-1].tokens if plan.turns else 0
    if plan.fixed_tokens > limit.tokens:
        what = f"The system prompt takes ~{plan.fixed_tokens:,} tokens"
        hint = "/system sets a shorter one, /model chooses a model that takes more."
    elif prompt + plan.fixed_tokens > limit.tokens:
        what = f"This message takes ~{prompt:,} tokens, and ~{plan.fixed_tokens:,} go with every request"
        hint = "Shorten it with /edit-last, send it in parts, or choose a model that takes more with /model."
    else:
        what = f"With what is pinned or summarised this takes ~{plan.tokens:,} tokens"
        hint = "/context shows which; /pin lets go of a message, /compact makes one summary of all."
    raise ContextTooLongError(
        f"{what}; {model} takes {limit.tokens:,} ({limit.source}). Nothing was sent.",
        hint,
        provider=provider,
        model=model,
    )


def _messages(turns: Iterable[Turn]) -> Iterator[Message]:
    for turn in turns:
        # A turn without an outcome is still being written, by another chatterm: what is there of it is a part.
        said = turn.reply.text or any(isinstance(part, ToolResultPart) for part in turn.reply.parts)
        if turn.outcome is None or not said or is_blocked(turn) or is_unfinished_summary(turn):
            continue
        yield turn.prompt
        yield from messages_of(turn.reply)


def _groups(messages: Sequence[Message]) -> Iterator[tuple[int, int]]:
    """From one prompt to before the next: tool calls and their results are within one."""
    starts = [number for number, message in enumerate(messages) if message.role == "user" or number == 0]
    yield from zip(starts, [*starts[1:], len(messages)], strict=True)


def _stays(messages: Sequence[Message]) -> bool:
    return any(message.is_summary or message.pinned for message in messages)


def _before_summary(messages: Sequence[Message], groups: Sequence[tuple[int, int]]) -> list[Place]:
    """Each turn's place by the last summary alone."""
    last = max((number for number, message in enumerate(messages) if message.is_summary), default=-1)
    return [
        "summarised"
        if stop <= last and not any(message.pinned for message in messages[first:stop])
        else "sent"
        for first, stop in groups
    ]
