"""Messages as the input items of OpenAI's Responses.

What goes back unchanged are opaque parts of the origin "openai_responses/SERVICE" (at OpenRouter with the maker
of the model behind it), each a JSON object:
- a reasoning item, an item of its own, which stands right before the text or the tool call that came of it; left
  out where nothing follows it, as services refuse that. Reasoning in plain text goes back only beside the tool
  calls that it led to. `{"type": "late", "item": ...}` is one that belongs before all else of its message.
- `{"type": "message", "phase": ...}`, which belongs to the text right before it.
- any other item (a web search, say), as it came.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from hashlib import sha256
from itertools import count

from chatterm.backend.providers.base import Blobs, Variant
from chatterm.backend.providers.message_content import image_base64, pieces_with_documents, plain_text
from chatterm.backend.providers.openai_chat_messages import NO_RESULT
from chatterm.backend.providers.tool_calls import argument_json
from chatterm.backend.providers.wire_json import as_object, as_text, encode_json, object_in
from chatterm.core.clean import clean_line
from chatterm.core.messages import (
    FilePart,
    ImagePart,
    Message,
    OpaquePart,
    Part,
    ToolCallPart,
    ToolResultPart,
)

_LONGEST_ID = 64
_WANTS_IDS = "openai_responses/openrouter/"

Item = dict[str, object]


def input_items(message: Message, variant: Variant, blobs: Blobs) -> list[Item]:
    """The message as 0..n items; opaque parts go back whose origin is the variant's family.

    Raises `AttachmentError` for an attachment whose bytes are gone.
    """
    if message.role == "assistant":
        return _reply_items(message, variant, blobs)
    items: list[Item] = [
        {"type": "function_call_output", "call_id": _call_id(part.call_id), "output": part.content}
        for part in message.parts
        if isinstance(part, ToolResultPart)
    ]
    content = _user_content(message, variant, blobs) if message.role == "user" else ""
    return [*items, {"role": "user", "content": content}] if content else items


def no_result(call_id: str) -> bytes:
    """The item that stands in for the result of a call that never got one."""
    return encode_json({"type": "function_call_output", "call_id": _call_id(call_id), "output": NO_RESULT})


# ---- replies -------------------------------------------------------------------------------------


def _reply_items(message: Message, variant: Variant, blobs: Blobs) -> list[Item]:
    calls = any(isinstance(part, ToolCallPart) for part in message.parts)
    items = [
        item
        for item in _in_order(message, variant.family, blobs)
        if item.get("type") != "reasoning" or (variant.reasoning and (item.get("encrypted_content") or calls))
    ]
    while items and items[-1].get("type") == "reasoning":  # nothing came of it
        items.pop()
    if variant.family.startswith(_WANTS_IDS):
        return [*_numbered(message, map(_without_id, items))]
    return [_without_id(item) for item in items]


def _in_order(message: Message, origin: str, blobs: Blobs) -> Iterator[Item]:
    own = [_kept(part, origin) for part in message.parts]
    yield from (as_object(item.get("item")) for item in own if item.get("type") == "late")
    said: list[Part] = []
    for part, item in zip(message.parts, own, strict=True):
        if isinstance(part, ToolCallPart):
            yield from _text_items(message, said, blobs)
            yield {
                "type": "function_call",
                "call_id": _call_id(part.call_id),
                "name": re.sub(r"[^A-Za-z0-9_-]", "_", part.name)[:_LONGEST_ID] or "unnamed",
                "arguments": argument_json(part.arguments),
            }
        elif not isinstance(part, OpaquePart):
            said.append(part)
        elif item.get("type") == "message":
            yield from _text_items(message, said, blobs, as_text(item.get("phase")))
        elif as_text(item.get("type")) not in ("", "late"):
            yield from _text_items(message, said, blobs)
            yield item
    yield from _text_items(message, said, blobs)


def _kept(part: Part, origin: str) -> Item:
    """What an opaque part holds; nothing where another adapter or service is its origin."""
    if not isinstance(part, OpaquePart) or part.origin != origin:
        return {}
    return object_in(part.data)


def _text_items(message: Message, said: list[Part], blobs: Blobs, phase: str = "") -> Iterator[Item]:
    """What was said since the last item, if there is any text in it; `said` is empty afterwards."""
    text = plain_text(replace(message, parts=tuple(said)), blobs)
    said.clear()
    if text:
        content = [{"type": "output_text", "text": text}]
        item: Item = {"type": "message", "role": "assistant", "content": content}
        yield {**item, "phase": phase} if phase else item


def _without_id(item: Item) -> Item:
    """Sealed reasoning stands for itself: its id names what was never stored, and would be looked up."""
    if not item.get("encrypted_content"):
        return item
    return {name: value for name, value in item.items() if name not in ("id", "status")}


def _numbered(message: Message, items: Iterable[Item]) -> Iterator[Item]:
    """The items, each text with an id of its own and a status, as OpenRouter requires of replies."""
    numbers = count()
    for item in items:
        said = item.get("type") == "message"
        yield {"id": f"msg_{message.id}_{next(numbers)}", "status": "completed", **item} if said else item


def _call_id(call_id: str) -> str:
    """The id of a call; one that is too long, as some gateways make them, in short."""
    if 0 < len(call_id) <= _LONGEST_ID:
        return call_id
    return f"call_{sha256(call_id.encode(errors='replace')).hexdigest()[:40]}"


# ---- prompts -------------------------------------------------------------------------------------


def _user_content(message: Message, variant: Variant, blobs: Blobs) -> str | list[Item]:
    items = [_content_item(piece, blobs) for piece in pieces_with_documents(message, blobs, variant.images)]
    return as_text(items[0].get("text")) or items if len(items) == 1 else items


def _content_item(piece: str | ImagePart | FilePart, blobs: Blobs) -> Item:
    match piece:
        case str():
            return {"type": "input_text", "text": piece}
        case ImagePart():
            return {"type": "input_image", "image_url": _data_url(piece, blobs), "detail": "auto"}
        case FilePart(name):
            name = clean_line(name) or "document.pdf"
            return {"type": "input_file", "filename": name, "file_data": _data_url(piece, blobs)}


def _data_url(part: ImagePart | FilePart, blobs: Blobs) -> str:
    return f"data:{part.media_type};base64,{image_base64(part, blobs)}"
