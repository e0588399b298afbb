"""All that comes from one MCP server passes here before the SDK sees it: bounded, and without what breaks a list."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self, cast

from chatterm.core.clean import clean_line, well_formed

if TYPE_CHECKING:
    from mcp.shared.message import SessionMessage

MOST_A_SECOND = 200
"""Requests and notifications of a server that are heard in a second; the SDK starts a task for each."""
MOST_FLOOD = 50_000
"""More in a second than any server means; reading them would be all that we do."""
MOST_NOTES = 50
MOST_TOOLS_READ = 1000
MOST_NAME = 128


class Incoming(Protocol):
    """The stream of messages from a transport."""

    async def receive(self) -> SessionMessage | Exception: ...
    async def aclose(self) -> None: ...


class Intake:
    """What one server sent: what was no use is counted, what cannot be used is named in `left_out`.

    `status` is that of the last HTTP answer; None before the first, and for a server over pipes.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._since = clock()
        self._heard = 0
        self.skipped = 0
        self.is_flooded = False
        self.status: int | None = None
        self.left_out: list[str] = []

    def parse(self, line: bytes) -> SessionMessage | None:
        """The message of one line; None for what is none, which is counted."""
        from mcp.shared.message import SessionMessage
        from mcp_types import jsonrpc_message_adapter

        text = line.decode(errors="replace")
        try:
            return SessionMessage(jsonrpc_message_adapter.validate_json(text, by_name=False))
        except ValueError:
            pass
        try:  # half of a surrogate pair, which many servers send where they cut a text
            text = well_formed(json.dumps(json.loads(text), ensure_ascii=False)) if "\\u" in text else ""
            return SessionMessage(jsonrpc_message_adapter.validate_json(text, by_name=False))
        except (ValueError, RecursionError):
            self.skipped += 1
            return None

    def accepts(self, item: SessionMessage | Exception) -> bool:
        """Whether the SDK gets this; lists of tools are made readable on the way."""
        if isinstance(item, Exception):
            self.skipped += 1
            return False
        message = item.message
        result = getattr(message, "result", None)
        if isinstance(result, dict):
            self._mend(cast("dict[str, Any]", result))
        if not hasattr(message, "method"):
            return True
        if _is_huge(getattr(message, "params", None)):
            self.skipped += 1
            return False
        now = self._clock()
        if now - self._since >= 1:
            self._since, self._heard = now, 0
        self._heard += 1
        if self._heard > MOST_A_SECOND:
            self.skipped += 1
            self.is_flooded = self.is_flooded or self._heard > MOST_FLOOD
            return False
        return True

    def leave_out(self, name: str, reason: str) -> None:
        """Note that something of the server is not used."""
        if len(self.left_out) < MOST_NOTES:
            self.left_out.append(f"{clean_line(name, 80)}: {reason}")

    def _mend(self, result: dict[str, Any]) -> None:
        """Keep of a list of tools what is used, so that one bad tool does not cost all of them."""
        tools = result.get("tools")
        if not isinstance(tools, list) or "content" in result:
            return
        kept: list[dict[str, Any]] = []
        listed = cast("list[object]", tools)
        for tool in listed[:MOST_TOOLS_READ]:
            own: Mapping[str, Any] = cast("Mapping[str, Any]", tool) if isinstance(tool, Mapping) else {}
            name, schema = own.get("name"), own.get("inputSchema")
            if not isinstance(name, str) or not 0 < len(name) <= MOST_NAME:
                self.leave_out(str(name), "it has no name that can be used")
            elif (
                not isinstance(schema, dict)
                or cast("dict[str, Any]", schema).setdefault("type", "object") != "object"
            ):
                self.leave_out(name, "its schema is not of an object")
            else:
                said = own.get("description")
                description = said if isinstance(said, str) else ""
                kept.append({"name": name, "description": description, "inputSchema": schema})
        if len(listed) > MOST_TOOLS_READ:
            self.leave_out("the rest", f"more than {MOST_TOOLS_READ} tools at once")
        result["tools"] = kept


def _is_huge(params: Mapping[str, Any] | None) -> bool:
    """Whether a progress has a number that no float holds: the SDK would end with it."""
    return any(
        isinstance(number := (params or {}).get(key), int) and abs(number) > 2**53
        for key in ("progress", "total")
    )


class Filtered:
    """A stream of messages with only those that the intake accepts; what the SDK reads from."""

    def __init__(self, inner: Incoming, intake: Intake) -> None:
        self._inner, self._intake = inner, intake

    async def receive(self) -> SessionMessage | Exception:
        """The next message; raises `anyio.EndOfStream` at the end."""
        while True:
            item = await self._inner.receive()
            if self._intake.accepts(item):
                return item

    async def aclose(self) -> None:
        """Close the stream."""
        await self._inner.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SessionMessage | Exception:
        from anyio import EndOfStream

        try:
            return await self.receive()
        except EndOfStream:
            raise StopAsyncIteration from None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
