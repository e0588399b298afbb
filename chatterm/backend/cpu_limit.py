"""A bound on the processor time of work that cannot be broken off otherwise, such as a regular expression.

A match holds the interpreter, so that a thread would not help: nothing else would run. But it looks for signals
every few thousand steps, and a timer of the process can raise one.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

AGAIN_SECONDS = 0.005
"""How soon the timer goes off again where it could not end the work the first time."""

_INTERRUPTIBLE = ("re", "chatterm", "tests")
"""Modules in whose code an exception gets out. What is raised in a callback of the interpreter is lost."""


class CpuLimitError(Exception):
    """The work took longer than it may."""


@contextmanager
def cpu_limit(seconds: float) -> Generator[None]:
    """Raise `CpuLimitError` in the block once the process has computed for `seconds`, to some 10 ms.

    Only on the main thread, where signals arrive, and not on systems without timers: elsewhere it bounds nothing.
    Blocks must not be nested.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return
    before = signal.signal(signal.SIGVTALRM, _stop)
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, seconds, AGAIN_SECONDS)
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _stop(number: int, frame: FrameType | None) -> None:
    module = "" if frame is None else str(frame.f_globals.get("__name__"))
    if module.partition(".")[0] in _INTERRUPTIBLE:
        raise CpuLimitError
