"""Where days begin."""

from __future__ import annotations

from datetime import datetime


def midnight(moment: datetime) -> float:
    """When the day of this moment began, in seconds since 1970.

    A moment without a zone is by this machine's clock, whatever summer time did to it since midnight.
    """
    return moment.replace(hour=0, minute=0, second=0, microsecond=0, fold=0).timestamp()
