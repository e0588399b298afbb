"""What a server says without being asked: log lines, which its running calls show, and that its offers changed."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from chatterm.backend.tools.base import TellProgress

if TYPE_CHECKING:
    from mcp_types import LoggingMessageNotificationParams

MOST_TOLD = 10
LOG_LINES = 50
MOST_LINE = 2000


class Notices:
    """The last log lines of a server; `relist` is called when it says that its offers changed."""

    def __init__(self, relist: Callable[[], None]) -> None:
        self._relist = relist
        self._tells: set[_Telling] = set()
        self.log: deque[str] = deque(maxlen=LOG_LINES)

    @contextmanager
    def told_to(self, tell: TellProgress) -> Generator[TellProgress]:
        """While a call runs, log lines go to `tell` too; gives what its progress is told to."""
        telling = _Telling(tell, time.monotonic)
        self._tells.add(telling)
        try:
            yield telling
        finally:
            self._tells.discard(telling)

    async def on_log(self, params: LoggingMessageNotificationParams) -> None:
        """A log line, whatever it holds."""
        said = params.data if isinstance(params.data, str) else json.dumps(params.data, ensure_ascii=False)
        line = f"{params.level}: {said}"[:MOST_LINE]
        self.log.append(line)
        for telling in tuple(self._tells):
            telling(line)

    async def on_message(self, message: object) -> None:
        """Any notification."""
        if str(getattr(message, "method", "")).endswith("/list_changed"):
            self._relist()


class _Telling:
    """What a running call says, at most ten times in a second; what is more is not shown."""

    def __init__(self, tell: TellProgress, clock: Callable[[], float]) -> None:
        self._tell, self._clock = tell, clock
        self._since, self._told = clock(), 0

    def __call__(self, text: str) -> None:
        now = self._clock()
        if now - self._since >= 1:
            self._since, self._told = now, 0
        self._told += 1
        if self._told <= MOST_TOLD:
            self._tell(text[:MOST_LINE])
