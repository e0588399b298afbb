"""OpenAI's Chat Completions: requests, and the adapter for OpenAI and every service in `catalog`.

Source: the OpenAI API reference, `POST /v1/chat/completions` and `GET /v1/models`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial

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
from chatterm.backend.providers.model_lists import listed_models, openai_model
from chatterm.backend.providers.openai_chat_decoder import OpenAIChatDecoder
from chatterm.backend.providers.openai_chat_messages import alternating, message_items, no_result
from chatterm.backend.providers.openai_chat_parameters import parameter_fields, system_text
from chatterm.backend.providers.provider_errors import response_error
from chatterm.backend.providers.reasoning_details import origin_of
from chatterm.backend.providers.request_body import finished_fields
from chatterm.backend.providers.request_headers import EVENTS, JSON, bearer, json_headers
from chatterm.backend.providers.tool_history import paired
from chatterm.backend.providers.wire_json import as_text, encode_json, joined_body
from chatterm.core.errors import ProviderError
from chatterm.core.messages import Message
from chatterm.core.turn import TurnRequest


@dataclass(frozen=True, slots=True)
class OpenAIChat:
    """The adapter of one service that speaks Chat Completions.

    Its only opaque part is that of `reasoning_details`, for services that have them.
    """

    service: Service
    version: int = 3
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
        """Models of one service are sent the same bytes, but for reasoning that only those of one maker can read."""
        family = origin_of(self.name, model) if self.service.reasoning_details else ""
        return Variant(images=self.service.images, family=family)

    def takes_prefill(self, model: str) -> bool:
        """As the service documents it."""
        service = self.service
        return bool(service.prefill and re.search(service.prefill_models, model))

    def encode_message(self, message: Message, variant: Variant, blobs: Blobs) -> bytes:
        """The message as 0..n items of `messages`, joined by commas; nothing for an empty reply.

        Raises `AttachmentError` for an attachment whose bytes are gone.
        """
        return b",".join(map(encode_json, message_items(self.service, message, variant, blobs)))

    def build_request(
        self, request: TurnRequest, encoded: Iterable[bytes], endpoint: Endpoint, limits: Limits
    ) -> WireRequest:
        """The request; `options` go in last and win, an option that is None takes its parameter away."""
        fields = finished_fields({"model": request.model, **parameter_fields(self.service, request)}, request)
        model = as_text(fields.get("model")) or request.model
        streams = fields.get("stream") is True
        if _is_prefill(request) and self.service.prefill == "final":
            fields |= {"continue_final_message": True, "add_generation_prompt": False}
        if _is_prefill(request) and self.service.prefill_path:
            endpoint = replace(endpoint, base_url=self._prefill_address(endpoint))
        return WireRequest(
            method="POST",
            url=self.request_url(
                endpoint, "/chat/completions", model, as_text(fields.pop("api-version", ""))
            ),
            headers=self.request_headers(endpoint, EVENTS if streams else JSON),
            body=_body(fields, self._messages(request, model, encoded)),
            framing=self.framing if streams else None,
            endpoint=endpoint,
            limits=limits,
        )

    def new_decoder(self) -> OpenAIChatDecoder:
        """A decoder for one response."""
        return OpenAIChatDecoder(self.service.title, self.name if self.service.reasoning_details else None)

    def parse_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """The error that a response with status >= 400 (or of a wrong kind) tells."""
        return response_error(self.service.title, status, headers, body)

    def models_request(self, endpoint: Endpoint, limits: Limits) -> WireRequest | None:
        """The request that lists the models; None where the service has no list."""
        if not self.service.lists_models:
            return None
        url = self.request_url(endpoint, "/models", "", "")
        headers = self.request_headers(endpoint, JSON)
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

    def _messages(self, request: TurnRequest, model: str, encoded: Iterable[bytes]) -> list[bytes]:
        items = list(paired(request.messages, encoded, partial(no_result, self.service)))
        if self.service.merges_neighbours:
            items = alternating(items, ends_open=_is_prefill(request))
        if _is_prefill(request) and self.service.prefill == "prefix":
            items[-1] = items[-1][:-1] + b',"prefix":true}'
        if system := system_text(self.service, request):
            plain = self.service.plain_system and re.search(self.service.plain_system, model)
            items.insert(0, encode_json({"role": "user" if plain else "system", "content": system}))
        return items

    def _prefill_address(self, endpoint: Endpoint) -> str:
        base = endpoint.base_url.rstrip("/").removesuffix("/v1").removesuffix(self.service.prefill_path)
        return base + self.service.prefill_path

    def request_url(self, endpoint: Endpoint, path: str, model: str, api_version: str) -> str:
        """Where a request goes.

        Azure: an address without a path is that of a resource; one of a deployment needs a version.

        `{model}` in an address stands for the model.
        """
        base = endpoint.base_url.rstrip("/").replace("{model}", _in_address(model))
        if self.service.address_path and "/" not in base.partition("://")[2]:
            base += self.service.address_path
        version = api_version or ("/deployments/" in base and self.service.api_version)
        return f"{base}{path}?api-version={_in_address(version)}" if version else base + path

    def request_headers(self, endpoint: Endpoint, accept: str) -> dict[str, str]:
        """Headers with the key as the service takes it; the own headers of the endpoint win."""
        headers = dict(self.service.headers) | json_headers(endpoint, accept, bearer(endpoint))
        if self.service.key_header == "authorization" or not endpoint.api_key:
            return headers
        own = {name.lower() for name in endpoint.headers}
        if "authorization" not in own:
            del headers["authorization"]
        return {self.service.key_header: endpoint.api_key} | headers


def _is_prefill(request: TurnRequest) -> bool:
    """Whether the conversation ends in a reply that is gone on with."""
    return request.continued is not None and request.messages[-1].role == "assistant"


def _in_address(text: str) -> str:
    """The text as one step of an address (RFC 3986 section 2.1)."""
    bytes_of = text.encode(errors="replace")
    return re.sub(rb"[^A-Za-z0-9._~-]", lambda found: b"%%%02X" % ord(found[0]), bytes_of).decode()


def _body(fields: dict[str, object], messages: Iterable[bytes]) -> bytes:
    # Model and messages come first and alone, so that a growing conversation keeps its beginning.
    model = encode_json(fields.pop("model", ""))
    fields.pop("messages", None)
    rest = encode_json(fields)
    tail = b"]," + rest[1:] if len(rest) > 2 else b"]}"
    return joined_body(b'{"model":' + model + b',"messages":[', messages, tail)
