"""The parameter that a provider does not take is found in its own words, so that it can be left out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatterm.backend.providers.complaints import complaint_of
from chatterm.backend.providers.refused_parameters import refused_parameter
from chatterm.backend.providers.registry import adapter
from chatterm.core.errors import BadRequestError
from tests.cpu_time import in_proportion


def _error(message: str, param: str | None = None, code: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}


REFUSALS: list[tuple[Any, str | None]] = [
    # OpenAI and Azure
    (
        _error(
            "Unsupported parameter: 'stop' is not supported with this model.", "stop", "unsupported_parameter"
        ),
        "stop",
    ),
    (
        _error(
            "Unsupported value: 'temperature' does not support 0.5 with this model. Only the default (1) value "
            "is supported.",
            "temperature",
            "unsupported_value",
        ),
        "temperature",
    ),
    (
        _error("Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens'."),
        "max_tokens",
    ),
    (_error("Unrecognized request argument supplied: stream_options"), "stream_options"),
    (
        _error("Unknown parameter: 'reasoning.summary'.", "reasoning.summary", "unknown_parameter"),
        "reasoning.summary",
    ),
    (_error("Unknown parameter: 'tools[0].strict'.", "tools[0].strict", "unknown_parameter"), None),
    (
        _error("Your organization must be verified to stream this model.", "stream", "unsupported_value"),
        None,
    ),
    (_error("The model `x` is not supported.", "model", "unsupported_value"), None),
    (
        _error(
            "Unsupported value: 'messages[0].role' does not support 'system'.",
            "messages[0].role",
            "unsupported_value",
        ),
        None,
    ),
    (
        _error(
            "Invalid value for 'temperature': must be at most 2.", "temperature", "decimal_above_max_value"
        ),
        None,
    ),
    # FastAPI, older and newer; Mistral puts it into the message
    (
        {
            "detail": [
                {"loc": ["body", "top_k"], "msg": "extra fields not permitted", "type": "value_error.extra"}
            ]
        },
        "top_k",
    ),
    (
        {
            "object": "error",
            "message": {
                "detail": [
                    {
                        "type": "extra_forbidden",
                        "loc": ["body", "seed"],
                        "msg": "Extra inputs are not permitted",
                    }
                ]
            },
            "type": "invalid_request_error",
        },
        "seed",
    ),
    (
        {
            "detail": [
                {"loc": ["body", "temperature"], "msg": "should be at most 1.5", "type": "less_than_equal"}
            ]
        },
        None,
    ),
    # Anthropic
    (
        {
            "type": "error",
            "error": {"type": "invalid_request_error", "message": "top_k: Extra inputs are not permitted"},
        },
        "top_k",
    ),
    (
        {
            "error": {
                "type": "invalid_request_error",
                "message": "`temperature` is deprecated for this model.",
            }
        },
        "temperature",
    ),
    (
        _error("`temperature` and `top_p` cannot both be specified for this model. Please use only one."),
        "top_p",
    ),
    (_error("temperature: range: 0..1"), None),
    # Gemini
    (
        {
            "error": {
                "code": 400,
                "message": "Invalid JSON payload received. Unknown name \"top_x\" at 'generation_config': "
                "Cannot find field.",
                "status": "INVALID_ARGUMENT",
            }
        },
        "generationConfig.top_x",
    ),
    # Groq, Cerebras, xAI, LiteLLM
    (_error("property 'logprobs' is unsupported"), "logprobs"),
    (_error("`reasoning_effort` is not supported with this model", "reasoning_effort"), "reasoning_effort"),
    (
        {"code": "invalid-argument", "error": "Model grok-4 does not support parameter reasoningEffort."},
        "reasoning_effort",
    ),
    ({"code": "x", "error": "Argument not supported on this model: stop"}, "stop"),
    (
        _error("litellm.UnsupportedParamsError: openai does not support parameters: ['seed'], for model=x"),
        "seed",
    ),
    (_error("chat() got an unexpected keyword argument 'min_p'"), "min_p"),
    # models and servers without tools
    (
        _error('"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'),
        "tools",
    ),
    (_error("tools param requires --jinja flag"), "tools"),
    ({"error": "registry.ollama.ai/library/gemma:2b does not support tools"}, "tools"),
    ({"error": {"message": "No endpoints found that support tool use.", "code": 404}}, "tools"),
    # what is inside a parameter is not the parameter
    (
        _error("Invalid schema for response_format 'reply': 'oneOf' is not permitted.", "response_format"),
        "one_of",
    ),
    (_error("messages.1.content.0: unexpected `tool_use_id` found in `tool_result` blocks"), None),
    # nothing of the kind
    (_error("Rate limit reached"), None),
    (_error("Country, region, or territory not supported"), None),
    ({}, None),
]


@pytest.mark.parametrize(("body", "name"), REFUSALS)
def test_the_refused_parameter_is_named(body: Any, name: str | None) -> None:
    assert refused_parameter(complaint_of(body)) == name
    error = adapter("openai").parse_error(400, {}, json.dumps(body).encode())
    assert type(error) is BadRequestError
    assert error.parameter == name


def test_ollama_names_thinking_by_its_own_word() -> None:
    error = adapter("ollama").parse_error(400, {}, b'{"error": "\\"gemma\\" does not support thinking"}')
    assert isinstance(error, BadRequestError)
    assert error.parameter == "think"


@given(st.text(max_size=300), st.text(max_size=20))
def test_any_text_is_read(text: str, param: str) -> None:
    name = refused_parameter(complaint_of(_error(f"unsupported {text}", param)))
    assert name is None or name


def test_a_long_text_takes_no_longer_than_its_length() -> None:
    def read(text: str) -> None:
        refused_parameter(complaint_of(_error(text)))

    long = "not supported " + "a." * 1000
    assert in_proportion(lambda: read(long[: len(long) // 4]), lambda: read(long)) is None
