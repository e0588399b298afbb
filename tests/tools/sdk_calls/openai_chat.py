"""Chat Completions by the `openai` package; the calls are plain dictionaries, as its documentation has them."""

from __future__ import annotations

import base64
from collections.abc import Callable
from importlib import import_module
from typing import Any

from tests.providers.conversations import (
    CITY,
    FOREIGN_ID,
    KEY,
    NOTES_WRITTEN_OUT,
    ODD_ARGUMENTS,
    ODD_PROMPT,
    ODD_REPLY,
    PDF,
    PNG,
)
from tests.tools.sdk_calls.typed_dicts import typed_dict_complaints

SDK = "openai"
MODEL, THINKING_MODEL = "gpt-4.1", "gpt-5.5"

Item = dict[str, Any]

WEATHER: Item = {
    "type": "function",
    "function": {"name": "weather", "description": "Tells the weather.", "parameters": CITY},
}


def new_client(respond: Callable[[Any], tuple[str, bytes]]) -> Any:
    """A client whose requests `respond` answers, with a content type and a body."""
    openai, httpx = import_module("openai"), import_module("httpx2")

    def handler(request: Any) -> Any:
        kind, body = respond(request)
        return httpx.Response(200, headers={"content-type": kind}, content=body)

    return openai.OpenAI(api_key=KEY, http_client=httpx.Client(transport=httpx.MockTransport(handler)))


def complaints(body: Item) -> list[str]:
    """What the types of the package have against a body."""
    types = import_module("openai.types.chat.completion_create_params")
    return typed_dict_complaints(types.CompletionCreateParamsStreaming, body, "openai.types")


def data_url(kind: str, data: bytes) -> str:
    """The data in an address (RFC 2397)."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def user(content: str | list[Item]) -> Item:
    return {"role": "user", "content": content}


def assistant(content: str | None, *calls: Item) -> Item:
    message: Item = {"role": "assistant", "content": content}
    return {**message, "tool_calls": list(calls)} if calls else message


def call(call_id: str, arguments: str) -> Item:
    return {"id": call_id, "type": "function", "function": {"name": "weather", "arguments": arguments}}


def tool(call_id: str, content: str) -> Item:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def ask(client: Any, *messages: Item, **more: Any) -> None:
    """Open the stream; usage must be asked for."""
    client.chat.completions.create(
        model=more.pop("model", MODEL),
        messages=list(messages),
        stream=True,
        stream_options={"include_usage": True},
        **more,
    )


PICTURE_PROMPT = user(
    [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": data_url("image/png", PNG)}},
    ]
)
FILES_PROMPT = user(
    [
        {"type": "text", "text": "Compare these."},
        {
            "type": "file",
            "file": {"filename": "report.pdf", "file_data": data_url("application/pdf", PDF)},
        },
        {"type": "text", "text": NOTES_WRITTEN_OUT},
    ]
)
ROME, OSLO = '{"city": "Rome"}', '{"city": "Oslo"}'

SEVERAL_TURNS = (
    user("Hi"),
    assistant("Hello."),
    user("How are you?"),
    assistant("Well, thank you."),
    user("Bye"),
)
ONE_CALL = (
    user("Weather in Rome?"),
    assistant("Let me see.", call("call_1", ROME)),
    tool("call_1", "Sunny, 20 °C"),
)
PARALLEL = (
    user("Weather in Rome and Oslo?"),
    assistant(None, call("call_1", ROME), call("call_2", OSLO)),
    tool("call_1", "Sunny"),
    tool("call_2", "Snow"),
    assistant("Sunny in Rome, snow in Oslo."),
    user("Thanks."),
)
TOOL_ERROR = (
    user("Weather in Atlantis?"),
    assistant(None, call("call_1", '{"city": "Atlantis"}')),
    tool("call_1", "No such city."),
)
ROUNDS = (
    user("Weather in Rome and Oslo?"),
    assistant("Let me see.", call("call_1", ROME), call("call_2", OSLO)),
    tool("call_1", "Sunny"),
    tool("call_2", "No such city."),
    assistant(None, call("call_3", '{"city": "Bergen"}')),
    tool("call_3", "Rain"),
    assistant("Sunny in Rome, rain in Bergen."),
    user("Thanks."),
)
LOOP = (user("Weather in Rome?"), assistant(None, call("call_1", ROME)), tool("call_1", "Sunny"))
EDITED = (
    user("Tell me a joke."),
    user("Tell me a riddle."),
    assistant("What has keys but"),
    assistant("cannot open a door?"),
    user("Go on."),
)
FOREIGN = (
    user("Weather in Rome?"),
    assistant(None, call(FOREIGN_ID, ROME)),
    tool(FOREIGN_ID, "Sunny"),
    assistant("Sunny."),
    user("Thanks."),
)
ODD = (
    user(ODD_PROMPT),
    assistant(ODD_REPLY, call("call_1", ODD_ARGUMENTS)),
    tool("call_1", ODD_PROMPT),
)
FORM: Item = {"type": "json_schema", "json_schema": {"name": "reply", "schema": CITY, "strict": True}}

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
        c, *LOOP, model=THINKING_MODEL, tools=[WEATHER], reasoning_effort="medium"
    ),
    "edited history": lambda c: ask(c, *EDITED),
    "foreign history": lambda c: ask(c, *FOREIGN, tools=[WEATHER]),
    "structured output": lambda c: ask(
        c,
        user("Name a city."),
        temperature=0.5,
        top_p=0.9,
        seed=7,
        max_completion_tokens=300,
        stop=["END"],
        response_format=FORM,
    ),
    # `web_search_options` is for the search models alone; others refuse it.
    "high effort with tools and search": lambda c: ask(
        c, user("Weather in Rome?"), model=THINKING_MODEL, tools=[WEATHER], reasoning_effort="high"
    ),
    "odd text": lambda c: ask(c, *ODD, tools=[WEATHER]),
}
