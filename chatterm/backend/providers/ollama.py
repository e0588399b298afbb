"""Ollama's own API: chat, and the lists of installed and of loaded models.

Source: the Ollama API documentation, `POST /api/chat`, `GET /api/tags` and `GET /api/ps`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

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
from chatterm.backend.providers.openai_chat_parameters import function_tool, nearest_level
from chatterm.backend.providers.provider_errors import response_error
from chatterm.backend.providers.request_body import finished_fields
from chatterm.backend.providers.request_headers import LINES, bearer, json_headers
from chatterm.backend.providers.tool_calls import argument_object
from chatterm.backend.providers.tool_history import NO_RESULT, has_tools, paired
from chatterm.backend.providers.wire_json import (
    as_count,
    as_list,
    as_object,
    as_text,
    encode_json,
    joined_body,
    object_in,
    safe_json,
)
from chatterm.core.errors import ProviderError
from chatterm.core.messages import ImagePart, Message, ToolCallPart, ToolResultPart
from chatterm.core.turn import Effort, Options, TurnRequest

# Parameters of the request; all others are the model's and go into `options`.
_REQUEST_PARAMETERS = frozenset(
    [
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
    ]
)

_RESULT = b'{"role":"tool"'

# These think by levels and cannot be told not to; all others are told whether to think.
_THINKS_BY_LEVELS = re.compile(r"(?:^|/)gpt-oss")


@dataclass(frozen=True, slots=True)
class Ollama:
    """The adapter for Ollama's native API."""

    name: str = "ollama"
    version: int = 2
    framing: Framing = "ndjson"

    @property
    def capabilities(self) -> Capabilities:
        """A local server without a key."""
        return Capabilities(needs_key=False)

    def variant(self, model: str) -> Variant:
        """All models are sent the same bytes."""
        return Variant()

    def takes_prefill(self, model: str) -> bool:
        """The templates leave a reply open that comes last; not that of gpt-oss, whose replies have channels."""
        return not _THINKS_BY_LEVELS.search(model)

    def encode_message(self, message: Message, variant: Variant, blobs: Blobs) -> bytes:
        """The message as 0..n items of `messages`, joined by commas; nothing for an empty reply.

        Raises `AttachmentError` for an attachment whose bytes are gone.
        """
        return b",".join(encode_json(item) for item in _items(message, variant, blobs))

    def build_request(
        self, request: TurnRequest, encoded: Iterable[bytes], endpoint: Endpoint, limits: Limits
    ) -> WireRequest:
        """The request; an option that is None takes its parameter away."""
        names: dict[str, str] = {}
        named = _named_results(request.messages, encoded, names)
        items = list(paired(request.messages, named, lambda call: _named(_no_result(call), names)))
        if request.system:
            items.insert(0, encode_json({"role": "system", "content": request.system}))
        fields = finished_fields(_fields(request), replace(request, options=_sorted_options(request.options)))
        return WireRequest(
            method="POST",
            url=f"{endpoint.base_url.rstrip('/')}/api/chat",
            headers=_headers(endpoint),
            body=_body(fields, items),
            framing=None if fields.get("stream") is False else self.framing,
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


def loaded_contexts(body: bytes) -> dict[str, int]:
    """The context of each loaded model, in tokens, in the answer to `loaded_request`; none for what is not told."""
    entries = map(as_object, as_list(object_in(body).get("models")))
    contexts = ((as_text(entry.get("name")), as_count(entry.get("context_length"))) for entry in entries)
    return {name: tokens for name, tokens in contexts if name and tokens}


def loaded_models(body: bytes) -> frozenset[str]:
    """The names in the answer to `loaded_request`. Raises `ProtocolError`."""
    return frozenset(model.id for model in listed_models(body, TITLE, ollama_model))


def _get(endpoint: Endpoint, path: str, limits: Limits) -> WireRequest:
    url = endpoint.base_url.rstrip("/") + path
    return WireRequest(method="GET", url=url, headers=_headers(endpoint), endpoint=endpoint, limits=limits)


def _headers(endpoint: Endpoint) -> dict[str, str]:
    return json_headers(endpoint, LINES, bearer(endpoint))


def truncated_silently(sent_tokens: int, reported_tokens: int | None, context_tokens: int | None) -> bool:
    """Whether Ollama dropped the beginning of a conversation, which it does without a word.

    `sent_tokens` is our estimate of what was sent, `reported_tokens` is `Usage.input` of the reply, and
    `context_tokens` the context that the model was loaded with (`loaded_contexts`, or the option `num_ctx`).
    Estimates are off by a fourth and more, and what Ollama had in its cache may not be counted, so only a
    conversation clearly larger than the context counts, or one with a count at the very end of it.
    """
    if context_tokens is None:
        return False
    if reported_tokens is not None and reported_tokens >= context_tokens - 1:
        return True
    return sent_tokens > 1.5 * context_tokens and (
        reported_tokens is None or reported_tokens <= context_tokens
    )


def _fields(request: TurnRequest) -> dict[str, object]:
    asked = request.parameters
    options: dict[str, object] = {
        "temperature": asked.temperature,
        "top_p": asked.top_p,
        "seed": asked.seed,
        "num_predict": asked.max_tokens,
        "stop": list(asked.stop) or None,
    }
    given = {name: value for name, value in options.items() if value is not None}
    fields: dict[str, object] = {"model": request.model, "stream": request.streams}
    if request.continued is not None and request.messages[-1].role == "assistant":
        fields["think"] = False  # the text that it goes on with comes after any thinking
    elif asked.effort is not None:
        fields["think"] = _think(request.model, asked.effort)
    if asked.schema is not None:
        fields["format"] = asked.schema
    if request.tools:
        fields["tools"] = [function_tool(tool) for tool in request.tools]
    return fields | ({"options": given} if given else {})


def _think(model: str, effort: Effort) -> bool | str:
    if _THINKS_BY_LEVELS.search(model):
        return nearest_level(effort, ("low", "medium", "high")) or "low"
    return effort != "none"


def _sorted_options(options: Options) -> Options:
    """The user's options, those of the model put together under `options`."""
    request_wide = {name: value for name, value in options.items() if name in _REQUEST_PARAMETERS}
    of_model = {
        name: value for name, value in options.items() if name not in (*_REQUEST_PARAMETERS, "options")
    }
    nested = as_object(options.get("options")) | of_model
    return request_wide | ({"options": nested} if nested else {})


def _body(fields: dict[str, object], messages: Iterable[bytes]) -> bytes:
    # Model and messages come first and alone, so that a growing conversation keeps its beginning.
    model = encode_json(fields.pop("model", ""))
    options = {
        name: value for name, value in as_object(fields.pop("options", None)).items() if value is not None
    }
    rest = encode_json(fields | ({"options": options} if options else {}))
    tail = b"]," + rest[1:] if len(rest) > 2 else b"]}"
    return joined_body(b'{"model":' + model + b',"messages":[', messages, tail)


def _named_results(
    messages: tuple[Message, ...], encoded: Iterable[bytes], names: dict[str, str]
) -> Iterator[bytes]:
    """The fragments, results with the names of their tools; `names` are those of the calls so far, by their ids."""
    if not has_tools(messages):
        yield from encoded
        return
    for number, fragment in enumerate(encoded):
        yield _named(fragment, names)
        parts = messages[number].parts if number < len(messages) else ()
        names |= {part.call_id: part.name for part in parts if isinstance(part, ToolCallPart)}


def _named(fragment: bytes, names: dict[str, str]) -> bytes:
    """The fragment with the names of the tools beside their results, which older versions go by."""
    if not fragment.startswith(_RESULT):
        return fragment
    items = list(map(as_object, as_list(safe_json(b"[" + fragment + b"]"))))
    for item in items:
        if name := names.get(as_text(item.get("tool_call_id"))):
            item["tool_name"] = name
    return b",".join(map(encode_json, items))


def _no_result(call_id: str) -> bytes:
    return encode_json({"role": "tool", "content": NO_RESULT, "tool_call_id": call_id})


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
        {"id": part.call_id, "function": {"name": part.name, "arguments": argument_object(part.arguments)}}
        for part in message.parts
        if isinstance(part, ToolCallPart)
    ]
    if calls:
        item["tool_calls"] = calls
    if calls and message.thinking:  # models that think between calls go on where they were
        item["thinking"] = message.thinking
    return [item] if text or calls else []
