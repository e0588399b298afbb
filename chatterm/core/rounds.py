"""A reply with tool calls as the messages it is sent as: what the model said, what the tools answered, in turns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from chatterm.core.messages import Message, Part, ToolCallPart, ToolResultPart


def messages_of(reply: Message) -> tuple[Message, ...]:
    """The messages of a reply, in order: assistant, tool, assistant, ... The results of a round are one message.

    A reply is stored and shown as one message whose parts stand as they came. Each message made of it has an id
    that tells which parts it has, so that the same id means the same content while the reply grows. A reply
    without results is itself.
    """
    if not any(isinstance(part, ToolResultPart) for part in reply.parts):
        return (reply,)
    messages: list[Message] = []
    stop = 0
    for is_results, run in groupby(reply.parts, key=lambda part: isinstance(part, ToolResultPart)):
        parts = tuple(run)
        stop += len(parts)
        role = "tool" if is_results else "assistant"
        parent = messages[-1].id if messages else reply.parent_id
        messages.append(replace(reply, id=f"{reply.id}.{stop}", parent_id=parent, role=role, parts=parts))
    return tuple(messages)


def unanswered(parts: Sequence[Part]) -> tuple[ToolCallPart, ...]:
    """The tool calls that have no result, in order."""
    answered = {part.call_id for part in parts if isinstance(part, ToolResultPart)}
    calls = (part for part in parts if isinstance(part, ToolCallPart))
    return tuple(call for call in calls if call.call_id not in answered)


def last_round(parts: Sequence[Part]) -> tuple[Part, ...]:
    """What came after the last tool call or result."""
    ends = [number for number, part in enumerate(parts) if isinstance(part, ToolCallPart | ToolResultPart)]
    return tuple(parts[ends[-1] + 1 :]) if ends else tuple(parts)
