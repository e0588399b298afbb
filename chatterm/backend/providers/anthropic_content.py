"""A message as content blocks of Anthropic's Messages API, and what became of a block when it was decoded.

Opaque parts hold JSON objects. One of type `thinking` has the signature of the thinking part right before it
(of empty thinking where there is none), one of type `text` the citations inside the text part before it, by
the characters they belong to, and one of type `tool_use` what a tool call had beside its arguments. Any other
is a whole content block in its place: redacted thinking, calls of the server's own tools, and their results.
"""

from __future__ import annotations

import re
from dataclasses import replace
from hashlib import sha256
from typing import assert_never

from chatterm.backend.providers.anthropic_models import is_claude
from chatterm.backend.providers.base import Blobs, Variant
from chatterm.backend.providers.message_content import image_base64, pieces_with_documents, plain_text
from chatterm.backend.providers.tool_calls import argument_object
from chatterm.backend.providers.wire_json import as_count, as_list, as_object, as_text, object_in
from chatterm.core.messages import (
    CitationsPart,
    FilePart,
    ImagePart,
    Message,
    OpaquePart,
    RefusalPart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
)

Block = dict[str, object]

_CLAUDE = "claude"
_OTHERS = "others"

THINKING = frozenset({"thinking", "redacted_thinking"})


def family_of(model: str) -> str:
    """Models whose opaque parts go together: no Claude takes the signatures of another maker."""
    return _CLAUDE if is_claude(model) else _OTHERS


def origin_of(model: str) -> str:
    """The origin of what the model of this name sends to be sent back."""
    return "anthropic" if family_of(model) == _CLAUDE else "anthropic-compatible"


def origins_for(family: str) -> tuple[str, ...]:
    """The origins of opaque parts that this family takes back; a gateway may call a Claude what it likes."""
    return ("anthropic",) if family == _CLAUDE else ("anthropic", "anthropic-compatible")


def message_blocks(message: Message, variant: Variant, blobs: Blobs) -> list[Block]:
    """The blocks of the message, tool results first; none where there is nothing that can be sent.

    Raises `AttachmentError` for an attachment whose bytes are gone.
    """
    if message.role == "assistant":
        return _reply_blocks(message, variant, blobs)
    results = [_result(part) for part in message.parts if isinstance(part, ToolResultPart)]
    if message.role == "tool":
        return results
    pieces = pieces_with_documents(message, blobs, variant.images)
    return results + [_piece(piece, blobs) for piece in pieces if not isinstance(piece, str) or piece.strip()]


def wire_id(call_id: str) -> str:
    """The id of a tool call in the letters that Anthropic allows; the same for a call and its result."""
    if re.fullmatch(r"[a-zA-Z0-9_-]+", call_id):
        return call_id
    # The digest keeps two ids apart that differ in nothing but the letters taken out.
    return f"{re.sub(r'[^a-zA-Z0-9_-]', '_', call_id)}_{sha256(call_id.encode(errors='replace')).hexdigest()[:8]}"


def tool_name(name: str) -> str:
    """The name of a tool in the letters that Anthropic allows."""
    return re.sub(r"[^a-zA-Z0-9_-]", "_", name)[:128] or "unknown"


def _piece(piece: str | ImagePart | FilePart, blobs: Blobs) -> Block:
    if isinstance(piece, str):
        return {"type": "text", "text": piece}
    source = {"type": "base64", "media_type": piece.media_type, "data": image_base64(piece, blobs)}
    return {"type": "image" if isinstance(piece, ImagePart) else "document", "source": source}


def _result(part: ToolResultPart) -> Block:
    content = part.content if part.content.strip() else ""
    if part.is_error:  # which must not be without a word
        fields: Block = {"content": content or "The tool failed.", "is_error": True}
    else:
        fields = {"content": content} if content else {}
    return {"type": "tool_result", "tool_use_id": wire_id(part.call_id), **fields}


def _reply_blocks(message: Message, variant: Variant, blobs: Blobs) -> list[Block]:
    blocks: list[Block] = []
    origins = origins_for(variant.family)
    thinking = ""
    for part in message.parts:
        match part:
            case ThinkingPart(thinking):
                continue
            case OpaquePart(origin, data):
                if origin in origins:
                    _take_back(blocks, object_in(data), thinking)
            case ToolCallPart(call_id, name, arguments):
                call: Block = {"type": "tool_use", "id": wire_id(call_id), "name": tool_name(name)}
                blocks.append({**call, "input": argument_object(arguments)})
            case TextPart(text) | RefusalPart(text):
                if text.strip():
                    blocks.append({"type": "text", "text": text})
            case ImagePart() | FilePart():  # only a user's message can hold them
                text = plain_text(replace(message, parts=(part,)), blobs)
                blocks.append({"type": "text", "text": text})
            case CitationsPart() | ToolResultPart():
                continue
            case _:
                assert_never(part)
        thinking = ""
    return without_last_thinking(blocks)


def without_last_thinking(blocks: list[Block]) -> list[Block]:
    """The blocks of a reply, which must not end in thinking."""
    while blocks and blocks[-1]["type"] in THINKING:
        blocks.pop()
    return blocks


def _take_back(blocks: list[Block], fields: Block, thinking: str) -> None:
    kind = as_text(fields.get("type"))
    before = as_text(blocks[-1]["type"]) if blocks else ""
    if kind == "thinking":
        blocks.append({"type": kind, "thinking": thinking, "signature": as_text(fields.get("signature"))})
    elif kind == "text":
        if before == "text":
            blocks[-1:] = _cited(as_text(blocks[-1]["text"]), as_list(fields.get("blocks")))
    elif kind == "tool_use":
        if before == "tool_use":
            blocks[-1] = {**fields, **blocks[-1]}
    elif kind:
        blocks.append(fields)


def _cited(text: str, spans: list[object]) -> list[Block]:
    """The text in the blocks that it came in, with their citations; in one where it was changed since."""
    lengths = [as_count(as_object(span).get("characters")) or 0 for span in spans]
    if sum(lengths) != len(text):
        return [{"type": "text", "text": text}]
    blocks: list[Block] = []
    start = 0
    for length, span in zip(lengths, spans, strict=True):
        block: Block = {"type": "text", "text": text[start : start + length]}
        if citations := as_list(as_object(span).get("citations")):
            block["citations"] = citations
        start += length
        # A block of white space alone is refused, though it may have come as one.
        if blocks and not as_text(blocks[-1]["text"]).strip():
            block["text"] = as_text(blocks.pop()["text"]) + as_text(block["text"])
        if blocks and not as_text(block["text"]).strip():
            blocks[-1]["text"] = as_text(blocks[-1]["text"]) + as_text(block["text"])
        elif block["text"]:
            blocks.append(block)
    return blocks
