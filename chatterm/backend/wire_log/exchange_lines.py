"""What a request and its response are written down as: the lines of a recording, and of what is kept in memory.

A recording is a file of JSON objects, one a line (https://jsonlines.org): a `header` first, then for each request
a `request`, a `response` once its headers are there, a `frame` for each event of a stream or one `body` for what
was read whole, and an `end`. `exchange` tells requests apart that ran at the same time; `seconds` count from the
request. Bytes are `text` where they are UTF-8, else `base64`. A line of another `type` is passed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import msgspec

VERSION = 1

How = Literal["end", "closed", "stopped", "failed"]
"""How a response ended: its bytes did, it was left after its marker, the user stopped it, or it failed."""


class Line(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", omit_defaults=True):
    """What the lines after the header have in common."""

    exchange: int
    seconds: float = 0.0


class Bytes(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Bytes in JSON."""

    text: str = ""
    base64: bytes = b""

    @property
    def data(self) -> bytes:
        """The bytes themselves."""
        return self.base64 or self.text.encode()


class Header(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="header"):
    """The first line: the number of the format, who wrote it, and when (ISO 8601)."""

    version: int
    program: str
    at: str


class RequestLine(Line, frozen=True, kw_only=True, tag="request"):
    """A request as it went out, without its secrets: `[key]` is in the place of the key, `[hidden]` of others."""

    at: str
    provider: str
    model: str
    adapter: str
    base_url: str
    method: str
    url: str
    headers: dict[str, str]
    framing: Literal["sse", "ndjson"] | None = None
    body: Bytes = Bytes()
    key_variable: str = ""


class ResponseLine(Line, frozen=True, kw_only=True, tag="response"):
    """The status and the headers; `cached`: they come from the response cache, and nothing was sent."""

    status: int
    headers: dict[str, str]
    cached: bool = False


class FrameLine(Line, frozen=True, kw_only=True, tag="frame"):
    """One event of a stream."""

    event: str = ""
    data: Bytes


class BodyLine(Line, frozen=True, kw_only=True, tag="body"):
    """A body that was read whole."""

    data: Bytes


class Failure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What went wrong; `kind` is that of the error, see `core.errors`."""

    kind: str
    message: str
    hint: str = ""
    status: int | None = None
    retryable: bool = False
    retry_after: float | None = None


class EndLine(Line, frozen=True, kw_only=True, tag="end"):
    """The end of the response, or of the attempt to get one."""

    how: How
    failure: Failure | None = None


AnyLine = RequestLine | ResponseLine | FrameLine | BodyLine | EndLine


@dataclass(slots=True)
class Exchange:
    """A request with what came back so far: the fold of its lines.

    `left_out` counts frames that were not kept, `damage` says why what follows is not there.
    """

    request: RequestLine
    turn_id: str = ""
    response: ResponseLine | None = None
    frames: list[FrameLine] = field(default_factory=list[FrameLine])
    body: BodyLine | None = None
    end: EndLine | None = None
    left_out: int = 0
    damage: str = ""

    def take(self, line: AnyLine) -> None:
        """Add the next line of this exchange."""
        match line:
            case FrameLine():
                self.frames.append(line)
            case ResponseLine():
                self.response = line
            case BodyLine():
                self.body = line
            case EndLine():
                self.end = line
            case RequestLine():
                self.request = line


def as_bytes(data: bytes) -> Bytes:
    """Bytes for JSON."""
    try:
        return Bytes(text=data.decode())
    except UnicodeDecodeError:
        return Bytes(base64=data)


def size_of(line: AnyLine) -> int:
    """About how many bytes of memory the line takes."""
    if isinstance(line, FrameLine):  # by far the most
        return 200 + len(line.data.text) + len(line.data.base64)
    data = line.body if isinstance(line, RequestLine) else getattr(line, "data", None)
    content = len(data.text) + len(data.base64) if isinstance(data, Bytes) else 0
    headers: Mapping[str, str] = getattr(line, "headers", {})
    return 200 + content + sum(len(name) + len(value) for name, value in headers.items())
