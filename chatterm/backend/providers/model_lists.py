"""The models that a service lists, as far as its list tells."""

from __future__ import annotations

import re
from collections.abc import Callable

from chatterm.backend.providers.base import ModelInfo
from chatterm.backend.providers.wire_json import as_count, as_list, as_number, as_object, as_text, safe_json
from chatterm.core.clean import clean_line
from chatterm.core.errors import ProtocolError

ID_LIMIT = 512
"""Longest model id that is taken in, in characters."""

_NO_CHAT = frozenset(
    {"embedding", "embeddings", "image", "video", "audio", "rerank", "moderation", "transcribe"}
)

_DAY = re.compile(r"\d{4}-\d\d-\d\d")

_PRICES = {
    "input": ("prompt", "input"),
    "output": ("completion", "output"),
    "cache_read": ("input_cache_read", "cache_read"),
    "cache_write": ("input_cache_write", "cache_write"),
}
"""Names of a price for one token, as OpenRouter has it, and for a million, as Together and Perplexity do."""

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
    offered, prices = as_list(entry.get("supported_parameters")), _prices(as_object(entry.get("pricing")))
    provider_says = as_object(entry.get("top_provider"))
    return ModelInfo(
        provider=provider,
        id=as_text(entry.get("id")),
        name=clean_line(as_text(entry.get("name")) or as_text(entry.get("display_name"))),
        context_tokens=_context_tokens(entry),
        output_tokens=_first_count(
            provider_says.get("max_completion_tokens"),
            entry.get("max_output_tokens"),
            entry.get("max_completion_tokens"),
        ),
        images="image" in as_list(inputs) if inputs else _flag(capabilities.get("vision")),
        files="file" in as_list(inputs) if inputs else None,
        tools="tools" in offered if offered else _flag(capabilities.get("function_calling")),
        thinking="reasoning" in offered if offered else _flag(capabilities.get("reasoning")),
        price_input=prices.get("input"),
        price_output=prices.get("output"),
        price_cache_read=prices.get("cache_read"),
        price_cache_write=prices.get("cache_write"),
        size_bytes=as_count(as_object(entry.get("meta")).get("size")) or None,
        deprecated=True if entry.get("deprecation") else None,
        retires_on=_first_day(*map(entry.get, ("expiration_date", "deprecation", "shutdown_date"))),
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
        tools="tools" in capabilities if capabilities else None,
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
        deprecated=True if entry.get("lifecycle") == "deprecated" else None,
        retires_on=_first_day(entry.get("retires_at")),
    )


def _context_tokens(entry: dict[str, object]) -> int | None:
    names = ("context_length", "max_context_length", "max_model_len", "max_input_tokens", "context_window")
    return _first_count(*map(entry.get, names), as_object(entry.get("meta")).get("n_ctx"))


def _first_count(*values: object) -> int | None:
    return next((count for count in map(as_count, values) if count), None)


def _first_day(*values: object) -> str | None:
    """The first that begins like a day, without its time: some give a moment, some a day, some a Unix time."""
    for value in values:
        found = _DAY.match(as_text(value))
        if found is not None:
            return found.group()
    return None


def _prices(pricing: dict[str, object]) -> dict[str, float]:
    """US dollars for a million tokens, by kind; a service writes them for one token, as texts, or for a million."""
    found: dict[str, float] = {}
    for name, (each_token, each_million) in _PRICES.items():
        price, per_million = _decimal(pricing.get(each_token)), as_number(pricing.get(each_million))
        if price is not None:
            found[name] = round(price * 1e6, 6)
        elif per_million is not None:
            found[name] = per_million
    return found


def _decimal(value: object) -> float | None:
    """A number that is written as a text; None for one below 0, which stands for a price that varies."""
    if not isinstance(value, str):
        return None
    try:
        return as_number(float(value))
    except ValueError:
        return None


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _no_list(provider: str, reason: str) -> ProtocolError:
    return ProtocolError(
        f"{provider} sent no list of models: {reason}.",
        f"Check the base URL of {provider}.",
        provider=provider,
    )
