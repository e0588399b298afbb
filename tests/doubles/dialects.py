"""Replies as they come in every wire format, frame by frame, for servers that stop in the midst of one.

Sources: the API references of OpenAI, Anthropic, Google, Ollama, OpenRouter and Perplexity on streaming.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from tests.doubles import server_replies as replies
from tests.doubles.server_replies import CONTENT_TYPES, MODEL, sse

Kind = Literal["thinking", "text", "call", "end"]
Delta = tuple[Kind, str]
"""An increment of the reply; of a tool call, its arguments so far or a part of them. `end` comes last, if at all."""

CALL_ID, TOOL = "call_1", "read_file"
_SSE = CONTENT_TYPES["openai"]


@dataclass(frozen=True, slots=True)
class Dialect:
    """A wire format, or a service's own way with it.

    `provider` is chatterm's name for it, `base` what its base URL has behind the address. `frames` may be endless.
    """

    provider: str
    base: str
    frames: Callable[[Iterable[Delta]], Iterator[bytes]]
    content_type: str = _SSE

    @property
    def head(self) -> bytes:
        """Status line and headers of a reply."""
        return replies.head(self.content_type)


def _openai_chat(deltas: Iterable[Delta]) -> Iterator[bytes]:
    yield replies.openai_chunk({"role": "assistant", "content": ""})
    calls = 0
    for kind, piece in deltas:
        match kind:
            case "thinking":
                yield replies.openai_chunk({"reasoning_content": piece})
            case "text":
                yield replies.openai_chunk({"content": piece})
            case "call":
                yield replies.openai_chunk({"tool_calls": [_chat_call(piece, calls)]})
                calls += 1
            case "end":
                yield replies.openai_chunk({}, finish_reason="stop")
                yield replies.openai_usage(11, 7)
                yield b"data: [DONE]\n\n"


def _chat_call(arguments: str, number: int) -> dict[str, object]:
    if number:
        return {"index": 0, "function": {"arguments": arguments}}
    function = {"name": TOOL, "arguments": arguments}
    return {"index": 0, "id": CALL_ID, "type": "function", "function": function}


def _openrouter(deltas: Iterable[Delta]) -> Iterator[bytes]:
    """Comments until there is something to say, reasoning under two names, usage in the last chunk."""
    yield b": OPENROUTER PROCESSING\n\n"
    calls = 0
    for kind, piece in deltas:
        match kind:
            case "thinking":
                detail = {"type": "reasoning.text", "text": piece, "format": "unknown", "index": 0}
                fields = {"content": "", "reasoning": piece, "reasoning_details": [detail]}
                yield replies.openai_chunk({"role": "assistant", **fields})
            case "text":
                yield replies.openai_chunk({"role": "assistant", "content": piece})
            case "call":
                yield replies.openai_chunk(
                    {"role": "assistant", "content": None, "tool_calls": [_chat_call(piece, calls)]}
                )
                calls += 1
            case "end":
                yield replies.openai_chunk({"role": "assistant", "content": ""}, finish_reason="stop")
                yield replies.openai_usage(11, 7)
                yield b"data: [DONE]\n\n"


def _perplexity(deltas: Iterable[Delta]) -> Iterator[bytes]:
    """Every chunk repeats all of the text so far, and the sources; reasoning stands in tags."""
    sources = {"citations": ["https://one.example/"], "search_results": [{"url": "https://one.example/"}]}
    whole, thinks, calls = "", False, 0
    for kind, piece in deltas:
        text = piece if kind in ("thinking", "text") else ""
        if thinks != (kind == "thinking"):
            thinks = kind == "thinking"
            text = f"<think>\n{text}" if thinks else f"</think>\n\n{text}"
        delta: dict[str, object] = {"role": "assistant", "content": text}
        if kind == "call":
            delta["tool_calls"] = [_chat_call(piece, calls)]
            calls += 1
        whole += text
        choice: dict[str, object] = {"index": 0, "delta": delta, "finish_reason": None}
        choice["message"] = {"role": "assistant", "content": whole}
        usage = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
        if kind == "end":
            choice["finish_reason"] = "stop"
        yield sse({"id": "pplx-1", "model": MODEL, "usage": usage, **sources, "choices": [choice]})
        if kind == "end":
            yield b"data: [DONE]\n\n"


def _openai_responses(deltas: Iterable[Delta]) -> Iterator[bytes]:
    items: dict[str, dict[str, object]] = {
        "thinking": {"type": "reasoning", "id": "rs_1", "summary": []},
        "text": {"type": "message", "id": "msg_1", "role": "assistant", "content": []},
        "call": {"type": "function_call", "id": "fc_1", "call_id": CALL_ID, "name": TOOL, "arguments": ""},
    }
    increments: dict[str, tuple[str, dict[str, object]]] = {
        "thinking": ("response.reasoning_summary_text.delta", {"summary_index": 0}),
        "text": ("response.output_text.delta", {"content_index": 0}),
        "call": ("response.function_call_arguments.delta", {}),
    }
    response: dict[str, object] = {"id": "resp_1", "model": MODEL, "status": "in_progress", "output": []}
    yield _named("response.created", response=response)
    index, open_item = -1, ""
    for kind, piece in deltas:
        if kind == "end":
            usage = {"input_tokens": 11, "output_tokens": 7, "total_tokens": 18}
            yield _named("response.completed", response={**response, "status": "completed", "usage": usage})
            return
        if kind != open_item:
            open_item, index = kind, index + 1
            yield _named("response.output_item.added", output_index=index, item=items[kind])
        name, place = increments[kind]
        yield _named(name, output_index=index, item_id=items[kind]["id"], delta=piece, **place)


def _anthropic(deltas: Iterable[Delta]) -> Iterator[bytes]:
    blocks: dict[str, dict[str, object]] = {
        "thinking": {"type": "thinking", "thinking": "", "signature": ""},
        "text": {"type": "text", "text": ""},
        "call": {"type": "tool_use", "id": CALL_ID, "name": TOOL, "input": {}},
    }
    increments = {
        "thinking": ("thinking_delta", "thinking"),
        "text": ("text_delta", "text"),
        "call": ("input_json_delta", "partial_json"),
    }
    message: dict[str, object] = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": [],
    }
    yield _named("message_start", message={**message, "usage": {"input_tokens": 11, "output_tokens": 1}})
    yield _named("ping")
    index, block = -1, ""
    for kind, piece in deltas:
        if kind != block:
            if block:
                yield _named("content_block_stop", index=index)
            if kind == "end":
                ending = {"stop_reason": "end_turn", "stop_sequence": None}
                yield _named("message_delta", delta=ending, usage={"output_tokens": 7})
                yield _named("message_stop")
                return
            block, index = kind, index + 1
            yield _named("content_block_start", index=index, content_block=blocks[kind])
        kind_name, field = increments[kind]
        yield _named("content_block_delta", index=index, delta={"type": kind_name, field: piece})


def _gemini(deltas: Iterable[Delta]) -> Iterator[bytes]:
    """Calls come whole."""
    for kind, piece in deltas:
        part: dict[str, object] = {"text": piece}
        if kind == "thinking":
            part["thought"] = True
        elif kind == "call":
            part = {"functionCall": {"name": TOOL, "args": {"path": piece}}}
        candidate: dict[str, object] = {"content": {"parts": [part], "role": "model"}, "index": 0}
        if kind == "end":
            candidate["finishReason"] = "STOP"
        usage = {"promptTokenCount": 11, "candidatesTokenCount": 7, "totalTokenCount": 18}
        yield sse(
            {"candidates": [candidate], "usageMetadata": usage, "modelVersion": MODEL, "responseId": "r1"}
        )


def _ollama(deltas: Iterable[Delta]) -> Iterator[bytes]:
    """Calls come whole."""
    for kind, piece in deltas:
        match kind:
            case "thinking":
                yield replies.ollama_line({"role": "assistant", "content": "", "thinking": piece})
            case "text":
                yield replies.ollama_line({"role": "assistant", "content": piece})
            case "call":
                call = {"function": {"name": TOOL, "arguments": {"path": piece}}}
                yield replies.ollama_line({"role": "assistant", "content": "", "tool_calls": [call]})
            case "end":
                yield replies.ollama_done()


def _named(kind: str, **fields: Any) -> bytes:
    return sse({"type": kind, **fields}, kind)


OPENAI_CHAT = Dialect("openai", "/v1", _openai_chat)

DIALECTS = {
    "openai_chat": OPENAI_CHAT,
    "openai_responses": Dialect("openai_responses", "/v1", _openai_responses),
    "anthropic": Dialect("anthropic", "", _anthropic),
    "gemini": Dialect("gemini", "", _gemini),
    "ollama": Dialect("ollama", "", _ollama, CONTENT_TYPES["ollama"]),
    "openrouter": Dialect("openrouter", "/v1", _openrouter),
    "perplexity": Dialect("perplexity", "/v1", _perplexity),
}
"""All of them, by the adapter's name or that of the service."""
