"""What services demand of a conversation, whatever it went through; read off the body of a request."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any, Literal

import msgspec

from chatterm.backend.providers.base import Endpoint, ProviderAdapter, WireRequest
from chatterm.backend.providers.registry import adapter, adapter_of, service_at, services
from chatterm.backend.providers.wire_json import encode_json
from chatterm.core.messages import Message
from chatterm.core.turn import ToolSpec, TurnRequest
from tests.providers.conversations import BLOBS, wire_request

ALTERNATE = ("anthropic", "gemini", "mistral", "perplexity")
"""Services that refuse two messages of one role in a row."""

END_WITH_USER = ("mistral", "perplexity")

MODELS = {"anthropic": "claude-opus-5", "gemini": "gemini-3.6-flash", "openrouter": "anthropic/claude-opus-5"}

TOOL = ToolSpec(name="weather", description="Tells the weather.", parameters={"type": "object"})


@dataclass(frozen=True)
class Said:
    """One thing in a body; `value` is the text, or the id of a call."""

    side: Literal["model", "user"]
    kind: Literal["text", "call", "broken call", "result", "other"]
    value: str = ""
    name: str = ""


def wires() -> dict[str, ProviderAdapter]:
    """Every adapter: one for each service, and Responses of those that seal reasoning."""
    found = {row.name: adapter(row.name) for row in services() if row.name != "guide"}
    for name in ("openai", "openrouter", "xai", "custom"):
        found[f"{name} by Responses"] = adapter_of(service_at(name, "openai_responses", None))
    return found


def model_of(name: str) -> str:
    """One that thinks."""
    return MODELS.get(name.partition(" ")[0], "gpt-5.5")


def sent(name: str, wire: ProviderAdapter, messages: Iterable[Message]) -> WireRequest:
    """The request for this conversation, without breakpoints of the prompt cache, which move."""
    messages = tuple(messages)
    options: dict[str, object] = {"cache_control": False} if name == "anthropic" else {}
    request = TurnRequest(
        model=model_of(name), messages=messages, system="Be brief.", tools=(TOOL,), options=options
    )
    return wire_request(wire, request, Endpoint(provider=name, base_url="http://127.0.0.1:9/v1"), BLOBS)


def breaches(name: str, body: bytes) -> list[str]:
    """What is wrong with a body; each rule in one line."""
    fields = json.loads(body)
    said = list(_said(fields))
    found = [] if encode_json(fields) == body else ["it is not its one-shot encoding"]
    found += ["arguments that are no object" for one in said if one.kind == "broken call"]
    found += ["an empty text" for one in said if one.kind == "text" and not one.value]
    if name == "anthropic":
        found += ["a blank text" for one in said if one.kind == "text" and not one.value.strip()]
    groups = [(side, list(group)) for side, group in groupby(said, key=lambda one: one.side)]
    return [*found, *_unpaired(groups), *_out_of_turn(name, fields, groups)]


def _unpaired(groups: list[tuple[str, list[Said]]]) -> Iterator[str]:
    """Calls are answered at once, all of them and nothing else, before the user says more."""
    called: list[tuple[str, str]] = []
    for side, group in groups:
        if side == "model":
            called = sorted((one.value, one.name) for one in group if one.kind.endswith("call"))
            continue
        results = [one for one in group if one.kind == "result"]
        if group[: len(results)] != results:
            yield "a result behind something else"
        if sorted(one.value for one in results) != [call_id for call_id, _ in called]:
            yield f"calls {called} have the results {[one.value for one in results]}"
        names = {(one.value, one.name) for one in results if one.name}
        if not names <= set(called):
            yield f"results {names} have other names than {called}"
        called = []
    if called:
        yield f"calls {called} have no results"


def _out_of_turn(name: str, fields: dict[str, Any], groups: list[tuple[str, list[Said]]]) -> Iterator[str]:
    items = fields.get("contents") or fields.get("messages") or []
    roles = [item["role"] for item in items if item["role"] != "system"]
    if name in ALTERNATE:
        if roles[:1] not in ([], ["user"]):
            yield "the model speaks first"
        if any(one == other != "tool" for one, other in pairwise(roles)):
            yield f"roles in a row: {roles}"
        if ("tool", "user") in pairwise(roles):
            yield "the user speaks right behind a result"
    if name in END_WITH_USER and groups and groups[-1][0] == "model":
        yield "the model has the last word"


# ---- reading -------------------------------------------------------------------------------------


def _said(fields: dict[str, Any]) -> Iterator[Said]:
    if "contents" in fields:
        for content in fields["contents"]:
            yield from (_gemini(content["role"], part) for part in content["parts"])
            if not content["parts"]:
                yield Said("user", "text", "")
    elif "input" in fields:
        for item in fields["input"]:
            yield from _responses(item)
    else:
        for message in fields["messages"]:
            if message["role"] != "system":
                yield from _chat(message)


def _gemini(role: str, part: dict[str, Any]) -> Said:
    side = "model" if role == "model" else "user"
    if call := part.get("functionCall"):
        return Said(
            side, "call" if isinstance(call["args"], dict) else "broken call", call["id"], call["name"]
        )
    if result := part.get("functionResponse"):
        return Said(side, "result", result["id"], result["name"])
    if "text" in part and "thoughtSignature" not in part:
        return Said(side, "text", part["text"])
    return Said(side, "other")


def _responses(item: dict[str, Any]) -> Iterator[Said]:
    match item.get("type", "message"):
        case "function_call":
            yield Said("model", "call" if _is_object(item["arguments"]) else "broken call", item["call_id"])
        case "function_call_output":
            yield Said("user", "result", item["call_id"])
        case "message":
            side = "model" if item["role"] == "assistant" else "user"
            content = item["content"]
            texts = [content] if isinstance(content, str) else [each.get("text", "-") for each in content]
            yield from (Said(side, "text", text) for text in texts or [""])
        case _:
            yield Said("model", "other")


def _chat(message: dict[str, Any]) -> Iterator[Said]:
    """Chat Completions, Ollama, and Anthropic."""
    side = "model" if message["role"] == "assistant" else "user"
    content = message["content"]
    calls = message.get("tool_calls", [])
    if message["role"] == "tool":
        yield Said(side, "result", message["tool_call_id"], message.get("tool_name", ""))
        return
    if isinstance(content, list):
        yield from (_block(side, block) for block in content)
    if content in (None, "", []):
        if not calls and "images" not in message:
            yield Said(side, "text", "")
    elif isinstance(content, str):
        yield Said(side, "text", content)
    for call in calls:
        kind = "call" if _is_object(call["function"]["arguments"]) else "broken call"
        yield Said(side, kind, call["id"], call["function"]["name"])


def _is_object(arguments: object) -> bool:
    """Whether the arguments of a call are an object, or the text of one, with nothing loose about it."""
    try:
        value = msgspec.json.decode(arguments) if isinstance(arguments, str) else arguments
    except ValueError:
        return False
    return isinstance(value, dict)


def _block(side: Literal["model", "user"], block: dict[str, Any]) -> Said:
    match block["type"]:
        case "text":
            return Said(side, "text", block["text"])
        case "tool_use":
            return Said(side, "call", block["id"], block["name"])
        case "tool_result":
            return Said(side, "result", block["tool_use_id"])
        case _:
            return Said(side, "other")
