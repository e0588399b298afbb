"""Messages as Chat Completions has them, and as the services in `catalog` want them.

Source: the OpenAI API reference, `POST /v1/chat/completions`, `messages`; and the services' documentation.
"""

from __future__ import annotations

import re
from hashlib import sha256

from chatterm.backend.providers.base import Blobs, Variant
from chatterm.backend.providers.catalog import Service
from chatterm.backend.providers.message_content import (
    LEFT_OUT,
    content_pieces,
    image_base64,
    pieces_with_documents,
    plain_text,
)
from chatterm.backend.providers.reasoning_details import readable_details
from chatterm.backend.providers.tool_calls import argument_json
from chatterm.backend.providers.tool_history import NO_RESULT
from chatterm.backend.providers.wire_json import as_list, as_object, encode_json, safe_json
from chatterm.core.clean import clean_line
from chatterm.core.messages import FilePart, ImagePart, Message, ToolCallPart, ToolResultPart

STOPPED = "[The answer was stopped here.]"
CONTINUE = "Continue."


def message_items(
    service: Service, message: Message, variant: Variant, blobs: Blobs
) -> list[dict[str, object]]:
    """The message as items of `messages`; none for an empty reply.

    Raises `AttachmentError` for an attachment whose bytes are gone.
    """
    if message.role == "assistant":
        return _assistant_items(service, message, variant, blobs)
    results: list[dict[str, object]] = [
        {"role": "tool", "tool_call_id": _call_id(service, part.call_id), "content": part.content}
        for part in message.parts
        if isinstance(part, ToolResultPart)
    ]
    content = _user_content(service, message, variant, blobs) if message.role == "user" else ""
    return [*results, {"role": "user", "content": content}] if content else results


def no_result(service: Service, call_id: str) -> bytes:
    """The item that stands in for the result of a call that never got one."""
    return encode_json({"role": "tool", "tool_call_id": _call_id(service, call_id), "content": NO_RESULT})


def alternating(fragments: list[bytes], *, ends_open: bool = False) -> list[bytes]:
    """The items as Mistral and Perplexity take them: from a user on in turns, to a user or a tool.

    Neighbours of one role become one; results stay by themselves. `ends_open`: a reply may come last.
    """
    items: list[dict[str, object]] = []
    for item in map(as_object, as_list(safe_json(b"[" + b",".join(fragments) + b"]"))):
        before = items[-1] if items else {}
        roles = (before.get("role"), item["role"])
        if roles in (("user", "user"), ("assistant", "assistant")) and "tool_calls" not in before:
            before |= item | {"content": _joined(before["content"], item["content"])}
            continue
        if not items and item["role"] == "assistant":
            items.append({"role": "user", "content": LEFT_OUT})
        elif roles == ("tool", "user"):
            items.append({"role": "assistant", "content": STOPPED})
        items.append(item)
    if items and items[-1]["role"] == "assistant" and not ends_open:
        items.append({"role": "user", "content": CONTINUE})
    return [encode_json(item) for item in items]


def _user_content(
    service: Service, message: Message, variant: Variant, blobs: Blobs
) -> str | list[dict[str, object]]:
    if service.documents:
        pieces = pieces_with_documents(message, blobs, variant.images)
    else:
        pieces = [*content_pieces(message, blobs, variant.images)]
    texts = [piece for piece in pieces if isinstance(piece, str)]
    if len(texts) == len(pieces):
        return "".join(texts)
    return [_content_part(service, piece, blobs) for piece in pieces]


def _content_part(service: Service, piece: str | ImagePart | FilePart, blobs: Blobs) -> dict[str, object]:
    if isinstance(piece, str):
        return {"type": "text", "text": piece}
    data = image_base64(piece, blobs)
    url = f"data:{piece.media_type};base64,{data}"
    if isinstance(piece, ImagePart):
        return {"type": "image_url", "image_url": {"url": url}}
    name = clean_line(piece.name) or "document.pdf"
    match service.documents:
        case "file_url":  # Perplexity wants the bare base64
            return {"type": "file_url", "file_url": {"url": data}, "file_name": name}
        case "document_url":
            return {"type": "document_url", "document_url": url, "document_name": name}
        case _:
            return {"type": "file", "file": {"filename": name, "file_data": url}}


def _assistant_items(
    service: Service, message: Message, variant: Variant, blobs: Blobs
) -> list[dict[str, object]]:
    text = plain_text(message, blobs)
    calls = [
        {
            "id": _call_id(service, part.call_id),
            "type": "function",
            "function": {"name": part.name, "arguments": argument_json(part.arguments)},
        }
        for part in message.parts
        if isinstance(part, ToolCallPart)
    ]
    if not text and not calls:
        return []
    item: dict[str, object] = {"role": "assistant", "content": text or None}
    if calls:
        item["tool_calls"] = calls
    if calls and service.echoes_reasoning:
        item["reasoning_content"] = message.thinking
    if service.reasoning_details and (details := readable_details(message, variant.family)):
        item["reasoning_details"] = details
    return [item]


def _call_id(service: Service, call_id: str) -> str:
    """The id, or one made of it where the service does not take it; call and result give the same."""
    if re.fullmatch(service.call_ids, call_id):
        return call_id
    return sha256(call_id.encode(errors="replace")).hexdigest()[: service.call_id_length]


def _joined(first: object, second: object) -> object:
    if second is None:
        return first
    if isinstance(first, str) and isinstance(second, str):
        return f"{first}\n\n{second}"
    return [
        part
        for content in (first, second)
        for part in ([{"type": "text", "text": content}] if isinstance(content, str) else as_list(content))
    ]
