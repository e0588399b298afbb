"""How each wire format is asked to go on with a reply, and which models are."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chatterm.backend.continuing import asked_on
from chatterm.backend.providers import registry
from chatterm.backend.providers.base import Endpoint, ProviderAdapter, WireRequest
from chatterm.core.turn import Parameters, TurnRequest
from tests.providers.conversations import said, wire_request

REPLY = said("assistant", "The river rises \n")
PROMPT = said("user", "tell me")


def adapter(service: str) -> ProviderAdapter:
    return registry.adapter_of(registry.service_at(service, None, None))


def wire(
    service: str, model: str, base_url: str = "https://host/v1", again: str = "", **asked: Any
) -> WireRequest:
    """The request that goes on with the reply, in words where there are some to say again."""
    messages = (PROMPT, *asked_on(REPLY, again))
    request = TurnRequest(model=model, messages=messages, continued=REPLY, parameters=Parameters(**asked))
    return wire_request(adapter(service), request, Endpoint(provider=service, base_url=base_url), {})


def body(service: str, model: str, **asked: Any) -> Any:
    return json.loads(wire(service, model, **asked).body)


@pytest.mark.parametrize(
    ("service", "model", "takes"),
    [
        ("mistral", "mistral-large-latest", True),
        ("deepseek", "deepseek-chat", True),
        ("llamacpp", "any", True),
        ("vllm", "any", True),
        ("ollama", "llama3.2", True),
        ("ollama", "gpt-oss:20b", False),
        ("openrouter", "mistralai/mistral-small", True),
        ("openrouter", "openai/gpt-5", False),
        ("openrouter", "anthropic/claude-sonnet-4.6", False),
        ("groq", "llama-3.3-70b-versatile", True),
        ("groq", "openai/gpt-oss-120b", False),
        ("anthropic", "claude-3-5-haiku-20241022", True),
        ("anthropic", "claude-sonnet-5", False),
        ("openai", "gpt-5", False),
        ("gemini", "gemini-3-pro", False),
        ("perplexity", "sonar", False),
        ("custom", "any", False),
    ],
)
def test_who_goes_on_with_a_reply(service: str, model: str, takes: bool) -> None:
    assert adapter(service).takes_prefill(model) is takes


@pytest.mark.parametrize("service", ["mistral", "deepseek"])
def test_a_prefix_says_so(service: str) -> None:
    prefix = {"role": "assistant", "content": "The river rises", "prefix": True}
    assert body(service, "m")["messages"][-1] == prefix


@pytest.mark.parametrize(
    "base", ["https://api.deepseek.com", "https://api.deepseek.com/v1", "https://api.deepseek.com/beta/"]
)
def test_deepseek_has_an_address_for_it(base: str) -> None:
    assert wire("deepseek", "m", base).url == "https://api.deepseek.com/beta/chat/completions"
    in_words = wire("deepseek", "m", "https://api.deepseek.com", again="rises")
    assert in_words.url == "https://api.deepseek.com/chat/completions"


def test_vllm_is_told_not_to_begin_a_message() -> None:
    sent = body("vllm", "m")
    assert (sent["continue_final_message"], sent["add_generation_prompt"]) == (True, False)
    assert "continue_final_message" not in body("vllm", "m", again="rises")


@pytest.mark.parametrize("service", ["llamacpp", "openrouter", "vllm", "ollama"])
def test_others_find_it_last(service: str) -> None:
    assert body(service, "m")["messages"][-1] == {"role": "assistant", "content": "The river rises"}


def test_thinking_is_over_where_the_text_goes_on() -> None:
    assert body("ollama", "m", effort="high")["think"] is False
    assert body("ollama", "m", effort="high", again="rises")["think"] is True
    model = "claude-sonnet-4-20250514"
    assert "thinking" not in body("anthropic", model, effort="high")
    assert "thinking" in body("anthropic", model, effort="high", again="rises")


@pytest.mark.parametrize(
    "service", ["openai", "mistral", "perplexity", "gemini", "anthropic", "ollama", "deepseek"]
)
def test_in_words_the_last_message_is_the_users(service: str) -> None:
    sent = body(service, "m", again="river rises")
    last = (sent.get("messages") or sent.get("input") or sent.get("contents"))[-1]
    assert last["role"] == "user"
    assert "…The river rises" in json.dumps(last, ensure_ascii=False)
    assert "prefix" not in json.dumps(sent)
