"""What an adapter is: the seam between chatterm and one wire format.

An adapter does no I/O and keeps no state between calls. It turns values into a `WireRequest`, and the
frames of one response into stream events. Whoever sends the request is given as an `OpenStream`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Literal, Protocol

from chatterm.core.errors import ChattermError, ProviderError
from chatterm.core.events import StreamEvent
from chatterm.core.messages import Message
from chatterm.core.redact import redact
from chatterm.core.turn import Stage, TurnRequest

Framing = Literal["sse", "ndjson"]

Blobs = Callable[[str], bytes]
"""Bytes of an attachment by its sha256; raises `KeyError` for an unknown one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a wire format can carry, whatever the model makes of it."""

    images: bool = True
    lists_models: bool = True
    needs_key: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """All of a model that changes the bytes of an encoded message; part of the payload cache's key."""

    images: bool = True
    signed_calls: bool = False
    """Whether the first tool call of a reply must carry a signature (Gemini 3 and later)."""
    reasoning: bool = True
    """Whether the model takes back reasoning that was sealed for it, or for another one of the service."""
    family: str = ""
    """Models that take back each other's opaque parts, where one wire format serves those of many makers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A service: where it is, and how to be let in. The key never appears in its `repr`."""

    provider: str
    base_url: str
    api_key: str | None = field(default=None, repr=False)
    key_source: str = ""
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    ca_file: str | None = None
    is_local: bool = False

    @property
    def host(self) -> str:
        """Host and port as a person reads them, without scheme, credentials or path."""
        authority = self.base_url.partition("://")[2].partition("/")[0]
        return authority.rpartition("@")[2]

    def hide_secrets(self, error: ChattermError) -> None:
        """Take the key and the values of headers out of an error's text: some servers repeat them."""
        secrets = [*filter(None, [self.api_key]), *self.headers.values()]
        error.message, error.hint = redact(error.message, secrets), redact(error.hint, secrets)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds on one request, in seconds and bytes. There is no limit on the total time."""

    connect_seconds: float = 5.0
    write_seconds: float = 30.0
    first_event_seconds: float = 120.0
    event_gap_seconds: float = 60.0
    comments_only_seconds: float = 600.0
    event_bytes: int = 8 * 1024 * 1024
    reply_bytes: int = 64 * 1024 * 1024
    error_body_bytes: int = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class WireRequest:
    """One HTTP request as bytes. `framing` is None for a body that is read whole (model lists)."""

    method: Literal["GET", "POST", "DELETE"]
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(default=b"", repr=False)
    framing: Framing | None = None
    endpoint: Endpoint
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class Frame:
    """One SSE event or NDJSON line: its payload, and the monotonic time at which its last byte arrived."""

    at: float
    data: bytes
    event: str = ""


class FrameStream(Protocol):
    """An open response. Iterating yields frames; `body()` reads an error or a model list whole, with a cap."""

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def headers_at(self) -> float:
        """Monotonic time at which the headers were there."""
        ...

    def frames(self) -> AsyncIterator[Frame]: ...
    async def body(self) -> bytes: ...


OnStage = Callable[[Stage, float], None]
"""Called as the request proceeds, with the stage entered and the monotonic time it began.

`RESOLVING`, `CONNECTING`, `SECURING` come only on a new connection; `SENDING` when the connection is there;
`WAITING` when the request is out (its time is the `sent` stamp).
"""

OpenStream = Callable[[WireRequest, OnStage], AbstractAsyncContextManager[FrameStream]]
"""Sends a request. Entering returns once the headers are there; leaving closes the connection of an
unfinished response, so that the server sees it. Raises `ProviderError`s only, and `CancelledError`."""


class EventDecoder(Protocol):
    """Turns the frames of one response into stream events; made new for each response."""

    def feed(self, frame: Frame) -> Iterable[StreamEvent]:
        """Events of this frame. Raises a `ProviderError` for an error the provider sent in the stream."""
        ...

    def finish(self) -> Iterable[StreamEvent]:
        """Called at the end of the bytes. Raises `TruncatedStreamError` without a terminal marker."""
        ...


Prices = tuple[float | None, float | None, float | None, float | None]
"""US dollars for a million tokens: of the prompt, of the reply, read from the cache, written to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """A model as its provider lists it; `None` is 'not known'.

    Prices are US dollars for a million tokens; with more than `dearer_above_tokens` in the prompt they are those of
    `dearer_prices`, for all of it.
    `memory_bytes` is what it takes while it is loaded, `gpu_bytes` the part of that on the graphics card.
    `retires_on` is the day (YYYY-MM-DD) from which it cannot be asked any more.
    """

    provider: str
    id: str
    name: str = ""
    context_tokens: int | None = None
    output_tokens: int | None = None
    images: bool | None = None
    files: bool | None = None
    tools: bool | None = None
    thinking: bool | None = None
    price_input: float | None = None
    price_output: float | None = None
    price_cache_read: float | None = None
    price_cache_write: float | None = None
    dearer_above_tokens: int | None = None
    dearer_prices: Prices | None = None
    size_bytes: int | None = None
    loaded: bool | None = None
    memory_bytes: int | None = None
    gpu_bytes: int | None = None
    deprecated: bool | None = None
    retires_on: str | None = None


class ProviderAdapter(Protocol):
    """One wire format."""

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> int:
        """Raised whenever the bytes of an encoded message change; part of the payload cache's key."""
        ...

    @property
    def capabilities(self) -> Capabilities: ...
    @property
    def framing(self) -> Framing: ...

    def variant(self, model: str) -> Variant: ...

    def takes_prefill(self, model: str) -> bool:
        """Whether the model goes on with a reply that ends the conversation; others are asked for it in words."""
        ...

    def encode_message(self, message: Message, variant: Variant, blobs: Blobs) -> bytes:
        """The message as a JSON fragment of 0..n wire items joined by commas. Pure, hence cacheable."""
        ...

    def build_request(
        self, request: TurnRequest, encoded: Iterable[bytes], endpoint: Endpoint, limits: Limits
    ) -> WireRequest:
        """The whole request; `encoded` are the fragments of `request.messages`, in order."""
        ...

    def new_decoder(self) -> EventDecoder: ...

    def parse_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """The error that a response with status >= 400 (or of a wrong kind) tells."""
        ...

    def models_request(self, endpoint: Endpoint, limits: Limits) -> WireRequest | None:
        """The request that lists the models; None where the service has no list."""
        ...

    def parse_models(self, body: bytes, provider: str) -> list[ModelInfo]:
        """The answer to `models_request`. Raises `ProtocolError`."""
        ...
