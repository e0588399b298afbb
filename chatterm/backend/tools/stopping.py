"""Blocking work of a tool that ends soon after nobody waits for it any more."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from chatterm.backend.daemon_thread import in_daemon_thread

T = TypeVar("T")


class StoppedError(Exception):
    """The work was to end. Nobody waits for it any more, so nobody is told."""


class Stop:
    """Whether work in a thread is to end. Work looks often, and always right before it changes something."""

    def __init__(self) -> None:
        self._asked = threading.Event()

    @property
    def is_asked(self) -> bool:
        """Whether the work is to end."""
        return self._asked.is_set()

    def ask(self) -> None:
        """Have the work end."""
        self._asked.set()

    def check(self) -> None:
        """Raise `StoppedError` if the work is to end."""
        if self.is_asked:
            raise StoppedError


async def in_stoppable_thread(work: Callable[[Stop], T], name: str) -> T:
    """The result of the work, done on a daemon thread; it is asked to end when the caller is cancelled."""
    stop = Stop()
    try:
        return await in_daemon_thread(partial(work, stop), name)
    finally:
        stop.ask()
