"""What local servers tell of their models besides the list: what is loaded, and how much of it where.

Sources: the Ollama API documentation (`GET /api/ps`, `POST /api/show`), llama.cpp's server (`GET /props`)
and LM Studio's REST API (`GET /api/v0/models`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from chatterm.backend.providers.base import Endpoint, Limits, ModelInfo, WireRequest
from chatterm.backend.providers.request_headers import JSON, bearer, json_headers
from chatterm.backend.providers.wire_json import as_count, as_list, as_object, as_text, encode_json, object_in

MOST_SHOWN = 100
"""How many models of one server are asked about one by one."""

_PATHS = {"ollama": "/api/ps", "llamacpp": "/props", "lmstudio": "/api/v0/models"}


def details_request(service: str, endpoint: Endpoint, limits: Limits) -> WireRequest | None:
    """The request for what the list of this service leaves out; None where there is nothing more to ask."""
    path = _PATHS.get(service)
    return None if path is None else _request("GET", endpoint, path, limits)


def with_details(service: str, models: Sequence[ModelInfo], body: bytes) -> list[ModelInfo]:
    """The models with what the answer to `details_request` adds; an answer that is none adds nothing."""
    fields = object_in(body)
    match service:
        case "ollama":
            return _with_loaded(models, fields)
        case "llamacpp":
            return [_with_props(model, fields) for model in models]
        case _:
            return _with_lmstudio(models, fields)


def show_requests(
    service: str, models: Sequence[ModelInfo], endpoint: Endpoint, limits: Limits
) -> list[tuple[str, WireRequest]]:
    """Ids and requests for single models, where the service tells of each alone how long its context is."""
    if service != "ollama":
        return []
    return [
        (model.id, _request("POST", endpoint, "/api/show", limits, encode_json({"model": model.id})))
        for model in models[:MOST_SHOWN]
    ]


def with_shown(model: ModelInfo, body: bytes) -> ModelInfo:
    """The model with what Ollama shows of it; an answer that is none adds nothing."""
    fields = object_in(body)
    about, can = as_object(fields.get("model_info")), as_list(fields.get("capabilities"))
    context = as_count(about.get(f"{as_text(about.get('general.architecture'))}.context_length"))
    return replace(
        model,
        context_tokens=model.context_tokens or context or None,
        images="vision" in can if can else model.images,
        tools="tools" in can if can else model.tools,
        thinking="thinking" in can if can else model.thinking,
    )


def _with_loaded(models: Sequence[ModelInfo], fields: dict[str, object]) -> list[ModelInfo]:
    if not isinstance(fields.get("models"), list):
        return list(models)
    entries = [as_object(entry) for entry in as_list(fields["models"])]
    loaded = {as_text(entry.get("model")) or as_text(entry.get("name")): entry for entry in entries}
    return [
        replace(
            model,
            loaded=model.id in loaded,
            memory_bytes=as_count(loaded.get(model.id, {}).get("size")),
            gpu_bytes=as_count(loaded.get(model.id, {}).get("size_vram")),
        )
        for model in models
    ]


def _with_props(model: ModelInfo, fields: dict[str, object]) -> ModelInfo:
    settings, can = as_object(fields.get("default_generation_settings")), as_object(fields.get("modalities"))
    template = as_object(fields.get("chat_template_caps"))
    vision, tools = can.get("vision"), template.get("supports_tools")
    return replace(
        model,
        # What the server was started with, which may be less than the model was trained for.
        context_tokens=as_count(settings.get("n_ctx")) or model.context_tokens,
        images=vision if isinstance(vision, bool) else model.images,
        tools=tools if isinstance(tools, bool) else model.tools,
        loaded=True if settings else model.loaded,
    )


def _with_lmstudio(models: Sequence[ModelInfo], fields: dict[str, object]) -> list[ModelInfo]:
    entries = [as_object(entry) for entry in as_list(fields.get("data"))]
    known = {as_text(entry.get("id")): entry for entry in entries}
    return [
        _as_lmstudio_says(model, known[model.id]) if model.id in known else model
        for model in models
        if as_text(known.get(model.id, {}).get("type")) != "embeddings"
    ]


def _as_lmstudio_says(model: ModelInfo, entry: dict[str, object]) -> ModelInfo:
    state, kind = as_text(entry.get("state")), as_text(entry.get("type"))
    context = as_count(entry.get("loaded_context_length")) or as_count(entry.get("max_context_length"))
    return replace(
        model,
        context_tokens=context or model.context_tokens,
        images=kind == "vlm" if kind else model.images,
        tools="tool_use" in as_list(entry["capabilities"]) if "capabilities" in entry else model.tools,
        loaded=state == "loaded" if state else model.loaded,
    )


def _request(
    method: Literal["GET", "POST"], endpoint: Endpoint, path: str, limits: Limits, body: bytes = b""
) -> WireRequest:
    # Addresses of servers that speak OpenAI's format end in /v1; their own interface is beside it.
    root = endpoint.base_url.rstrip("/").removesuffix("/v1")
    return WireRequest(
        method=method,
        url=root + path,
        headers=json_headers(endpoint, JSON, bearer(endpoint)),
        body=body,
        endpoint=endpoint,
        limits=limits,
    )
