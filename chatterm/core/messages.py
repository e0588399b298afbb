"""Messages and the typed parts they are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from chatterm.core.ids import new_id

Role = Literal["user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class TextPart:
    """Text that is shown."""

    text: str


@dataclass(frozen=True, slots=True)
class ThinkingPart:
    """Reasoning shown by the model."""

    text: str


@dataclass(frozen=True, slots=True)
class OpaquePart:
    """What only the provider that sent it understands, and wants back unchanged: a signature, encrypted reasoning.

    Never shown. It stands where the reply had it; `origin` names the adapter that can read `data`, and what it
    belongs to: each adapter says so for its own. For any other adapter the part is not there.
    """

    origin: str
    data: str


@dataclass(frozen=True, slots=True)
class ImagePart:
    """An image; its bytes are a blob of the store, found by `sha256` (hexadecimal)."""

    media_type: str
    sha256: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class FilePart:
    """A file; its bytes are a blob of the store, found by `sha256` (hexadecimal)."""

    name: str
    media_type: str
    sha256: str


@dataclass(frozen=True, slots=True)
class ToolCallPart:
    """A tool call asked for by the model; `arguments` is the raw JSON text as the model wrote it."""

    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolResultPart:
    """Our answer to the tool call with the same `call_id`."""

    call_id: str
    content: str
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class Citation:
    """A source that the provider names."""

    url: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class CitationsPart:
    """The sources of a reply, in the order the provider numbers them."""

    items: tuple[Citation, ...]


@dataclass(frozen=True, slots=True)
class RefusalPart:
    """What the model said when it declined to answer."""

    text: str


Part = (
    TextPart
    | ThinkingPart
    | OpaquePart
    | ImagePart
    | FilePart
    | ToolCallPart
    | ToolResultPart
    | CitationsPart
    | RefusalPart
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One role's contribution to a conversation. Immutable: an edit is a new message with the same parent.

    `pinned`: it is never left out of what is sent. `is_summary`: a reply that stands in there for all before it.
    """

    role: Role
    parts: tuple[Part, ...]
    id: str = field(default_factory=new_id)
    parent_id: str | None = None
    provider_data: Mapping[str, str] | None = None
    pinned: bool = False
    is_summary: bool = False

    @property
    def text(self) -> str:
        """All visible text of the message, parts separated by a blank line."""
        return "\n\n".join(part.text for part in self.parts if isinstance(part, TextPart | RefusalPart))

    @property
    def thinking(self) -> str:
        """All reasoning text of the message."""
        return "\n\n".join(part.text for part in self.parts if isinstance(part, ThinkingPart))

    @property
    def blob_digests(self) -> tuple[str, ...]:
        """The sha256 digests of the attachments, in order."""
        return tuple(part.sha256 for part in self.parts if isinstance(part, ImagePart | FilePart))
