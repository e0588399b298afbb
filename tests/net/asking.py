"""Asking a server the way the worker does, and keeping all that came of it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from chatterm.backend.net.client import HttpClients
from chatterm.backend.providers.base import Endpoint, Frame, Framing, Limits, WireRequest
from chatterm.core.turn import Stage

KEY = "sk-canary-0123456789"
BODY = b'{"messages": [{"role": "user", "content": "body-canary"}]}'
LIMITS = Limits(connect_seconds=2.0, write_seconds=2.0, first_event_seconds=5.0, event_gap_seconds=5.0)


def wire(
    base_url: str,
    *,
    path: str = "/chat/completions",
    framing: Framing | None = "sse",
    limits: Limits = LIMITS,
    provider: str = "openai",
    ca_file: str | None = None,
    is_local: bool = True,
    **limit: float,
) -> WireRequest:
    """A chat request to this address; single limits by name."""
    return WireRequest(
        method="POST",
        url=f"{base_url}{path}",
        headers={"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"},
        body=BODY,
        framing=framing,
        endpoint=Endpoint(
            provider=provider, base_url=base_url, api_key=KEY, ca_file=ca_file, is_local=is_local
        ),
        limits=replace(limits, **limit),
    )


@dataclass(slots=True)
class Answer:
    """What came: frames as far as they came, stages with their times, and the error that ended it."""

    frames: list[Frame] = field(default_factory=list[Frame])
    stages: list[tuple[Stage, float]] = field(default_factory=list[tuple[Stage, float]])
    status: int = 0
    error: BaseException | None = None
    entered: dict[Stage, asyncio.Event] = field(default_factory=dict[Stage, asyncio.Event])
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    headers_at: float = 0.0

    @property
    def data(self) -> list[bytes]:
        """The payloads of the frames."""
        return [frame.data for frame in self.frames]

    @property
    def stage_names(self) -> list[str]:
        """The stages in order."""
        return [stage.value for stage, _ in self.stages]

    def enter(self, stage: Stage, at: float) -> None:
        """An `OnStage`."""
        self.stages.append((stage, at))
        self.stage_event(stage).set()

    def stage_event(self, stage: Stage) -> asyncio.Event:
        """Set once the stage was entered."""
        return self.entered.setdefault(stage, asyncio.Event())


async def ask(clients: HttpClients, request: WireRequest, answer: Answer | None = None) -> Answer:
    """Send, and read to the end or the error. Cancelling passes through."""
    answer = answer or Answer()
    try:
        async with clients.open_stream(request, answer.enter) as stream:
            answer.status, answer.headers_at = stream.status, stream.headers_at
            async for frame in stream.frames():
                answer.frames.append(frame)
                answer.arrived.set()
    except Exception as error:
        answer.error = error
    return answer


async def ask_body(clients: HttpClients, request: WireRequest) -> bytes:
    """Send, and read the body whole."""
    async with clients.open_stream(request, lambda stage, at: None) as stream:
        return await stream.body()


@contextlib.contextmanager
def deaf_port(host: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """A port whose queue of connections is full: connecting neither succeeds nor fails."""
    with contextlib.ExitStack() as sockets:
        listener = sockets.enter_context(socket.socket())
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(0)
        for _ in range(4):
            filler = sockets.enter_context(socket.socket())
            filler.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                filler.connect(listener.getsockname())
        yield listener.getsockname()[1]


def closed_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]
