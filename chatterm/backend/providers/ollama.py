"""Ollama's own API: chat, and the lists of installed and of loaded models.

Source: the Ollama API documentation, `POST /api/chat`, `GET /api/tags` and `GET /api/ps`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import cast

from chatterm.backend.providers.base import (
    Blobs,
    Capabilities,
    Endpoint,
    Framing,
    Limits,
    ModelInfo,
    Variant,
    WireRequest,
)
from chatterm.backend.providers.message_content import content_pieces, image_base64, plain_text
from chatterm.backend.providers.model_lists import listed_models, ollama_model
from chatterm.backend.providers.ollama_decoder import TITLE, OllamaDecoder, as_ollama_says
from chatterm.backend.providers.provider_errors import response_error
from chatterm.backend.providers.wire_json import as_object, encode_json, safe_json
from chatterm.core.errors import ProviderError
from chatterm.core.messages import ImagePart, Message, ToolCallPart, ToolResultPart
from chatterm.core.turn import TurnRequest

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
        return as_ollama_says(response_error(TITLE, status, headers, body))

    def models_request(self, endpoint: Endpoint, limits: Limits) -> WireRequest:
        """The request that lists the installed models."""
        return _get(endpoint, "/api/tags", limits)

    def parse_models(self, body: bytes, provider: str) -> list[ModelInfo]:
        """The installed models that chat. Raises `ProtocolError`."""
        return listed_models(body, provider, ollama_model)


def loaded_request(endpoint: Endpoint, limits: Limits) -> WireRequest:
    """The request that lists the models in memory."""
    return _get(endpoint, "/api/ps", limits)


def loaded_models(body: bytes) -> frozenset[str]:
    """The names in the answer to `loaded_request`. Raises `ProtocolError`."""
    return frozenset(model.id for model in listed_models(body, TITLE, ollama_model))


def _get(endpoint: Endpoint, path: str, limits: Limits) -> WireRequest:
    url = endpoint.base_url.rstrip("/") + path
    return WireRequest(method="GET", url=url, headers=_headers(endpoint), endpoint=endpoint, limits=limits)


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
