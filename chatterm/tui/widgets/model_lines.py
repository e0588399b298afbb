"""What is known of one model, as the lines under the list of models."""

from __future__ import annotations

from collections.abc import Sequence

from chatterm.backend.model_facts import ModelFacts
from chatterm.backend.model_words import (
    end_text,
    loaded_text,
    price_text,
    size_text,
    takes_text,
    tokens_text,
)
from chatterm.backend.providers.base import ModelInfo
from chatterm.backend.providers.ollama_models import PullProgress

LINES = 3

_NAMES = {
    "context_tokens": "context",
    "output_tokens": "output",
    "images": "images",
    "files": "files",
    "tools": "tools",
    "thinking": "thinking",
    "price_input": "price",
    "price_output": "price",
}


def facts_lines(facts: ModelFacts) -> Sequence[str]:
    """Three lines: what it takes, what it costs, and what is loaded or not from the provider itself.

    What is not known is a dash.
    """
    model = facts.info
    able = takes_text(model) or ("text only" if model.images is False else "–")
    size = f"context {tokens_text(model.context_tokens) or '–'} · output {tokens_text(model.output_tokens) or '–'}"
    return (
        f"{size} · {able}",
        _costs(model),
        _joined(loaded_text(model) or size_text(model.size_bytes), _not_its_own(facts)),
    )


def _costs(model: ModelInfo) -> str:
    price = price_text(model)
    if not price:
        return _joined("price –", end_text(model))
    if price == "free":
        return _joined(price, end_text(model))
    cached = f"cached ${model.price_cache_read:g}" if model.price_cache_read is not None else ""
    above = f"more above {tokens_text(model.dearer_above_tokens)}" if model.dearer_above_tokens else ""
    return _joined(f"{price.rstrip('+')} per million tokens", cached, above, end_text(model))


def _not_its_own(facts: ModelFacts) -> str:
    """Which of it the provider does not say itself."""
    said: list[str] = []
    for source, title in (("settings", "by your settings"), ("table", "by chatterm's table")):
        names = dict.fromkeys(name for field, name in _NAMES.items() if facts.sources.get(field) == source)
        if names:
            said.append(f"{', '.join(names)} {title}")
    return "; ".join(said)


def _joined(*parts: str) -> str:
    return " · ".join(part for part in parts if part)


def pull_text(name: str, progress: PullProgress) -> str:
    """How far a model is fetched, in one line."""
    share = ""
    if progress.percent is not None:
        of = f"{size_text(progress.completed_bytes)} of {size_text(progress.total_bytes)}"
        share = f"{progress.percent} %, {of}"
    return _joined(f"Pulling {name}", share or progress.status, "esc stops")
