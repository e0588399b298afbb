"""Messages as the contents of a Gemini request. Source: the Gemini API reference, `Content` and `Part`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from chatterm.backend.providers.base import Blobs, Variant
from chatterm.backend.providers.gemini_signatures import ORIGIN, STAND_IN, WirePart, put_back
from chatterm.backend.providers.message_content import LEFT_OUT, image_base64, pieces_with_documents
from chatterm.backend.providers.tool_calls import argument_object
from chatterm.backend.providers.tool_history import NO_RESULT, has_tools, takes_turns
from chatterm.backend.providers.wire_json import as_list, as_object, as_text, encode_json, safe_json
from chatterm.core.messages import (
    Message,
    OpaquePart,
    Part,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)


def encode_content(message: Message, variant: Variant, blobs: Blobs) -> bytes:
    """The parts of the message's one content, joined by commas; nothing for a message that says nothing."""
    is_reply = message.role == "assistant"
    parts = _reply_parts(message, variant, blobs) if is_reply else _user_parts(message, variant, blobs)
    return b",".join(map(encode_json, parts))


def joined_contents(messages: tuple[Message, ...], encoded: Iterable[bytes]) -> list[bytes]:
    """All contents with commas between them, in pieces that only need to be put together: one may be megabytes.

    Neighbours of one role are one, and every tool call has its result. A result gets the name of its call, which
    it is matched by; one without a call is left out.
    """
    if not has_tools(messages):
        fragments = list(encoded)
        if takes_turns(messages) and all(fragments):
            return _in_turns(fragments)
        return _pieced(_by_role(zip(messages, fragments, strict=True)))
    contents: list[tuple[str, list[bytes]]] = []
    waiting: list[tuple[str, str]] = []

    def put(role: str, parts: bytes) -> None:
        if not contents or contents[-1][0] != role:
            contents.append((role, []))
        contents[-1][1].append(parts)

    def answer_waiting() -> None:
        for call_id, name in waiting:
            put("user", encode_json(_response(call_id, {"error": NO_RESULT}, name)))
        waiting.clear()

    for message, parts in zip(messages, encoded, strict=True):
        if not parts:
            continue
        if any(isinstance(part, ToolResultPart) for part in message.parts):
            parts = b",".join(_named_results(parts, waiting))
            if message.role == "user":
                answer_waiting()
        else:
            answer_waiting()
        if parts:
            put("model" if message.role == "assistant" else "user", parts)
        waiting += [(part.call_id, part.name) for part in message.parts if isinstance(part, ToolCallPart)]
    answer_waiting()
    return _pieced(contents)


def _in_turns(fragments: list[bytes]) -> list[bytes]:
    """The same as `_pieced` for the usual conversation, in which each message is a content of its own."""
    user, model = b',{"role":"user","parts":[', b',{"role":"model","parts":['
    pieces = [user, b"", b"]}", model, b"", b"]}"] * ((len(fragments) + 1) // 2)
    del pieces[3 * len(fragments) :]
    pieces[1::3] = fragments
    if pieces:
        pieces[0] = user[1:]
    return pieces


def _by_role(spoken: Iterable[tuple[Message, bytes]]) -> list[tuple[str, list[bytes]]]:
    contents: list[tuple[str, list[bytes]]] = []
    for message, parts in spoken:
        role = "model" if message.role == "assistant" else "user"
        if parts and contents and contents[-1][0] == role:
            contents[-1][1].append(parts)
        elif parts:
            contents.append((role, [parts]))
    return contents


def _pieced(contents: list[tuple[str, list[bytes]]]) -> list[bytes]:
    if contents and contents[0][0] == "model":  # a call must follow a turn of the user
        contents.insert(0, ("user", [encode_json({"text": LEFT_OUT})]))
    pieces: list[bytes] = []
    for role, parts in contents:
        pieces.append((b',{"role":"' if pieces else b'{"role":"') + role.encode() + b'","parts":[')
        for part in parts:
            pieces += (part, b",")
        pieces[-1] = b"]}"
    return pieces


def _user_parts(message: Message, variant: Variant, blobs: Blobs) -> list[WirePart]:
    parts: list[WirePart] = []
    for part in message.parts:
        if isinstance(part, ToolResultPart):
            parts.append(_response(part.call_id, {"error" if part.is_error else "result": part.content}))
        elif message.role == "user":
            parts.extend(_pieces(message, part, variant, blobs))
    return parts


def _reply_parts(message: Message, variant: Variant, blobs: Blobs) -> list[WirePart]:
    parts: list[WirePart] = []
    for part in message.parts:
        match part:
            case TextPart(text) | RefusalPart(text):
                parts.append({"text": text})
            case ToolCallPart(call_id, name, arguments):
                call = {"id": call_id, "name": name, "args": argument_object(arguments)}
                parts.append({"functionCall": call})
            case OpaquePart(origin, data):
                if origin == ORIGIN:
                    put_back(parts, data, variant.signed_calls)
            case _:
                parts.extend(_pieces(message, part, variant, blobs))
    first = next((part for part in parts if "functionCall" in part), None)
    if first is not None and variant.signed_calls:
        first.setdefault("thoughtSignature", STAND_IN)
    return [part for part in parts if "thoughtSignature" in part or as_text(part.get("text", "-")).strip()]


def _pieces(message: Message, part: Part, variant: Variant, blobs: Blobs) -> Iterator[WirePart]:
    for piece in pieces_with_documents(replace(message, parts=(part,)), blobs, variant.images):
        if isinstance(piece, str):
            yield {"text": piece}
        else:
            yield {"inlineData": {"mimeType": piece.media_type, "data": image_base64(piece, blobs)}}


def _response(call_id: str, response: dict[str, object], name: str = "") -> WirePart:
    return {"functionResponse": {"id": call_id, "name": name, "response": response}}


def _named_results(parts: bytes, waiting: list[tuple[str, str]]) -> Iterator[bytes]:
    """The parts with the names of the calls in their results; the calls are taken out of `waiting`."""
    for part in map(as_object, as_list(safe_json(b"[" + parts + b"]"))):
        result = as_object(part.get("functionResponse"))
        call = next((call for call in waiting if call[0] == result.get("id")), None)
        if call is not None:
            waiting.remove(call)
            yield encode_json(_response(call[0], as_object(result["response"]), call[1]))
        elif not result:
            yield encode_json(part)
