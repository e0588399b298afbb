"""What was said in a conversation before the turns that its session holds."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING

from chatterm.backend.context import context_of
from chatterm.core.errors import StoreError
from chatterm.core.messages import Message
from chatterm.core.turn import Turn
from chatterm.store.rows import ConversationRow, OutlineRun, StoredMessage
from chatterm.store.turns import turns_of

if TYPE_CHECKING:
    from chatterm.store.history import History

WHOLE_MESSAGES = 60
"""A conversation of up to that many messages is read whole when it is opened."""

TAIL_MESSAGES = 60
"""How many messages are read of a longer one."""

STEP_MESSAGES = 512
"""How many messages are read at a time where all are wanted; other work of the store goes on between."""


@dataclass(frozen=True, slots=True)
class PastTurn:
    """A turn, and the position of its prompt; that of its reply is the next one."""

    position: int
    turn: Turn


class Past:
    """The messages before `session.turns`, read when they are asked for.

    Messages have positions: 0 is the first of the conversation, `count` - 1 the last one before the session's
    turns. Which message is at a position never changes: not while the conversation goes on, in this process or
    another, nor when its last turn is asked again, edited or withdrawn. Prompts and replies take turns. Nothing
    is kept of what was read but what `context` returns.

    `outline` tells how much text there is without reading any: runs of messages, from position 0 on, whose
    counts add up to `count`, each with its characters and lines (see `OutlineRun`).

    Every method raises `StoreError` where the history cannot be read; the next call tries again.
    """

    def __init__(
        self, history: History, conversation_id: str, last_id: str, outline: tuple[OutlineRun, ...]
    ) -> None:
        """`last_id` is the message before the session's turns; `outline` measures all up to it."""
        self.outline = outline
        self.count = sum(run.count for run in outline)
        self._history = history
        self._conversation_id = conversation_id
        # Messages whose position is known, in order: the store walks up from the nearest one.
        self._known = [(self.count - 1, last_id)]
        self._context: tuple[Message, ...] | None = None

    async def turns(self, first: int, count: int) -> tuple[PastTurn, ...]:
        """The turns that have a message at one of the `count` positions from `first` on, first to last.

        Positions outside of 0 to `self.count` - 1 are passed over. A position that no returned turn has is that
        of a turn that was withdrawn: there is nothing to show.
        """
        if count <= 0:
            return ()
        last = first + count - 1
        # Prompts are at even positions.
        begin, stop = max(0, first - first % 2), min(self.count, last + 2 - last % 2)
        return await self._read(begin, stop) if begin < stop else ()

    async def all(self) -> tuple[Turn, ...]:
        """Every turn, first to last. Seconds for 100,000 messages; the event loop stays free meanwhile."""
        steps = [[past.turn for past in step] async for step in self._steps()]
        return tuple(chain.from_iterable(reversed(steps)))

    @property
    def is_read(self) -> bool:
        """Whether `context` is there without reading."""
        return self._context is not None

    async def context(self) -> tuple[Message, ...]:
        """What of it is sent with every prompt, see `context_of`. Read once, then kept."""
        if self._context is None:
            steps = [context_of(past.turn for past in step) async for step in self._steps()]
            self._context = tuple(chain.from_iterable(reversed(steps)))
        return self._context

    def set_pinned(self, message_id: str, pinned: bool) -> None:
        """The message was pinned, or let go of; nothing where it is another one's."""
        self._context = self._context and tuple(
            replace(message, pinned=pinned) if message.id == message_id else message
            for message in self._context
        )

    def forget_context(self) -> None:
        """Read anew what is sent of it: a message was marked otherwise."""
        self._context = None

    async def _steps(self) -> AsyncIterator[tuple[PastTurn, ...]]:
        """All turns, some at a time, the last ones first: each walk up the branch begins where one ended."""
        for stop in range(self.count, 0, -STEP_MESSAGES):
            yield await self._read(max(0, stop - STEP_MESSAGES), stop)

    async def _read(self, first: int, stop: int) -> tuple[PastTurn, ...]:
        _, below = self._known[bisect_left(self._known, (stop - 1, ""))]
        stored = await self._history.window(below, first, stop - first)
        if len(stored) < stop - first:
            raise StoreError(
                "The beginning of this conversation is no longer in the history.",
                "It was deleted elsewhere. /new starts another conversation.",
            )
        self._remember(first - 1, stored[0].message.parent_id)
        return _placed(self._conversation_id, stored)

    def _remember(self, position: int, message_id: str | None) -> None:
        at = bisect_left(self._known, (position, ""))
        if message_id is not None and self._known[at][0] != position:
            self._known.insert(at, (position, message_id))


async def read_end(history: History, conversation: ConversationRow) -> tuple[tuple[Turn, ...], Past | None]:
    """The last turns of a stored conversation, and what was before them; None for nothing.

    Raises StoreError. There is no past where there are no turns.
    """
    is_short = conversation.message_count <= WHOLE_MESSAGES
    stored = await history.load(conversation.id, WHOLE_MESSAGES if is_short else TAIL_MESSAGES)
    turns = _placed(conversation.id, stored)
    if stored and stored[0].position > 0 and not turns:  # all were withdrawn: rare enough to read everything
        turns = _placed(conversation.id, await history.load(conversation.id))
    last_id = turns[0].turn.prompt.parent_id if turns else None
    past = None
    if last_id is not None:
        outline = await history.outline(conversation.id, turns[0].position)
        past = Past(history, conversation.id, last_id, outline)
    return tuple(placed.turn for placed in turns), past


def _placed(conversation_id: str, stored: list[StoredMessage]) -> tuple[PastTurn, ...]:
    positions = {message.message.id: message.position for message in stored}
    turns = turns_of(conversation_id, stored)
    return tuple(PastTurn(positions[turn.prompt.id], turn) for turn in turns)
