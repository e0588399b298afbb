"""Every status and every shape of body becomes one named error."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatterm.backend.providers.provider_errors import retry_after_seconds
from chatterm.backend.providers.registry import adapter
from chatterm.core.errors import (
    AuthenticationError,
    BadRequestError,
    ContextTooLongError,
    ModelNotFoundError,
    OverloadedError,
    ProtocolError,
    ProviderError,
    QuotaExceededError,
    RateLimitedError,
    RequestTimeoutError,
    ServerError,
)


def refusal(status: int, body: Any, name: str = "openai", **headers: str) -> ProviderError:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return adapter(name).parse_error(status, named, raw)


def openai(message: str, code: Any = None, kind: str = "invalid_request_error") -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


KINDS: list[tuple[int, Any, type[ProviderError]]] = [
    (400, openai("nope"), BadRequestError),
    (400, openai("too long", "context_length_exceeded"), ContextTooLongError),
    (400, openai("This model's maximum context length is 8192 tokens."), ContextTooLongError),
    (400, openai("prompt is too long: 9 tokens > 8"), ContextTooLongError),
    (400, openai("x is not a valid model ID"), ModelNotFoundError),
    (
        400,
        {"object": "error", "message": "Invalid model: x", "type": "invalid_model", "code": "1500"},
        ModelNotFoundError,
    ),
    (
        400,
        {"code": "Client specified an invalid argument", "error": "Incorrect API key provided: xx."},
        AuthenticationError,
    ),
    (
        400,
        {"error": {"message": "overflow", "code": 400, "metadata": {"error_type": "token_limit_exceeded"}}},
        ContextTooLongError,
    ),
    (401, {"detail": "Invalid API Key"}, AuthenticationError),
    (401, b"<html><title>401 Authorization Required</title></html>", AuthenticationError),
    (401, b"", AuthenticationError),
    (402, {"error": {"message": "Insufficient Balance"}}, QuotaExceededError),
    (403, openai("Country not supported", "unsupported_country_region_territory"), AuthenticationError),
    (404, openai("The model `x` does not exist", "model_not_found"), ModelNotFoundError),
    (404, {"error": {"message": "The model `x` does not exist.", "code": 404}}, ModelNotFoundError),
    (404, {"detail": "Not Found"}, BadRequestError),
    (404, b"404 page not found", BadRequestError),
    (405, {"detail": "Method Not Allowed"}, BadRequestError),
    (408, b"", RequestTimeoutError),
    (409, openai("conflict"), BadRequestError),
    (413, b"", ContextTooLongError),
    (
        422,
        {"detail": [{"loc": ["body", "temperature"], "msg": "should be at most 1.5", "type": "x"}]},
        BadRequestError,
    ),
    (429, openai("slow down", "rate_limit_exceeded", "tokens"), RateLimitedError),
    (429, openai("Request too large for context length", "rate_limit_exceeded"), RateLimitedError),
    (
        429,
        openai("You exceeded your current quota", "insufficient_quota", "insufficient_quota"),
        QuotaExceededError,
    ),
    (429, {"error": {"message": "x", "type": "throttling_error", "code": "429"}}, RateLimitedError),
    (500, b"Internal Server Error", ServerError),
    (500, [{"error": {"message": "in a list"}}], ServerError),
    (502, b"<html>\n<head><title>502\nBad Gateway</title>", ServerError),
    (503, {"error": {"message": "Loading model", "type": "unavailable_error", "code": 503}}, OverloadedError),
    (504, b"", ServerError),
    (529, b"", OverloadedError),
    (599, b"\xff\xfe\x00", ServerError),
    (418, {"error": None}, BadRequestError),
    # Google's details: the key, a limit per minute, one per day
    (
        400,
        {"error": {"code": 400, "message": "bad", "details": [{"reason": "API_KEY_INVALID"}]}},
        AuthenticationError,
    ),
    (429, {"error": {"code": 429, "message": "x", "status": "RESOURCE_EXHAUSTED"}}, RateLimitedError),
    (
        429,
        {
            "error": {
                "message": "Quota exceeded",
                "status": "RESOURCE_EXHAUSTED",
                "details": [
                    {"violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]}
                ],
            }
        },
        QuotaExceededError,
    ),
    (
        404,
        {"error": {"message": "models/x is not found for API version v1beta", "code": 404}},
        ModelNotFoundError,
    ),
    # Anthropic
    (404, {"error": {"type": "not_found_error", "message": "model: claude-x"}}, ModelNotFoundError),
    (402, {"error": {"type": "billing_error", "message": "x"}}, QuotaExceededError),
    (413, {"error": {"type": "request_too_large", "message": "x"}}, ContextTooLongError),
    (429, {"error": {"type": "rate_limit_error", "message": "x"}}, RateLimitedError),
    (429, {"error": {"type": "enforced_spend_limit_reached", "message": "x"}}, QuotaExceededError),
    (504, {"error": {"type": "timeout_error", "message": "x"}}, ServerError),
    # OpenRouter
    (404, {"error": {"message": "No endpoints found for x/y.", "code": 404}}, ModelNotFoundError),
    (403, {"error": {"code": 403, "message": "x", "metadata": {"reasons": ["violence"]}}}, BadRequestError),
    (
        429,
        {"error": {"code": 429, "message": "Rate limit exceeded: free-models-per-day"}},
        QuotaExceededError,
    ),
    (
        400,
        {"error": {"code": 400, "message": "x", "metadata": {"error_type": "string_too_long"}}},
        ContextTooLongError,
    ),
    # Azure, Perplexity, Mistral, Groq, Cloudflare, llama.cpp, LiteLLM
    (404, {"error": {"code": "DeploymentNotFound", "message": "x"}}, ModelNotFoundError),
    (
        401,
        {"error": {"code": "401", "message": "Access denied due to invalid subscription key"}},
        AuthenticationError,
    ),
    (429, {"error": {"code": "RateLimitReached", "message": "x"}}, RateLimitedError),
    (400, {"error": {"message": "x", "type": "too_many_prompt_tokens", "code": 400}}, ContextTooLongError),
    (
        400,
        {
            "object": "error",
            "message": "Unexpected role 'tool' after role 'user'",
            "type": "x",
            "code": "3230",
        },
        BadRequestError,
    ),
    (
        400,
        {"error": {"message": "x", "code": "tool_use_failed", "failed_generation": "<f>"}},
        BadRequestError,
    ),
    (498, {"error": {"message": "over capacity"}}, OverloadedError),
    (
        400,
        {"success": False, "errors": [{"code": 5007, "message": "No such model @cf/x"}]},
        ModelNotFoundError,
    ),
    (400, {"error": {"code": 400, "type": "exceed_context_size_error", "message": "x"}}, ContextTooLongError),
    (
        400,
        {"error": {"message": "litellm.ContextWindowExceededError: context window", "code": "400"}},
        ContextTooLongError,
    ),
    (500, b"Internal Server Error", ServerError),
    (200, b"<!doctype html><title>Log in</title>", ProtocolError),
    (307, b"", ProtocolError),
]


@pytest.mark.parametrize(("status", "body", "kind"), KINDS)
def test_status_and_body_name_the_error(status: int, body: Any, kind: type[ProviderError]) -> None:
    error = refusal(status, body)
    assert type(error) is kind
    assert error.status == status
    assert error.message.startswith(("OpenAI", "The conversation", "The account at OpenAI"))
    assert error.hint.endswith((".", "!"))


RETRYABLE = {408, 409, 429, 500, 502, 503, 504, 529}


@pytest.mark.parametrize(
    "status", [400, 401, 402, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 504, 529]
)
def test_what_may_be_tried_again(status: int) -> None:
    assert refusal(status, b"").retryable is (status in RETRYABLE)
    assert refusal(status, b"", x_should_retry="true").retryable is True
    assert refusal(status, b"", x_should_retry="false").retryable is False
    assert refusal(status, b"", x_should_retry="perhaps").retryable is (status in RETRYABLE)


def test_an_exhausted_quota_is_not_tried_again_although_the_status_says_so() -> None:
    assert not refusal(429, openai("x", "insufficient_quota")).retryable


TEXTS: list[tuple[Any, str]] = [
    ({"error": "plain"}, "plain"),
    ({"error": {"message": "inside"}}, "inside"),
    ({"error": ["first", {"message": "second"}]}, "first; second"),
    ({"detail": "why"}, "why"),
    ({"detail": [{"loc": ["body"], "msg": "bad"}, {"msg": "worse"}]}, "bad; worse"),
    ({"message": "flat"}, "flat"),
    ({"errors": [{"message": "listed"}]}, "listed"),
    ([{"error": {"message": "in a list"}}], "in a list"),
    ("a string", "a string"),
    (
        {"error": {"message": "Provider returned error", "metadata": {"raw": "upstream"}}},
        "Provider returned error: upstream",
    ),
    (b"plain text", "plain text"),
    (b'event: error\ndata: {"error": {"message": "framed"}}\n\n', "framed"),
    (b"<HTML><TITLE> Bad\n Gateway </TITLE>", "a web page titled “Bad Gateway”"),
    (b"<html><body>no title", "a web page"),
]


@pytest.mark.parametrize(("body", "text"), TEXTS)
def test_the_providers_own_words_are_told(body: Any, text: str) -> None:
    assert refusal(500, body).message == f"OpenAI failed (500): {text}"


@pytest.mark.parametrize("body", [b"", b"  \n", {}, [], {"error": None}, {"error": {}}, 7, None])
def test_a_body_that_tells_nothing(body: Any) -> None:
    error = refusal(500, body)
    assert error.message in ("OpenAI failed (500).", "OpenAI failed (500): 7")


def test_keys_never_enter_an_error() -> None:
    for text in (
        "Incorrect API key provided: sk-proj-abcdefgh123.",
        "bad header Authorization: Bearer abcdef123456",
        "Incorrect API key provided: my-own*****2345. See the docs",
        "Authentication Fails, Your api key: ****2345 is invalid",
    ):
        message = refusal(401, openai(text)).message
        assert not any(part in message for part in ("abcdefgh", "abcdef123456", "2345"))
        assert "[hidden]" in message


def test_provider_text_is_cleaned_and_bounded() -> None:
    message = refusal(400, openai("\x1b]52;c;AAAA\x07" + "ä{}" * 100_000)).message
    assert "\x1b" not in message
    assert len(message.encode()) < 2300
    assert message.endswith("…")


def test_the_parameter_complained_about_is_in_the_hint() -> None:
    body = {"error": {"message": "no", "param": "stop", "code": "unsupported_parameter"}}
    assert refusal(400, body).hint == "Change or leave out the parameter stop."


def test_what_moderation_objects_to_is_told() -> None:
    body = {"error": {"code": 403, "message": "Flagged", "metadata": {"reasons": ["violence", "hate"]}}}
    error = refusal(403, body, "openrouter")
    assert error.message.endswith("Flagged: violence, hate")
    assert not error.retryable
    assert "key" not in error.hint


def test_request_ids_are_kept() -> None:
    assert refusal(500, b"", X_Request_Id="req_1").request_id == "req_1"
    assert refusal(500, b"").request_id is None


def test_a_missing_ollama_model_comes_with_the_way_to_get_it() -> None:
    for text in ("model 'llama9:8b' not found", 'model "llama9:8b" not found, try pulling it first'):
        error = refusal(404, {"error": text}, "ollama")
        assert type(error) is ModelNotFoundError
        assert error.hint == "Fetch it with: ollama pull llama9:8b"
    assert refusal(404, {"error": "model 'a; rm -rf' not found"}, "ollama").hint.endswith("pull NAME")


def test_ollamas_other_refusals() -> None:
    assert type(refusal(400, {"error": '"x" does not support thinking'}, "ollama")) is BadRequestError
    assert type(refusal(503, {"error": "server busy, please try again."}, "ollama")) is OverloadedError
    assert type(refusal(401, {"error": "unauthorized"}, "ollama")) is AuthenticationError


def test_a_server_without_a_name_reads_well() -> None:
    error = refusal(401, b"", "custom")
    assert str(error) == "The server does not accept the API key (401). Check the API key of the server."
    assert refusal(500, b"", "llamacpp").message == "llama.cpp failed (500)."


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        ({"error": {"message": "x", "details": [{"@type": "x/RetryInfo", "retryDelay": "48s"}]}}, 48.0),
        (openai("Rate limit reached. Please try again in 800ms."), 0.8),
        (openai("Limit 6000. Please try again in 1m26.4s. Need more?"), 86.4),
        ({"error": {"message": "Please retry in 48.93s."}}, 48.93),
        (openai("Please try again in a while."), None),
        (openai("try again in 99999999999999999999999999s"), 1e26),
    ],
)
def test_the_body_may_say_how_long_to_wait(body: Any, seconds: float | None) -> None:
    found = refusal(429, body).retry_after
    assert found == (None if seconds is None else pytest.approx(seconds))
    assert refusal(429, body, Retry_After="2").retry_after == 2.0


DATE = "Wed, 21 Oct 2026 07:28:00 GMT"
WAITS: list[tuple[dict[str, str], float | None]] = [
    ({}, None),
    ({"retry-after": "2"}, 2.0),
    ({"retry-after": "1.5"}, 1.5),
    ({"retry-after-ms": "800", "retry-after": "1"}, 0.8),
    ({"retry-after-ms": "0", "retry-after": "1"}, 1.0),
    ({"retry-after-ms": "junk", "retry-after": "3"}, 3.0),
    ({"retry-after": "0"}, None),
    ({"retry-after": "-5"}, None),
    ({"retry-after": "nan"}, None),
    ({"retry-after": "1e400"}, None),
    ({"retry-after": "inf"}, None),
    ({"retry-after": "soon"}, None),
    ({"retry-after": ""}, None),
    ({"retry-after": "99999999999"}, 99999999999.0),
    ({"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT", "date": DATE}, 30.0),
    ({"retry-after": "Wed, 21 Oct 2026 07:27:30 GMT", "date": DATE}, None),
    ({"retry-after": "Wed, 21 Oct 1996 07:28:00 GMT"}, None),
    ({"retry-after": "Wed, 99 Oct 2026 07:28:00 GMT"}, None),
]


@pytest.mark.parametrize(("headers", "seconds"), WAITS)
def test_how_long_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_seconds(headers) == seconds


def test_a_date_without_a_date_header_is_measured_by_our_clock() -> None:
    seconds = retry_after_seconds({"retry-after": "Wed, 21 Oct 2099 07:28:00 GMT"})
    assert seconds is not None
    assert seconds > 3600 * 24 * 365


def test_header_names_may_come_in_any_case() -> None:
    assert refusal(429, b"", Retry_After="7").retry_after == 7.0


@given(st.integers(0, 999), st.binary(max_size=60) | st.text().map(str.encode))
def test_any_body_gives_an_error(status: int, body: bytes) -> None:
    for name in ("openai", "ollama"):
        error = adapter(name).parse_error(status, {}, body)
        assert error.message
        assert error.hint


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "message", "code", "detail", "metadata", "raw", "type"]), inner
        )
    ),
    max_leaves=8,
)


@given(st.integers(400, 599), _JSON)
def test_any_json_body_gives_an_error(status: int, body: object) -> None:
    assert refusal(status, json.dumps(body).encode()).status == status
