"""The tools of one conversation: what the model is told of them, and its rounds of calls."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from chatterm.backend.tools.approval import Approvals
from chatterm.backend.tools.base import Tool, ToolOutput
from chatterm.backend.tools.runner import Ask, Breaker, RunContext, RunLimits, ToolRound
from chatterm.config.model import ToolSettings
from chatterm.core.events import TurnEvent
from chatterm.core.messages import ToolCallPart
from chatterm.core.turn import ToolSpec


class Toolbox:
    """Gives a conversation its tools; one for each conversation, as consent and kept results belong to it.

    `tools` returns those that are on now, by name; what has to be started first may come later, and `warm` starts it
    ahead of time. `keep` writes a long result to a file and returns where.
    """

    def __init__(
        self,
        conversation_id: str,
        tools: Callable[[], Awaitable[Mapping[str, Tool]]],
        *,
        warm: Callable[[], None] | None = None,
        settings: ToolSettings,
        approvals: Approvals,
        breaker: Breaker,
        clock: Callable[[], float],
        keep: Callable[[str, str], Awaitable[str]] | None = None,
    ) -> None:
        cache: dict[tuple[str, bytes], ToolOutput] | None = {} if settings.cache else None
        self._tools, self._warm = tools, warm
        self._on: Mapping[str, Tool] = {}
        self.approvals = approvals
        self.most_rounds = settings.rounds
        """After how many rounds of calls in a turn the user is asked whether it goes on."""
        self._context = RunContext(
            conversation_id=conversation_id,
            tools=lambda: self._on,
            limits=RunLimits(
                workers=settings.workers,
                timeout_seconds=settings.timeout_seconds,
                timeouts=settings.timeouts,
                output_bytes=settings.output_kilobytes * 1024,
            ),
            slots=asyncio.Semaphore(settings.workers),
            approvals=approvals,
            breaker=breaker,
            clock=clock,
            keep=keep,
            cache=cache,
        )

    def warm(self) -> None:
        """Have started what takes time to start; returns at once."""
        if self._warm is not None:
            self._warm()

    async def specs(self) -> tuple[ToolSpec, ...]:
        """What the model is told; the tools of a turn stay the same until the next one asks again."""
        self._on = dict(await self._tools())
        return tuple(tool.spec for tool in self._on.values())

    async def offered(self) -> tuple[ToolSpec, ...]:
        """What the next turn would tell the model; the tools of a turn that runs stay as they are."""
        return tuple(tool.spec for tool in (await self._tools()).values())

    def round(
        self, calls: Sequence[ToolCallPart], number: int, ask: Ask, emit: Callable[[TurnEvent], None]
    ) -> ToolRound:
        """One round of calls, not running yet; `number` counts the rounds of the turn from 0."""
        return ToolRound(self._context, calls, number, ask, emit)
