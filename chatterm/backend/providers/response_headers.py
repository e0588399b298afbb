"""What the headers of a response tell beside its body: the request's id, and what the account has left."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime

from chatterm.core.clean import clean_line
from chatterm.core.usage import RateLimit

_REQUEST_IDS = (
    "x-request-id",
    "request-id",
    "x-generation-id",
    "apim-request-id",
    "cf-ray",
    "x-goog-request-id",
)

# "x-ratelimit-remaining-requests" (OpenAI, Groq, xAI, Together), "x-ratelimit-limit-tokens-minute" (Mistral),
# "anthropic-ratelimit-input-tokens-remaining" (Anthropic).
_NAME = re.compile(
    r"x-ratelimit-(?P<kind>limit|remaining|reset)-(?P<of>[a-z0-9-]+)"
    r"|anthropic-ratelimit-(?P<anthropic_of>[a-z-]+)-(?P<anthropic_kind>limit|remaining|reset)"
)
_SPAN = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_MOST = 12
"""Limits that are read of one response; no service tells more."""


def request_id(headers: Mapping[str, str]) -> str | None:
    """The id by which the provider can find the request, from whichever header has it."""
    lowered = {name.lower(): value for name, value in headers.items()}
    return next((clean_line(lowered[name], 200) for name in _REQUEST_IDS if lowered.get(name)), None)


def rate_limits(headers: Mapping[str, str]) -> tuple[RateLimit, ...]:
    """What the provider counts, in the order of its headers; what cannot be read is not known."""
    told: dict[str, dict[str, str]] = {}
    for name, value in headers.items():
        if found := _NAME.fullmatch(name.lower()):
            of = found["of"] or found["anthropic_of"]
            told.setdefault(of, {})[found["kind"] or found["anthropic_kind"]] = value
    return tuple(
        RateLimit(
            of=of.replace("-", " "),
            limit=_count(values.get("limit")),
            remaining=_count(values.get("remaining")),
            resets_in=span_seconds(values.get("reset", "")),
        )
        for of, values in list(told.items())[:_MOST]
    )


def span_seconds(text: str) -> float | None:
    """A span such as "6m0s", "12ms", "17.399s" or a bare number of seconds; of a time (RFC 3339) that until then."""
    text = text.strip()
    parts = _SPAN.findall(text)
    if parts and "".join(number + unit for number, unit in parts) == text:
        return sum(float(number) * _UNITS[unit] for number, unit in parts)
    try:
        if "T" in text:
            return max(0.0, (datetime.fromisoformat(text) - datetime.now(UTC)).total_seconds())
        seconds = float(text)
    except (ValueError, TypeError):
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _count(text: str | None) -> int | None:
    return int(text) if text is not None and re.fullmatch(r"\d{1,15}", text) else None
