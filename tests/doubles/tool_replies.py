"""Replies with tool calls in every wire format, as the services stream them, and what the next request made of them.

Sources: the API references of OpenAI, Anthropic, Google, Ollama and OpenRouter on function calling and thinking.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.doubles import server_replies as replies
from tests.doubles.server_replies import CONTENT_TYPES, LAST_CHUNK, Script, Send, chunk, sse

Item = tuple[object, ...]
"""One thing in a request, whatever the format: ("user" | "said" | "sealed", text), ("call", id, name, arguments as an
object), ("result", id, text, whether it is an error; None where the format has no place for that)."""


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call as the model makes it; `arguments` is JSON text, which some services give as an object."""

    call_id: str
    name: str
    arguments: str = "{}"

    @property
    def object(self) -> Any:
        """The arguments read."""
        return json.loads(self.arguments)


@dataclass(frozen=True, slots=True)
class Reply:
    """One response. `seal` is what the service wants back with its thinking, a signature or the like.

    `stop` is how it ends in the words of Chat Completions; without one it does not end.
    """

    text: str = ""
    calls: tuple[Call, ...] = ()
    thinking: str = ""
    seal: str = ""
    stop: str | None = ""

    @property
    def ending(self) -> str:
        """How it ends."""
        return self.stop or ("tool_calls" if self.calls else "stop")


@dataclass(frozen=True, slots=True)
class Speaker:
    """A wire format. `field` is where a request has its messages; `read` reads the items of that list.

    `seals` says where a seal goes back: before the "text", before the first "call", or not at all ("").
    `has_ids` is whether calls have ids of the service's own; `tells_errors` whether results tell that they are errors;
    `merges` whether neighbours of one role are one message, so that more may be put into the last one.
    """

    provider: str
    base: str
    model: str
    field: str
    frames: Callable[[Reply, str], Iterator[bytes]]
    read: Callable[[list[Any]], Iterator[Item]]
    content_type: str = CONTENT_TYPES["openai"]
    seals: str = ""
    has_ids: bool = True
    tells_errors: bool = False
    merges: bool = False

    def script(self, reply: Reply) -> Script:
        """The reply as the scripted server plays it."""
        yield Send(replies.head(self.content_type))
        for frame in self.frames(reply, self.model):
            yield Send(chunk(frame))
        yield Send(LAST_CHUNK)

    def items(self, body: bytes) -> list[Item]:
        """What a request says, system prompt and cache breakpoints aside."""
        messages = json.loads(body)[self.field]
        return list(self.read([each for each in messages if each.get("role") not in ("system", "developer")]))

    def sent(self, reply: Reply) -> list[Item]:
        """What a request must say of a reply that it goes on from, without the results."""
        sealed: list[Item] = [("sealed", reply.seal)] if self.seals and reply.seal else []
        said: list[Item] = [("said", reply.text)] if reply.text else []
        calls: list[Item] = [("call", each.call_id, each.name, each.object) for each in reply.calls]
        return [*sealed, *said, *calls] if self.seals == "text" else [*said, *sealed, *calls]

    def result(self, call_id: str, text: str, *, is_error: bool = False) -> Item:
        """What a request must say of a result."""
        return ("result", call_id, text, is_error if self.tells_errors else None)


def prefix(body: bytes, field: str) -> bytes:
    """The bytes of the messages, from the first one to the end of the last one."""
    text = body.decode()
    start = text.index(f'"{field}":[') + len(field) + 3
    _, stop = json.JSONDecoder().raw_decode(text, start)
    return text[start : stop - 1].encode()


# ---- Chat Completions ---------------------------------------------------------------------------


def _halves(text: str) -> tuple[str, str]:
    return text[: len(text) // 2], text[len(text) // 2 :]


def _chat_chunk(model: str, delta: dict[str, object], finish_reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    fields = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1767225600, "model": model}
    return sse({**fields, "choices": [choice]})


def _chat_end(reply: Reply, model: str) -> Iterator[bytes]:
    if reply.stop is not None:
        yield _chat_chunk(model, {}, finish_reason=reply.ending)
        yield sse({"model": model, "choices": [], "usage": {"prompt_tokens": 11, "completion_tokens": 7}})
        yield b"data: [DONE]\n\n"


def _chat_calls(reply: Reply, model: str) -> Iterator[bytes]:
    """Arguments in two pieces, and the pieces of parallel calls mixed."""
    for number, call in enumerate(reply.calls):
        function = {"name": call.name, "arguments": _halves(call.arguments)[0]}
        named = {"index": number, "id": call.call_id, "type": "function", "function": function}
        yield _chat_chunk(model, {"tool_calls": [{k: v for k, v in named.items() if v != ""}]})
    for number, call in enumerate(reply.calls):
        rest = {"index": number, "function": {"arguments": _halves(call.arguments)[1]}}
        yield _chat_chunk(model, {"tool_calls": [rest]})


def _openai_chat(reply: Reply, model: str) -> Iterator[bytes]:
    yield _chat_chunk(model, {"role": "assistant", "content": None})
    if reply.thinking:
        yield _chat_chunk(model, {"reasoning_content": reply.thinking})
    for piece in replies.words(reply.text):
        yield _chat_chunk(model, {"content": piece})
    yield from _chat_calls(reply, model)
    yield from _chat_end(reply, model)


def _openrouter(reply: Reply, model: str) -> Iterator[bytes]:
    yield b": OPENROUTER PROCESSING\n\n"
    if reply.thinking:
        fields = {"type": "reasoning.text", "format": "anthropic-claude-v1", "index": 0}
        told = {"role": "assistant", "content": "", "reasoning": reply.thinking}
        yield _chat_chunk(model, {**told, "reasoning_details": [{**fields, "text": reply.thinking}]})
    if reply.seal:
        sealed = {
            "type": "reasoning.text",
            "format": "anthropic-claude-v1",
            "index": 0,
            "signature": reply.seal,
        }
        yield _chat_chunk(model, {"role": "assistant", "content": "", "reasoning_details": [sealed]})
    for piece in replies.words(reply.text):
        yield _chat_chunk(model, {"role": "assistant", "content": piece})
    yield from _chat_calls(reply, model)
    yield from _chat_end(reply, model)


def _read_chat(messages: list[Any]) -> Iterator[Item]:
    for message in messages:
        role, content = message["role"], message.get("content")
        if role == "tool":
            yield ("result", message["tool_call_id"], content, None)
            continue
        for detail in message.get("reasoning_details", []):
            assert detail["text"], "a signature without its text"
            yield ("sealed", detail["signature"])
        if content:
            text = content if isinstance(content, str) else "".join(each["text"] for each in content)
            yield ("user" if role == "user" else "said", text)
        for call in message.get("tool_calls", []):
            assert call["type"] == "function"
            function = call["function"]
            yield ("call", call["id"], function["name"], json.loads(function["arguments"]))


# ---- Responses ----------------------------------------------------------------------------------


def _openai_responses(reply: Reply, model: str) -> Iterator[bytes]:
    response: dict[str, object] = {"id": "resp_1", "model": model, "status": "in_progress", "output": []}
    yield _named("response.created", response=response)
    items: list[dict[str, object]] = []
    if reply.thinking or reply.seal:
        summary = [{"type": "summary_text", "text": reply.thinking}]
        items.append({"type": "reasoning", "id": "rs_1", "summary": summary, "encrypted_content": reply.seal})
    if reply.text:
        part: dict[str, Any] = {"type": "output_text", "text": reply.text, "annotations": []}
        content = [part]
        items.append({"type": "message", "id": "msg_1", "role": "assistant", "content": content})
    for number, call in enumerate(reply.calls):
        named = {"type": "function_call", "id": f"fc_{number}", "call_id": call.call_id, "name": call.name}
        items.append({**named, "arguments": call.arguments})
    for number, item in enumerate(items):
        place = {"output_index": number, "item_id": item["id"]}
        begun: dict[str, Any] = (
            item | {"arguments": ""} if "arguments" in item else item | {"summary": [], "content": []}
        )
        yield _named("response.output_item.added", output_index=number, item=begun)
        if item["type"] == "function_call":
            for half in _halves(str(item["arguments"])):
                yield _named("response.function_call_arguments.delta", delta=half, **place)
        elif item["type"] == "message":
            for piece in replies.words(reply.text):
                yield _named("response.output_text.delta", content_index=0, delta=piece, **place)
        elif reply.thinking:
            told = {"summary_index": 0, "delta": reply.thinking}
            yield _named("response.reasoning_summary_text.delta", **told, **place)
        if reply.stop is not None or item is not items[-1]:
            yield _named("response.output_item.done", output_index=number, item=item)
    if reply.stop is None:
        return
    usage = {"input_tokens": 11, "output_tokens": 7, "total_tokens": 18}
    whole = {**response, "output": items, "usage": usage}
    if reply.ending == "length":
        details = {"reason": "max_output_tokens"}
        yield _named(
            "response.incomplete", response={**whole, "status": "incomplete", "incomplete_details": details}
        )
    else:
        yield _named("response.completed", response={**whole, "status": "completed"})


def _read_responses(items: list[Any]) -> Iterator[Item]:
    for item in items:
        match item.get("type", "message"):
            case "reasoning":
                yield ("sealed", item["encrypted_content"])
            case "function_call":
                yield ("call", item["call_id"], item["name"], json.loads(item["arguments"]))
            case "function_call_output":
                yield ("result", item["call_id"], item["output"], None)
            case kind:
                assert kind == "message", kind
                content = item["content"]
                text = content if isinstance(content, str) else "".join(each["text"] for each in content)
                yield ("user" if item["role"] == "user" else "said", text)


# ---- Anthropic ----------------------------------------------------------------------------------


def _anthropic(reply: Reply, model: str) -> Iterator[bytes]:
    message: dict[str, object] = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
    }
    yield _named("message_start", message={**message, "usage": {"input_tokens": 11, "output_tokens": 1}})
    blocks: list[tuple[dict[str, Any], list[dict[str, str]]]] = []
    if reply.thinking or reply.seal:
        deltas = [
            {"type": "thinking_delta", "thinking": reply.thinking},
            {"type": "signature_delta", "signature": reply.seal},
        ]
        blocks.append(({"type": "thinking", "thinking": "", "signature": ""}, deltas))
    if reply.text:
        words = [{"type": "text_delta", "text": piece} for piece in replies.words(reply.text)]
        blocks.append(({"type": "text", "text": ""}, words))
    for call in reply.calls:
        halves = [
            {"type": "input_json_delta", "partial_json": half} for half in ("", *_halves(call.arguments))
        ]
        blocks.append(({"type": "tool_use", "id": call.call_id, "name": call.name, "input": {}}, halves))
    for index, (block, deltas) in enumerate(blocks):
        yield _named("content_block_start", index=index, content_block=block)
        for delta in deltas:
            yield _named("content_block_delta", index=index, delta=delta)
        if reply.stop is not None or index < len(blocks) - 1:
            yield _named("content_block_stop", index=index)
    if reply.stop is not None:
        reason = {"tool_calls": "tool_use", "length": "max_tokens", "stop": "end_turn"}[reply.ending]
        ending = {"stop_reason": reason, "stop_sequence": None}
        yield _named("message_delta", delta=ending, usage={"output_tokens": 7})
        yield _named("message_stop")


def _read_anthropic(messages: list[Any]) -> Iterator[Item]:
    for message in messages:
        for block in message["content"]:
            match block["type"]:
                case "thinking":
                    assert block["thinking"], "a signature without its text"
                    yield ("sealed", block["signature"])
                case "text":
                    yield ("user" if message["role"] == "user" else "said", block["text"])
                case "tool_use":
                    assert message["role"] == "assistant"
                    yield ("call", block["id"], block["name"], block["input"])
                case kind:
                    assert (kind, message["role"]) == ("tool_result", "user")
                    content = block["content"]
                    text = content if isinstance(content, str) else "".join(each["text"] for each in content)
                    yield ("result", block["tool_use_id"], text, block.get("is_error", False))


# ---- Gemini -------------------------------------------------------------------------------------


def _gemini(reply: Reply, model: str) -> Iterator[bytes]:
    """Calls come whole; the first of a response has the signature."""
    parts: list[dict[str, Any]] = [{"text": reply.thinking, "thought": True}] if reply.thinking else []
    parts += [{"text": piece} for piece in replies.words(reply.text)]
    for number, call in enumerate(reply.calls):
        named = {"id": call.call_id, "name": call.name, "args": call.object}
        part: dict[str, object] = {"functionCall": {k: v for k, v in named.items() if v != ""}}
        if reply.seal and not number:
            part["thoughtSignature"] = reply.seal
        parts.append(part)
    usage = {"promptTokenCount": 11, "candidatesTokenCount": 7, "totalTokenCount": 18}
    for number, part in enumerate(parts):
        candidate: dict[str, object] = {"content": {"parts": [part], "role": "model"}, "index": 0}
        if number == len(parts) - 1 and reply.stop is not None:
            candidate["finishReason"] = "MAX_TOKENS" if reply.ending == "length" else "STOP"
        yield sse(
            {"candidates": [candidate], "usageMetadata": usage, "modelVersion": model, "responseId": "r1"}
        )


def _read_gemini(contents: list[Any]) -> Iterator[Item]:
    for content in contents:
        side = content["role"]
        for part in content["parts"]:
            if signature := part.get("thoughtSignature"):
                assert "functionCall" in part
                yield ("sealed", signature)
            if call := part.get("functionCall"):
                assert side == "model"
                yield ("call", call["id"], call["name"], call["args"])
            elif answer := part.get("functionResponse"):
                assert side == "user"
                ((key, text),) = answer["response"].items()
                yield ("result", answer["id"], text, key == "error")
            else:
                yield ("user" if side == "user" else "said", part["text"])


# ---- Ollama -------------------------------------------------------------------------------------


def _ollama(reply: Reply, model: str) -> Iterator[bytes]:
    """Calls come whole and without ids."""
    if reply.thinking:
        yield replies.ollama_line({"role": "assistant", "content": "", "thinking": reply.thinking})
    for piece in replies.words(reply.text):
        yield replies.ollama_line({"role": "assistant", "content": piece})
    for call in reply.calls:
        made = {"function": {"name": call.name, "arguments": call.object}}
        yield replies.ollama_line({"role": "assistant", "content": "", "tool_calls": [made]})
    if reply.stop is not None:
        yield replies.ollama_done("length" if reply.ending == "length" else "stop")


def _read_ollama(messages: list[Any]) -> Iterator[Item]:
    """What a model thought goes back in the clear."""
    names: dict[str, str] = {}
    for message in messages:
        if message["role"] == "tool":
            assert message["tool_name"] == names[message["tool_call_id"]]
            yield ("result", message["tool_call_id"], message["content"], None)
            continue
        if thinking := message.get("thinking"):
            yield ("sealed", thinking)
        if message["content"]:
            yield ("user" if message["role"] == "user" else "said", message["content"])
        for call in message.get("tool_calls", []):
            names[call["id"]] = call["function"]["name"]
            yield ("call", call["id"], call["function"]["name"], call["function"]["arguments"])


def _named(kind: str, **fields: Any) -> bytes:
    return sse({"type": kind, **fields}, kind)


SPEAKERS = {
    "openai_chat": Speaker("openai", "/v1", "gpt-4.1", "messages", _openai_chat, _read_chat),
    "openai_responses": Speaker(
        "openai_responses", "/v1", "gpt-5.5", "input", _openai_responses, _read_responses, seals="text"
    ),
    "anthropic": Speaker(
        "anthropic",
        "",
        "claude-opus-5",
        "messages",
        _anthropic,
        _read_anthropic,
        seals="text",
        tells_errors=True,
        merges=True,
    ),
    "gemini": Speaker(
        "gemini",
        "",
        "gemini-3.6-flash",
        "contents",
        _gemini,
        _read_gemini,
        seals="call",
        tells_errors=True,
        merges=True,
    ),
    "ollama": Speaker(
        "ollama",
        "",
        "gpt-oss:20b",
        "messages",
        _ollama,
        _read_ollama,
        CONTENT_TYPES["ollama"],
        "text",
        has_ids=False,
    ),
    "openrouter": Speaker(
        "openrouter", "/v1", "anthropic/claude-opus-5", "messages", _openrouter, _read_chat, seals="text"
    ),
}
"""The wire formats, and a service that speaks Chat Completions in its own way."""
