"""The signals that ask for the end, and what Ctrl+C does while a command starts.

Python's own handler of SIGINT raises between any two lines. In an import that is a traceback, and in the middle of a
C extension that calls back into Python it can be a crash: msgspec has one where it first looks at a type. So Ctrl+C
raises only where somebody is ready for it.
"""

from __future__ import annotations

import signal

ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def end_at_once() -> None:
    """From now on Ctrl+C ends the program as SIGTERM does, unless whoever started it had it ignored."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def raise_again() -> None:
    """From now on Ctrl+C raises `KeyboardInterrupt`; undoes `end_at_once`. On the main thread only."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
