"""What a message says, as the wire formats take it: runs of text, and images between them."""

from __future__ import annotations

from base64 import b64encode
from typing import assert_never, cast

from chatterm.backend.providers.base import Blobs
from chatterm.core.clean import clean_line
from chatterm.core.errors import AttachmentError
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

LEFT_OUT = "[What was said before is left out.]"
"""What the user says first where a history without its beginning would begin with a reply."""


def content_pieces(message: Message, blobs: Blobs, images: bool) -> list[str | ImagePart]:
    """The message's texts and images in order, neighbouring texts joined by a blank line.

    Text files are written out under a line with their name. Without `images` a line stands in for each
    image. Raises `AttachmentError` for a file whose bytes are gone.
    """
    return cast("list[str | ImagePart]", _pieces(message, blobs, images, False))


def pieces_with_documents(message: Message, blobs: Blobs, images: bool) -> list[str | ImagePart | FilePart]:
    """Like `content_pieces`, for services that read PDF files: those stand by themselves too."""
    return _pieces(message, blobs, images, True)


def _pieces(
    message: Message, blobs: Blobs, images: bool, documents: bool
) -> list[str | ImagePart | FilePart]:
    pieces: list[str | ImagePart | FilePart] = []
    for part in message.parts:
        match part:
            case TextPart(text) | RefusalPart(text):
                piece = text
            case FilePart(media_type="application/pdf"):
                piece = (
                    part if documents else f"[file {_name(part)} left out: the service takes no PDF files]"
                )
            case FilePart():
                piece = _file_text(part, blobs)
            case ImagePart():
                piece = part if images else f"[image {_name(part)} left out: the model takes no images]"
            case ThinkingPart() | OpaquePart() | CitationsPart() | ToolCallPart() | ToolResultPart():
                continue
            case _:
                assert_never(part)
        if piece and isinstance(piece, str) and pieces and isinstance(before := pieces[-1], str):
            pieces[-1] = f"{before}\n\n{piece}"
        elif piece:
            pieces.append(piece)
    return pieces


def plain_text(message: Message, blobs: Blobs) -> str:
    """All that the message says, as one text; empty when there is nothing but white space."""
    text = "\n\n".join(piece for piece in content_pieces(message, blobs, False) if isinstance(piece, str))
    return text if text.strip() else ""


def image_base64(image: ImagePart | FilePart, blobs: Blobs) -> str:
    """The attachment's bytes in base64 (RFC 4648 section 4). Raises `AttachmentError` when they are gone."""
    return b64encode(_bytes(image, blobs)).decode("ascii")


def _file_text(file: FilePart, blobs: Blobs) -> str:
    name = _name(file)
    text = _bytes(file, blobs).decode("utf-8-sig", "replace").rstrip("\n")
    return f"--- File: {name} ---\n{text}\n--- End of {name} ---"


def _bytes(part: ImagePart | FilePart, blobs: Blobs) -> bytes:
    try:
        return blobs(part.sha256)
    except KeyError:
        raise AttachmentError(
            f"The attachment {_name(part)} is not stored any more.", "Attach it again."
        ) from None


def _name(part: ImagePart | FilePart) -> str:
    return clean_line(part.name) or part.sha256[:8]
