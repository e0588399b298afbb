"""Stored messages put together to turns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from chatterm.core.errors import ChattermError
from chatterm.core.turn import Turn
from chatterm.store.rows import StoredMessage


def turns_of(conversation_id: str, messages: Iterable[StoredMessage]) -> tuple[Turn, ...]:
    """The turns that the messages of one path, root first, are made of: each a prompt and the reply to it.

    Without those that were withdrawn: one is on the path where another process went on after it.
    """
    turns: list[Turn] = []
    prompt: StoredMessage | None = None
    for stored in messages:
        if stored.message.role == "user":
            prompt = stored
        elif prompt is not None and stored.message.parent_id == prompt.message.id:
            turns.append(_turn(conversation_id, prompt, stored))
    return tuple(turn for turn in turns if turn.is_kept)


def _turn(conversation_id: str, prompt: StoredMessage, reply: StoredMessage) -> Turn:
    return Turn(
        conversation_id=conversation_id,
        prompt=prompt.message,
        reply=reply.message,
        provider=reply.provider or "",
        model=reply.model or "",
        options=reply.options,
        outcome=reply.state,
        stop_reason=reply.stop_reason,
        usage=reply.usage,
        timings=reply.timings,
        attempts=reply.attempts,
        skipped_frames=reply.skipped_frames,
        close_seconds=reply.close_seconds,
        request_id=reply.request_id,
        tries=reply.tries,
        asked=reply.asked,
        routed=reply.routed,
        prompt_cut=reply.prompt_cut,
        seams=reply.seams,
        tool_runs=reply.tool_runs,
        error=_error(reply),
    )


def _error(reply: StoredMessage) -> ChattermError | None:
    if reply.error_kind is None:
        return None
    kinds = {kind.__name__.removesuffix("Error"): kind for kind in _family(ChattermError)}
    kind = kinds.get(reply.error_kind, ChattermError)
    return kind(reply.error_message or "", reply.error_hint or "")


def _family(kind: type[ChattermError]) -> Iterator[type[ChattermError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _family(child)
