"""What a request cost: by the provider's own word, else by the prices that are known of the model."""

from __future__ import annotations

import math
from dataclasses import dataclass

from chatterm.backend.providers.base import Endpoint, ModelInfo, Prices
from chatterm.core.usage import Usage

MILLION = 1_000_000
OLLAMA_CLOUD = "cloud"
"""How the part behind the colon ends in names of models that Ollama on this machine has answered elsewhere."""


@dataclass(frozen=True, slots=True)
class Cost:
    """US dollars, None where nobody can tell; an estimate, shown with `~`, is what prices make of the tokens."""

    dollars: float | None = None
    is_estimate: bool = False


UNKNOWN = Cost()
FREE = Cost(0.0)


def is_free(endpoint: Endpoint, model: str) -> bool:
    """Whether it is certain that nobody charges for the model: it runs on this machine, and no key is sent.

    What asks for a key may be a gateway to a service that does; so may Ollama for the models that it runs elsewhere.
    """
    return (
        endpoint.is_local and endpoint.api_key is None and not model.rpartition(":")[2].endswith(OLLAMA_CLOUD)
    )


def cost_of(usage: Usage, facts: ModelInfo, *, free: bool = False) -> Cost:
    """What a request with this usage cost. `free`: nobody charges for the model, see `is_free`.

    The provider's own figure comes first, then a price that the settings or a list tell, even for a free model.
    Cached tokens without a price of their own cost as much as others. Raises nothing, whatever is reported.
    """
    if (told := _amount(usage.cost)) is not None:
        return Cost(float(told))
    price_input, price_output, price_read, price_write = prices = _prices(facts, _amount(usage.input))
    if free and not any(prices):
        return FREE
    tokens = _split(usage)
    if tokens is None or price_input is None or price_output is None:
        return UNKNOWN
    fresh, output, read, written = tokens
    dollars = fresh * price_input + output * price_output
    dollars += read * (price_input if price_read is None else price_read)
    dollars += written * (price_input if price_write is None else price_write)
    return Cost(dollars / MILLION, is_estimate=True) if math.isfinite(dollars) else UNKNOWN


def _prices(facts: ModelInfo, size: float | None) -> Prices:
    """The prices for a prompt of this size; unknown ones where it may be one that costs more."""
    told: Prices = (facts.price_input, facts.price_output, facts.price_cache_read, facts.price_cache_write)
    if facts.dearer_above_tokens is not None and size is not None and size > facts.dearer_above_tokens:
        told = facts.dearer_prices or (None, None, None, None)
    return _amount(told[0]), _amount(told[1]), _amount(told[2]), _amount(told[3])


def _split(usage: Usage) -> tuple[float, float, float, float] | None:
    """Tokens in at the full price, tokens out, read from the cache, written to it. None where they are unknown."""
    given, output = _amount(usage.input), _amount(usage.output)
    if given is None or output is None:
        return None
    read, written = _amount(usage.cache_read) or 0, _amount(usage.cache_write) or 0
    return max(0, given - read - written), output, read, written


def _amount(value: object) -> float | None:
    """A number that can be one of dollars or tokens, else None: what is reported may be anything."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return value if math.isfinite(value) and value >= 0 else None
