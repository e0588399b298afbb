"""A value that is made while the screen is in use already."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Generic, TypeVar

T = TypeVar("T")


class Later(Generic[T]):
    """Waited for with `get`, read with `value` once it is there."""

    def __init__(self) -> None:
        self._over = asyncio.Event()
        self._made: list[T] = []

    @property
    def is_there(self) -> bool:
        """Whether the value can be read."""
        return bool(self._made)

    @property
    def value(self) -> T:
        """The value. Raises `RuntimeError` where it is not there."""
        if not self._made:
            raise RuntimeError("a value was asked for before it was there")
        return self._made[0]

    async def make(self, work: Awaitable[T]) -> T:
        """Await `work`: its result is the value. What it raises goes to the caller, and ends all waiting."""
        try:
            self._made.append(await work)
        finally:
            self._over.set()
        return self.value

    async def get(self) -> T:
        """Wait for the value. Raises `RuntimeError` where making it failed."""
        await self._over.wait()
        return self.value
