"""Headers of real responses, and what they tell."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from chatterm.backend.providers.response_headers import rate_limits, request_id, span_seconds
from chatterm.core.usage import RateLimit


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("12ms", 0.012), ("0s", 0.0), ("6m0s", 360.0), ("17.399999999s", 17.399999999), ("1h2m3s", 3723.0), ("5", 5.0),
     ("", None), ("soon", None), ("-1", None), ("nan", None), ("1s later", None), ("2020-01-01T00:00:00Z", 0.0),
     ("2020-01-01T00:00:00", None)],
)  # fmt: skip
def test_spans(text: str, seconds: float | None) -> None:
    assert span_seconds(text) == seconds


def test_a_time_is_told_as_the_span_until_then() -> None:
    left = span_seconds((datetime.now(UTC) + timedelta(seconds=90)).isoformat())
    assert left is not None and 80 < left <= 90


def test_limits_of_all_kinds_of_services() -> None:
    headers = {
        "X-RateLimit-Limit-Requests": "60",
        "x-ratelimit-remaining-requests": "59",
        "x-ratelimit-reset-requests": "1s",
        "anthropic-ratelimit-input-tokens-remaining": "400000",
        "x-ratelimit-limit-tokens-minute": "many",
        "content-type": "application/json",
    }
    assert rate_limits(headers) == (
        RateLimit(of="requests", limit=60, remaining=59, resets_in=1.0),
        RateLimit(of="input tokens", remaining=400_000),
        RateLimit(of="tokens minute"),
    )
    assert rate_limits({}) == ()


def test_the_id_of_the_request_is_found_and_made_safe() -> None:
    assert request_id({"Request-Id": "req_1"}) == "req_1"
    assert "\x1b" not in (request_id({"x-generation-id": "gen\x1b[31m"}) or "\x1b")
    assert request_id({}) is None
