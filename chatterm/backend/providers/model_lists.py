"""The models that a service lists, as far as its list tells."""

from __future__ import annotations

from collections.abc import Callable

from chatterm.backend.providers.base import ModelInfo
from chatterm.backend.providers.wire_json import as_count, as_list, as_object, as_text, safe_json
from chatterm.core.clean import clean_line
from chatterm.core.errors import ProtocolError

ID_LIMIT = 512
"""Longest model id that is taken in, in characters."""

_NO_CHAT = frozenset(
    {"embedding", "embeddings", "image", "video", "audio", "rerank", "moderation", "transcribe"}
)

ReadModel = Callable[[dict[str, object], str], ModelInfo | None]
"""One entry of a list and the provider's name -> the model; None for one that does not chat."""


def listed_models(body: bytes, provider: str, read: ReadModel) -> list[ModelInfo]:
    """The models in `body`, each id once, in the order of the list.

    Entries without a usable id are left out. Raises `ProtocolError` when there is no list.
    """
    try:
        value = safe_json(body)
    except ValueError as error:
        raise _no_list(provider, f"not JSON: {clean_line(str(error))}") from None
    fields = as_object(value)
    # OpenAI puts the list under `data`, Ollama and llama.cpp under `models`; Together sends it bare.
    if not any(isinstance(found, list) for found in (value, fields.get("data"), fields.get("models"))):
        raise _no_list(provider, "no list of models in it")
    entries = map(as_object, as_list(value) or as_list(fields.get("data")) or as_list(fields.get("models")))
    models = (read(entry, provider) for entry in entries)
    found = {model.id: model for model in models if model is not None and 0 < len(model.id) <= ID_LIMIT}
    return list(found.values())


def openai_model(entry: dict[str, object], provider: str) -> ModelInfo | None:
    """A model as OpenAI lists it, with what OpenRouter, Mistral, vLLM, llama.cpp and others add."""
    architecture, capabilities = as_object(entry.get("architecture")), as_object(entry.get("capabilities"))
    inputs, outputs = architecture.get("input_modalities"), architecture.get("output_modalities")
    if (
        as_text(entry.get("type")).lower() in _NO_CHAT
        or capabilities.get("completion_chat") is False
        or (isinstance(outputs, list) and "text" not in outputs)
    ):
        return None
    parameters = entry.get("supported_parameters")
    return ModelInfo(
        provider=provider,
        id=as_text(entry.get("id")),
        name=clean_line(as_text(entry.get("name")) or as_text(entry.get("display_name"))),
        context_tokens=_context_tokens(entry),
        images="image" in as_list(inputs) if inputs else _flag(capabilities.get("vision")),
        thinking="reasoning" in as_list(parameters) if parameters else _flag(capabilities.get("reasoning")),
    )


def ollama_model(entry: dict[str, object], provider: str) -> ModelInfo | None:
    """A model as Ollama's `/api/tags` lists it; whether it is loaded is not told there."""
    capabilities = as_list(entry.get("capabilities"))
    if capabilities and "completion" not in capabilities:
        return None
    return ModelInfo(
        provider=provider,
        id=as_text(entry.get("model")) or as_text(entry.get("name")),
        images="vision" in capabilities if capabilities else None,
        thinking="thinking" in capabilities if capabilities else None,
        size_bytes=as_count(entry.get("size")),
    )


def gemini_model(entry: dict[str, object], provider: str) -> ModelInfo | None:
    """A model as Gemini's API lists it; None for one that only embeds, draws, speaks or talks live."""
    methods, name = entry.get("supportedGenerationMethods"), as_text(entry.get("name"))
    if (isinstance(methods, list) and "generateContent" not in methods) or "-tts" in name:
        return None
    return ModelInfo(
        provider=provider,
        id=name.removeprefix("models/"),
        name=clean_line(as_text(entry.get("displayName"))),
        context_tokens=as_count(entry.get("inputTokenLimit")) or None,
        output_tokens=as_count(entry.get("outputTokenLimit")) or None,
        thinking=_flag(entry.get("thinking")),
    )


def anthropic_model(entry: dict[str, object], provider: str) -> ModelInfo | None:
    """A model as Anthropic lists it; limits and capabilities are told since 2026."""
    if entry.get("lifecycle") == "retired":
        return None
    capabilities = as_object(entry.get("capabilities"))

    def supports(name: str) -> bool | None:
        return _flag(as_object(capabilities.get(name)).get("supported"))

    return ModelInfo(
        provider=provider,
        id=as_text(entry.get("id")),
        name=clean_line(as_text(entry.get("display_name"))),
        context_tokens=as_count(entry.get("max_input_tokens")) or None,
        output_tokens=as_count(entry.get("max_tokens")) or None,
        images=supports("image_input"),
        files=supports("pdf_input"),
        thinking=supports("thinking"),
    )


def _context_tokens(entry: dict[str, object]) -> int | None:
    loaded = as_object(entry.get("meta"))
    names = ("context_length", "max_context_length", "max_model_len", "max_input_tokens", "context_window")
    counts = (as_count(value) for value in (*map(entry.get, names), loaded.get("n_ctx")))
    return next((count for count in counts if count), None)


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _no_list(provider: str, reason: str) -> ProtocolError:
    return ProtocolError(
        f"{provider} sent no list of models: {reason}.",
        f"Check the base URL of {provider}.",
        provider=provider,
    )
