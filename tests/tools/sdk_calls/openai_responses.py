"""Responses by the `openai` package, with nothing stored: each request carries the whole conversation."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from tests.providers.conversations import (
    CITY,
    FOREIGN_ID,
    NOTES_WRITTEN_OUT,
    ODD_ARGUMENTS,
    ODD_PROMPT,
    ODD_REPLY,
    PDF,
    PNG,
    SEALED,
)
from tests.tools.sdk_calls import openai_chat
from tests.tools.sdk_calls.openai_chat import MODEL, OSLO, ROME, THINKING_MODEL, Item, data_url
from tests.tools.sdk_calls.typed_dicts import typed_dict_complaints

SDK = "openai"

new_client = openai_chat.new_client

WEATHER: Item = {
    "type": "function",
    "name": "weather",
    "description": "Tells the weather.",
    "parameters": CITY,
    "strict": False,
}


def complaints(body: Item) -> list[str]:
    """What the types of the package have against a body, each reply completed to what the service sent."""
    types = import_module("openai.types.responses.response_create_params")
    completed = {**body, "input": [_as_sent(item) for item in body["input"]]}
    return typed_dict_complaints(types.ResponseCreateParamsStreaming, completed, "openai.types")


def _as_sent(item: Item) -> Item:
    """An item of a reply with the fields that the types want; that they are absent is among the differences."""
    if item.get("type") == "reasoning":
        return {"id": "rs_1", **item}
    if item.get("role") != "assistant":
        return item
    content = [{"annotations": [], **part} for part in item["content"]]
    return {"id": "msg_1", "status": "completed", **item, "content": content}


def user(content: str | list[Item]) -> Item:
    return {"role": "user", "content": content}


def assistant(text: str) -> Item:
    return {"role": "assistant", "content": text}


def call(call_id: str, arguments: str) -> Item:
    return {"type": "function_call", "call_id": call_id, "name": "weather", "arguments": arguments}


def output(call_id: str, content: str) -> Item:
    return {"type": "function_call_output", "call_id": call_id, "output": content}


def ask(client: Any, *items: Item, **more: Any) -> None:
    """Open the stream of a response that the service does not keep."""
    model = more.pop("model", MODEL)
    client.responses.create(model=model, input=list(items), stream=True, store=False, **more)


def think(client: Any, *items: Item, effort: str, **more: Any) -> None:
    """The same of a model that reasons, whose reasoning is shown, and sent back sealed."""
    ask(
        client,
        *items,
        model=THINKING_MODEL,
        reasoning={"effort": effort, "summary": "auto"},
        include=["reasoning.encrypted_content"],
        **more,
    )


_PICTURE = user(
    [
        {"type": "input_text", "text": "What is this?"},
        {"type": "input_image", "image_url": data_url("image/png", PNG), "detail": "auto"},
    ]
)
_FILES = user(
    [
        {"type": "input_text", "text": "Compare these."},
        {"type": "input_file", "filename": "report.pdf", "file_data": data_url("application/pdf", PDF)},
        {"type": "input_text", "text": NOTES_WRITTEN_OUT},
    ]
)

CALLS: dict[str, Callable[[Any], None]] = {
    "system prompt": lambda c: ask(c, user("What is the capital of France?"), instructions="Be brief."),
    "several turns": lambda c: ask(
        c,
        user("Hi"),
        assistant("Hello."),
        user("How are you?"),
        assistant("Well, thank you."),
        user("Bye"),
    ),
    "image": lambda c: ask(c, _PICTURE),
    "files": lambda c: ask(c, _FILES),
    "one tool call": lambda c: ask(
        c,
        user("Weather in Rome?"),
        assistant("Let me see."),
        call("call_1", ROME),
        output("call_1", "Sunny, 20 °C"),
        tools=[WEATHER],
    ),
    "parallel calls": lambda c: ask(
        c,
        user("Weather in Rome and Oslo?"),
        call("call_1", ROME),
        call("call_2", OSLO),
        output("call_1", "Sunny"),
        output("call_2", "Snow"),
        assistant("Sunny in Rome, snow in Oslo."),
        user("Thanks."),
        tools=[WEATHER],
    ),
    "tool error": lambda c: ask(
        c,
        user("Weather in Atlantis?"),
        call("call_1", '{"city": "Atlantis"}'),
        output("call_1", "No such city."),
        tools=[WEATHER],
    ),
    "rounds of tools": lambda c: ask(
        c,
        user("Weather in Rome and Oslo?"),
        assistant("Let me see."),
        call("call_1", ROME),
        call("call_2", OSLO),
        output("call_1", "Sunny"),
        output("call_2", "No such city."),
        call("call_3", '{"city": "Bergen"}'),
        output("call_3", "Rain"),
        assistant("Sunny in Rome, rain in Bergen."),
        user("Thanks."),
        tools=[WEATHER],
    ),
    "thinking in a tool loop": lambda c: think(
        c,
        user("Weather in Rome?"),
        SEALED,
        call("call_1", ROME),
        output("call_1", "Sunny"),
        tools=[WEATHER],
        effort="medium",
    ),
    "edited history": lambda c: ask(
        c,
        user("Tell me a joke."),
        user("Tell me a riddle."),
        assistant("What has keys but"),
        assistant("cannot open a door?"),
        user("Go on."),
    ),
    "foreign history": lambda c: ask(
        c,
        user("Weather in Rome?"),
        call(FOREIGN_ID, ROME),
        output(FOREIGN_ID, "Sunny"),
        assistant("Sunny."),
        user("Thanks."),
        tools=[WEATHER],
    ),
    # The protocol has neither a seed nor stop sequences.
    "structured output": lambda c: ask(
        c,
        user("Name a city."),
        temperature=0.5,
        top_p=0.9,
        max_output_tokens=300,
        text={"format": {"type": "json_schema", "name": "reply", "schema": CITY, "strict": True}},
    ),
    "high effort with tools and search": lambda c: think(
        c, user("Weather in Rome?"), tools=[WEATHER, {"type": "web_search"}], effort="high"
    ),
    "odd text": lambda c: ask(
        c,
        user(ODD_PROMPT),
        assistant(ODD_REPLY),
        call("call_1", ODD_ARGUMENTS),
        output("call_1", ODD_PROMPT),
        tools=[WEATHER],
    ),
}
