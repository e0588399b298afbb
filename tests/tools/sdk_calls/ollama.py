"""Ollama's own API by the `ollama` package. It names no ids of tool calls: results are told by their tool's name."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from importlib import import_module
from typing import Any

from tests.providers.conversations import CITY, KEY, NOTES_WRITTEN_OUT, ODD_PROMPT, ODD_REPLY, PNG

SDK = "ollama"

Item = dict[str, Any]

_CALL_IDS = ("id", "tool_call_id")


def new_client(respond: Callable[[Any], tuple[str, bytes]]) -> Any:
    """A client whose requests `respond` answers, with a content type and a body."""
    ollama, httpx = import_module("ollama"), import_module("httpx")

    def handler(request: Any) -> Any:
        kind, body = respond(request)
        return httpx.Response(200, headers={"content-type": kind}, content=body)

    headers = {"authorization": f"Bearer {KEY}"}
    return ollama.Client(headers=headers, transport=httpx.MockTransport(handler))


def complaints(body: Item) -> list[str]:
    """What the package would not send of a body, or would send otherwise; it ignores what it does not know."""
    types, pydantic = import_module("ollama._types"), import_module("pydantic")
    known = _without_ids(body)
    try:
        known["messages"] = [types.Message.model_validate(_with_images(each)) for each in known["messages"]]
        sent = json.loads(types.ChatRequest.model_validate(known).model_dump_json(exclude_none=True))
    except pydantic.ValidationError as error:
        return [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
    given = json.loads(json.dumps(_without_ids(body)))
    # The package knows schemas of tools only as far as it makes them itself.
    for one in (sent, given):
        for tool in one.get("tools", []):
            tool["function"]["parameters"].pop("additionalProperties", None)
    return [f"{name}: would be sent otherwise" for name in given | sent if given.get(name) != sent.get(name)]


def _with_images(message: Item) -> Item:
    """The pictures as the package wants them, which encodes them itself."""
    if "images" not in message:
        return message
    image = import_module("ollama._types").Image
    return {**message, "images": [image(value=base64.b64decode(data)) for data in message["images"]]}


def _without_ids(body: Item) -> Item:
    """The ids of calls and results: the package lacks them, the server has them."""
    messages: list[Item] = []
    for message in body["messages"]:
        message = {name: value for name, value in message.items() if name not in _CALL_IDS}
        if "tool_calls" in message:
            message["tool_calls"] = [{"function": call["function"]} for call in message["tool_calls"]]
        messages.append(message)
    return {**body, "messages": messages}


WEATHER: Item = {
    "type": "function",
    "function": {"name": "weather", "description": "Tells the weather.", "parameters": CITY},
}


def user(content: str, **more: Any) -> Item:
    return {"role": "user", "content": content, **more}


def assistant(content: str, *cities: str, **more: Any) -> Item:
    calls = [{"function": {"name": "weather", "arguments": {"city": city}}} for city in cities]
    message: Item = {"role": "assistant", "content": content, **more}
    return {**message, "tool_calls": calls} if calls else message


def tool(content: str) -> Item:
    return {"role": "tool", "content": content, "tool_name": "weather"}


def ask(client: Any, *messages: Item, **more: Any) -> None:
    """Open the stream."""
    model = more.pop("model", "llama3.2")
    for _ in client.chat(model=model, messages=list(messages), stream=True, **more):
        pass


_SAMPLING: Item = {"temperature": 0.5, "top_p": 0.9, "seed": 7, "num_predict": 300, "stop": ["END"]}

CALLS: dict[str, Callable[[Any], None]] = {
    "system prompt": lambda c: ask(
        c, {"role": "system", "content": "Be brief."}, user("What is the capital of France?")
    ),
    "several turns": lambda c: ask(
        c,
        user("Hi"),
        assistant("Hello."),
        user("How are you?"),
        assistant("Well, thank you."),
        user("Bye"),
    ),
    "image": lambda c: ask(c, user("What is this?", images=[PNG])),
    # There is no place for a PDF file.
    "files": lambda c: ask(c, user(f"Compare these.\n\n{NOTES_WRITTEN_OUT}")),
    "one tool call": lambda c: ask(
        c,
        user("Weather in Rome?"),
        assistant("Let me see.", "Rome"),
        tool("Sunny, 20 °C"),
        tools=[WEATHER],
    ),
    "parallel calls": lambda c: ask(
        c,
        user("Weather in Rome and Oslo?"),
        assistant("", "Rome", "Oslo"),
        tool("Sunny"),
        tool("Snow"),
        assistant("Sunny in Rome, snow in Oslo."),
        user("Thanks."),
        tools=[WEATHER],
    ),
    "tool error": lambda c: ask(
        c,
        user("Weather in Atlantis?"),
        assistant("", "Atlantis"),
        tool("No such city."),
        tools=[WEATHER],
    ),
    "rounds of tools": lambda c: ask(
        c,
        user("Weather in Rome and Oslo?"),
        assistant("Let me see.", "Rome", "Oslo"),
        tool("Sunny"),
        tool("No such city."),
        assistant("", "Bergen"),
        tool("Rain"),
        assistant("Sunny in Rome, rain in Bergen."),
        user("Thanks."),
        tools=[WEATHER],
    ),
    "thinking in a tool loop": lambda c: ask(
        c,
        user("Weather in Rome?"),
        assistant("", "Rome", thinking="I need the weather."),
        tool("Sunny"),
        model="gpt-oss:20b",
        think="medium",
        tools=[WEATHER],
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
        assistant("", "Rome"),
        tool("Sunny"),
        assistant("Sunny."),
        user("Thanks."),
        tools=[WEATHER],
    ),
    "structured output": lambda c: ask(c, user("Name a city."), format=CITY, options=_SAMPLING),
    # The search is a service of its own, not a field of the chat.
    "high effort with tools and search": lambda c: ask(
        c, user("Weather in Rome?"), model="gpt-oss:20b", think="high", tools=[WEATHER]
    ),
    "odd text": lambda c: ask(
        c,
        user(ODD_PROMPT),
        assistant(ODD_REPLY, "Zürich 🏔 \u2028"),
        tool(ODD_PROMPT),
        tools=[WEATHER],
    ),
}
