"""What local servers tell besides their lists."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatterm.backend.providers.base import Endpoint, Limits, ModelInfo
from chatterm.backend.providers.model_details import (
    details_request,
    show_requests,
    with_details,
    with_shown,
)
from chatterm.backend.providers.ollama_models import delete_request, pull_request, read_progress
from chatterm.core.errors import ProtocolError, ProviderError

ENDPOINT = Endpoint(provider="p", base_url="http://h:1/v1/", api_key="k", headers={"X-Team": "t"})
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    (
        *(
            "models",
            "data",
            "id",
            "model",
            "size",
            "size_vram",
            "state",
            "type",
            "capabilities",
            "modalities",
        ),
        *("default_generation_settings", "model_info", "general.architecture", "status", "error"),
        *("total", "completed"),
    )
)


def model(name: str = "m", **told: object) -> ModelInfo:
    return ModelInfo(provider="p", id=name, **told)  # type: ignore[arg-type]  # a table of fields


def encoded(value: object) -> bytes:
    return json.dumps(value).encode()


@pytest.mark.parametrize(
    ("service", "url"),
    [
        ("ollama", "http://h:1/api/ps"),
        ("llamacpp", "http://h:1/props"),
        ("lmstudio", "http://h:1/api/v0/models"),
        ("openai", None),
    ],
)
def test_where_more_is_told(service: str, url: str | None) -> None:
    request = details_request(service, ENDPOINT, Limits())
    assert (request.url if request else None) == url
    if request:
        assert (request.method, request.headers["authorization"], request.headers["x-team"]) == (
            "GET",
            "Bearer k",
            "t",
        )


def test_what_ollama_has_in_memory() -> None:
    body = {"models": [{"name": "m", "model": "m", "size": 60, "size_vram": 45}]}
    loaded, other = with_details("ollama", [model("m"), model("n")], encoded(body))
    assert (loaded.loaded, loaded.memory_bytes, loaded.gpu_bytes) == (True, 60, 45)
    assert (other.loaded, other.memory_bytes, other.gpu_bytes) == (False, None, None)
    (unknown,) = with_details("ollama", [model("m")], b"404 page not found")
    assert unknown.loaded is None


def test_what_ollama_shows_of_one_model() -> None:
    ((name, request),) = show_requests("ollama", [model("llama3:8b")], ENDPOINT, Limits())
    assert (name, request.method, request.url) == ("llama3:8b", "POST", "http://h:1/api/show")
    assert json.loads(request.body) == {"model": "llama3:8b"}
    assert show_requests("openai", [model()], ENDPOINT, Limits()) == []
    about = {"general.architecture": "llama", "llama.context_length": 131072}
    shown = with_shown(
        model(), encoded({"model_info": about, "capabilities": ["completion", "tools", "vision"]})
    )
    assert shown == model(context_tokens=131072, images=True, tools=True, thinking=False)
    assert with_shown(model(), b"nothing") == model()


def test_llamacpps_properties() -> None:
    body = {
        "default_generation_settings": {"n_ctx": 4096},
        "modalities": {"vision": True, "audio": False},
        "chat_template_caps": {"supports_tools": True},
    }
    (found,) = with_details("llamacpp", [model(context_tokens=131072)], encoded(body))
    assert found == model(context_tokens=4096, images=True, tools=True, loaded=True)
    assert with_details("llamacpp", [model()], b'{"error":{"code":404}}') == [model()]


def test_lm_studios_own_list() -> None:
    entries = [
        {"id": "a", "type": "vlm", "state": "loaded", "max_context_length": 9, "loaded_context_length": 4},
        {
            "id": "b",
            "type": "llm",
            "state": "not-loaded",
            "max_context_length": 9,
            "capabilities": ["tool_use"],
        },
        {"id": "c", "type": "embeddings"},
    ]
    models = with_details("lmstudio", [model(name) for name in "abcd"], encoded({"data": entries}))
    assert models == [
        model("a", context_tokens=4, images=True, loaded=True),
        model("b", context_tokens=9, images=False, tools=True, loaded=False),
        model("d"),
    ]


@given(
    st.dictionaries(NAMES, JSON | st.lists(st.dictionaries(NAMES, JSON, max_size=4), max_size=3), max_size=5)
)
def test_any_answer_is_taken(value: dict[str, object]) -> None:
    body = encoded(value)
    for service in ("ollama", "llamacpp", "lmstudio"):
        assert all(isinstance(each, ModelInfo) for each in with_details(service, [model()], body))
    assert with_shown(model(), body).id == "m"
    try:
        progress = read_progress(body, "m")
    except ProviderError as error:
        assert error.hint
    else:
        assert progress.percent is None or 0 <= progress.percent <= 100


def test_requests_to_fetch_and_to_delete() -> None:
    endpoint = Endpoint(provider="ollama", base_url="http://h:1")
    pull, delete = pull_request("m", endpoint, Limits()), delete_request("m", endpoint, Limits())
    assert (pull.method, pull.url, pull.framing) == ("POST", "http://h:1/api/pull", "ndjson")
    assert pull.limits.event_gap_seconds > 600  # checking a large model takes minutes without a word
    assert (delete.method, delete.url, delete.framing) == ("DELETE", "http://h:1/api/delete", None)
    with pytest.raises(ProtocolError):
        read_progress(b"<html>", "m")
