"""OpenAI's Responses: requests, and the adapter of OpenAI itself and of every service that speaks it too.

Source: the OpenAI API reference, `POST /v1/responses`. Nothing is stored at the service (`store` is false), so
each request carries the whole conversation.

What goes back unchanged, and where, is told in `openai_responses_items`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

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
from chatterm.backend.providers.openai_chat import OpenAIChat
from chatterm.backend.providers.openai_chat_parameters import is_strict
from chatterm.backend.providers.openai_models import reasoning_of
from chatterm.backend.providers.openai_responses_decoder import OpenAIResponsesDecoder
from chatterm.backend.providers.openai_responses_items import Item, input_items, no_result
from chatterm.backend.providers.provider_errors import response_error
from chatterm.backend.providers.reasoning_details import origin_of
from chatterm.backend.providers.request_body import finished_fields
from chatterm.backend.providers.request_headers import EVENTS, JSON
from chatterm.backend.providers.tool_history import paired
from chatterm.backend.providers.wire_json import as_text, encode_json, joined_body
from chatterm.core.errors import ProviderError
from chatterm.core.messages import Message
from chatterm.core.turn import TurnRequest

NAME = "openai_responses"


@dataclass(frozen=True, slots=True)
class OpenAIResponses:
    """The adapter of one service that speaks Responses."""

    service: Service
    version: int = 2
    framing: Framing = "sse"

    @property
    def name(self) -> str:
        """The wire format and the service: what one service sealed is nothing to another."""
        return f"{NAME}/{self.service.name}"

    @property
    def capabilities(self) -> Capabilities:
        """What the service can carry."""
        return OpenAIChat(self.service).capabilities

    def variant(self, model: str) -> Variant:
        """At OpenAI a model that does not reason refuses the reasoning of one that does."""
        reasons = self.service.name != "openai" or reasoning_of(model) is not None
        return Variant(images=self.service.images, reasoning=reasons, family=self._origin(model))

    def takes_prefill(self, model: str) -> bool:
        """Models are asked to go on: here a reply that ends the conversation is over."""
        return False

    def encode_message(self, message: Message, variant: Variant, blobs: Blobs) -> bytes:
        """The message as 0..n items of `input`, joined by commas; nothing for an empty reply.

        Raises `AttachmentError` for an attachment whose bytes are gone.
        """
        return b",".join(map(encode_json, input_items(message, variant, blobs)))

    def build_request(
        self, request: TurnRequest, encoded: Iterable[bytes], endpoint: Endpoint, limits: Limits
    ) -> WireRequest:
        """The request; `options` go in last and win, an option that is None takes its parameter away."""
        chat, fields = OpenAIChat(self.service), finished_fields(self._fields(request), request)
        model, streams = as_text(fields.get("model")) or request.model, fields.get("stream") is True
        return WireRequest(
            method="POST",
            url=chat.request_url(endpoint, "/responses", model, as_text(fields.pop("api-version", ""))),
            headers=chat.request_headers(endpoint, EVENTS if streams else JSON),
            body=_body(fields, paired(request.messages, encoded, no_result)),
            framing=self.framing if streams else None,
            endpoint=endpoint,
            limits=limits,
        )

    def new_decoder(self) -> OpenAIResponsesDecoder:
        """A decoder for one response."""
        return OpenAIResponsesDecoder(self.service.title, self._origin)

    def parse_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """The error that a response with status >= 400 (or of a wrong kind) tells."""
        return response_error(self.service.title, status, headers, body)

    def models_request(self, endpoint: Endpoint, limits: Limits) -> WireRequest | None:
        """The request that lists the models, the same as for Chat Completions."""
        return OpenAIChat(self.service).models_request(endpoint, limits)

    def parse_models(self, body: bytes, provider: str) -> list[ModelInfo]:
        """The models that chat, in the service's order. Raises `ProtocolError`."""
        return OpenAIChat(self.service).parse_models(body, provider)

    def _origin(self, model: str) -> str:
        """What models of one maker sealed is nothing to those of another, where a service passes on to many."""
        return origin_of(self.name, model) if self.service.reasoning_details else self.name

    # ---- the body --------------------------------------------------------------------------------

    def _fields(self, request: TurnRequest) -> dict[str, object]:
        asked, reasoning = request.parameters, reasoning_of(request.model)
        most = asked.max_tokens and min(asked.max_tokens, request.max_output_tokens or asked.max_tokens)
        samples = reasoning is None or not reasoning.is_on(asked.effort)
        sealed = reasoning is not None or self.service.name == "xai"
        return {
            "model": request.model,
            "instructions": request.system or None,
            "stream": request.streams,
            "store": False,
            "include": ["reasoning.encrypted_content"] if sealed else None,
            "reasoning": self._reasoning(request),
            "max_output_tokens": most,
            "temperature": asked.temperature if samples else None,
            "top_p": asked.top_p if samples else None,
            "text": {"format": _format(asked.schema)} if asked.schema is not None else None,
            "tools": self._tools(request) or None,
            "plugins": [{"id": "web"}] if asked.web_search and self._has_plugins else None,
        }

    def _reasoning(self, request: TurnRequest) -> dict[str, object] | None:
        effort, known = request.parameters.effort, reasoning_of(request.model)
        budget = request.parameters.thinking_tokens if self.service.name == "openrouter" else None
        fields: dict[str, object] = {} if budget is None else {"max_tokens": budget}
        if effort is not None and budget is None and (known is not None or self.service.name != "openai"):
            fields["effort"] = known.nearest(effort) if known else effort
        if known is not None and known.is_on(effort):
            fields["summary"] = "auto"
        return fields or None

    def _tools(self, request: TurnRequest) -> list[Item]:
        # Without `strict` a schema is taken for a strict one, and refused where it is none.
        tools: list[Item] = [
            {
                "type": "function",
                "name": tool.name,
                "description": tool.description,
                "parameters": tool.parameters,
                "strict": False,
            }
            for tool in request.tools
        ]
        if request.parameters.web_search and not self._has_plugins:
            tools.append({"type": "web_search"})
        return tools

    @property
    def _has_plugins(self) -> bool:
        """OpenRouter searches by a plugin, whatever the model."""
        return self.service.name == "openrouter"


def _body(fields: dict[str, object], items: Iterable[bytes]) -> bytes:
    # Model, instructions and items come first, so that a growing conversation keeps its beginning.
    head = {name: fields.pop(name) for name in ("model", "instructions") if name in fields}
    own = fields.pop("input", None)
    beginning = encode_json(head)[:-1] + (b"," if head else b"") + b'"input":'
    end = b"," + encode_json(fields)[1:] if fields else b"}"
    if own is not None:
        return beginning + encode_json(own) + end
    return joined_body(beginning + b"[", items, b"]" + end)


def _format(schema: Mapping[str, object]) -> Item:
    return {"type": "json_schema", "name": "reply", "schema": schema, "strict": is_strict(schema)}
