"""Mistral by the `mistralai` package, in its own types. Ids of tool calls are nine letters or digits."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from importlib import import_module
from typing import Any

from tests.providers.conversations import (
    CITY,
    KEY,
    NOTES_WRITTEN_OUT,
    ODD_ARGUMENTS,
    ODD_PROMPT,
    ODD_REPLY,
    PDF,
    PNG,
)

SDK = "mistralai"

MODEL, THINKING_MODEL = "mistral-large-2512", "mistral-medium-3-5"
FIRST, SECOND, THIRD = "AAAAAAAA1", "AAAAAAAA2", "AAAAAAAA3"


def new_client(respond: Callable[[Any], tuple[str, bytes]]) -> Any:
    """A client whose requests `respond` answers, with a content type and a body."""
    mistral, httpx = import_module("mistralai.client"), import_module("httpx2")

    def handler(request: Any) -> Any:
        kind, body = respond(request)
        return httpx.Response(200, headers={"content-type": kind}, content=body)

    return mistral.Mistral(api_key=KEY, client=httpx.Client(transport=httpx.MockTransport(handler)))


def complaints(body: dict[str, Any]) -> list[str]:
    """What the package would not send of a body, or would send otherwise; it ignores what it does not know."""
    models, pydantic = import_module("mistralai.client.models"), import_module("pydantic")
    try:
        request = models.ChatCompletionStreamRequest.model_validate(body)
    except pydantic.ValidationError as error:
        return [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
    sent = json.loads(request.model_dump_json(by_alias=True, exclude_none=True))
    given = json.loads(json.dumps(body))
    for message in (*sent["messages"], *given["messages"]):
        for name in [name for name, value in message.items() if value is None or name == "prefix"]:
            del message[name]
        for call in message.get("tool_calls", []):
            call.pop("index", None)
    for one in (sent, given):
        for tool in one.get("tools", []):
            tool["function"].pop("strict", None)
    return [
        f"{name}: would be sent otherwise: {given[name]} {sent.get(name)}"
        for name in given
        if given[name] != sent.get(name)
    ]


class _Words:
    """The package's types, in short."""

    def __init__(self) -> None:
        self.m = import_module("mistralai.client.models")

    def user(self, *content: Any) -> Any:
        only_text = len(content) == 1 and isinstance(content[0], str)
        return self.m.UserMessage(content=content[0] if only_text else list(content))

    def assistant(self, content: Any, *calls: Any) -> Any:
        if calls:
            return self.m.AssistantMessage(content=content, tool_calls=list(calls))
        return self.m.AssistantMessage(content=content)

    def call(self, call_id: str, arguments: str) -> Any:
        function = self.m.FunctionCall(name="weather", arguments=arguments)
        return self.m.ToolCall(id=call_id, type="function", function=function)

    def tool(self, call_id: str, content: str) -> Any:
        return self.m.ToolMessage(tool_call_id=call_id, name="weather", content=content)

    def weather(self) -> Any:
        function = self.m.Function(name="weather", description="Tells the weather.", parameters=CITY)
        return self.m.Tool(type="function", function=function)


def ask(client: Any, *messages: Any, **more: Any) -> None:
    """Open the stream."""
    with client.chat.stream(model=more.pop("model", MODEL), messages=list(messages), **more) as events:
        for _ in events:
            pass


def _url(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def system_prompt(client: Any) -> None:
    w = _Words()
    ask(client, w.m.SystemMessage(content="Be brief."), w.user("What is the capital of France?"))


def several_turns(client: Any) -> None:
    w = _Words()
    ask(
        client,
        w.user("Hi"),
        w.assistant("Hello."),
        w.user("How are you?"),
        w.assistant("Well, thank you."),
        w.user("Bye"),
    )


def image(client: Any) -> None:
    w = _Words()
    picture = w.m.ImageURLChunk(image_url=w.m.ImageURL(url=_url("image/png", PNG)))
    ask(client, w.user(w.m.TextChunk(text="What is this?"), picture))


def files(client: Any) -> None:
    w = _Words()
    document = w.m.DocumentURLChunk(document_url=_url("application/pdf", PDF), document_name="report.pdf")
    ask(
        client,
        w.user(w.m.TextChunk(text="Compare these."), document, w.m.TextChunk(text=NOTES_WRITTEN_OUT)),
    )


def one_tool_call(client: Any) -> None:
    w = _Words()
    ask(
        client,
        w.user("Weather in Rome?"),
        w.assistant("Let me see.", w.call(FIRST, '{"city": "Rome"}')),
        w.tool(FIRST, "Sunny, 20 °C"),
        tools=[w.weather()],
    )


def parallel_calls(client: Any) -> None:
    w = _Words()
    ask(
        client,
        w.user("Weather in Rome and Oslo?"),
        w.assistant(None, w.call(FIRST, '{"city": "Rome"}'), w.call(SECOND, '{"city": "Oslo"}')),
        w.tool(FIRST, "Sunny"),
        w.tool(SECOND, "Snow"),
        w.assistant("Sunny in Rome, snow in Oslo."),
        w.user("Thanks."),
        tools=[w.weather()],
    )


def tool_error(client: Any) -> None:
    w = _Words()
    ask(
        client,
        w.user("Weather in Atlantis?"),
        w.assistant(None, w.call(FIRST, '{"city": "Atlantis"}')),
        w.tool(FIRST, "No such city."),
        tools=[w.weather()],
    )


def rounds_of_tools(client: Any) -> None:
    w = _Words()
    calls = w.call(FIRST, '{"city": "Rome"}'), w.call(SECOND, '{"city": "Oslo"}')
    ask(
        client,
        w.user("Weather in Rome and Oslo?"),
        w.assistant("Let me see.", *calls),
        w.tool(FIRST, "Sunny"),
        w.tool(SECOND, "No such city."),
        w.assistant(None, w.call(THIRD, '{"city": "Bergen"}')),
        w.tool(THIRD, "Rain"),
        w.assistant("Sunny in Rome, rain in Bergen."),
        w.user("Thanks."),
        tools=[w.weather()],
    )


def thinking_loop(client: Any) -> None:
    """The reply goes back as it came, its thinking included."""
    w = _Words()
    thinking = w.m.ThinkChunk(thinking=[w.m.TextChunk(text="I need the weather.")])
    ask(
        client,
        w.user("Weather in Rome?"),
        w.assistant([thinking], w.call(FIRST, '{"city": "Rome"}')),
        w.tool(FIRST, "Sunny"),
        model=THINKING_MODEL,
        reasoning_effort="high",
        tools=[w.weather()],
    )


def edited_history(client: Any) -> None:
    """Roles must alternate."""
    w = _Words()
    ask(
        client,
        w.user("Tell me a joke.\n\nTell me a riddle."),
        w.assistant("What has keys but\n\ncannot open a door?"),
        w.user("Go on."),
    )


def foreign_history(client: Any) -> None:
    w = _Words()
    ask(
        client,
        w.user("Weather in Rome?"),
        w.assistant(None, w.call(FIRST, '{"city": "Rome"}')),
        w.tool(FIRST, "Sunny"),
        w.assistant("Sunny."),
        w.user("Thanks."),
        tools=[w.weather()],
    )


def structured_output(client: Any) -> None:
    w = _Words()
    form = w.m.JSONSchema(name="reply", schema_definition=CITY, strict=True)
    ask(
        client,
        w.user("Name a city."),
        temperature=0.5,
        top_p=0.9,
        random_seed=7,
        max_tokens=300,
        stop=["END"],
        response_format=w.m.ResponseFormat(type="json_schema", json_schema=form),
    )


def high_effort(client: Any) -> None:
    """The search belongs to the API of agents; the chat has none."""
    w = _Words()
    ask(
        client,
        w.user("Weather in Rome?"),
        model=THINKING_MODEL,
        reasoning_effort="high",
        tools=[w.weather()],
    )


def odd_text(client: Any) -> None:
    w = _Words()
    ask(
        client,
        w.user(ODD_PROMPT),
        w.assistant(ODD_REPLY, w.call(FIRST, ODD_ARGUMENTS)),
        w.tool(FIRST, ODD_PROMPT),
        tools=[w.weather()],
    )


CALLS: dict[str, Callable[[Any], None]] = {
    "system prompt": system_prompt,
    "several turns": several_turns,
    "image": image,
    "files": files,
    "one tool call": one_tool_call,
    "parallel calls": parallel_calls,
    "tool error": tool_error,
    "rounds of tools": rounds_of_tools,
    "thinking in a tool loop": thinking_loop,
    "edited history": edited_history,
    "foreign history": foreign_history,
    "structured output": structured_output,
    "high effort with tools and search": high_effort,
    "odd text": odd_text,
}
