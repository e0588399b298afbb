"""Blocking work that nothing has to wait for at the end of the program."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


async def in_daemon_thread(work: Callable[[], T], name: str) -> T:
    """The result of `work`, done on a daemon thread of its own; raises what it raises.

    Some work cannot be broken off: a look-up, a command that hangs. On asyncio's executor it would hold up
    the exit of the program; a daemon thread is left behind, and so it is when the caller is cancelled.
    """
    outcome: Future[T] = Future()

    def run() -> None:
        if not outcome.set_running_or_notify_cancel():
            return
        try:
            outcome.set_result(work())
        except BaseException as error:  # not handled here: it belongs to who waits
            outcome.set_exception(error)

    threading.Thread(target=run, name=name, daemon=True).start()
    return await asyncio.wrap_future(outcome)
