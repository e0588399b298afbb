"""Ollama's own API: chat, and the list of installed models.

Source: the Ollama API documentation, `POST /api/chat` and `GET /api/tags`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from chatterm.backend.providers.base import (
    Blobs,
    Capabilities,
    Endpoint,
    Frame,
    Framing,
    Limits,
    ModelInfo,
    Variant,
    WireRequest,
)
from chatterm.backend.providers.complaints import complaint_of, is_complaint
from chatterm.backend.providers.message_content import content_pieces, image_base64, plain_text
from chatterm.backend.providers.model_lists import listed_models, ollama_model
from chatterm.backend.providers.provider_errors import response_error, stream_error, truncation_error
from chatterm.backend.providers.think_tags import ThinkSplitter
from chatterm.backend.providers.tool_calls import ToolCallMerger
from chatterm.backend.providers.wire_json import (
    as_count,
    as_list,
    as_number,
    as_object,
    as_text,
    encode_json,
    safe_json,
)
from chatterm.core.clean import clean_line
from chatterm.core.errors import ModelNotFoundError, ProviderError
from chatterm.core.events import (
    FrameSkipped,
    StreamEvent,
    StreamFinished,
    StreamStarted,
    ThinkingDelta,
    UsageReported,
)
from chatterm.core.messages import ImagePart, Message, ToolCallPart, ToolResultPart
from chatterm.core.timings import ServerTimings
from chatterm.core.turn import StopReason, TurnRequest
from chatterm.core.usage import Usage

TITLE = "Ollama"

# Parameters of the request; all others are the model's and go into `options`.
_REQUEST_PARAMETERS = frozenset(
    {
        "model",
        "stream",
        "think",
        "keep_alive",
        "format",
        "tools",
        "truncate",
        "shift",
        "logprobs",
        "top_logprobs",
    }
)

_STOP_REASONS = {"stop": StopReason.END_TURN, "length": StopReason.MAX_TOKENS}

_NAMED_MODEL = re.compile(r"\bmodel ['\"`]([\w./:@-]{1,200})['\"`]")


@dataclass(frozen=True, slots=True)
class Ollama:
    """The adapter for Ollama's native API."""

    name: str = "ollama"
    version: int = 1
    framing: Framing = "ndjson"

    @property
    def capabilities(self) -> Capabilities:
        """A local server without a key."""
        return Capabilities(needs_key=False)

    def variant(self, model: str) -> Variant:
        """All models are sent the same bytes."""
        return Variant()

    def encode_message(self, message: Message, variant: Variant, blobs: Blobs) -> bytes:
        """The message as 0..n items of `messages`, joined by commas; nothing for an empty reply.

        Raises `AttachmentError` for an attachment whose bytes are gone.
        """
        return b",".join(encode_json(item) for item in _items(message, variant, blobs))

    def build_request(
        self, request: TurnRequest, encoded: Iterable[bytes], endpoint: Endpoint, limits: Limits
    ) -> WireRequest:
        """The request; an option that is None takes its parameter away."""
        items = [fragment for fragment in encoded if fragment]
        if request.system:
            items.insert(0, encode_json({"role": "system", "content": request.system}))
        return WireRequest(
            method="POST",
            url=f"{endpoint.base_url.rstrip('/')}/api/chat",
            headers=_headers(endpoint),
            body=_body(request, b",".join(items)),
            framing=self.framing,
            endpoint=endpoint,
            limits=limits,
        )

    def new_decoder(self) -> OllamaDecoder:
        """A decoder for one response."""
        return OllamaDecoder()

    def parse_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """The error that a response with status >= 400 (or of a wrong kind) tells."""
        return _with_pull(response_error(TITLE, status, headers, body))

    def models_request(self, endpoint: Endpoint, limits: Limits) -> WireRequest:
        """The request that lists the installed models."""
        url = f"{endpoint.base_url.rstrip('/')}/api/tags"
        return WireRequest(
            method="GET", url=url, headers=_headers(endpoint), endpoint=endpoint, limits=limits
        )

    def parse_models(self, body: bytes, provider: str) -> list[ModelInfo]:
        """The installed models that chat. Raises `ProtocolError`."""
        return listed_models(body, provider, ollama_model)


class OllamaDecoder:
    """Decodes one response. `feed` and `finish` are generators; `done` ends the reply."""

    def __init__(self) -> None:
        self._think = ThinkSplitter()
        self._calls = ToolCallMerger()
        self._started = False
        self._finished = False

    def feed(self, frame: Frame) -> Iterator[StreamEvent]:
        """Events of this line. Raises a `ProviderError` for an error line."""
        data = frame.data.strip()
        if not data:
            return
        try:
            value = safe_json(data)
        except ValueError as error:
            yield FrameSkipped(f"not JSON: {clean_line(str(error))}")
            return
        line = as_object(value)
        if is_complaint(line):
            yield from self._think.finish()
            raise _with_pull(stream_error(TITLE, complaint_of(line)))
        if "message" not in line and "done" not in line:
            yield FrameSkipped(clean_line(f"unknown fields: {', '.join(sorted(line))}"))
            return
        yield from self._read(line)

    def finish(self) -> Iterator[StreamEvent]:
        """At the end of the bytes. Raises `TruncatedStreamError` when the reply was not done."""
        if not self._finished:
            yield from self._think.finish()
            raise truncation_error(TITLE, self._started)

    def _read(self, line: dict[str, object]) -> Iterator[StreamEvent]:
        if not self._started:
            self._started = True
            yield StreamStarted(as_text(line.get("model")) or None)
        message = as_object(line.get("message"))
        if thinking := as_text(message.get("thinking")):
            yield ThinkingDelta(thinking)
        yield from self._think.feed(as_text(message.get("content")))
        for call in map(as_object, as_list(message.get("tool_calls"))):
            function = as_object(call.get("function"))
            name = as_text(function.get("name"))
            yield from self._calls.whole(as_text(call.get("id")), name, function.get("arguments"))
        if line.get("done") is True and not self._finished:
            self._finished = True
            yield from self._think.finish()
            yield UsageReported(*_figures(line))
            stop = _STOP_REASONS.get(as_text(line.get("done_reason")), StopReason.OTHER)
            # Ollama says `stop` after tool calls too.
            called = self._calls.any and stop is StopReason.END_TURN
            yield StreamFinished(StopReason.TOOL_CALLS if called else stop)


def _headers(endpoint: Endpoint) -> dict[str, str]:
    headers = {"content-type": "application/json", "accept": "application/x-ndjson, application/json"}
    if endpoint.api_key:
        headers["authorization"] = f"Bearer {endpoint.api_key}"
    return headers | {name.lower(): value for name, value in endpoint.headers.items()}


def _body(request: TurnRequest, messages: bytes) -> bytes:
    given = {name: value for name, value in request.options.items() if value is not None}
    fields: dict[str, object] = {"stream": True}
    fields.update({name: value for name, value in given.items() if name in _REQUEST_PARAMETERS})
    nested = as_object(given.pop("options", None))
    if options := nested | {name: value for name, value in given.items() if name not in _REQUEST_PARAMETERS}:
        fields["options"] = options
    model = encode_json(fields.pop("model", request.model))
    return b'{"model":' + model + b',"messages":[' + messages + b"]," + encode_json(fields)[1:]


def _items(message: Message, variant: Variant, blobs: Blobs) -> list[dict[str, object]]:
    if message.role == "assistant":
        return _assistant_items(message, blobs)
    items: list[dict[str, object]] = [
        {"role": "tool", "content": part.content, "tool_call_id": part.call_id}
        for part in message.parts
        if isinstance(part, ToolResultPart)
    ]
    pieces = content_pieces(message, blobs, variant.images) if message.role == "user" else []
    if pieces:
        text = "\n\n".join(piece for piece in pieces if isinstance(piece, str))
        images = [image_base64(piece, blobs) for piece in pieces if isinstance(piece, ImagePart)]
        item: dict[str, object] = {"role": "user", "content": text}
        if images:
            item["images"] = images
        items.append(item)
    return items


def _assistant_items(message: Message, blobs: Blobs) -> list[dict[str, object]]:
    text = plain_text(message, blobs)
    item: dict[str, object] = {"role": "assistant", "content": text}
    calls = [
        {"id": part.call_id, "function": {"name": part.name, "arguments": _argument_object(part.arguments)}}
        for part in message.parts
        if isinstance(part, ToolCallPart)
    ]
    if calls:
        item["tool_calls"] = calls
    return [item] if text or calls else []


def _argument_object(arguments: str) -> dict[str, object]:
    """Ollama wants an object; what is not one is kept under a name of its own."""
    try:
        value = safe_json((arguments or "{}").encode(errors="replace"))
    except ValueError:
        value = None
    return cast("dict[str, object]", value) if isinstance(value, dict) else {"arguments": arguments}


def _figures(line: dict[str, object]) -> tuple[Usage, ServerTimings]:
    """Counts and durations (nanoseconds turned into seconds); `prompt_eval_count` is missing at times."""
    prompt_tokens, output_tokens = as_count(line.get("prompt_eval_count")), as_count(line.get("eval_count"))
    timings = ServerTimings(
        load_seconds=_seconds(line.get("load_duration")),
        prompt_eval_seconds=_seconds(line.get("prompt_eval_duration")),
        eval_seconds=_seconds(line.get("eval_duration")),
        total_seconds=_seconds(line.get("total_duration")),
        prompt_eval_count=prompt_tokens,
        eval_count=output_tokens,
    )
    return Usage(input=prompt_tokens, output=output_tokens), timings


def _seconds(nanoseconds: object) -> float | None:
    number = as_number(nanoseconds)
    return None if number is None else number / 1e9


def _with_pull(error: ProviderError) -> ProviderError:
    """A model that is not installed can be fetched; the hint says how."""
    if isinstance(error, ModelNotFoundError):
        named = _NAMED_MODEL.search(error.message)
        error.hint = f"Fetch it with: ollama pull {named[1] if named else 'NAME'}"
    return error
