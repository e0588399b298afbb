"""What is known of a model in a few words and figures, for tables and for one line under a list."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from difflib import get_close_matches

from chatterm.backend.model_facts import names_of
from chatterm.backend.providers.base import ModelInfo
from chatterm.core.clean import clean_line

NEAREST = 3
"""How many similar names are told."""


def tokens_text(count: int | None) -> str:
    """A number of tokens in at most four characters or so: `512`, `8k`, `131k`, `1.05M`; "" for an unknown one."""
    if count is None:
        return ""
    if count < 1000:
        return str(count)
    if count < 999_500:
        return f"{count / 1000:.0f}k"
    return f"{count / 1e6:.2f}".rstrip("0").rstrip(".") + "M"


def size_text(count: int | None) -> str:
    """Bytes in GB or MB, as files are counted."""
    if count is None:
        return ""
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"


def price_text(model: ModelInfo) -> str:
    """Dollars for a million tokens in and out, `$2.5/$10`; a `+` where longer prompts cost more."""
    if model.price_input is None and model.price_output is None:
        return ""
    if model.price_input == 0 and model.price_output == 0:
        return "free"
    more = "+" if model.dearer_above_tokens else ""
    return f"{_dollars(model.price_input)}/{_dollars(model.price_output)}{more}"


def takes_text(model: ModelInfo) -> str:
    """What the model takes and does besides text, as far as that is known."""
    told = {"images": model.images, "files": model.files, "tools": model.tools, "thinking": model.thinking}
    return ", ".join(name for name, can in told.items() if can)


def loaded_text(model: ModelInfo) -> str:
    """`loaded`, and how much memory it takes and how much of that is the graphics card's; "" for not loaded."""
    if not model.loaded:
        return ""
    if model.memory_bytes is None:
        return "loaded"
    held = f"loaded, {size_text(model.memory_bytes)}"
    if model.gpu_bytes is None or not model.memory_bytes:
        return held
    return f"{held}, {min(100, round(100 * model.gpu_bytes / model.memory_bytes))} % on GPU"


def end_text(model: ModelInfo) -> str:
    """Whether it is given up, and from when on it is gone."""
    if model.retires_on is not None:
        return f"{'deprecated, ' if model.deprecated else ''}gone from {clean_line(model.retires_on, 10)}"
    return "deprecated" if model.deprecated else ""


def age_text(moment: datetime, now: datetime) -> str:
    """How long ago: `just now`, `5 min ago`, `3 h ago`, `2 days ago`, and the date after a month."""
    minutes = int((now - moment).total_seconds() // 60)
    if minutes < 1:
        return "just now"
    if minutes < 60:
        return f"{minutes} min ago"
    if minutes < 24 * 60:
        return f"{minutes // 60} h ago"
    days = minutes // (24 * 60)
    if days <= 30:
        return f"{days} day{'' if days == 1 else 's'} ago"
    return moment.astimezone(now.tzinfo).date().isoformat()


def is_listed(model: str, ids: Sequence[str]) -> bool:
    """Whether a list has this model, under this name or one that means the same there."""
    # Gateways take variants of a model after a colon; Gemini has a folder.
    names = (*names_of(model), model.partition(":")[0], model.removeprefix("models/"))
    return not set(names).isdisjoint(ids)


def nearest(model: str, ids: Sequence[str]) -> list[str]:
    """The names in the list that are most like this one, the most like first."""
    by_name: dict[str, str] = {}
    for name in ids:
        by_name.setdefault(name.lower(), name)
        by_name.setdefault(name.lower().rpartition("/")[2].partition(":")[0], name)
    found = get_close_matches(model.lower(), by_name, NEAREST, 0.6)
    return list(dict.fromkeys(by_name[each] for each in found))


def _dollars(price: float | None) -> str:
    return "-" if price is None else f"${price:.4f}".rstrip("0").rstrip(".")
