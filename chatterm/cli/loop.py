"""The event loop of a command."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

from chatterm.backend.signals import raise_again

T = TypeVar("T")


def run_loop(work: Coroutine[object, object, T]) -> T:
    """The result of `work`. Ctrl+C cancels it, so that it can close what it opened, and `KeyboardInterrupt` follows."""
    raise_again()
    return asyncio.run(work)
