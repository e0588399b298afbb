"""A provider gated by the test: nothing arrives until the test says so, and what was asked is recorded."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager

from chatterm.backend.providers.base import (
    Blobs,
    Capabilities,
    Endpoint,
    EventDecoder,
    Frame,
    Framing,
    Limits,
    ModelInfo,
    OnStage,
    Variant,
    WireRequest,
)
from chatterm.backend.providers.request_body import finished_fields
from chatterm.backend.target import Target
from chatterm.core.errors import ProviderError, ServerError, TruncatedStreamError
from chatterm.core.events import (
    StreamEvent,
    StreamFinished,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallStarted,
    UsageReported,
)
from chatterm.core.messages import Message, ToolCallPart, ToolResultPart
from chatterm.core.turn import Stage, StopReason, TurnRequest
from chatterm.core.usage import Usage
from tests.doubles.patience import PATIENCE_SECONDS, soon


class PlainDecoder:
    """Frames are JSON objects: {"text"}, {"thinking"}, {"call": [id, name, arguments]}, {"usage": [in, out]},
    {"cost": dollars}.

    The last one is {"done": stop reason}.
    """

    def __init__(self) -> None:
        self.finished = False
        self.calls = 0

    def feed(self, frame: Frame) -> Iterable[StreamEvent]:
        item = json.loads(frame.data)
        if "text" in item:
            yield TextDelta(item["text"])
        if "thinking" in item:
            yield ThinkingDelta(item["thinking"])
        if "call" in item:
            call_id, name, arguments = item["call"]
            yield ToolCallStarted(self.calls, call_id, name)
            yield ToolCallDelta(self.calls, arguments)
            self.calls += 1
        if "usage" in item:
            yield UsageReported(Usage(input=item["usage"][0], output=item["usage"][1]))
        if "cost" in item:
            yield UsageReported(Usage(cost=item["cost"]))
        if "done" in item:
            self.finished = True
            yield StreamFinished(StopReason(item["done"]))

    def finish(self) -> Iterable[StreamEvent]:
        if not self.finished:
            raise TruncatedStreamError("The reply ended too early.")
        return ()


class PlainAdapter:
    """The smallest wire format that satisfies the protocol."""

    name = "plain"
    version = 1
    capabilities = Capabilities(needs_key=False)
    framing: Framing = "ndjson"

    def variant(self, model: str) -> Variant:
        return Variant(images="vision" in model)

    def takes_prefill(self, model: str) -> bool:
        return "prefill" in model

    def encode_message(self, message: Message, variant: Variant, blobs: Blobs) -> bytes:
        digests = [digest for part in message.parts if (digest := getattr(part, "sha256", None))]
        item: dict[str, object] = {"role": message.role, "text": message.text}
        if calls := [part.call_id for part in message.parts if isinstance(part, ToolCallPart)]:
            item["calls"] = calls
        if results := [
            [part.call_id, part.content] for part in message.parts if isinstance(part, ToolResultPart)
        ]:
            item["results"] = results
        if digests:
            item["blobs"] = [blobs(digest).decode("latin-1") for digest in digests]
        return json.dumps(item).encode()

    def build_request(
        self, request: TurnRequest, encoded: Iterable[bytes], endpoint: Endpoint, limits: Limits
    ) -> WireRequest:
        asked: dict[str, object] = {"temperature": request.parameters.temperature, "stream": request.streams}
        if request.tools:
            asked["tools"] = [tool.name for tool in request.tools]
        rest = json.dumps(finished_fields(asked, request)).encode()
        body = b'{"messages":[' + b",".join(encoded) + b"]," + rest[1:]
        framing = self.framing if request.streams else None
        return WireRequest(
            method="POST", url="plain://model", headers={}, body=body, framing=framing, endpoint=endpoint
        )

    def new_decoder(self) -> EventDecoder:
        return PlainDecoder()

    def parse_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        return ServerError(f"{status}: {body.decode()}", status=status)

    def models_request(self, endpoint: Endpoint, limits: Limits) -> WireRequest | None:
        return None

    def parse_models(self, body: bytes, provider: str) -> list[ModelInfo]:
        return []


class GatedStream:
    """One response: the test sends items, fails it, or ends it."""

    def __init__(self, status: int, headers: Mapping[str, str], patience_seconds: float) -> None:
        self.status = status
        self.headers = headers
        self.headers_at = time.monotonic()
        self._patience_seconds = patience_seconds
        self._items: asyncio.Queue[bytes | ProviderError | None] = asyncio.Queue()
        self.closed = asyncio.Event()
        self.whole = b"what the server said"

    def send(self, **item: object) -> None:
        """Let a frame arrive."""
        self._items.put_nowait(json.dumps(item).encode())

    def fail(self, error: ProviderError) -> None:
        """Let the connection break."""
        self._items.put_nowait(error)

    def end(self) -> None:
        """Let the bytes end."""
        self._items.put_nowait(None)

    def reply(self, text: str, *, usage: tuple[int, int] | None = None) -> None:
        """A whole reply with its end."""
        self.send(text=text)
        if usage:
            self.send(usage=list(usage))
        self.send(done="end_turn")
        self.end()

    async def frames(self) -> AsyncIterator[Frame]:
        while (item := await self._next()) is not None:
            if isinstance(item, ProviderError):
                raise item
            yield Frame(time.monotonic(), item)

    async def body(self) -> bytes:
        return self.whole

    async def _next(self) -> bytes | ProviderError | None:
        return await soon(self._items.get(), "was given nothing more to send", self._patience_seconds)


class GatedProvider:
    """Hands out one `GatedStream` per request, after `opening` is set (it is, unless the test clears it).

    Where nothing comes for `patience_seconds`, of the test or of what it tests, the wait fails.
    """

    def __init__(self, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._patience_seconds = patience_seconds
        self.requests: list[WireRequest] = []
        self.streams: list[GatedStream] = []
        self.opening = asyncio.Event()
        self.opening.set()
        self.status = 200
        self.headers: dict[str, str] = {}
        self.address = "plain://model"
        self.key: str | None = None
        self.extra_headers: dict[str, str] = {}
        self.open_errors: list[ProviderError] = []
        self._opened = asyncio.Event()

    def target(self, model: str = "test-model") -> Target:
        """A target whose requests end here."""

        async def endpoint() -> Endpoint:
            return Endpoint(
                provider="plain", base_url=self.address, api_key=self.key, headers=self.extra_headers
            )

        return Target(
            provider="plain",
            model=model,
            adapter=PlainAdapter(),
            endpoint=endpoint,
            open_stream=self.open_stream,
            host="model",
        )

    async def opened(self) -> GatedStream:
        """The next stream, once it is asked for."""
        await soon(self._opened.wait(), "was not asked for anything", self._patience_seconds)
        self._opened.clear()
        return self.streams[-1]

    def bodies(self) -> list[list[dict[str, str]]]:
        """The messages of each request."""
        return [json.loads(request.body)["messages"] for request in self.requests]

    @asynccontextmanager
    async def open_stream(self, request: WireRequest, on_stage: OnStage) -> AsyncGenerator[GatedStream]:
        self.requests.append(request)
        on_stage(Stage.CONNECTING, time.monotonic())
        await soon(self.opening.wait(), "was not allowed to answer", self._patience_seconds)
        if self.open_errors:
            raise self.open_errors.pop(0)
        on_stage(Stage.SENDING, time.monotonic())
        on_stage(Stage.WAITING, time.monotonic())
        stream = GatedStream(self.status, self.headers, self._patience_seconds)
        self.streams.append(stream)
        self._opened.set()
        try:
            yield stream
        finally:
            stream.closed.set()
