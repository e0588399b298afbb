"""What ask prints as it comes is, joined, the text of the reply when it is whole."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chatterm.cli.reply_text import ReplyText
from chatterm.core.events import (
    GoneOn,
    OpaqueReported,
    RefusalDelta,
    Streamed,
    StreamEvent,
    TextDelta,
    ThinkingDelta,
    ToolCallStarted,
)
from chatterm.core.messages import Message, Part, ToolResultPart
from chatterm.core.reducer import Draft

EVENTS = st.sampled_from(
    [
        TextDelta("words "),
        TextDelta("line\n"),
        RefusalDelta("no "),
        ThinkingDelta("hm "),
        OpaqueReported("test", "sealed"),
    ]
)


@given(st.lists(st.lists(EVENTS, max_size=5), min_size=1, max_size=4))
def test_what_is_printed_of_several_rounds_is_the_text_of_the_reply(rounds: list[list[StreamEvent]]) -> None:
    printed, parts = ReplyText(), list[Part]()
    text = ""
    for number, events in enumerate(rounds):
        draft = Draft()
        for event in (*events, ToolCallStarted(0, f"c{number}", "tool")):
            draft.apply(event)
            text += printed.feed(Streamed(0.0, event))
        parts += [*draft.parts(), ToolResultPart(f"c{number}", "done")]
    assert text == Message(role="assistant", parts=tuple(parts)).text


@given(st.lists(EVENTS, max_size=5), st.lists(EVENTS, max_size=5))
def test_the_same_of_a_reply_that_was_cut_and_is_gone_on_with(
    before: list[StreamEvent], after: list[StreamEvent]
) -> None:
    printed, first = ReplyText(), Draft()
    before = [TextDelta("It begins, "), *before]
    text = "".join(printed.feed(Streamed(0.0, event)) for event in before if first.apply(event))
    printed.feed(GoneOn("cut"))
    if any(isinstance(event, RefusalDelta) for event in before):
        return  # nothing is gone on with that was refused
    second = Draft(begun=first.parts())
    text += "".join(printed.feed(Streamed(0.0, event)) for event in after if second.apply(event))
    assert text == Message(role="assistant", parts=second.parts()).text
