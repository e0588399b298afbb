"""A server on 127.0.0.1 that does what a script says, byte by byte, and records what it saw and when.

It runs in the test's own loop (`async with ScriptedServer() as server`), or on a thread beside a test that
drives the real program (`with ScriptedServer.in_thread() as server`). All times are monotonic seconds.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
import threading
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self, assert_never

from tests.doubles import server_replies as replies
from tests.doubles.server_replies import Close, Hang, Pause, Provider, Reset, Script, Send, WaitFor

WAIT_SECONDS = 30.0


@dataclass(slots=True, eq=False)
class SeenRequest:
    """A request as it came in, and what became of its answer.

    `sent_at` has one entry per `Send` step. `closed_at` is when the client's close was seen; None as long as the
    connection stands. `finished_at` is when the script was through.
    """

    connection: int
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    arrived_at: float
    sent_at: list[float] = field(default_factory=list[float])
    finished_at: float | None = None
    closed_at: float | None = None

    @property
    def json(self) -> Any:
        """The body read as JSON."""
        return json.loads(self.body)


@dataclass(slots=True, eq=False)
class SeenConnection:
    """A connection: its number, counted from 0, and its life. With TLS it begins after the handshake."""

    number: int
    opened_at: float
    received_bytes: int = 0
    closed_at: float | None = None


class ScriptedServer:
    """The server. Chat requests take the queued replies in turn, then a default one; other paths are answered.

    `on_connect` is played before the first request of each connection is read. With `accepts=False` the system
    takes connections and nobody reads from them. Seen: `requests` and `connections`, in order of arrival.
    """

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        on_connect: Iterable[replies.Step] = (),
        accepts: bool = True,
        models: tuple[str, ...] = ("scripted-model",),
    ) -> None:
        self.requests: list[SeenRequest] = []
        self.connections: list[SeenConnection] = []
        self.on_connect = tuple(on_connect)
        self.routes: dict[str, Callable[[SeenRequest], Script]] = replies.default_routes(models)
        self._tls = tls
        self._accepts = accepts
        self._queue: deque[Script] = deque()
        self._gates: dict[str, asyncio.Event] = {}
        self._open: set[Connection] = set()
        self._changed = threading.Condition()
        self._pulse = asyncio.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: asyncio.Server | None = None

    # ---- where it is ---------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """Its address without a path; the base URL for Ollama."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def base_url(self, provider: Provider) -> str:
        """The base URL to configure for a provider of this kind."""
        return f"{self.url}/v1" if provider == "openai" else self.url

    # ---- what it answers -----------------------------------------------------------------------

    def reply(self, *steps: replies.Step) -> None:
        """Queue a script as the answer to the next chat request."""
        self.reply_script(steps)

    def reply_script(self, script: Script) -> None:
        """Queue any iterable of steps; an endless one is played until the client goes away."""
        self._queue.append(script)

    def reply_text(
        self,
        text: str | Iterable[str],
        *,
        provider: Provider = "openai",
        thinking: str | Iterable[str] = (),
        delay_seconds: float = 0.0,
        gates: dict[int, str] | None = None,
        usage: tuple[int, int] | None = (11, 7),
    ) -> None:
        """Queue a whole streamed reply. A str goes out word by word, an iterable piece by piece.

        `gates` names, by the index of a frame (0 is the first), a gate that opens only by `release`.
        """
        frames = replies.text_frames(text, provider=provider, thinking=thinking, usage=usage)
        self.reply_script(
            replies.stream(
                frames, content_type=replies.CONTENT_TYPES[provider], delay_seconds=delay_seconds, gates=gates
            )
        )

    def reply_status(self, status: int, body: object, **headers: str) -> None:
        """Queue an answer with this status; see `replies.whole`."""
        self.reply_script(replies.whole(body, status=status, headers=headers))

    def release(self, gate: str) -> None:
        """Let every script past this gate, now and later. May be called from any thread."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self.gate(gate).set)

    def gate(self, name: str) -> asyncio.Event:
        """The gate of this name."""
        return self._gates.setdefault(name, asyncio.Event())

    # ---- what it saw ---------------------------------------------------------------------------

    def drop_connections(self) -> None:
        """Close every connection that is open, as a server does with idle ones."""
        for connection in list(self._open):
            connection.close()

    @property
    def chats(self) -> list[SeenRequest]:
        """The chat requests among `requests`."""
        return [request for request in self.requests if replies.is_chat(request.path)]

    async def until(self, condition: Callable[[], object], seconds: float = WAIT_SECONDS) -> None:
        """Wait until the condition is true of what was seen. Raises `TimeoutError`."""
        async with asyncio.timeout(seconds):
            while not condition():
                await self._pulse.wait()

    def wait_until(self, condition: Callable[[], object], seconds: float = WAIT_SECONDS) -> None:
        """The same for a test beside a server on a thread."""
        with self._changed:
            if not self._changed.wait_for(lambda: bool(condition()), seconds):
                raise TimeoutError("the server has not seen what the test waits for")

    def notice(self) -> None:
        """For connections: something was seen."""
        pulse, self._pulse = self._pulse, asyncio.Event()
        pulse.set()
        with self._changed:
            self._changed.notify_all()

    def script_for(self, request: SeenRequest) -> Script:
        """For connections: the answer to this request."""
        if replies.is_chat(request.path) and self._queue:
            return self._queue.popleft()
        route = self.routes.get(request.path)
        return route(request) if route else replies.whole({"error": "no such path"}, status=404)

    # ---- life ----------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        if self._accepts:
            self._server = await self._loop.create_server(
                lambda: Connection(self, self._open), sock=self._listener, ssl=self._tls
            )
        return self

    async def __aexit__(self, *exception: object) -> None:
        if self._server is not None:
            self._server.close()
        tasks = [connection.end() for connection in list(self._open)]
        await asyncio.gather(*tasks, return_exceptions=True)
        self._listener.close()

    @classmethod
    @contextmanager
    def in_thread(cls, **settings: Any) -> Generator[Self]:
        """The server on a thread with a loop of its own; arguments as for the class."""
        server, started, stop = cls(**settings), threading.Event(), threading.Event()

        async def run() -> None:
            async with server:
                started.set()
                await asyncio.to_thread(stop.wait)

        thread = threading.Thread(target=asyncio.run, args=(run(),), name="scripted-server")
        thread.start()
        started.wait(WAIT_SECONDS)
        try:
            yield server
        finally:
            stop.set()
            thread.join(WAIT_SECONDS)


class Connection(asyncio.Protocol):
    """One client: reads its requests, plays their scripts, and notes when it goes away."""

    def __init__(self, server: ScriptedServer, peers: set[Connection]) -> None:
        self._server, self._peers = server, peers
        self._buffer = bytearray()
        self._arrived, self._writable = asyncio.Event(), asyncio.Event()
        self._writable.set()
        self._request: SeenRequest | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        # asyncio does so only where the listener names its protocol; else the second piece waits for 40 ms
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._seen = SeenConnection(len(self._server.connections), time.monotonic())
        self._server.connections.append(self._seen)
        self._peers.add(self)
        self._task = asyncio.ensure_future(self._serve())
        self._server.notice()

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        self._buffer += data
        self._seen.received_bytes += len(data)
        self._arrived.set()
        self._server.notice()

    def eof_received(self) -> bool:
        """Called by asyncio when the client closes; closing our side too."""
        self._note_close()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by asyncio at the very end."""
        self._note_close()
        self._peers.discard(self)
        self._task.cancel()

    def pause_writing(self) -> None:
        """Called by asyncio when the client takes nothing."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Called by asyncio when it takes something again."""
        self._writable.set()

    def close(self) -> None:
        """Close the connection in order."""
        self._transport.close()

    def end(self) -> asyncio.Task[None]:
        """Cut the connection; the task returned ends soon."""
        self._transport.abort()
        self._task.cancel()
        return self._task

    def _note_close(self) -> None:
        now = time.monotonic()
        if self._seen.closed_at is None:
            self._seen.closed_at = now
            if self._request is not None:
                self._request.closed_at = now
            self._server.notice()

    async def _serve(self) -> None:
        await self._play(self._server.on_connect)
        async for request in self._read_requests():
            self._request = request
            self._server.requests.append(request)
            self._server.notice()
            await self._play(self._server.script_for(request))
            request.finished_at = time.monotonic()
            self._server.notice()

    async def _read_requests(self) -> AsyncGenerator[SeenRequest]:
        while True:
            head = (await self._read_until(b"\r\n\r\n")).decode("latin-1")
            line, *rest = head.rstrip().split("\r\n")
            method, path, _ = line.split(" ", 2)
            headers = {
                name.lower(): value.strip() for name, _, value in (item.partition(":") for item in rest)
            }
            body = await self._read_bytes(int(headers.get("content-length", "0")))
            yield SeenRequest(self._seen.number, method, path, headers, body, time.monotonic())

    async def _read_until(self, mark: bytes) -> bytes:
        while (found := self._buffer.find(mark)) < 0:
            await self._read_more()
        return self._take(found + len(mark))

    async def _read_bytes(self, size: int) -> bytes:
        while len(self._buffer) < size:
            await self._read_more()
        return self._take(size)

    async def _read_more(self) -> None:
        self._arrived.clear()
        await self._arrived.wait()

    def _take(self, size: int) -> bytes:
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    async def _play(self, script: Script) -> None:
        for step in script:
            match step:
                case Send(data):
                    self._transport.write(data)
                    if self._request is not None:
                        self._request.sent_at.append(time.monotonic())
                    await self._writable.wait()
                    await asyncio.sleep(0)  # a client in the same loop reads meanwhile
                case Pause(seconds):
                    await asyncio.sleep(seconds)
                case WaitFor(gate):
                    await self._server.gate(gate).wait()
                case Hang():
                    await asyncio.Event().wait()
                case Close():
                    self._transport.close()
                case Reset():
                    raw = self._transport.get_extra_info("socket")
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    self._transport.abort()
                case _:
                    assert_never(step)
