"""Folds the events of a response into a draft reply: the only place where deltas are joined."""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

from chatterm.core.clean import well_formed
from chatterm.core.errors import ProtocolError
from chatterm.core.events import (
    CitationsReported,
    FrameSkipped,
    OpaqueReported,
    RefusalDelta,
    StreamEvent,
    StreamFinished,
    StreamStarted,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallStarted,
    UsageReported,
)
from chatterm.core.messages import (
    Citation,
    CitationsPart,
    OpaquePart,
    Part,
    RefusalPart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
)
from chatterm.core.timings import ServerTimings
from chatterm.core.turn import StopReason
from chatterm.core.usage import Usage, overlay

ARGUMENTS_LIMIT_CHARACTERS = 1024 * 1024
"""Longest arguments of one tool call that are taken in."""

TOO_LONG = '"(longer than 1 MB, left out)"'
"""Stands for arguments that are longer: JSON, and no object, so that no tool runs with it."""


class _Piece:
    """A run of deltas of one kind; becomes one part."""

    def __init__(self, kind: type[TextDelta | ThinkingDelta | RefusalDelta]) -> None:
        self.kind = kind
        self.texts: list[str] = []

    def part(self) -> Part:
        text = "".join(self.texts)
        if self.kind is TextDelta:
            return TextPart(text)
        if self.kind is ThinkingDelta:
            return ThinkingPart(text)
        return RefusalPart(text)


class _Call:
    """A tool call in the making."""

    def __init__(self, call_id: str, name: str) -> None:
        self.call_id = call_id
        self.name = name
        self.arguments: list[str] = []
        self.size = 0
        self.half = ""

    def part(self) -> Part:
        arguments = "".join(self.arguments) + ("\ufffd" if self.half else "")
        return ToolCallPart(self.call_id, self.name, arguments or "{}")


class _Opaque:
    """What goes back to the provider as it came."""

    def __init__(self, origin: str, data: str) -> None:
        self.origin = origin
        self.data = data

    def part(self) -> Part:
        return OpaquePart(self.origin, self.data)


class _Kept:
    """A part of a reply that is gone on with."""

    def __init__(self, part: Part) -> None:
        self._part = part

    def part(self) -> Part:
        return self._part


class Draft:
    """A reply in the making. `apply` takes events in order; the rest reads what they add up to.

    `begun` are the parts of a reply that is gone on with. New text joins its last text, and what is thought before
    that stands before it. What was sealed at its end is left out, like what the continuation seals: the joined
    reply is neither. Where tool calls came after the last text, what follows is text of its own.
    `taken_ids` are ids of tool calls in earlier responses of the same reply.

    Two deltas may each hold one half of a surrogate pair; the first half waits here for the second, so that
    what `apply` returns, and what is stored, is well-formed text.
    """

    def __init__(self, begun: Iterable[Part] = (), taken_ids: frozenset[str] = frozenset()) -> None:
        parts = tuple(begun)
        self._pieces: list[_Piece | _Call | _Opaque | _Kept] = []
        self._calls: dict[int, _Call] = {}
        self._taken_ids = {part.call_id for part in parts if isinstance(part, ToolCallPart)} | taken_ids
        self._numbers: dict[str, int] = {}
        self._half = ""
        self._citations: tuple[Citation, ...] = ()
        self._cited_before = tuple(i for part in parts if isinstance(part, CitationsPart) for i in part.items)
        self._joint = self._begin_with([part for part in parts if not isinstance(part, CitationsPart)])
        self._thought: _Piece | None = None
        self.has_output = False
        """Whether anything visible arrived: text, reasoning, a refusal or a tool call; not what was begun with."""
        self.has_text = False
        """The same of text alone, and of a refusal."""
        self.usage = Usage()
        self.server: ServerTimings | None = None
        self.stop_reason: StopReason | None = None
        self.model: str | None = None
        self.response_id: str | None = None
        self.skipped_frames = 0

    @property
    def finished(self) -> bool:
        """Whether the provider's terminal marker was seen."""
        return self.stop_reason is not None

    def parts(self) -> tuple[Part, ...]:
        """The reply so far as message parts, in the order they began; citations last."""
        parts = [piece.part() for piece in self._pieces]
        if citations := tuple(dict.fromkeys((*self._cited_before, *self._citations))):
            parts.append(CitationsPart(citations))
        return tuple(parts)

    def apply(self, event: StreamEvent) -> StreamEvent | None:
        """Take in one event. Returns it as it may be shown and stored, or None when nothing of it is left.

        Raises `ProtocolError` for arguments of a tool call that never began.
        """
        match event:
            case TextDelta() | ThinkingDelta() | RefusalDelta():
                return self._apply_delta(event)
            case OpaqueReported(origin, data):
                if self._joint is None:
                    self._pieces.append(_Opaque(origin, data))
            case ToolCallStarted(index, call_id, name):
                event = ToolCallStarted(index, self._own_id(call_id), name)
                call = self._calls[index] = _Call(event.call_id, name)
                self._pieces.append(call)
                self.has_output = True
            case ToolCallDelta():
                return self._extend_call(event)
            case CitationsReported(items):
                self._citations = items
            case UsageReported():
                self._take_usage(event)
            case FrameSkipped():
                self.skipped_frames += 1
            case StreamStarted(model, response_id):
                self.model, self.response_id = model or self.model, response_id or self.response_id
            case StreamFinished(stop_reason):
                if self.finished:
                    return None  # the first marker wins
                self.stop_reason = stop_reason
            case _:
                assert_never(event)
        return event

    def _own_id(self, call_id: str) -> str:
        """The id, or one like it where another call of the reply has it: results are joined to calls by it."""
        own, number = call_id, self._numbers.get(call_id, 2)
        while own in self._taken_ids:
            own, number = f"{call_id}_{number}", number + 1
        self._numbers[call_id] = number  # so that thousands of one id are not counted anew each time
        self._taken_ids.add(own)
        return own

    def _take_usage(self, event: UsageReported) -> None:
        self.usage = overlay(self.usage, event.usage)
        if event.server is not None:
            self.server = overlay(self.server, event.server) if self.server else event.server

    def finish(self) -> TextDelta | ThinkingDelta | RefusalDelta | None:
        """At the end of the response: a replacement character for half a pair left alone, if there is one."""
        if not self._half or not self._pieces:
            return None
        piece = self._pieces[-1]
        self._half = ""
        if not isinstance(piece, _Piece):
            return None
        piece.texts.append("\ufffd")
        return piece.kind("\ufffd")

    def _apply_delta(self, event: TextDelta | ThinkingDelta | RefusalDelta) -> StreamEvent | None:
        text, self._half = _without_half(self._half + event.text)
        if not text:
            return None
        kind = type(event)
        self._piece_for(kind).texts.append(text)
        self.has_output = True
        self.has_text = self.has_text or kind is not ThinkingDelta
        return event if text == event.text else kind(text)

    def _begin_with(self, parts: list[Part]) -> _Piece | None:
        """Take in a reply that is gone on with; its last text, which then is the last piece."""
        last = max((number for number, part in enumerate(parts) if isinstance(part, TextPart)), default=None)
        tools = (ToolCallPart, ToolResultPart)
        if last is None or any(isinstance(part, tools) for part in parts[last + 1 :]):
            self._pieces += map(_Kept, parts)
            return None
        after = [part for part in parts[last + 1 :] if not isinstance(part, OpaquePart)]
        joint, text = _Piece(TextDelta), parts[last]
        joint.texts += [text.text] if isinstance(text, TextPart) else []
        self._pieces += [*map(_Kept, [*parts[:last], *after]), joint]
        return joint

    def _piece_for(self, kind: type[TextDelta | ThinkingDelta | RefusalDelta]) -> _Piece:
        """The piece that a delta of this kind joins: the last one, or a new one."""
        last = self._pieces[-1] if self._pieces else None
        if kind is ThinkingDelta and last is not None and last is self._joint and not self.has_text:
            if self._thought is None:
                self._thought = _Piece(kind)
                self._pieces.insert(-1, self._thought)
            return self._thought
        if isinstance(last, _Piece) and last.kind is kind:
            return last
        piece = _Piece(kind)
        self._pieces.append(piece)
        return piece

    def _extend_call(self, event: ToolCallDelta) -> ToolCallDelta | None:
        """Add to the arguments of a call. None where they are too long: then none of them is kept."""
        call = self._calls.get(event.index)
        if call is None:
            raise ProtocolError(
                f"The provider sent arguments for tool call {event.index}, which it never began."
            )
        call.size += len(event.arguments)
        if call.size > ARGUMENTS_LIMIT_CHARACTERS:
            call.arguments, call.half = [TOO_LONG], ""
            return None
        text, call.half = _without_half(call.half + event.arguments)
        call.arguments.append(text)
        if text == event.arguments:
            return event
        return ToolCallDelta(event.index, text) if text else None


def _without_half(text: str) -> tuple[str, str]:
    """The text, well formed, and what waits for the next delta: the first half of a surrogate pair at its end."""
    half = text[-1:] if "\ud800" <= text[-1:] <= "\udbff" else ""
    return well_formed(text.removesuffix(half)), half
