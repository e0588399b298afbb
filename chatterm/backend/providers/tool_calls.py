"""Tool calls as they arrive: whole, or in fragments whose marks of belonging differ by server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from chatterm.backend.providers.wire_json import as_object, as_text, encode_json, safe_json
from chatterm.core.events import ToolCallDelta, ToolCallStarted
from chatterm.core.ids import new_id


@dataclass(slots=True)
class _Call:
    index: int
    wire_id: str = ""
    began: bool = False
    waiting: list[str] = field(default_factory=list[str])


class ToolCallMerger:
    """Turns fragments into events, one dense index for each call.

    A fragment belongs to the call with its `index`, or to the last one where it has none; an id that differs
    from that call's id begins a new call even so. A call begins once its name is known.
    """

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._by_wire_index: dict[int, _Call] = {}

    @property
    def any(self) -> bool:
        """Whether there was a tool call."""
        return bool(self._calls)

    def feed(self, fragment: object) -> Iterator[ToolCallStarted | ToolCallDelta]:
        """Events of one element of `delta.tool_calls` (OpenAI Chat Completions)."""
        fields = as_object(fragment)
        function = as_object(fields.get("function"))
        call = self._belonging(fields.get("index"), as_text(fields.get("id")))
        if arguments := argument_text(function.get("arguments")):
            call.waiting.append(arguments)
        if (name := as_text(function.get("name"))) and not call.began:
            yield self._begin(call, name)
        if call.began:
            yield from _release(call)

    def whole(self, call_id: str, name: str, arguments: object) -> Iterator[ToolCallStarted | ToolCallDelta]:
        """Events of a call that arrives in one piece."""
        call = self._new(call_id)
        call.waiting = [text] if (text := argument_text(arguments)) else []
        yield self._begin(call, name)
        yield from _release(call)

    def finish(self) -> Iterator[ToolCallStarted | ToolCallDelta]:
        """At the end of the response: calls whose name never came, with an empty name."""
        for call in self._calls:
            if not call.began:
                yield self._begin(call, "")
                yield from _release(call)

    def _belonging(self, wire_index: object, wire_id: str) -> _Call:
        index = wire_index if isinstance(wire_index, int) else None
        last = self._calls[-1] if self._calls else None
        call = last if index is None else self._by_wire_index.get(index)
        if call is None or (wire_id and call.wire_id and wire_id != call.wire_id):
            call = self._new(wire_id)
        if index is not None:
            self._by_wire_index[index] = call
        call.wire_id = call.wire_id or wire_id
        return call

    def _new(self, wire_id: str) -> _Call:
        call = _Call(len(self._calls), wire_id)
        self._calls.append(call)
        return call

    def _begin(self, call: _Call, name: str) -> ToolCallStarted:
        call.began = True
        # Results are joined to calls by id, so a call that came without one is given its own.
        return ToolCallStarted(call.index, call.wire_id or f"call_{new_id()}", name)


def argument_text(arguments: object) -> str:
    """Arguments as JSON text: as written where they came as text, encoded where they came as an object."""
    if arguments is None or isinstance(arguments, str):
        return arguments or ""
    return encode_json(arguments).decode()


def argument_object(arguments: str) -> dict[str, object]:
    """Arguments as the object that some services want; what is none is kept under a name of its own."""
    try:
        value = safe_json((arguments or "{}").encode(errors="replace"))
    except ValueError:
        value = None
    found = as_object(value)
    return found if found or value == {} else {"arguments": arguments}


def argument_json(arguments: str) -> str:
    """Arguments as the JSON text of an object, which services read in a history: as written where they are one."""
    try:
        is_object = isinstance(msgspec.json.decode(arguments or "{}"), dict)
    except (ValueError, RecursionError):
        is_object = False
    return (arguments or "{}") if is_object else encode_json(argument_object(arguments)).decode()


def _release(call: _Call) -> Iterator[ToolCallDelta]:
    for arguments in call.waiting:
        yield ToolCallDelta(call.index, arguments)
    call.waiting.clear()
