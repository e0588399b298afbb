"""What the scripted server can answer: steps, and builders of replies in the two wire formats.

Sources: the API references of OpenAI (Chat Completions, streaming) and Ollama (docs/api.md).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Literal

Provider = Literal["openai", "ollama"]

CONTENT_TYPES: dict[Provider, str] = {"openai": "text/event-stream", "ollama": "application/x-ndjson"}
CHAT_PATHS: dict[str, Provider] = {"/v1/chat/completions": "openai", "/api/chat": "ollama"}
MODEL = "scripted-model"
_CHATS = re.compile(
    r"/(chat/completions|responses|messages|api/chat)$|:(streamGenerateContent|generateContent)$"
)
CREATED = "2026-01-01T00:00:00Z"
LAST_CHUNK = b"0\r\n\r\n"

# ---- steps ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Send:
    """Send these bytes, in one piece as far as the system allows."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Pause:
    """Do nothing for so long."""

    seconds: float


@dataclass(frozen=True, slots=True)
class WaitFor:
    """Wait until the test releases the gate."""

    gate: str


@dataclass(frozen=True, slots=True)
class Hang:
    """Do nothing until the client goes away."""


@dataclass(frozen=True, slots=True)
class Close:
    """Send what is left, then FIN."""


@dataclass(frozen=True, slots=True)
class Reset:
    """Cut the connection with RST, so that the client's next read fails."""


Step = Send | Pause | WaitFor | Hang | Close | Reset
Script = Iterable[Step]

# ---- HTTP -------------------------------------------------------------------------------------


def head(
    content_type: str,
    *,
    status: int = 200,
    length: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> bytes:
    """Status line and headers; without a length the body is chunked."""
    framing = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    try:
        reason = HTTPStatus(status).phrase
    except ValueError:
        reason = "Unknown"
    lines = [f"HTTP/1.1 {status} {reason}", f"Content-Type: {content_type}", framing]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in (headers or {}).items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def whole(
    body: object,
    *,
    status: int = 200,
    content_type: str = "",
    headers: Mapping[str, str] | None = None,
) -> list[Step]:
    """A reply in one piece: bytes and str as they are, any other value as JSON."""
    if isinstance(body, bytes):
        data, kind = body, "application/octet-stream"
    elif isinstance(body, str):
        data, kind = body.encode(), "text/html" if body.lstrip().startswith("<") else "text/plain"
    else:
        data, kind = json.dumps(body).encode(), "application/json"
    return [Send(head(content_type or kind, status=status, length=len(data), headers=headers) + data)]


def stream(
    frames: Iterable[bytes],
    *,
    content_type: str = CONTENT_TYPES["openai"],
    delay_seconds: float = 0.0,
    gates: Mapping[int, str] | None = None,
    ends: bool = True,
) -> Iterator[Step]:
    """A chunked reply, one frame per chunk and `Send`, after `delay_seconds` each.

    Before the frame with an index in `gates` the script waits for that gate. Without `ends` the last chunk is
    left out, and the connection stays as it is.
    """
    yield Send(head(content_type))
    for index, frame in enumerate(frames):
        if gates and index in gates:
            yield WaitFor(gates[index])
        if delay_seconds:
            yield Pause(delay_seconds)
        yield Send(chunk(frame))
    if ends:
        yield Send(LAST_CHUNK)


# ---- wire formats -----------------------------------------------------------------------------


def words(text: str | Iterable[str]) -> list[str]:
    """A text cut into words, each with the white space after it; pieces as they are."""
    return re.findall(r"\s*\S+\s*|\s+", text) if isinstance(text, str) else list(text)


def text_frames(
    text: str | Iterable[str],
    *,
    provider: Provider,
    thinking: str | Iterable[str] = (),
    usage: tuple[int, int] | None = (11, 7),
) -> Iterator[bytes]:
    """The frames of a whole reply; `usage` is tokens in and out."""
    build = openai_frames if provider == "openai" else ollama_frames
    return build(words(text), thinking=words(thinking), usage=usage)


def openai_frames(
    text: Iterable[str],
    *,
    thinking: Iterable[str] = (),
    usage: tuple[int, int] | None = None,
    finish_reason: str | None = "stop",
    done: bool = True,
) -> Iterator[bytes]:
    """A reply of the Chat Completions API, thinking first as `reasoning_content`.

    `finish_reason=None` and `done=False` leave the terminal markers out.
    """
    yield openai_chunk({"role": "assistant", "content": ""})
    for piece in thinking:
        yield openai_chunk({"reasoning_content": piece})
    for piece in text:
        yield openai_chunk({"content": piece})
    if finish_reason is not None:
        yield openai_chunk({}, finish_reason=finish_reason)
    if usage is not None:
        yield openai_usage(*usage)
    if done:
        yield b"data: [DONE]\n\n"


def openai_chunk(delta: Mapping[str, object], *, finish_reason: str | None = None) -> bytes:
    """One event with one choice."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return sse({**_OPENAI_FIELDS, "choices": [choice]})


def openai_usage(prompt_tokens: int, completion_tokens: int) -> bytes:
    """The event with the token counts and without choices."""
    counts = {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
    }
    return sse({**_OPENAI_FIELDS, "choices": [], "usage": counts})


def openai_error(message: str, *, kind: str = "server_error", code: str | int | None = None) -> bytes:
    """An error in the middle of a stream."""
    return sse({"error": {"message": message, "type": kind, "param": None, "code": code}})


def sse(value: object, event: str = "") -> bytes:
    """A value as one server-sent event."""
    name = f"event: {event}\n" if event else ""
    return f"{name}data: {json.dumps(value, ensure_ascii=False)}\n\n".encode()


def ollama_frames(
    text: Iterable[str],
    *,
    thinking: Iterable[str] = (),
    usage: tuple[int, int] | None = (11, 7),
    done_reason: str | None = "stop",
) -> Iterator[bytes]:
    """A reply of Ollama's /api/chat; `done_reason=None` leaves the last line out."""
    for piece in thinking:
        yield ollama_line({"role": "assistant", "content": "", "thinking": piece})
    for piece in text:
        yield ollama_line({"role": "assistant", "content": piece})
    if done_reason is not None:
        yield ollama_done(done_reason, usage)


def ollama_line(message: Mapping[str, object]) -> bytes:
    """One line with an increment."""
    return ndjson({**_OLLAMA_FIELDS, "message": message, "done": False})


def ollama_done(
    reason: str = "stop",
    usage: tuple[int, int] | None = (11, 7),
    *,
    load_seconds: float = 0.02,
    prompt_seconds: float = 0.1,
    eval_seconds: float = 0.35,
) -> bytes:
    """The last line: six durations and counts, durations in whole nanoseconds; no counts without `usage`."""
    total = load_seconds + prompt_seconds + eval_seconds
    figures: dict[str, int] = {
        "total_duration": round(total * 1e9),
        "load_duration": round(load_seconds * 1e9),
        "prompt_eval_duration": round(prompt_seconds * 1e9),
        "eval_duration": round(eval_seconds * 1e9),
    }
    if usage is not None:
        figures |= {"prompt_eval_count": usage[0], "eval_count": usage[1]}
    message = {"role": "assistant", "content": ""}
    return ndjson({**_OLLAMA_FIELDS, "message": message, "done": True, "done_reason": reason, **figures})


def ollama_error(message: str) -> bytes:
    """An error in the middle of a stream, or the body of one with a status."""
    return ndjson({"error": message})


def ndjson(value: object) -> bytes:
    """A value as one JSON line."""
    return json.dumps(value, ensure_ascii=False).encode() + b"\n"


_OPENAI_FIELDS: dict[str, object] = {
    "id": "chatcmpl-scripted",
    "object": "chat.completion.chunk",
    "created": 1767225600,
    "model": MODEL,
}
_OLLAMA_FIELDS: dict[str, object] = {"model": MODEL, "created_at": CREATED}


def is_chat(path: str) -> bool:
    """Whether a request to this path asks for a reply, in any of the wire formats."""
    return _CHATS.search(path.partition("?")[0]) is not None


# ---- what a server answers by itself ----------------------------------------------------------


def default_routes(models: tuple[str, ...]) -> dict[str, Callable[[Any], Script]]:
    """Answers by path for both kinds of server."""
    details = {"family": "scripted", "parameter_size": "1B", "quantization_level": "Q4_0"}
    tags = [
        {
            "name": name,
            "model": name,
            "modified_at": CREATED,
            "size": 10**9,
            "digest": "0",
            "details": details,
        }
        for name in models
    ]
    listed = [{"id": name, "object": "model", "created": 1767225600, "owned_by": "test"} for name in models]
    shown = {
        "capabilities": ["completion", "thinking"],
        "model_info": {"general.architecture": "scripted", "scripted.context_length": 8192},
        "details": details,
    }
    fixed: dict[str, object] = {
        "/v1/models": {"object": "list", "data": listed},
        "/api/tags": {"models": tags},
        "/api/ps": {"models": [{**tag, "size_vram": 0, "context_length": 4096} for tag in tags]},
        "/api/show": shown,
        "/api/version": {"version": "0.99.0"},
    }
    routes: dict[str, Callable[[Any], Script]] = {
        path: (lambda _, value=value: whole(value)) for path, value in fixed.items()
    }
    for path, provider in CHAT_PATHS.items():
        routes[path] = lambda _, kind=provider: stream(
            text_frames("Hello from the scripted server.", provider=kind), content_type=CONTENT_TYPES[kind]
        )
    return routes
