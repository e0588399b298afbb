"""generateContent by the `google-genai` package, in its own types."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from importlib import import_module
from typing import Any

from tests.providers.conversations import (
    CITY,
    FOREIGN_ID,
    KEY,
    NOTES_WRITTEN_OUT,
    ODD_PROMPT,
    ODD_REPLY,
    PDF,
    PNG,
    THOUGHT_SIGNATURE,
)

SDK = "google-genai"

MODEL, THINKING_MODEL = "gemini-2.5-flash", "gemini-3.6-flash"


def new_client(respond: Callable[[Any], tuple[str, bytes]]) -> Any:
    """A client whose requests `respond` answers, with a content type and a body."""
    genai, httpx = import_module("google.genai"), import_module("httpx2")

    def handler(request: Any) -> Any:
        kind, body = respond(request)
        return httpx.Response(200, headers={"content-type": kind}, content=body)

    http = httpx.Client(transport=httpx.MockTransport(handler))
    return genai.Client(api_key=KEY, http_options=genai.types.HttpOptions(httpx_client=http))


def complaints(body: dict[str, Any]) -> list[str]:
    """What the types of the package have against a body; they are those of its parts, and take nothing unknown."""
    types, pydantic = import_module("google.genai.types"), import_module("pydantic")
    kinds: dict[str, Any] = {
        "contents": list[types.Content],
        "systemInstruction": types.Content,
        "tools": list[types.Tool],
        "toolConfig": types.ToolConfig,
        "generationConfig": types.GenerationConfig,
    }
    found = [f"{name}: not known" for name in body if name not in kinds]
    for name, value in body.items():
        try:
            pydantic.TypeAdapter(kinds.get(name, object)).validate_json(json.dumps(value), strict=False)
        except pydantic.ValidationError as error:
            found += [f"{name}.{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
    return found


class _Words:
    """The package's types, in short."""

    def __init__(self) -> None:
        self.types = import_module("google.genai.types")

    def user(self, *parts: Any) -> Any:
        return self.types.Content(role="user", parts=self._parts(parts))

    def model(self, *parts: Any) -> Any:
        return self.types.Content(role="model", parts=self._parts(parts))

    def _parts(self, parts: tuple[Any, ...]) -> list[Any]:
        return [self.types.Part.from_text(text=p) if isinstance(p, str) else p for p in parts]

    def data(self, media_type: str, data: bytes) -> Any:
        return self.types.Part.from_bytes(data=data, mime_type=media_type)

    def call(self, call_id: str, city: str, signature: str = "") -> Any:
        called = self.types.FunctionCall(id=call_id, name="weather", args={"city": city})
        signed = base64.b64decode(signature) if signature else None
        return self.types.Part(function_call=called, thought_signature=signed)

    def result(self, call_id: str, **response: str) -> Any:
        answer = self.types.FunctionResponse(id=call_id, name="weather", response=response)
        return self.types.Part(function_response=answer)

    def weather(self) -> Any:
        declared = self.types.FunctionDeclaration(
            name="weather", description="Tells the weather.", parameters_json_schema=CITY
        )
        return self.types.Tool(function_declarations=[declared])


def ask(client: Any, *contents: Any, **config: Any) -> None:
    """Open the stream; the thoughts are wanted."""
    words = _Words()
    model, level = config.pop("model", MODEL), config.pop("level", None)
    thinking = words.types.ThinkingConfig(include_thoughts=True, thinking_level=level)
    wanted = words.types.GenerateContentConfig(
        thinking_config=thinking,
        automatic_function_calling=words.types.AutomaticFunctionCallingConfig(disable=True),
        **config,
    )
    for _ in client.models.generate_content_stream(model=model, contents=list(contents), config=wanted):
        pass


def system_prompt(client: Any) -> None:
    ask(client, _Words().user("What is the capital of France?"), system_instruction="Be brief.")


def several_turns(client: Any) -> None:
    w = _Words()
    ask(
        client,
        w.user("Hi"),
        w.model("Hello."),
        w.user("How are you?"),
        w.model("Well, thank you."),
        w.user("Bye"),
    )


def image(client: Any) -> None:
    w = _Words()
    ask(client, w.user("What is this?", w.data("image/png", PNG)))


def files(client: Any) -> None:
    w = _Words()
    ask(client, w.user("Compare these.", w.data("application/pdf", PDF), NOTES_WRITTEN_OUT))


def one_tool_call(client: Any) -> None:
    w = _Words()
    ask(
        client,
        w.user("Weather in Rome?"),
        w.model("Let me see.", w.call("call_1", "Rome")),
        w.user(w.result("call_1", result="Sunny, 20 °C")),
        tools=[w.weather()],
    )


def parallel_calls(client: Any) -> None:
    w = _Words()
    ask(
        client,
        w.user("Weather in Rome and Oslo?"),
        w.model(w.call("call_1", "Rome"), w.call("call_2", "Oslo")),
        w.user(w.result("call_1", result="Sunny"), w.result("call_2", result="Snow")),
        w.model("Sunny in Rome, snow in Oslo."),
        w.user("Thanks."),
        tools=[w.weather()],
    )


def tool_error(client: Any) -> None:
    w = _Words()
    ask(
        client,
        w.user("Weather in Atlantis?"),
        w.model(w.call("call_1", "Atlantis")),
        w.user(w.result("call_1", error="No such city.")),
        tools=[w.weather()],
    )


def rounds_of_tools(client: Any) -> None:
    w = _Words()
    ask(
        client,
        w.user("Weather in Rome and Oslo?"),
        w.model("Let me see.", w.call("call_1", "Rome"), w.call("call_2", "Oslo")),
        w.user(w.result("call_1", result="Sunny"), w.result("call_2", error="No such city.")),
        w.model(w.call("call_3", "Bergen")),
        w.user(w.result("call_3", result="Rain")),
        w.model("Sunny in Rome, rain in Bergen."),
        w.user("Thanks."),
        tools=[w.weather()],
    )


def thinking_loop(client: Any) -> None:
    """The signature goes back on the call; the thought itself need not."""
    w = _Words()
    ask(
        client,
        w.user("Weather in Rome?"),
        w.model(w.call("call_1", "Rome", THOUGHT_SIGNATURE)),
        w.user(w.result("call_1", result="Sunny")),
        model=THINKING_MODEL,
        level="MEDIUM",
        tools=[w.weather()],
    )


def edited_history(client: Any) -> None:
    w = _Words()
    ask(
        client,
        w.user("Tell me a joke.", "Tell me a riddle."),
        w.model("What has keys but", "cannot open a door?"),
        w.user("Go on."),
    )


def foreign_history(client: Any) -> None:
    w = _Words()
    ask(
        client,
        w.user("Weather in Rome?"),
        w.model(w.call(FOREIGN_ID, "Rome")),
        w.user(w.result(FOREIGN_ID, result="Sunny")),
        w.model("Sunny."),
        w.user("Thanks."),
        tools=[w.weather()],
    )


def structured_output(client: Any) -> None:
    ask(
        client,
        _Words().user("Name a city."),
        temperature=0.5,
        top_p=0.9,
        seed=7,
        max_output_tokens=300,
        stop_sequences=["END"],
        response_mime_type="application/json",
        response_json_schema=CITY,
    )


def high_effort(client: Any) -> None:
    """Search and functions together must say that the search's own calls are wanted too."""
    w = _Words()
    ask(
        client,
        w.user("Weather in Rome?"),
        model=THINKING_MODEL,
        level="HIGH",
        tools=[w.types.Tool(google_search=w.types.GoogleSearch()), w.weather()],
        tool_config=w.types.ToolConfig(include_server_side_tool_invocations=True),
    )


def odd_text(client: Any) -> None:
    w = _Words()
    ask(
        client,
        w.user(ODD_PROMPT),
        w.model(ODD_REPLY, w.call("call_1", "Zürich 🏔 \u2028")),
        w.user(w.result("call_1", result=ODD_PROMPT)),
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
