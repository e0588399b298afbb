"""What is said of MCP servers and what they offer. All texts in here come from outside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import msgspec


class McpState(StrEnum):
    """What a server is doing."""

    OFF = "off"
    ASKING = "asking"
    STARTING = "starting"
    READY = "ready"
    DOWN = "down"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class McpServerSpec:
    """A server, ready to be started: a command with its folder and environment, or an address with its headers.

    `fault` says why it cannot be. `timeout_seconds` is the limit of a tool; None for the usual one.
    """

    request: McpStartRequest
    environment: Mapping[str, str]
    headers: Mapping[str, str]
    timeout_seconds: float | None = None
    fault: str = ""

    @property
    def name(self) -> str:
        """Its name in the settings."""
        return self.request.server


@dataclass(frozen=True, slots=True, kw_only=True)
class McpStartRequest:
    """What the user is asked before a server is started or called for the first time.

    `argv` is what is run, exactly, with the program as a full path; `variables` and `headers` are names only.
    `digest` is a hash of all that the settings say, values included: where it differs, the user is asked again.
    """

    server: str
    argv: tuple[str, ...] = ()
    folder: str = ""
    variables: tuple[str, ...] = ()
    url: str = ""
    headers: tuple[str, ...] = ()
    digest: str

    def lines(self) -> tuple[str, ...]:
        """All of it, to be shown in full: outside text."""
        if self.url:
            return (f"Address: {self.url}", f"Headers: {', '.join(self.headers) or 'none'}")
        return (
            f"Command: {msgspec.json.encode(self.argv).decode()}",
            f"Folder: {self.folder}",
            f"Environment: {', '.join(self.variables) or 'none'}",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class McpStatus:
    """How a server is, for a page about it.

    `reason` says why it is down or off, and what to do. The seconds are of the last call and of the last ping; None
    where there was none. `log` is what it logged last, `errors` the end of its error output, `left_out` what of its
    offers is not used and why, `skipped` how many lines or messages of it were no use.
    """

    server: str
    state: McpState
    reason: str = ""
    version: str = ""
    tools: int = 0
    prompts: int = 0
    resources: int = 0
    call_seconds: float | None = None
    ping_seconds: float | None = None
    log: tuple[str, ...] = ()
    errors: str = ""
    left_out: tuple[str, ...] = ()
    skipped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class McpToolEntry:
    """A tool as a server lists it; `schema` is the JSON Schema of its arguments."""

    name: str
    description: str
    schema: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class McpArgument:
    """An argument of a prompt."""

    name: str
    description: str = ""
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class McpPrompt:
    """A prompt that a server offers; `command` is its name as a slash command, without the slash."""

    server: str
    name: str
    command: str
    description: str = ""
    arguments: tuple[McpArgument, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class McpResource:
    """A resource that a server offers; `bytes` is its size as the server tells it."""

    server: str
    uri: str
    name: str
    description: str = ""
    media_type: str = ""
    bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class McpContent:
    """One piece of a resource that was read: a text in UTF-8, or other bytes."""

    uri: str
    name: str
    media_type: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class McpChange:
    """What differs between the tools that the user knows of a server and those that it lists now.

    `difference` is a unified diff of what the changed ones say of themselves.
    """

    server: str
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    difference: str = ""
