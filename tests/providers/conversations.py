"""A fixed set of conversations, as core values: what each adapter must put into words for its service.

`tests/tools/make_request_fixtures.py` says the same with the official SDKs, `test_sdk_requests` compares.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from chatterm.backend.providers.base import Endpoint, Limits, ProviderAdapter, WireRequest
from chatterm.backend.providers.registry import adapter_of, service, service_at
from chatterm.core.messages import (
    Citation,
    CitationsPart,
    FilePart,
    ImagePart,
    Message,
    OpaquePart,
    Part,
    Role,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
)
from chatterm.core.turn import Parameters, ToolSpec, TurnRequest

KEY = "the-key"

PNG = b"\x89PNG\r\n\x1a\nnot really"
PDF = b"%PDF-1.7\n%%EOF\n"
NOTES = b"first line\nsecond line\n"
NOTES_WRITTEN_OUT = "--- File: notes.txt ---\nfirst line\nsecond line\n--- End of notes.txt ---"
BLOBS = {"11": PNG, "22": PDF, "33": NOTES}

CITY: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": "Where."}},
    "required": ["city"],
    "additionalProperties": False,
}
WEATHER = ToolSpec(name="weather", description="Tells the weather.", parameters=CITY)

FOREIGN_ID = "functions.weather:0"
"""The id of a tool call as some services make them, and as others refuse them."""

ODD_PROMPT = (
    '\u202bשלום\u202c 👩\u200d👩\u200d👧\u200d👦 e\u0301 \u2028 \ufeff \x7f \\ " </script> \U0010ffff'
)
ODD_REPLY = "日本語\t🏔\r\n\u0000 ﷽"
ODD_ARGUMENTS = '{"city": "Zürich 🏔 \\u2028"}'

SIGNATURE = "c2lnbmVkIGJ5IHRoZSBtYWtlcg=="
THOUGHT_SIGNATURE = "c2lnbmVkIGJ5IEdlbWluaQ=="
SEALED = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAsealed"}
REDACTED = {"type": "redacted_thinking", "data": "RWRhY3RlZA=="}
DETAILS = [{"type": "reasoning.text", "text": "I need the weather.", "signature": "or-sig", "index": 0}]


@dataclass(frozen=True)
class Models:
    """One that takes all sampling parameters, and one that thinks."""

    plain: str
    thinking: str


ADAPTERS: dict[str, Models] = {
    "openai_chat": Models("gpt-4.1", "gpt-5.5"),
    "openai_responses": Models("gpt-4.1", "gpt-5.5"),
    "anthropic": Models("claude-haiku-4-5", "claude-opus-5"),
    "gemini": Models("gemini-2.5-flash", "gemini-3.6-flash"),
    "ollama": Models("llama3.2", "gpt-oss:20b"),
    "mistral": Models("mistral-large-2512", "mistral-medium-3-5"),
    "openrouter": Models("openai/gpt-4.1", "anthropic/claude-opus-5"),
}
"""The wire formats, and two services that speak Chat Completions in ways of their own."""


def wire(name: str) -> ProviderAdapter:
    """The adapter of this name, as it speaks to the maker of the format."""
    if name in ("openai_chat", "openai_responses"):
        return adapter_of(service_at("openai", name, None))
    return adapter_of(service(name))


def base_url(name: str) -> str:
    """The service's own address."""
    return service("openai" if name.startswith("openai_") else name).base_url


def own_parts(name: str) -> tuple[Part, ...]:
    """The thinking of a reply that calls a tool, with what must go back unmodified, before the call."""
    thought = ThinkingPart("I need the weather.")
    match name:
        case "anthropic":
            signed = OpaquePart(name, json.dumps({"type": "thinking", "signature": SIGNATURE}))
            return thought, signed, OpaquePart(name, json.dumps(REDACTED))
        case "openai_responses":
            return thought, OpaquePart("openai_responses/openai", json.dumps(SEALED))
        case _:
            return (thought,)


def own_parts_behind(name: str) -> tuple[Part, ...]:
    """What must go back unmodified, behind the call."""
    match name:
        case "gemini":
            return (OpaquePart(name, json.dumps({"signature": THOUGHT_SIGNATURE})),)
        case "openrouter":
            return (OpaquePart("openrouter/anthropic", json.dumps(DETAILS)),)
        case _:
            return ()


def said(role: Role, *parts: Part | str) -> Message:
    """A message; strings are text."""
    return Message(role=role, parts=tuple(TextPart(p) if isinstance(p, str) else p for p in parts))


def called(call_id: str, arguments: str = '{"city": "Rome"}') -> ToolCallPart:
    """A call of the tool."""
    return ToolCallPart(call_id, "weather", arguments)


def _request(*messages: Message, **fields: Any) -> TurnRequest:
    return TurnRequest(model="", messages=messages, **fields)


def _one_tool_call(name: str) -> TurnRequest:
    return _request(
        said("user", "Weather in Rome?"),
        said("assistant", "Let me see.", called("call_1")),
        said("tool", ToolResultPart("call_1", "Sunny, 20 °C")),
        tools=(WEATHER,),
    )


def _parallel_calls(name: str) -> TurnRequest:
    return _request(
        said("user", "Weather in Rome and Oslo?"),
        said("assistant", called("call_1"), called("call_2", '{"city": "Oslo"}')),
        said("tool", ToolResultPart("call_1", "Sunny"), ToolResultPart("call_2", "Snow")),
        said("assistant", "Sunny in Rome, snow in Oslo."),
        said("user", "Thanks."),
        tools=(WEATHER,),
    )


def _tool_error(name: str) -> TurnRequest:
    return _request(
        said("user", "Weather in Atlantis?"),
        said("assistant", called("call_1", '{"city": "Atlantis"}')),
        said("tool", ToolResultPart("call_1", "No such city.", is_error=True)),
        tools=(WEATHER,),
    )


def _rounds_of_tools(name: str) -> TurnRequest:
    """Three responses of one reply, of the tools some in vain, and the next prompt."""
    return _request(
        said("user", "Weather in Rome and Oslo?"),
        said("assistant", "Let me see.", called("call_1"), called("call_2", '{"city": "Oslo"}')),
        said(
            "tool",
            ToolResultPart("call_1", "Sunny"),
            ToolResultPart("call_2", "No such city.", is_error=True),
        ),
        said("assistant", called("call_3", '{"city": "Bergen"}')),
        said("tool", ToolResultPart("call_3", "Rain")),
        said("assistant", "Sunny in Rome, rain in Bergen."),
        said("user", "Thanks."),
        tools=(WEATHER,),
    )


def _thinking_loop(name: str) -> TurnRequest:
    return _request(
        said("user", "Weather in Rome?"),
        said("assistant", *own_parts(name), called("call_1"), *own_parts_behind(name)),
        said("tool", ToolResultPart("call_1", "Sunny")),
        tools=(WEATHER,),
        parameters=Parameters(effort="medium"),
    )


def _edited_history(name: str) -> TurnRequest:
    return _request(
        said("user", "Tell me a joke."),
        said("assistant"),
        said("user", "Tell me a riddle."),
        said("assistant", "What has keys but"),
        said("assistant", "cannot open a door?"),
        said("user", "Go on."),
    )


def _foreign_history(name: str) -> TurnRequest:
    """Everything that any other provider sent to be sent back is in it."""
    others = [other for other in ADAPTERS if other != name]
    before = [part for other in others for part in own_parts(other)]
    behind = [part for other in others for part in own_parts_behind(other)]
    return _request(
        said("user", "Weather in Rome?"),
        said("assistant", *before, called(FOREIGN_ID), *behind),
        said("tool", ToolResultPart(FOREIGN_ID, "Sunny")),
        said("assistant", "Sunny.", CitationsPart((Citation("https://weather.example", "Weather"),))),
        said("user", "Thanks."),
        tools=(WEATHER,),
    )


def _structured(name: str) -> TurnRequest:
    asked = Parameters(temperature=0.5, top_p=0.9, seed=7, max_tokens=300, stop=("END",), schema=CITY)
    return _request(said("user", "Name a city."), parameters=asked)


def _high_effort(name: str) -> TurnRequest:
    asked = Parameters(effort="high", web_search=True)
    return _request(said("user", "Weather in Rome?"), tools=(WEATHER,), parameters=asked)


def _odd_text(name: str) -> TurnRequest:
    return _request(
        said("user", ODD_PROMPT),
        said("assistant", ODD_REPLY, called("call_1", ODD_ARGUMENTS)),
        said("tool", ToolResultPart("call_1", ODD_PROMPT)),
        tools=(WEATHER,),
    )


CONVERSATIONS: dict[str, Callable[[str], TurnRequest]] = {
    "system prompt": lambda _: _request(said("user", "What is the capital of France?"), system="Be brief."),
    "several turns": lambda _: _request(
        said("user", "Hi"),
        said("assistant", "Hello."),
        said("user", "How are you?"),
        said("assistant", "Well, thank you."),
        said("user", "Bye"),
    ),
    "image": lambda _: _request(said("user", "What is this?", ImagePart("image/png", "11", "cat.png"))),
    "files": lambda _: _request(
        said(
            "user",
            "Compare these.",
            FilePart("report.pdf", "application/pdf", "22"),
            FilePart("notes.txt", "text/plain", "33"),
        )
    ),
    "one tool call": _one_tool_call,
    "parallel calls": _parallel_calls,
    "tool error": _tool_error,
    "rounds of tools": _rounds_of_tools,
    "thinking in a tool loop": _thinking_loop,
    "edited history": _edited_history,
    "foreign history": _foreign_history,
    "structured output": _structured,
    "high effort with tools and search": _high_effort,
    "odd text": _odd_text,
}
"""By name; each is made for an adapter, as what goes back unmodified is its own."""

_THINKING = {"thinking in a tool loop", "high effort with tools and search"}


def request_of(name: str, conversation: str) -> TurnRequest:
    """The conversation as it is put to the adapter."""
    models = ADAPTERS[name]
    model = models.thinking if conversation in _THINKING else models.plain
    return replace(CONVERSATIONS[conversation](name), model=model)


def encoded(name: str, request: TurnRequest) -> WireRequest:
    """What the adapter makes of a request."""
    endpoint = Endpoint(provider=name, base_url=base_url(name), api_key=KEY)
    return wire_request(wire(name), request, endpoint, BLOBS)


def wire_request(
    adapter: ProviderAdapter,
    request: TurnRequest,
    endpoint: Endpoint,
    blobs: Mapping[str, bytes],
    limits: Limits | None = None,
) -> WireRequest:
    """The request as it goes out, each message encoded as for its model."""
    variant = adapter.variant(request.model)
    encoded = [adapter.encode_message(each, variant, blobs.__getitem__) for each in request.messages]
    return adapter.build_request(request, encoded, endpoint, limits or Limits())
