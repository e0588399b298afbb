"""Writes chatterm/backend/model_facts.json from the package genai-prices, which is needed for nothing else.

Run it in an environment of its own, where the package is installed:  python make_model_facts.py
What chatterm does not reach or show is left out. Of prices that depend on time the one for now is kept, of those
that depend on the size of the prompt the first two, with the size from which the dearer one holds.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import distribution, version
from pathlib import Path
from typing import Any

FILE = Path(__file__).parents[2] / "chatterm" / "backend" / "model_facts.json"

PACKAGE = "genai-prices"

# Services of chatterm by their names there. OpenRouter is not among them: its own list tells all, without a key.
SERVICES = {
    "openai": "openai",
    "anthropic": "anthropic",
    "gemini": "google",
    "groq": "groq",
    "deepseek": "deepseek",
    "mistral": "mistral",
    "xai": "x-ai",
    "perplexity": "perplexity",
    "azure": "azure",
    "together": "together",
    "cerebras": "cerebras",
    "zai": "zai",
    "cloudflare": "cloudflare",
}

CLAUSES = {
    "ClauseEquals": ("equals", "equals"),
    "ClauseStartsWith": ("starts", "starts_with"),
    "ClauseEndsWith": ("ends", "ends_with"),
    "ClauseContains": ("contains", "contains"),
    "ClauseRegex": ("regex", "regex"),
}

PRICES = ("input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok")


def clause(match: Any) -> list[Any]:
    """A rule for ids as a list: what it does, then its text or the rules in it."""
    kind = type(match).__name__
    if kind in ("ClauseOr", "ClauseAnd"):
        return ["or", *map(clause, match.or_)] if kind == "ClauseOr" else ["and", *map(clause, match.and_)]
    word, field = CLAUSES[kind]
    text = getattr(match, field)
    return [word, text if word == "regex" else text.lower()]


def present_price(model: Any, now: datetime) -> Any:
    """The price that holds now; of those that depend on the hour, the one that holds at all others."""
    if not isinstance(model.prices, list):
        return model.prices
    lasting = [
        each.prices
        for each in model.prices
        if each.constraint is None
        or (type(each.constraint).__name__ == "StartDateConstraint" and each.constraint.active(now))
    ]
    return (lasting or [model.prices[0].prices])[-1]


def price_at(value: Any, step: int | None) -> float | None:
    """The price for prompts above this size; None for short ones, and where there is no price."""
    if value is None or not hasattr(value, "base"):
        return None if value is None else float(value)
    dearer = [tier.price for tier in value.tiers if tier.start == step]
    return float(dearer[0] if dearer else value.base)


def row(model: Any, now: datetime) -> list[Any] | None:
    """Rule, context, prices, the size from which they rise, whether it is given up, prices then; None for no use."""
    price = present_price(model, now)
    values = [getattr(price, name) for name in PRICES]
    steps = {tier.start for value in values for tier in getattr(value, "tiers", ())}
    rises_above = min(steps, default=None)
    found = [price_at(value, None) for value in values]
    if model.context_window is None and (found[0] is None or found[1] is None):
        return None
    fields = [clause(model.match), model.context_window, *found, rises_above]
    fields.append(True if model.deprecated else None)
    fields.append(None if rises_above is None else [price_at(value, rises_above) for value in values])
    while fields[-1] is None:
        fields.pop()
    return fields


def main() -> None:
    """Write the file."""
    now = datetime.now(UTC)
    known = {provider.id: provider for provider in import_module("genai_prices.data").providers}
    services: dict[str, Any] = {}
    for name, there in SERVICES.items():
        provider = known[there]
        rows = [found for model in provider.models if (found := row(model, now)) is not None]
        services[name] = {"models": rows}
        back = {value: key for key, value in SERVICES.items()}
        beyond = [back[other] for other in provider.fallback_model_providers or () if other in back]
        if beyond:
            services[name]["beyond"] = beyond
    stamp = {
        "package": PACKAGE,
        "version": version(PACKAGE),
        "made_on": now.date().isoformat(),
        "source": "https://github.com/pydantic/genai-prices",
        "licence": "MIT",
        "licence_text": " ".join((distribution(PACKAGE).read_text("licenses/LICENSE") or "").split()),
    }
    lines = [f'"stamp":{json.dumps(stamp, indent=1)}']
    for name, service in services.items():
        rows = ",\n".join(json.dumps(each, separators=(",", ":")) for each in service["models"])
        beyond = json.dumps(service.get("beyond", []), separators=(",", ":"))
        lines.append(f'"{name}":{{"beyond":{beyond},"models":[\n{rows}]}}')
    FILE.write_text("{" + lines[0] + ',\n"services":{' + ",\n".join(lines[1:]) + "}}\n", encoding="utf-8")
    print(f"{FILE}: {FILE.stat().st_size:,} bytes, {sum(len(s['models']) for s in services.values())} models")


if __name__ == "__main__":
    sys.exit(main())
