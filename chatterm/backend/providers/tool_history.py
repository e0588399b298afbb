"""How a conversation is built: who speaks, and tool calls, each with its result right behind it as services insist."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from chatterm.core.messages import Message, Part, ToolCallPart, ToolResultPart

NO_RESULT = "No result: the turn was stopped."


def has_tools(messages: tuple[Message, ...]) -> bool:
    """Whether there is any tool call or result in them."""
    return not kinds_of(messages).isdisjoint((ToolCallPart, ToolResultPart))


def kinds_of(messages: tuple[Message, ...]) -> set[type[Part]]:
    """The types of all parts in them."""
    return {type(part) for message in messages for part in message.parts}


def takes_turns(messages: tuple[Message, ...]) -> bool:
    """Whether the user and the model speak in turns, the user first."""
    return {message.role for message in messages[::2]} <= {"user"} and {
        message.role for message in messages[1::2]
    } <= {"assistant"}


def paired(
    messages: tuple[Message, ...], encoded: Iterable[bytes], no_result: Callable[[str], bytes]
) -> Iterator[bytes]:
    """The fragments of the messages, with an answer to each call that has none right behind it.

    Such a call is left by a turn that was cut. Results whose calls are gone (they were trimmed away) are left
    out. `no_result` makes the item that answers the call with this id. Fragments without a message pass.
    """
    if not has_tools(messages):
        yield from filter(None, encoded)
        return
    unanswered: dict[str, None] = {}
    for number, fragment in enumerate(encoded):
        parts = messages[number].parts if number < len(messages) else ()
        results = [part.call_id for part in parts if isinstance(part, ToolResultPart)]
        if fragment and unanswered and unanswered.keys().isdisjoint(results):
            yield b",".join(map(no_result, unanswered))
            unanswered.clear()
        if fragment and (not results or not unanswered.keys().isdisjoint(results)):
            yield fragment
        unanswered = {call_id: None for call_id in unanswered if call_id not in results}
        unanswered |= {part.call_id: None for part in parts if isinstance(part, ToolCallPart)}
    if unanswered:
        yield b",".join(map(no_result, unanswered))
