"""Exit statuses, which scripts rely on."""

from __future__ import annotations

from enum import IntEnum


class ExitStatus(IntEnum):
    """What the status of a finished process says; those above 128 are 128 plus the number of a signal."""

    COMPLETE = 0
    MISSED = 1
    USAGE = 2
    INCOMPLETE = 3
    PROVIDER = 4
    CONFIGURATION = 5
    UNFORESEEN = 70
    CANCELLED = 130
    CLOSED_PIPE = 141
