"""Conversations that the decoders make of recorded replies, as they move on to every adapter."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from chatterm.backend.providers.base import Frame, WireRequest
from chatterm.core.messages import Message, ToolCallPart, ToolResultPart
from chatterm.core.turn import TurnRequest
from tests.providers.conversations import ADAPTERS, WEATHER, encoded, said
from tests.providers.replay import Recording, decode, frames, recordings, whole


@cache
def recorded_histories(folder: Path) -> dict[str, tuple[Message, ...]]:
    """By the recording's name: a prompt, the reply, results for its calls, another round, another prompt."""
    return {one.name: _history(one) for one in recordings(folder) if one.status < 400}


def moved_histories(adapter: str, folder: Path) -> Iterator[tuple[str, TurnRequest, WireRequest]]:
    """Each of them, whole and up to the results, as this adapter sends it to a model that thinks."""
    for name, messages in recorded_histories(folder).items():
        for length in {2 + (messages[2].role == "tool"), len(messages)}:
            request = TurnRequest(
                model=ADAPTERS[adapter].thinking, messages=messages[:length], tools=(WEATHER,)
            )
            yield name, request, encoded(adapter, request)


def _history(one: Recording) -> tuple[Message, ...]:
    given = frames(one.adapter.framing, whole(one.body)) if one.streams else [Frame(0.0, one.body)]
    parts = decode(one.adapter.new_decoder(), given).draft.parts()
    calls = [part for part in parts if isinstance(part, ToolCallPart)]
    results = [ToolResultPart(call.call_id, f"Result {n}.") for n, call in enumerate(calls)]
    return (
        said("user", "Go."),
        said("assistant", *parts),
        *([said("tool", *results)] if results else []),
        said("user", "Thanks."),
        said("assistant", "Anything else?"),
        said("user", "No."),
    )
