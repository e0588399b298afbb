"""Estimates tokens: counts each message once, and learns from what each model reports. In memory and in the store."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Protocol, cast

from chatterm.backend.daemon_thread import in_daemon_thread
from chatterm.backend.token_estimates import (
    MOST_OBSERVED,
    Correction,
    Observation,
    fitted,
    message_tokens,
)
from chatterm.core.errors import StoreError
from chatterm.core.messages import FilePart, ImagePart, Message

TOKEN_ESTIMATES = "token_estimates"
MOST_MODELS = 200
MOST_COUNTS = 300_000
MANY_CHARACTERS = 50_000
"""Beyond so many new characters the counting leaves the event loop."""

LoadFiles = Callable[[frozenset[str]], Awaitable[dict[str, bytes]]]


class KeptValues(Protocol):
    """What is needed of the store's state."""

    async def get(self, key: str, default: dict[str, object]) -> dict[str, object]: ...
    async def put(self, key: str, value: object) -> None: ...


class TokenMeter:
    """One for all sessions. `load_files` gives the bytes of attached files by their sha256."""

    def __init__(self, state: KeptValues | None = None, load_files: LoadFiles | None = None) -> None:
        self._state = state
        self._load_files = load_files
        self._counts: OrderedDict[str, float] = OrderedDict()
        self._observed: dict[str, tuple[Observation, ...]] = {}
        self._keeping: asyncio.Future[None] | None = None  # the loop itself keeps only weak references

    async def read(self) -> None:
        """Take in what earlier starts learnt; nothing where it cannot be read: it is learnt anew."""
        if self._state is None:
            return
        with suppress(StoreError):
            kept = await self._state.get(TOKEN_ESTIMATES, dict[str, object]())
            known = {name: read for name, value in kept.items() if (read := _observations(value))}
            self._observed = known | self._observed

    async def count(self, messages: Sequence[Message]) -> list[float]:
        """The tokens of each message by the rule; what is new is counted, off the event loop where it is much.

        Raises `StoreError` where an attached file cannot be read.
        """
        new = [message for message in messages if message.id not in self._counts]
        if new:
            await self._count_new(new)
        return [self._counts[message.id] for message in messages]

    def correction(self, provider: str, model: str, *, tools: bool) -> Correction:
        """What makes these counts tokens of the model, by what it reported so far."""
        return fitted(self._observed.get(_name(provider, model, tools), ()), tools=tools)

    def learn(
        self,
        provider: str,
        model: str,
        messages: Iterable[Message],
        counted: float,
        reported: int | None,
        *,
        tools: bool,
    ) -> None:
        """A request that was counted so, of these messages, was reported to have so many input tokens.

        What came with pictures or other files is not learnt from: their tokens are told by no text.
        """
        if not reported or any(_is_no_text(message) for message in messages):
            return
        name = _name(provider, model, tools)
        seen = (*self._observed.pop(name, ()), Observation(round(counted, 1), reported))
        self._observed[name] = seen[-MOST_OBSERVED:]
        self._observed = dict(list(self._observed.items())[-MOST_MODELS:])
        if self._state is not None:
            # Not waited for: a store that another program holds locked must not hold up the end of the turn.
            self._keeping = asyncio.ensure_future(self._keep(self._state))

    async def _keep(self, state: KeptValues) -> None:
        kept = {
            name: [[each.counted, each.reported] for each in observed]
            for name, observed in self._observed.items()
        }
        with suppress(StoreError):
            await state.put(TOKEN_ESTIMATES, kept)

    async def _count_new(self, messages: Sequence[Message]) -> None:
        files: Mapping[str, bytes] = {}
        wanted = frozenset(
            part.sha256 for message in messages for part in message.parts if isinstance(part, FilePart)
        )
        if wanted and self._load_files is not None:
            files = await self._load_files(wanted)

        def work() -> list[float]:
            return [message_tokens(message, files) for message in messages]

        size = sum(map(len, files.values())) + sum(len(message.text) for message in messages)
        is_much = size > MANY_CHARACTERS
        counts = await in_daemon_thread(work, "chatterm-count") if is_much else work()
        for message, tokens in zip(messages, counts, strict=True):
            self._counts[message.id] = tokens
        while len(self._counts) > max(MOST_COUNTS, len(messages)):
            self._counts.popitem(last=False)


def _name(provider: str, model: str, tools: bool) -> str:
    return f"{provider}/{model}{' with tools' if tools else ''}"


def _is_no_text(message: Message) -> bool:
    return any(
        isinstance(part, ImagePart)
        or (isinstance(part, FilePart) and not part.media_type.startswith("text/"))
        for part in message.parts
    )


def _observations(value: object) -> tuple[Observation, ...]:
    """What was kept, as far as it is what was put there."""
    if not isinstance(value, list):
        return ()
    read: list[Observation] = []
    for item in cast("list[object]", value)[-MOST_OBSERVED:]:
        match item:
            case [int() | float() as counted, int() as reported] if counted >= 0 and reported > 0:
                read.append(Observation(float(counted), reported))
            case _:
                pass
    return tuple(read)
