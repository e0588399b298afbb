"""The Messages API by the `anthropic` package, with breakpoints of the prompt cache as its guide sets them."""

from __future__ import annotations

import base64
from collections.abc import Callable
from importlib import import_module
from typing import Any

from tests.providers.conversations import (
    CITY,
    KEY,
    NOTES_WRITTEN_OUT,
    ODD_PROMPT,
    ODD_REPLY,
    PDF,
    PNG,
    REDACTED,
    SIGNATURE,
)
from tests.tools.sdk_calls.typed_dicts import typed_dict_complaints

SDK = "anthropic"

Item = dict[str, Any]

WEATHER: Item = {"name": "weather", "description": "Tells the weather.", "input_schema": CITY}
SEARCH: Item = {"type": "web_search_20250305", "name": "web_search"}
FOREIGN_AS_ALLOWED = "functions_weather_0"

_SAMPLING = ("temperature", "top_p")


def new_client(respond: Callable[[Any], tuple[str, bytes]]) -> Any:
    """A client whose requests `respond` answers, with a content type and a body."""
    anthropic, httpx = import_module("anthropic"), import_module("httpx2")

    def handler(request: Any) -> Any:
        kind, body = respond(request)
        return httpx.Response(200, headers={"content-type": kind}, content=body)

    http = httpx.Client(transport=httpx.MockTransport(handler))
    return anthropic.Anthropic(api_key=KEY, http_client=http)


def complaints(body: Item) -> list[str]:
    """What the types of the package have against a body, but for the sampling that older models still take."""
    types = import_module("anthropic.types.message_create_params")
    known = {name: value for name, value in body.items() if name not in _SAMPLING}
    return typed_dict_complaints(types.MessageCreateParamsStreaming, known, "anthropic.types")


def user(content: str | list[Item]) -> Item:
    return {"role": "user", "content": content}


def assistant(content: str | list[Item]) -> Item:
    return {"role": "assistant", "content": content}


def text(words: str) -> Item:
    return {"type": "text", "text": words}


def use(call_id: str, city: str) -> Item:
    return {"type": "tool_use", "id": call_id, "name": "weather", "input": {"city": city}}


def result(call_id: str, content: str, **more: Any) -> Item:
    return {"type": "tool_result", "tool_use_id": call_id, "content": content, **more}


def inline(kind: str, media_type: str, data: bytes) -> Item:
    source = {"type": "base64", "media_type": media_type, "data": base64.b64encode(data).decode()}
    return {"type": kind, "source": source}


def ask(client: Any, *messages: Item, **more: Any) -> None:
    """Open the stream, with automatic caching."""
    with client.messages.stream(
        model=more.pop("model", "claude-haiku-4-5"),
        max_tokens=more.pop("max_tokens", 64_000),
        messages=list(messages),
        cache_control={"type": "ephemeral"},
        **more,
    ):
        pass


def think(client: Any, *messages: Item, effort: str, **more: Any) -> None:
    """The same of a model that thinks as much as it sees fit."""
    ask(
        client,
        *messages,
        model="claude-opus-5",
        thinking={"type": "adaptive", "display": "summarized"},
        output_config={"effort": effort},
        **more,
    )


CALLS: dict[str, Callable[[Any], None]] = {
    "system prompt": lambda c: ask(c, user("What is the capital of France?"), system="Be brief."),
    "several turns": lambda c: ask(
        c,
        user("Hi"),
        assistant("Hello."),
        user("How are you?"),
        assistant("Well, thank you."),
        user("Bye"),
    ),
    "image": lambda c: ask(c, user([text("What is this?"), inline("image", "image/png", PNG)])),
    "files": lambda c: ask(
        c,
        user(
            [
                text("Compare these."),
                inline("document", "application/pdf", PDF),
                text(NOTES_WRITTEN_OUT),
            ]
        ),
    ),
    "one tool call": lambda c: ask(
        c,
        user("Weather in Rome?"),
        assistant([text("Let me see."), use("call_1", "Rome")]),
        user([result("call_1", "Sunny, 20 °C")]),
        tools=[WEATHER],
    ),
    "parallel calls": lambda c: ask(
        c,
        user("Weather in Rome and Oslo?"),
        assistant([use("call_1", "Rome"), use("call_2", "Oslo")]),
        user([result("call_1", "Sunny"), result("call_2", "Snow")]),
        assistant("Sunny in Rome, snow in Oslo."),
        user("Thanks."),
        tools=[WEATHER],
    ),
    "tool error": lambda c: ask(
        c,
        user("Weather in Atlantis?"),
        assistant([use("call_1", "Atlantis")]),
        user([result("call_1", "No such city.", is_error=True)]),
        tools=[WEATHER],
    ),
    "rounds of tools": lambda c: ask(
        c,
        user("Weather in Rome and Oslo?"),
        assistant([text("Let me see."), use("call_1", "Rome"), use("call_2", "Oslo")]),
        user([result("call_1", "Sunny"), result("call_2", "No such city.", is_error=True)]),
        assistant([use("call_3", "Bergen")]),
        user([result("call_3", "Rain")]),
        assistant("Sunny in Rome, rain in Bergen."),
        user("Thanks."),
        tools=[WEATHER],
    ),
    "thinking in a tool loop": lambda c: think(
        c,
        user("Weather in Rome?"),
        assistant(
            [
                {"type": "thinking", "thinking": "I need the weather.", "signature": SIGNATURE},
                REDACTED,
                use("call_1", "Rome"),
            ]
        ),
        user([result("call_1", "Sunny")]),
        tools=[WEATHER],
        effort="medium",
    ),
    # Roles alternate: what one side says in several messages is one.
    "edited history": lambda c: ask(
        c,
        user([text("Tell me a joke."), text("Tell me a riddle.")]),
        assistant([text("What has keys but"), text("cannot open a door?")]),
        user("Go on."),
    ),
    "foreign history": lambda c: ask(
        c,
        user("Weather in Rome?"),
        assistant([use(FOREIGN_AS_ALLOWED, "Rome")]),
        user([result(FOREIGN_AS_ALLOWED, "Sunny")]),
        assistant("Sunny."),
        user("Thanks."),
        tools=[WEATHER],
    ),
    # The model takes temperature or top_p; the package names neither any more. There is no seed.
    "structured output": lambda c: ask(
        c,
        user("Name a city."),
        max_tokens=300,
        stop_sequences=["END"],
        output_config={"format": {"type": "json_schema", "schema": CITY}},
        extra_body={"temperature": 0.5},
    ),
    "high effort with tools and search": lambda c: think(
        c, user("Weather in Rome?"), tools=[WEATHER, SEARCH], effort="high"
    ),
    "odd text": lambda c: ask(
        c,
        user(ODD_PROMPT),
        assistant([text(ODD_REPLY), use("call_1", "Zürich 🏔 \u2028")]),
        user([result("call_1", ODD_PROMPT)]),
        tools=[WEATHER],
    ),
}
