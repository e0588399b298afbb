"""Results of MCP servers as text for a model, and prompts and resources as what a conversation takes."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from chatterm.backend.tools.base import ToolOutput
from chatterm.backend.tools.mcp.values import McpContent, McpResource
from chatterm.core.clean import clean_line, well_formed
from chatterm.core.errors import ToolError

if TYPE_CHECKING:
    from mcp_types import CallToolResult, ContentBlock, GetPromptResult, ReadResourceResult

MOST_CHARACTERS = 8 * 1024 * 1024


def output_of(result: CallToolResult) -> ToolOutput:
    """What a tool answered, as text; what is no text is told, not dumped."""
    text = _joined(_text(block) for block in result.content)
    if not text and result.structured_content is not None:
        text = json.dumps(result.structured_content, ensure_ascii=False)
    return ToolOutput(text=well_formed(text[:MOST_CHARACTERS]), is_error=result.is_error)


def prompt_text(result: GetPromptResult) -> str:
    """The messages of a prompt as one text; those that are not the user's are marked with whose they are."""
    parts: list[str] = []
    for message in result.messages:
        text = _text(message.content)
        parts.append(text if message.role == "user" else f"[{message.role}] {text}")
    return well_formed(_joined(parts, "\n\n")[:MOST_CHARACTERS])


def contents_of(resource: McpResource, result: ReadResourceResult) -> tuple[McpContent, ...]:
    """The pieces of a resource. Raises `ToolError` for what is neither text nor bytes."""
    return tuple(
        McpContent(
            uri=content.uri,
            name=resource.name,
            media_type=content.mime_type or resource.media_type,
            data=_data(content),
        )
        for content in result.contents
    )


def _text(block: ContentBlock) -> str:
    match block.type:
        case "text":
            return block.text
        case "image" | "audio":
            return f"[{block.type}, {clean_line(block.mime_type, 60)}, {len(block.data) * 3 // 4:,} bytes; not shown]"
        case "resource_link":
            return f"[resource {clean_line(block.uri, 500)}: {clean_line(block.name, 200)}]"
        case "resource":
            own = block.resource
            text = getattr(own, "text", None)
            said = (
                text
                if isinstance(text, str)
                else f"{len(getattr(own, 'blob', '')) * 3 // 4:,} bytes; not shown"
            )
            return f"[resource {clean_line(own.uri, 500)}]\n{said}"


def _data(content: object) -> bytes:
    if isinstance(text := getattr(content, "text", None), str):
        return well_formed(text).encode()
    try:
        return base64.b64decode(str(getattr(content, "blob", "")), validate=True)
    except binascii.Error:
        raise ToolError("The resource cannot be read: it is no base64.") from None


def _joined(texts: Iterable[str], between: str = "\n") -> str:
    return between.join(text for text in texts if text)
