"""How long a double waits for its test, or a test for its double: what never comes fails, and hangs nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")

PATIENCE_SECONDS = 5.0


async def soon(awaited: Awaitable[T], what: str, within_seconds: float = PATIENCE_SECONDS) -> T:
    """The result of `awaited`. Raises `AssertionError` with `what` became of the double where it does not come."""
    limit = asyncio.timeout(within_seconds)
    try:
        async with limit:
            return await awaited
    except TimeoutError:
        if not limit.expired():
            raise
        raise AssertionError(f"the double {what} for {within_seconds:g} s") from None
