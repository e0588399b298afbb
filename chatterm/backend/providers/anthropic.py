"""Anthropic's Messages API, for Claude and for the other models that are served in its format.

Source: Anthropic's API reference, `POST /v1/messages` and `GET /v1/models`. The opaque parts of this format are
told in `anthropic_content`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from chatterm.backend.providers.anthropic_content import family_of, message_blocks, origins_for, tool_name
from chatterm.backend.providers.anthropic_decoder import AnthropicDecoder
from chatterm.backend.providers.anthropic_history import encoded_message, joined_messages
from chatterm.backend.providers.anthropic_models import (
    LEAST_BUDGET,
    Traits,
    thinking_budget,
    thinking_effort,
    traits_of,
)
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
from chatterm.backend.providers.model_lists import anthropic_model, listed_models
from chatterm.backend.providers.provider_errors import response_error
from chatterm.backend.providers.request_body import finished_fields
from chatterm.backend.providers.request_headers import EVENTS, JSON, bearer, json_headers
from chatterm.backend.providers.tool_history import kinds_of
from chatterm.backend.providers.wire_json import as_object, encode_json, joined_body
from chatterm.core.errors import ProviderError
from chatterm.core.messages import Message, OpaquePart, ToolCallPart, ToolResultPart
from chatterm.core.turn import TurnRequest

TITLE = "Anthropic"

API_VERSION = "2023-06-01"
"""The last version that takes temperature and top_p, from models that know them; a header of the settings wins."""

_EPHEMERAL: dict[str, object] = {"type": "ephemeral"}
_OAUTH_TOKEN = "sk-ant-oat"


@dataclass(frozen=True, slots=True)
class Anthropic:
    """The adapter for the Messages API.

    The option `cache_control` is what the prompt cache's breakpoints hold ({"type": "ephemeral", "ttl": "1h"});
    false takes them away.
    """

    name: str = "anthropic"
    version: int = 1
    framing: Framing = "sse"

    @property
    def capabilities(self) -> Capabilities:
        """Images and documents; models are listed."""
        return Capabilities()

    def variant(self, model: str) -> Variant:
        """Models differ in whose signatures they take back."""
        return Variant(family=family_of(model))

    def takes_prefill(self, model: str) -> bool:
        """Whether the model continues a reply that ends the conversation; others answer that with an error."""
        return traits_of(model).prefill

    def encode_message(self, message: Message, variant: Variant, blobs: Blobs) -> bytes:
        """The message as one item of `messages`; nothing where nothing of it can be sent.

        Raises `AttachmentError` for an attachment whose bytes are gone.
        """
        return encoded_message(message.role, message_blocks(message, variant, blobs))

    def build_request(
        self, request: TurnRequest, encoded: Iterable[bytes], endpoint: Endpoint, limits: Limits
    ) -> WireRequest:
        """The request; an option that is None takes its parameter away."""
        mark = _cache_control(request)
        messages = joined_messages(request.messages, encoded, encode_json(mark) if mark else b"")
        options = {name: value for name, value in request.options.items() if name != "cache_control"}
        fields = finished_fields(_fields(request, mark), replace(request, options=options))
        streams = fields.get("stream") is True
        return WireRequest(
            method="POST",
            url=_url(endpoint, "messages"),
            headers=_headers(endpoint, EVENTS if streams else JSON),
            body=_body(fields.pop("model", request.model), messages, fields),
            framing=self.framing if streams else None,
            endpoint=endpoint,
            limits=limits,
        )

    def new_decoder(self) -> AnthropicDecoder:
        """A decoder for one response."""
        return AnthropicDecoder(TITLE)

    def parse_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """The error that a response with status >= 400 (or of a wrong kind) tells."""
        return response_error(TITLE, status, headers, body)

    def models_request(self, endpoint: Endpoint, limits: Limits) -> WireRequest:
        """The request that lists the models, all of them at once."""
        url, headers = _url(endpoint, "models?limit=1000"), _headers(endpoint, JSON)
        return WireRequest(method="GET", url=url, headers=headers, endpoint=endpoint, limits=limits)

    def parse_models(self, body: bytes, provider: str) -> list[ModelInfo]:
        """The models that are listed. Raises `ProtocolError`."""
        return listed_models(body, provider, anthropic_model)


def _url(endpoint: Endpoint, path: str) -> str:
    """Below the address as `ANTHROPIC_BASE_URL` has it, without the version; with it is understood too."""
    return f"{endpoint.base_url.rstrip('/').removesuffix('/v1')}/v1/{path}"


def _headers(endpoint: Endpoint, accept: str) -> dict[str, str]:
    key = {"x-api-key": endpoint.api_key} if endpoint.api_key else {}
    if endpoint.api_key and endpoint.api_key.startswith(_OAUTH_TOKEN):
        key = bearer(endpoint)
    return json_headers(endpoint, accept, {"anthropic-version": API_VERSION} | key)


def _body(model: object, messages: Iterable[bytes], fields: dict[str, object]) -> bytes:
    # Model and messages come first and alone, so that a growing conversation keeps its beginning.
    rest = encode_json(fields)
    tail = b"]," + rest[1:] if fields else b"]}"
    return joined_body(b'{"model":' + encode_json(model) + b',"messages":[', messages, tail)


def _cache_control(request: TurnRequest) -> dict[str, object]:
    """What each breakpoint holds; nothing where there are none."""
    refused = any(name.rpartition(".")[2] == "cache_control" for name in request.refused)
    given = request.options.get("cache_control", _EPHEMERAL)
    return {} if refused else _EPHEMERAL if given is True else as_object(given)


def _fields(request: TurnRequest, mark: dict[str, object]) -> dict[str, object]:
    traits, parameters = traits_of(request.model), request.parameters
    fields: dict[str, object] = _thought_fields(request, traits)
    if request.system and request.system.strip():
        fields["system"] = _marked([{"type": "text", "text": request.system}], mark)
    if tools := _tools(request):
        fields["tools"] = _marked(tools, mark)
        if not request.tools and not parameters.web_search:
            fields["tool_choice"] = {"type": "none"}
    if stop := [text for text in parameters.stop if text.strip()]:  # others are refused
        fields["stop_sequences"] = stop
    if parameters.schema is not None:
        form = {"type": "json_schema", "schema": parameters.schema}
        fields["output_config"] = {**as_object(fields.get("output_config")), "format": form}
    if traits.sampling != "none" and "thinking" not in fields:
        fields["temperature"], fields["top_p"] = parameters.temperature, parameters.top_p
        if traits.sampling == "one" and parameters.temperature is not None:
            del fields["top_p"]
    if request.streams:
        fields["stream"] = True
    return fields


def _marked(items: list[dict[str, object]], mark: dict[str, object]) -> list[dict[str, object]]:
    return [*items[:-1], {**items[-1], "cache_control": mark}] if mark else items


def _thought_fields(request: TurnRequest, traits: Traits) -> dict[str, object]:
    """How long the reply and the thinking before it may be; `max_tokens` counts both."""
    most = request.max_output_tokens
    tokens = request.parameters.max_tokens or most or traits.most_tokens
    if traits.thinking == "adaptive":
        effort = thinking_effort(request.parameters, traits)
        if effort is None:
            return {"max_tokens": tokens}
        if effort == "none":
            return {"max_tokens": tokens, "thinking": {"type": "disabled"}}
        thinking = {"type": "adaptive", "display": "summarized"}
        return {"max_tokens": tokens, "thinking": thinking, "output_config": {"effort": effort}}
    budget = thinking_budget(request.parameters) if traits.thinking == "budget" else None
    is_prefill = request.continued is not None and request.messages[-1].role == "assistant"
    if not budget or is_prefill or _continues_unsigned(request):
        return {"max_tokens": tokens}
    if budget >= tokens:
        tokens += budget
    tokens = min(tokens, most) if most else tokens
    budget = min(budget, tokens - 1)
    if budget < LEAST_BUDGET:
        return {"max_tokens": tokens}
    return {"max_tokens": tokens, "thinking": {"type": "enabled", "budget_tokens": budget}}


def _continues_unsigned(request: TurnRequest) -> bool:
    """Whether tool results go to a reply without signed thinking, as another provider's: then none may follow."""
    if not request.messages or not any(isinstance(p, ToolResultPart) for p in request.messages[-1].parts):
        return False
    reply = next((m for m in reversed(request.messages) if m.role == "assistant"), None)
    origins = origins_for(family_of(request.model))
    return reply is not None and not any(
        isinstance(p, OpaquePart) and p.origin in origins for p in reply.parts
    )


def _tools(request: TurnRequest) -> list[dict[str, object]]:
    """The tools; a conversation with calls must name some, though they cannot be called any more."""
    tools: list[dict[str, object]] = [
        {"name": tool.name, "description": tool.description, "input_schema": tool.parameters}
        for tool in request.tools
    ]
    if request.parameters.web_search and all(tool.name != "web_search" for tool in request.tools):
        tools.append({"type": "web_search_20250305", "name": "web_search"})
    if not tools and ToolCallPart in kinds_of(request.messages):
        names = {tool_name(p.name) for m in request.messages for p in m.parts if isinstance(p, ToolCallPart)}
        tools = [{"name": name, "input_schema": {"type": "object"}} for name in sorted(names)]
    return tools
