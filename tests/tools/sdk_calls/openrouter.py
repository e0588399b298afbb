"""OpenRouter by the `openai` package, as OpenRouter's documentation has it: its own fields in `extra_body`."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from tests.providers.conversations import DETAILS, KEY
from tests.tools.sdk_calls.openai_chat import (
    EDITED,
    FILES_PROMPT,
    FOREIGN,
    FORM,
    LOOP,
    ODD,
    ONE_CALL,
    PARALLEL,
    PICTURE_PROMPT,
    ROUNDS,
    SEVERAL_TURNS,
    TOOL_ERROR,
    WEATHER,
    Item,
    user,
)
from tests.tools.sdk_calls.openai_chat import complaints as openai_complaints

SDK = "openai"
MODEL, THINKING_MODEL = "openai/gpt-4.1", "anthropic/claude-opus-5"

_OWN_FIELDS = ("reasoning", "plugins")


def new_client(respond: Callable[[Any], tuple[str, bytes]]) -> Any:
    """A client whose requests `respond` answers, with a content type and a body."""
    openai, httpx = import_module("openai"), import_module("httpx2")

    def handler(request: Any) -> Any:
        kind, body = respond(request)
        return httpx.Response(200, headers={"content-type": kind}, content=body)

    return openai.OpenAI(
        base_url="https://openrouter.ai/api/v1",
        api_key=KEY,
        http_client=httpx.Client(transport=httpx.MockTransport(handler)),
    )


def complaints(body: Item) -> list[str]:
    """What the types of the package have against a body, but for OpenRouter's own fields."""
    plain = {name: value for name, value in body.items() if name not in _OWN_FIELDS}
    plain["messages"] = [
        {name: value for name, value in message.items() if name != "reasoning_details"}
        for message in body["messages"]
    ]
    return openai_complaints(plain)


def ask(client: Any, *messages: Item, **more: Any) -> None:
    """Open the stream; usage comes unasked."""
    client.chat.completions.create(
        model=more.pop("model", MODEL), messages=list(messages), stream=True, **more
    )


CALLS: dict[str, Callable[[Any], None]] = {
    "system prompt": lambda c: ask(
        c, {"role": "system", "content": "Be brief."}, user("What is the capital of France?")
    ),
    "several turns": lambda c: ask(c, *SEVERAL_TURNS),
    "image": lambda c: ask(c, PICTURE_PROMPT),
    "files": lambda c: ask(c, FILES_PROMPT),
    "one tool call": lambda c: ask(c, *ONE_CALL, tools=[WEATHER]),
    "parallel calls": lambda c: ask(c, *PARALLEL, tools=[WEATHER]),
    "tool error": lambda c: ask(c, *TOOL_ERROR, tools=[WEATHER]),
    "rounds of tools": lambda c: ask(c, *ROUNDS, tools=[WEATHER]),
    "thinking in a tool loop": lambda c: ask(
        c,
        LOOP[0],
        {**LOOP[1], "reasoning_details": DETAILS},
        LOOP[2],
        model=THINKING_MODEL,
        tools=[WEATHER],
        extra_body={"reasoning": {"effort": "medium"}},
    ),
    "edited history": lambda c: ask(c, *EDITED),
    "foreign history": lambda c: ask(c, *FOREIGN, tools=[WEATHER]),
    "structured output": lambda c: ask(
        c,
        user("Name a city."),
        temperature=0.5,
        top_p=0.9,
        seed=7,
        max_tokens=300,
        stop=["END"],
        response_format=FORM,
    ),
    "high effort with tools and search": lambda c: ask(
        c,
        user("Weather in Rome?"),
        model=THINKING_MODEL,
        tools=[WEATHER],
        extra_body={"reasoning": {"effort": "high"}, "plugins": [{"id": "web"}]},
    ),
    "odd text": lambda c: ask(c, *ODD, tools=[WEATHER]),
}
