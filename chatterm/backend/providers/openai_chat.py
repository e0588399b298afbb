"""OpenAI's Chat Completions: requests, and the adapter for OpenAI and every service in `catalog`.

Source: the OpenAI API reference, `POST /v1/chat/completions` and `GET /v1/models`.
"""

from __future__ import annotations

import re
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
from chatterm.backend.providers.catalog import Service
from chatterm.backend.providers.message_content import content_pieces, image_base64, plain_text
from chatterm.backend.providers.model_lists import listed_models, openai_model
from chatterm.backend.providers.openai_chat_decoder import OpenAIChatDecoder
from chatterm.backend.providers.provider_errors import response_error
from chatterm.backend.providers.wire_json import as_list, as_object, encode_json, safe_json
from chatterm.core.errors import ProviderError
from chatterm.core.messages import Message, ToolCallPart, ToolResultPart
from chatterm.core.turn import TurnRequest


@dataclass(frozen=True, slots=True)
class OpenAIChat:
    """The adapter of one service that speaks Chat Completions."""

    service: Service
    version: int = 1
    framing: Framing = "sse"

    @property
    def name(self) -> str:
        """The service's name: what an encoded message looks like depends on it."""
        return self.service.name

    @property
    def capabilities(self) -> Capabilities:
        """What the service can carry."""
        service = self.service
        return Capabilities(
            images=service.images, lists_models=service.lists_models, needs_key=service.needs_key
        )

    def variant(self, model: str) -> Variant:
        """All models of a service are sent the same bytes."""
        return Variant(images=self.service.images)

    def encode_message(self, message: Message, variant: Variant, blobs: Blobs) -> bytes:
        """The message as 0..n items of `messages`, joined by commas; nothing for an empty reply.

        Raises `AttachmentError` for an attachment whose bytes are gone.
        """
        return b",".join(encode_json(item) for item in _items(message, variant, blobs))

    def build_request(
        self, request: TurnRequest, encoded: Iterable[bytes], endpoint: Endpoint, limits: Limits
    ) -> WireRequest:
        """The request; `options` go in last and win, an option that is None takes its parameter away."""
        items = [fragment for fragment in encoded if fragment]
        if self.service.merges_neighbours:
            items = _merged(items)
        if request.system:
            items.insert(0, encode_json({"role": "system", "content": request.system}))
        return WireRequest(
            method="POST",
            url=f"{endpoint.base_url.rstrip('/')}/chat/completions",
            headers=bearer_headers(endpoint, "text/event-stream"),
            body=self._body(request, b",".join(items)),
            framing=self.framing,
            endpoint=endpoint,
            limits=limits,
        )

    def new_decoder(self) -> OpenAIChatDecoder:
        """A decoder for one response."""
        return OpenAIChatDecoder(self.service.title)

    def parse_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """The error that a response with status >= 400 (or of a wrong kind) tells."""
        return response_error(self.service.title, status, headers, body)

    def models_request(self, endpoint: Endpoint, limits: Limits) -> WireRequest | None:
        """The request that lists the models; None where the service has no list."""
        if not self.service.lists_models:
            return None
        url = f"{endpoint.base_url.rstrip('/')}/models"
        headers = bearer_headers(endpoint, "application/json")
        return WireRequest(method="GET", url=url, headers=headers, endpoint=endpoint, limits=limits)

    def parse_models(self, body: bytes, provider: str) -> list[ModelInfo]:
        """The models that chat, in the service's order; the known ones where the service has no list.

        Raises `ProtocolError`.
        """
        if not self.service.lists_models:
            return [ModelInfo(provider=provider, id=model) for model in self.service.known_models]
        hidden = self.service.hidden_models
        return [
            model
            for model in listed_models(body, provider, openai_model)
            if not (hidden and re.search(hidden, model.id))
        ]

    def _body(self, request: TurnRequest, messages: bytes) -> bytes:
        # Model and messages come first and alone, so that a growing conversation keeps its beginning.
        fields: dict[str, object] = {"stream": True}
        if self.service.asks_usage:
            fields["stream_options"] = {"include_usage": True}
        fields.update(request.options)
        model = encode_json(fields.pop("model", request.model))
        rest = encode_json({name: value for name, value in fields.items() if value is not None})
        tail = b"," + rest[1:] if len(rest) > 2 else b"}"
        return b'{"model":' + model + b',"messages":[' + messages + b"]" + tail


def bearer_headers(endpoint: Endpoint, accept: str) -> dict[str, str]:
    """Headers of a request that carries its key as a bearer; the own headers of the endpoint win."""
    headers = {"content-type": "application/json", "accept": accept}
    if endpoint.api_key:
        headers["authorization"] = f"Bearer {endpoint.api_key}"
    return headers | {name.lower(): value for name, value in endpoint.headers.items()}


def _items(message: Message, variant: Variant, blobs: Blobs) -> list[dict[str, object]]:
    if message.role == "assistant":
        return _assistant_items(message, blobs)
    results: list[dict[str, object]] = [
        {"role": "tool", "tool_call_id": part.call_id, "content": part.content}
        for part in message.parts
        if isinstance(part, ToolResultPart)
    ]
    content = _user_content(message, variant, blobs) if message.role == "user" else ""
    return [*results, {"role": "user", "content": content}] if content else results


def _user_content(message: Message, variant: Variant, blobs: Blobs) -> str | list[dict[str, object]]:
    pieces = content_pieces(message, blobs, variant.images)
    if all(isinstance(piece, str) for piece in pieces):
        return "".join(cast("list[str]", pieces))
    return [
        {"type": "text", "text": piece}
        if isinstance(piece, str)
        else {
            "type": "image_url",
            "image_url": {"url": f"data:{piece.media_type};base64,{image_base64(piece, blobs)}"},
        }
        for piece in pieces
    ]


def _assistant_items(message: Message, blobs: Blobs) -> list[dict[str, object]]:
    text = plain_text(message, blobs)
    calls = [
        {
            "id": part.call_id,
            "type": "function",
            "function": {"name": part.name, "arguments": part.arguments or "{}"},
        }
        for part in message.parts
        if isinstance(part, ToolCallPart)
    ]
    if calls:
        return [{"role": "assistant", "content": text or None, "tool_calls": calls}]
    return [{"role": "assistant", "content": text}] if text else []


def _merged(fragments: list[bytes]) -> list[bytes]:
    """The items with neighbours of one role made one; tool calls and results stay by themselves."""
    merged: list[dict[str, object]] = []
    for value in as_list(safe_json(b"[" + b",".join(fragments) + b"]")):
        item = as_object(value)
        before = merged[-1] if merged else {}
        mergeable = item["role"] in ("user", "assistant") and "tool_calls" not in before.keys() | item.keys()
        if mergeable and before.get("role") == item["role"]:
            before["content"] = _joined(before["content"], item["content"])
        else:
            merged.append(item)
    return [encode_json(item) for item in merged]


def _joined(first: object, second: object) -> object:
    if isinstance(first, str) and isinstance(second, str):
        return f"{first}\n\n{second}"
    return [
        part
        for content in (first, second)
        for part in ([{"type": "text", "text": content}] if isinstance(content, str) else as_list(content))
    ]
