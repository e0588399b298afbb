"""The text of a reply as it comes, as it will stand in the reply when that is whole."""

from __future__ import annotations

from enum import Enum

from chatterm.core.events import (
    GoneOn,
    OpaqueReported,
    RefusalDelta,
    Streamed,
    TextDelta,
    ThinkingDelta,
    ToolCallStarted,
    TurnEvent,
)


class _After(Enum):
    """What came last: text, what a continued reply moves before its text, or a tool call."""

    TEXT = 0
    THOUGHT = 1
    TOOL = 2


class ReplyText:
    """Gives the text of each event, with a blank line where `Message.text` has one: all joined, it is that."""

    def __init__(self) -> None:
        self._last: type[TextDelta | RefusalDelta] | None = None
        self._after = _After.TEXT
        self._waits_for_text = False
        self._is_continued = False

    def feed(self, event: TurnEvent) -> str:
        """The text that the event adds; "" for none."""
        match event:
            case Streamed(event=(TextDelta(text) | RefusalDelta(text)) as delta) if text:
                return self._gap_before(type(delta)) + text
            case Streamed(event=ToolCallStarted()):
                self._after, self._is_continued = _After.TOOL, False
            case Streamed(event=ThinkingDelta()) if not self._waits_for_text:
                self._after = max(self._after, _After.THOUGHT, key=lambda after: after.value)
            case Streamed(event=OpaqueReported()) if not self._is_continued:
                self._after = max(self._after, _After.THOUGHT, key=lambda after: after.value)
            case GoneOn() if self._last is TextDelta and self._after is not _After.TOOL:
                self._after, self._waits_for_text, self._is_continued = _After.TEXT, True, True
            case _:
                pass
        return ""

    def _gap_before(self, kind: type[TextDelta | RefusalDelta]) -> str:
        is_same = self._last is kind and self._after is _After.TEXT
        gap = "" if self._last is None or is_same else "\n\n"
        self._last, self._after, self._waits_for_text = kind, _After.TEXT, False
        return gap
