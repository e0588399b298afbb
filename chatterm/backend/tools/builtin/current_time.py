"""current_time: date and time, here or in a zone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec

from chatterm.backend.tools.arguments import read_arguments, spec_of
from chatterm.backend.tools.base import PreparedCall, TellProgress, ToolOutput
from chatterm.core.clean import clean_line
from chatterm.core.errors import InvalidCallError

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class TimeArguments(msgspec.Struct):
    """Tell the current date, time and day of the week, in the user's own time zone or in another one."""

    zone: Annotated[
        Annotated[str, msgspec.Meta(max_length=100)] | None,
        msgspec.Meta(
            description="Name of the zone, such as Europe/Paris or UTC; without it, the user's own."
        ),
    ] = None


class CurrentTime:
    """The tool; `now` gives the time in UTC."""

    source = "built-in"
    is_pure = False
    timeout_seconds = None

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.spec = spec_of("current_time", TimeArguments)
        self._now = now

    async def prepare(self, arguments: Mapping[str, object]) -> PreparedCall:
        """See `Tool`; nobody is asked, as nothing is touched."""
        zone = _zone(read_arguments(TimeArguments, arguments).zone)

        async def run(tell: TellProgress) -> ToolOutput:
            local = self._now().astimezone(zone)
            name = zone.key if zone is not None else f"{local.tzname()}, the user's own"
            return ToolOutput(
                text=f"{local.isoformat(timespec='seconds')}, {_DAYS[local.weekday()]} ({name})"
            )

        return PreparedCall(access=None, run=run)


def _zone(name: str | None) -> ZoneInfo | None:
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):  # unknown, no name of a zone, or that of a folder of zones
        raise InvalidCallError(
            f"There is no time zone {clean_line(name, 60)!r}; use a name such as Europe/Paris or UTC."
        ) from None
