"""How late the event loop came to its work: by that much the times stamped on it may be off."""

from __future__ import annotations

import asyncio

SAMPLE_SECONDS = 0.02
"""How often it is measured; a delay that begins between two samples is measured short by up to this."""


class LoopLag:
    """Measures the running loop from `start` to `stop`. `worst` is in seconds; None before the first sample."""

    def __init__(self) -> None:
        self.worst: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to measure, or go on."""
        loop = asyncio.get_running_loop()
        due = loop.time() + SAMPLE_SECONDS
        self._timer = loop.call_at(due, self._sample, loop, due)

    def stop(self) -> None:
        """Measure no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _sample(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        self.worst = max(0.0, loop.time() - due, self.worst or 0.0)
        self.start()
