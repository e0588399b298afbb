"""Google's Gemini: generateContent, streamed and whole, and the list of models.

Source: the Gemini API reference, `models.streamGenerateContent`, `models.generateContent` and `models.list`.
The key travels in a header only: an address ends up in logs.
"""

from __future__ import annotations

import re
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
from chatterm.backend.providers.gemini_content import encode_content, joined_contents
from chatterm.backend.providers.gemini_decoder import TITLE, GeminiDecoder, as_gemini_says
from chatterm.backend.providers.gemini_thinking import GeminiModel, thinking_config
from chatterm.backend.providers.model_lists import gemini_model, listed_models
from chatterm.backend.providers.provider_errors import response_error
from chatterm.backend.providers.request_body import finished_fields
from chatterm.backend.providers.request_headers import EVENTS, JSON, json_headers
from chatterm.backend.providers.wire_json import encode_json
from chatterm.core.errors import ProviderError
from chatterm.core.messages import Message
from chatterm.core.turn import TurnRequest

_HAS_VERSION = re.compile(r"/v\d+\w*$")
_UNSAFE = re.compile(r"[^A-Za-z0-9._~/-]+")
"""What a model's name may not hold as it is, as part of an address (RFC 3986 section 2.3)."""


@dataclass(frozen=True, slots=True)
class Gemini:
    """The adapter for the Gemini API.

    Its opaque parts have the origin "gemini"; `gemini_signatures` says what each belongs to.
    """

    name: str = "gemini"
    version: int = 1
    framing: Framing = "sse"

    @property
    def capabilities(self) -> Capabilities:
        """All that chatterm can send."""
        return Capabilities()

    def variant(self, model: str) -> Variant:
        """Generation 3 and later want a signature on tool calls, also on those of other models."""
        return Variant(signed_calls=GeminiModel(model).has_levels)

    def takes_prefill(self, model: str) -> bool:
        """Not documented: models are asked to go on."""
        return False

    def encode_message(self, message: Message, variant: Variant, blobs: Blobs) -> bytes:
        """The message as 0..n items of one content's `parts`, joined by commas; tool results without a name yet.

        Raises `AttachmentError` for an attachment whose bytes are gone.
        """
        return encode_content(message, variant, blobs)

    def build_request(
        self, request: TurnRequest, encoded: Iterable[bytes], endpoint: Endpoint, limits: Limits
    ) -> WireRequest:
        """The request; `options` win, an option that is None takes its parameter away."""
        fields = finished_fields(_fields(request), request)
        # Both are in the address here, and options of others' bodies.
        model, streams = fields.pop("model", request.model), fields.pop("stream", request.streams)
        contents = joined_contents(request.messages, encoded)
        rest = encode_json(fields)
        # The contents come first, so that a growing conversation keeps its beginning.
        body = b"".join([b'{"contents":[', *contents, b"]," + rest[1:] if len(rest) > 2 else b"]}"])
        method = "streamGenerateContent?alt=sse" if streams else "generateContent"
        return WireRequest(
            method="POST",
            url=f"{_address(endpoint)}/{_path(str(model))}:{method}",
            headers=_headers(endpoint, EVENTS if streams else JSON),
            body=body,
            framing=self.framing if streams else None,
            endpoint=endpoint,
            limits=limits,
        )

    def new_decoder(self) -> GeminiDecoder:
        """A decoder for one response."""
        return GeminiDecoder()

    def parse_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """The error that a response with status >= 400 (or of a wrong kind) tells."""
        return as_gemini_says(response_error(TITLE, status, headers, body))

    def models_request(self, endpoint: Endpoint, limits: Limits) -> WireRequest:
        """The request that lists the models, all on one page."""
        url = f"{_address(endpoint)}/models?pageSize=1000"
        headers = _headers(endpoint, JSON)
        return WireRequest(method="GET", url=url, headers=headers, endpoint=endpoint, limits=limits)

    def parse_models(self, body: bytes, provider: str) -> list[ModelInfo]:
        """The models that generate content, without the "models/" before their names. Raises `ProtocolError`."""
        return listed_models(body, provider, gemini_model)


def _address(endpoint: Endpoint) -> str:
    """The address with a version of the API: Google's own variable gives it without one."""
    url = endpoint.base_url.rstrip("/")
    return url if _HAS_VERSION.search(url) else f"{url}/v1beta"


def _path(model: str) -> str:
    path = model if model.startswith(("models/", "tunedModels/")) else f"models/{model}"
    return _UNSAFE.sub(
        lambda unsafe: "".join(f"%{byte:02X}" for byte in unsafe[0].encode(errors="replace")), path
    )


def _headers(endpoint: Endpoint, accept: str) -> dict[str, str]:
    key = {"x-goog-api-key": endpoint.api_key} if endpoint.api_key else {}
    return json_headers(endpoint, accept, key)


def _fields(request: TurnRequest) -> dict[str, object]:
    """The body without its contents, by the words that are no provider's.

    Before generation 3 an answer by a schema, the search and tools exclude one another; they go in this order.
    """
    model, parameters = GeminiModel(request.model), request.parameters
    fields: dict[str, object] = {}
    if request.system:
        fields["systemInstruction"] = {"parts": [{"text": request.system}]}
    may_have_tools = parameters.schema is None or model.has_levels
    searches = parameters.web_search and may_have_tools
    declares = bool(request.tools) and may_have_tools and (not searches or model.has_levels)
    tools: list[dict[str, object]] = [{"googleSearch": {}}] if searches else []
    if declares:
        tools.append({"functionDeclarations": _declarations(request)})
    if tools:
        fields["tools"] = tools
    if searches and declares:
        fields["toolConfig"] = {"includeServerSideToolInvocations": True}
    if config := _generation_config(model, request):
        fields["generationConfig"] = config
    return fields


def _declarations(request: TurnRequest) -> list[dict[str, object]]:
    return [
        {"name": tool.name, "description": tool.description, "parametersJsonSchema": dict(tool.parameters)}
        for tool in request.tools
    ]


def _generation_config(model: GeminiModel, request: TurnRequest) -> dict[str, object]:
    parameters = request.parameters
    config: dict[str, object | None] = {
        "temperature": parameters.temperature,
        "topP": parameters.top_p,
        "seed": parameters.seed,
        "maxOutputTokens": parameters.max_tokens,
        "stopSequences": list(parameters.stop) or None,
        "thinkingConfig": thinking_config(model, parameters) or None,
    }
    if parameters.schema is not None:
        config["responseMimeType"] = "application/json"
        config["responseJsonSchema"] = dict(parameters.schema)
    return {name: value for name, value in config.items() if value is not None}
