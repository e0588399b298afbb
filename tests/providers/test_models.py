"""Lists of models, as services send them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatterm.backend.providers.base import Endpoint, Limits, ModelInfo
from chatterm.backend.providers.ollama import loaded_models, loaded_request
from chatterm.backend.providers.registry import adapter
from chatterm.core.errors import ProtocolError
from tests.providers.replay import SHARED_FOLDER


def listed(name: str, value: Any) -> list[ModelInfo]:
    return adapter(name).parse_models(json.dumps(value).encode(), name)


def shared(path: str) -> bytes:
    file = SHARED_FOLDER / path
    if not file.is_file():
        pytest.skip(f"no recording {file}; CHATTERM_RECORDINGS names another folder")
    return json.loads(file.read_text(encoding="utf-8"))["response"]["body_text"].encode()


@pytest.mark.parametrize(
    ("name", "url"),
    [("openai", "http://h/v1/models"), ("ollama", "http://h/v1/api/tags"), ("perplexity", None)],
)
def test_where_the_list_is(name: str, url: str | None) -> None:
    endpoint = Endpoint(provider=name, base_url="http://h/v1/", api_key="k")
    request = adapter(name).models_request(endpoint, Limits())
    assert (request.url if request else None) == url
    if request:
        assert (request.method, request.body, request.framing) == ("GET", b"", None)
        assert request.headers["authorization"] == "Bearer k"


def test_openais_list_holds_only_what_chats() -> None:
    ids = {model.id for model in adapter("openai").parse_models(shared("openai/models.json"), "openai")}
    assert {"gpt-4o", "gpt-5.4", "o3", "gpt-5-chat-latest", "gpt-4o-search-preview"} <= ids
    assert not ids & {"whisper-1", "tts-1", "dall-e-3", "text-embedding-3-small", "gpt-4o-realtime-preview"}
    assert not ids & {
        "gpt-image-1",
        "sora-2",
        "gpt-3.5-turbo-instruct",
        "o1-pro",
        "gpt-5-codex",
        "davinci-002",
    }


def test_openrouters_list_tells_context_and_images() -> None:
    models = adapter("openrouter").parse_models(shared("openrouter/models.json"), "openrouter")
    assert len(models) > 100
    assert all(model.context_tokens for model in models)
    assert {model.images for model in models} == {True, False}
    assert {model.thinking for model in models} == {True, False, None}  # some name no parameters
    assert all(model.name for model in models)


def test_openrouters_list_tells_prices_limits_and_abilities() -> None:
    models = {
        model.id: model
        for model in adapter("openrouter").parse_models(shared("openrouter/models.json"), "openrouter")
    }
    seed = models["bytedance-seed/seed-1.6-flash"]
    assert (seed.price_input, seed.price_output, seed.output_tokens) == (0.075, 0.3, 16_384)
    assert (seed.images, seed.files, seed.tools, seed.thinking) == (True, False, True, True)
    assert models["openrouter/auto"].price_input is None  # -1: it depends on the model that answers
    assert sum(model.price_cache_read is not None for model in models.values()) == 81
    assert sum(bool(model.files) for model in models.values()) > 40


def test_mistrals_list_tells_abilities_and_the_end() -> None:
    models = {
        model.id: model for model in adapter("mistral").parse_models(shared("mistral/models.json"), "mistral")
    }
    assert models["mistral-medium-2505"].tools is True
    assert models["mistral-medium-2505"].retires_on is None
    ending = {model.retires_on for model in models.values() if model.deprecated}
    assert ending == {"2026-01-31"}


@pytest.mark.parametrize(
    ("name", "path", "model"),
    [
        ("anthropic", "anthropic/models.json", "claude-opus-4-5-20251101"),
        ("deepseek", "deepseek/models.json", "deepseek-v4-flash"),
        ("openai", "openai/models.json", "gpt-5.4"),
    ],
)
def test_lists_that_tell_little_leave_the_rest_unknown(name: str, path: str, model: str) -> None:
    models = {each.id: each for each in adapter(name).parse_models(shared(path), name)}
    found = models[model]
    assert (found.context_tokens, found.price_input, found.tools, found.loaded) == (None, None, None, None)


def test_what_anthropic_tells_since_2026() -> None:
    entry = {
        "id": "claude-x",
        "max_input_tokens": 1_000_000,
        "max_tokens": 64_000,
        "capabilities": {"image_input": {"supported": True}, "pdf_input": {"supported": False}},
        "lifecycle": "deprecated",
        "retires_at": "2027-02-01T00:00:00Z",
    }
    (model,) = listed("anthropic", {"data": [entry]})
    assert (model.context_tokens, model.output_tokens) == (1_000_000, 64_000)
    assert (model.images, model.files, model.thinking) == (True, False, None)
    assert (model.deprecated, model.retires_on) == (True, "2027-02-01")


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"pricing": {"input": 0.18, "output": 0.59}}, {"price_input": 0.18, "price_output": 0.59}),
        ({"pricing": {"prompt": "0", "completion": "0"}}, {"price_input": 0.0, "price_output": 0.0}),
        ({"pricing": {"prompt": "-1", "completion": "NaN", "input": True}}, {}),
        ({"pricing": "dear"}, {}),
        ({"max_input_tokens": 9, "max_output_tokens": 4}, {"context_tokens": 9, "output_tokens": 4}),
        ({"context_window": 9, "max_completion_tokens": 4}, {"context_tokens": 9, "output_tokens": 4}),
        ({"meta": {"n_ctx": 512, "size": 474_000}}, {"context_tokens": 512, "size_bytes": 474_000}),
        ({"shutdown_date": "2026-12-31"}, {"retires_on": "2026-12-31"}),
        ({"expiration_date": 1_800_000_000}, {}),
    ],
)
def test_what_lists_of_other_servers_tell(entry: dict[str, Any], told: dict[str, Any]) -> None:
    (model,) = listed("custom", {"data": [{"id": "m"} | entry]})
    assert model == ModelInfo(provider="custom", id="m", **told)


def test_mistrals_list_leaves_out_embeddings() -> None:
    models = {
        model.id: model for model in adapter("mistral").parse_models(shared("mistral/models.json"), "mistral")
    }
    assert "mistral-embed" not in models
    assert models["mistral-medium"].context_tokens == 131072
    assert models["mistral-medium"].images is True


@pytest.mark.parametrize(
    ("entry", "context"),
    [
        ({"max_model_len": 5}, 5),
        ({"max_input_tokens": 6}, 6),
        ({"context_window": 7}, 7),
        ({"meta": {"n_ctx": 8, "n_ctx_train": 9}}, 8),
        ({"meta": {"n_ctx_train": 9}}, None),
        ({"context_length": "many"}, None),
        ({}, None),
    ],
)
def test_context_under_its_names(entry: dict[str, Any], context: int | None) -> None:
    (model,) = listed("custom", {"data": [{"id": "m"} | entry]})
    assert model == ModelInfo(provider="custom", id="m", context_tokens=context)


def test_ollamas_list() -> None:
    tags = {
        "models": [
            {"name": "llama3:8b", "model": "llama3:8b", "size": 5_000_000, "details": {"family": "llama"}},
            {"name": "qwen3", "size": 7, "capabilities": ["completion", "vision", "thinking"]},
            {"name": "nomic-embed", "capabilities": ["embedding"]},
        ]
    }
    assert listed("ollama", tags) == [
        ModelInfo(provider="ollama", id="llama3:8b", size_bytes=5_000_000),
        ModelInfo(provider="ollama", id="qwen3", size_bytes=7, images=True, tools=False, thinking=True),
    ]


def test_anthropics_list_tells_limits_and_capabilities() -> None:
    told = {
        "type": "model",
        "id": "claude-opus-5",
        "display_name": "Claude Opus 5",
        "lifecycle": "deprecated",
        "retires_at": "2027-03-01T00:00:00Z",
        "max_input_tokens": 1_000_000,
        "max_tokens": 128_000,
        "capabilities": {
            "image_input": {"supported": True},
            "pdf_input": {"supported": False},
            "thinking": {"supported": True, "types": {"adaptive": {"supported": True}}},
        },
    }
    bare = {"id": "claude-3-haiku-20240307", "display_name": "Claude Haiku 3", "capabilities": None}
    retired = {"id": "claude-2.1", "lifecycle": "retired"}
    assert listed("anthropic", {"data": [told, bare, retired], "has_more": False}) == [
        ModelInfo(
            provider="anthropic",
            id="claude-opus-5",
            name="Claude Opus 5",
            context_tokens=1_000_000,
            output_tokens=128_000,
            images=True,
            files=False,
            thinking=True,
            deprecated=True,
            retires_on="2027-03-01",
        ),
        ModelInfo(provider="anthropic", id="claude-3-haiku-20240307", name="Claude Haiku 3"),
    ]
    models = adapter("anthropic").parse_models(shared("anthropic/models.json"), "anthropic")
    assert len(models) == 10
    assert models[0] == ModelInfo(provider="anthropic", id="claude-opus-4-5-20251101", name="Claude Opus 4.5")


def test_geminis_list_tells_limits_and_thinking() -> None:
    chats = {
        "name": "models/gemini-3-pro",
        "displayName": "Gemini\x1b 3 Pro",
        "inputTokenLimit": 1_048_576,
        "outputTokenLimit": 65_536,
        "supportedGenerationMethods": ["generateContent", "countTokens"],
        "thinking": True,
    }
    embeds = {"name": "models/gemini-embedding-001", "supportedGenerationMethods": ["embedContent"]}
    speaks = {
        "name": "models/gemini-2.5-flash-preview-tts",
        "supportedGenerationMethods": ["generateContent"],
    }
    assert listed("gemini", {"models": [chats, embeds, speaks, {"name": "mine"}], "nextPageToken": "x"}) == [
        ModelInfo(
            provider="gemini",
            id="gemini-3-pro",
            name="Gemini␛ 3 Pro",
            context_tokens=1_048_576,
            output_tokens=65_536,
            thinking=True,
        ),
        ModelInfo(provider="gemini", id="mine"),
    ]
    assert adapter("gemini").parse_models(shared("gemini/models-2.json"), "gemini") == []


def test_geminis_list_comes_on_one_page_and_the_key_in_a_header() -> None:
    endpoint = Endpoint(provider="gemini", base_url="https://h", api_key="k")
    request = adapter("gemini").models_request(endpoint, Limits())
    assert request is not None
    assert request.url == "https://h/v1beta/models?pageSize=1000"
    assert request.headers["x-goog-api-key"] == "k"
    assert (request.method, request.body, request.framing) == ("GET", b"", None)


def test_the_models_that_ollama_has_in_memory() -> None:
    request = loaded_request(Endpoint(provider="ollama", base_url="http://h:1/"), Limits())
    assert (request.method, request.url, request.framing) == ("GET", "http://h:1/api/ps", None)
    assert loaded_models(b'{"models":[{"name":"llama3:latest","size_vram":1}]}') == {"llama3:latest"}
    assert loaded_models(b'{"models":[]}') == frozenset()
    with pytest.raises(ProtocolError):
        loaded_models(b"404 page not found")


def test_a_service_without_a_list_has_its_known_models() -> None:
    models = adapter("perplexity").parse_models(b"", "pplx")
    assert ModelInfo(provider="pplx", id="sonar-pro") in models


def test_lists_of_other_shapes() -> None:
    assert [
        model.id for model in listed("together", [{"id": "a", "type": "chat"}, {"id": "b", "type": "image"}])
    ] == ["a"]
    assert listed("openai", {"data": []}) == []
    assert listed("openai", {"object": "list", "data": None, "models": [{"id": "a"}]})[0].id == "a"


def test_bad_entries_are_left_out_and_names_cleaned() -> None:
    entries = [None, 7, {}, {"id": None}, {"id": 7}, {"id": "x" * 513}, {"id": "a", "name": "A\x1b[31m\nB"}]
    entries += [{"id": "b\x1b"}, {"id": "a", "name": "again"}]
    models = listed("custom", {"data": entries})
    assert [model.id for model in models] == ["a", "b\x1b"]  # the id is sent back, hence kept as it is
    assert "\x1b" not in models[0].name


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"data":{}}', b'"x"', b"null", b"[" * 100_000])
def test_no_list_is_an_error(body: bytes) -> None:
    for name in ("openai", "ollama"):
        with pytest.raises(ProtocolError, match=f"{name} sent no list of models") as caught:
            adapter(name).parse_models(body, name)
        assert caught.value.provider == name


@given(st.binary(max_size=40))
def test_any_body_gives_a_list_or_an_error(body: bytes) -> None:
    try:
        assert isinstance(adapter("ollama").parse_models(body, "x"), list)
    except ProtocolError as error:
        assert error.hint
