"""What a tool is: a specification for the model, and calls that say what they would do before they do it."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import msgspec

from chatterm.core.tools import Access
from chatterm.core.turn import ToolSpec

TellProgress = Callable[[str], None]
"""Takes the end of a running tool's output so far, or a line that says how far it is: outside text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolOutput:
    """What a tool answers, before it is cut for the model. `is_error`: the model must know that it failed."""

    text: str
    is_error: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedCall:
    """A call whose arguments were read. `run` does what `access` says, and nothing else.

    `access` None: nothing is touched, so nobody is asked. `run` raises `ToolError`; it is cancelled at the limit of
    time and when the user stops, and then leaves nothing running behind.
    """

    access: Access | None
    run: Callable[[TellProgress], Awaitable[ToolOutput]]


class Tool(Protocol):
    """A tool. Values that change, such as the state of a server, are read when they are asked for."""

    @property
    def spec(self) -> ToolSpec:
        """What the model is told. The name matches `^[A-Za-z0-9_-]{1,64}$`."""
        ...

    @property
    def source(self) -> str:
        """Whose tool it is: "built-in", "mcp:NAME", "module:NAME" or "package:NAME"."""
        ...

    @property
    def is_pure(self) -> bool:
        """Whether the same arguments always bring the same result, so that it is kept for the conversation."""
        ...

    @property
    def timeout_seconds(self) -> float | None:
        """The limit of time of this tool; None for the usual one."""
        ...

    async def prepare(self, arguments: Mapping[str, object]) -> PreparedCall:
        """Read the arguments. Raises `InvalidCallError` where they do not fit, `ToolDeniedError` where it never may.

        It may look, at a disk or a name server, but changes nothing.
        """
        ...


def pin_of(tool: Tool) -> str:
    """A hash of all that a tool says of itself: consent given to one is void for another (SHA-256, hexadecimal)."""
    said = [tool.source, tool.spec.name, tool.spec.description, tool.spec.parameters]
    return hashlib.sha256(msgspec.json.encode(said, order="deterministic")).hexdigest()
