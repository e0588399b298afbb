"""What is known of one request while it goes out: its stage, its peer, and whether an answer began."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass

from chatterm.backend.providers.base import OnStage
from chatterm.core.turn import Stage


@dataclass(slots=True)
class Exchange:
    """One request on its way. The sockets fill it in; errors are told from it.

    `peer_host` and `peer_port` name what a new connection was made to: the provider, or a proxy. They are
    None on a reused connection. `fault` is the first cause of a failed look-up, connect or handshake.
    `received` is true from the first byte of the answer on, `answered` once the headers are there.
    """

    on_stage: OnStage
    on_sent: Callable[[float], None]
    stage: Stage | None = None
    peer_host: str | None = None
    peer_port: int | None = None
    fault: BaseException | None = None
    received: bool = False
    answered: bool = False
    sent_at: float | None = None

    @property
    def is_reused(self) -> bool:
        """Whether the request went out on a connection that was there before."""
        return self.peer_host is None and self.stage in (Stage.SENDING, Stage.WAITING)

    def enter(self, stage: Stage) -> None:
        """The request proceeds to this stage now."""
        at = time.monotonic()
        self.stage = stage
        if stage is Stage.WAITING:
            self.sent_at = at
            self.on_sent(at)
        self.on_stage(stage, at)

    def note_fault(self, error: BaseException) -> None:
        """Keep what led to this error, since the pool cuts the chain of causes off."""
        while error.__cause__ is not None:
            error = error.__cause__
        self.fault = error


current_exchange: ContextVar[Exchange | None] = ContextVar("current_exchange", default=None)
"""The request that the running task is sending; set from the start until the headers are there."""
