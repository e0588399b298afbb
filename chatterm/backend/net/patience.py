"""A limit of time on many short waits, at the price of one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

_Value = TypeVar("_Value")


class Patience:
    """Breaks off what one task waits for once a deadline has passed, in monotonic seconds; it may move at any time.

    A timer stays for the next wait, and asks for the deadline when it fires: one for each costs more than a read.
    """

    def __init__(self, deadline: Callable[[], float]) -> None:
        self._deadline = deadline
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: asyncio.Task[object] | None = None
        self._is_over = False

    async def wait(self, work: Awaitable[_Value]) -> _Value:
        """What the work gives. Raises `TimeoutError` where it is cancelled because the deadline has passed."""
        task = asyncio.current_task()
        assert task is not None
        cancelling, due = task.cancelling(), self._deadline()
        if self._timer is None or due < self._timer.when():
            self._set(due)
        self._waiting, self._is_over = task, False
        try:
            return await work
        except asyncio.CancelledError:
            if self._is_over and task.uncancel() <= cancelling:  # else somebody else cancelled as well
                raise TimeoutError from None
            raise
        finally:
            self._waiting = None

    def close(self) -> None:
        """Let go of the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set(self, due: float) -> None:
        self.close()
        self._timer = asyncio.get_running_loop().call_at(due, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._waiting is None:
            return  # the next wait sets it anew
        due = self._deadline()
        if asyncio.get_running_loop().time() < due:
            self._set(due)
        else:
            self._is_over = True
            self._waiting.cancel()
