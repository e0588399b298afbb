"""How long each local model took to load the last time, so that who waits for one knows how long it takes."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Protocol, cast

from chatterm.core.errors import StoreError

LOAD_SECONDS = "load_seconds"
MOST_MODELS = 200
SHORTEST_SECONDS = 0.5
"""What takes less was in memory already."""


class KeptValues(Protocol):
    """What is needed of the store's state."""

    async def get(self, key: str, default: dict[str, object]) -> dict[str, object]: ...
    async def put(self, key: str, value: object) -> None: ...


class LoadTimes:
    """In memory, and in the store from one start to the next."""

    def __init__(self, state: KeptValues) -> None:
        self._state = state
        self._seconds: dict[str, float] = {}

    async def read(self) -> None:
        """Take in what earlier starts kept; nothing where it cannot be read: it is only told for comfort."""
        with suppress(StoreError):
            kept = cast("Mapping[str, object]", await self._state.get(LOAD_SECONDS, {}))
            known = {name: float(value) for name, value in kept.items() if isinstance(value, int | float)}
            self._seconds = known | self._seconds

    def of(self, provider: str, model: str) -> float | None:
        """The seconds of the last load of this model; None where it is not known."""
        return self._seconds.get(f"{provider}/{model}")

    async def note(self, provider: str, model: str, seconds: float | None) -> None:
        """A load took so long; what was no load is not kept."""
        if seconds is None or seconds < SHORTEST_SECONDS:
            return
        name = f"{provider}/{model}"
        self._seconds.pop(name, None)
        self._seconds[name] = round(seconds, 1)
        self._seconds = dict(list(self._seconds.items())[-MOST_MODELS:])
        with suppress(StoreError):
            await self._state.put(LOAD_SECONDS, self._seconds)
