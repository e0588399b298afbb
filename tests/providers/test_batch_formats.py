"""Batch interfaces: what comes back may be anything, and never leads elsewhere."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatterm.backend.providers.base import Endpoint, Limits
from chatterm.backend.providers.batch_formats import BatchFormat, RemoteBatch, asking
from chatterm.backend.providers.registry import adapter, batch_format_of
from chatterm.core.errors import (
    OverloadedError,
    ProtocolError,
    ProviderError,
    RateLimitedError,
    RequestTimeoutError,
)

NAMES = ("openai", "anthropic")
HOST = "https://host.example"
ENDPOINT = Endpoint(provider="p", base_url=f"{HOST}/v1", api_key="kx-canary")


def form(name: str) -> BatchFormat:
    found = batch_format_of(adapter(name))
    assert found is not None
    return found


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = (
    *(
        "id",
        "status",
        "processing_status",
        "request_counts",
        "errors",
        "data",
        "output_file_id",
        "created_at",
    ),
    *("custom_id", "response", "result", "error", "type", "body", "status_code", "message", "has_more"),
)
objects = st.dictionaries(st.sampled_from(FIELDS), values | st.dictionaries(st.sampled_from(FIELDS), values))
bodies = st.binary(max_size=20) | objects.map(lambda value: json.dumps(value).encode())


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40)
@given(body=bodies)
def test_any_answer_is_read_or_a_provider_error(name: str, body: bytes) -> None:
    for read in (
        form(name).read,
        form(name).read_list,
        form(name).uploaded,
        lambda data: form(name).read_result(data, adapter(name)),
    ):
        try:
            read(body)
        except ProviderError as error:
            assert "\n" not in error.message


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("stranger", ["../../evil", "a/b", "a?b=c", "x" * 201, "..", "", None, 7])
def test_an_id_never_leads_to_another_address(name: str, stranger: Any) -> None:
    like = asking(adapter(name), ENDPOINT, Limits())
    with pytest.raises(ProtocolError):
        form(name).read(json.dumps({"id": stranger}).encode())
    with pytest.raises(ProtocolError):
        form(name).status(stranger, like)


@pytest.mark.parametrize("name", NAMES)
def test_every_request_goes_to_the_host_that_has_the_key(name: str) -> None:
    like = asking(adapter(name), ENDPOINT, Limits())
    batch = RemoteBatch(id="b", is_over=True, result_files=("f", "g"))
    wires = [form(name).status("b", like), form(name).cancel("b", like), form(name).listing("b", like)]
    for wire in (*wires, *form(name).results(batch, like)):
        assert wire.url.startswith(f"{HOST}/v1/")
        assert any("kx-canary" in value for value in wire.headers.values())
        assert "kx-canary" not in wire.url


@pytest.mark.parametrize(
    ("name", "line", "kind"),
    [
        ("openai", {"response": {"status_code": 429, "body": {"error": {"message": "x"}}}}, RateLimitedError),
        (
            "openai",
            {"response": None, "error": {"code": "batch_expired", "message": "x"}},
            RequestTimeoutError,
        ),
        ("anthropic", {"result": {"type": "expired"}}, RequestTimeoutError),
        (
            "anthropic",
            {"result": {"type": "errored", "error": {"error": {"type": "overloaded_error", "message": "x"}}}},
            OverloadedError,
        ),
    ],
)
def test_errors_keep_their_kind(name: str, line: dict[str, object], kind: type[ProviderError]) -> None:
    data = json.dumps({"custom_id": "a-1", **line}).encode()
    result = form(name).read_result(data, adapter(name))
    assert type(result.error) is kind
    assert result.error.retryable


def test_the_cancelled_are_told_apart() -> None:
    line = {"custom_id": "a-1", "response": None, "error": {"code": "batch_cancelled"}}
    assert form("openai").read_result(json.dumps(line).encode(), adapter("openai")).is_cancelled
    line = {"custom_id": "a-1", "result": {"type": "canceled"}}
    assert form("anthropic").read_result(json.dumps(line).encode(), adapter("anthropic")).is_cancelled


@pytest.mark.parametrize("name", ["ollama", "gemini", "groq", "openrouter", "guide"])
def test_others_have_none(name: str) -> None:
    assert batch_format_of(adapter(name)) is None


def test_responses_go_into_a_batch_of_their_own_endpoint() -> None:
    from dataclasses import replace

    from chatterm.backend.providers.registry import adapter_of, service_at

    responses = adapter_of(service_at("openai", None, None))
    found = batch_format_of(responses)
    assert found is not None
    like = asking(responses, ENDPOINT, Limits())
    wire = replace(like, method="POST", url=f"{ENDPOINT.base_url}/responses", body=b'{"input":[]}')
    entry = json.loads(found.entry("a-1", wire))
    assert entry == {"custom_id": "a-1", "method": "POST", "url": "/v1/responses", "body": {"input": []}}
    assert json.loads(found.submit([], "f", "job", wire).body)["endpoint"] == "/v1/responses"
