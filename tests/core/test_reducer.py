"""The one fold: deltas become parts, half characters wait for their other half, the first marker wins."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatterm.core.errors import ProtocolError
from chatterm.core.events import (
    CitationsReported,
    OpaqueReported,
    RefusalDelta,
    StreamFinished,
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
    RefusalPart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
)
from chatterm.core.reducer import ARGUMENTS_LIMIT_CHARACTERS, TOO_LONG, Draft
from chatterm.core.timings import ServerTimings
from chatterm.core.turn import StopReason
from chatterm.core.usage import Usage
from tests.cpu_time import in_proportion


def test_deltas_of_one_kind_become_one_part_in_order() -> None:
    draft = Draft()
    for event in (
        ThinkingDelta("let me "),
        ThinkingDelta("see"),
        OpaqueReported("plain", "signed"),
        TextDelta("a"),
        TextDelta("b"),
        ToolCallStarted(0, "id1", "look"),
        ToolCallDelta(0, '{"a"'),
        ToolCallDelta(0, ":1}"),
        RefusalDelta("no"),
        CitationsReported((Citation("https://a", "A"),)),
    ):
        draft.apply(event)
    assert draft.parts() == (
        ThinkingPart("let me see"),
        OpaquePart("plain", "signed"),
        TextPart("ab"),
        ToolCallPart("id1", "look", '{"a":1}'),
        RefusalPart("no"),
        CitationsPart((Citation("https://a", "A"),)),
    )


def test_what_goes_back_to_the_provider_is_no_output_and_parts_the_text_around_it() -> None:
    draft = Draft()
    draft.apply(OpaqueReported("plain", "{}"))
    assert not draft.has_output
    draft.apply(TextDelta("a"))
    draft.apply(OpaqueReported("plain", "[]"))
    draft.apply(TextDelta("b"))
    assert draft.parts() == (
        OpaquePart("plain", "{}"),
        TextPart("a"),
        OpaquePart("plain", "[]"),
        TextPart("b"),
    )


@given(st.text(alphabet=st.characters(exclude_categories=())), st.data())
def test_any_split_gives_the_same_well_formed_text(text: str, data: st.DataObject) -> None:
    units = text.encode("utf-16-le", "surrogatepass")
    cut = 2 * data.draw(st.integers(0, len(units) // 2))
    halves = [
        units[:cut].decode("utf-16-le", "surrogatepass"),
        units[cut:].decode("utf-16-le", "surrogatepass"),
    ]
    whole, split = Draft(), Draft()
    whole.apply(TextDelta(text))
    whole.finish()
    shown = [event for half in halves if (event := split.apply(TextDelta(half))) is not None]
    if (rest := split.finish()) is not None:
        shown.append(rest)
    assert split.parts() == whole.parts()
    joined = "".join(event.text for event in shown if isinstance(event, TextDelta))
    assert joined == "".join(part.text for part in whole.parts() if isinstance(part, TextPart))
    joined.encode()


def test_two_halves_of_a_character_in_two_deltas_are_joined() -> None:
    draft = Draft()
    assert draft.apply(TextDelta("a\ud83d")) == TextDelta("a")
    assert draft.apply(TextDelta("\ude00!")) == TextDelta("😀!")
    assert draft.parts() == (TextPart("a😀!"),)


def test_a_half_that_stays_alone_is_replaced_at_the_end() -> None:
    draft = Draft()
    draft.apply(TextDelta("a\ud83d"))
    assert draft.finish() == TextDelta("\ufffd")
    assert draft.parts() == (TextPart("a\ufffd"),)
    assert draft.finish() is None


def test_the_first_marker_wins_and_late_usage_counts() -> None:
    draft = Draft()
    draft.apply(StreamFinished(StopReason.MAX_TOKENS))
    assert draft.apply(StreamFinished(StopReason.END_TURN)) is None
    draft.apply(UsageReported(Usage(input=3), ServerTimings(load_seconds=1.0)))
    draft.apply(UsageReported(Usage(output=5), ServerTimings(eval_seconds=2.0)))
    assert draft.stop_reason is StopReason.MAX_TOKENS
    assert (draft.usage.input, draft.usage.output, draft.usage.reasoning) == (3, 5, None)
    assert draft.server == ServerTimings(load_seconds=1.0, eval_seconds=2.0)


def test_no_arguments_are_an_empty_object() -> None:
    draft = Draft()
    draft.apply(ToolCallStarted(0, "id", "now"))
    assert draft.parts() == (ToolCallPart("id", "now", "{}"),)


def test_arguments_without_an_end_are_left_out() -> None:
    draft = Draft()
    draft.apply(ToolCallStarted(0, "id", "now"))
    assert draft.apply(ToolCallDelta(0, "x" * ARGUMENTS_LIMIT_CHARACTERS)) is not None
    for _ in range(2):
        assert draft.apply(ToolCallDelta(0, "x")) is None
        assert draft.parts() == (ToolCallPart("id", "now", TOO_LONG),)


def test_arguments_of_no_call_are_refused() -> None:
    draft = Draft()
    draft.apply(ToolCallStarted(0, "id", "now"))
    with pytest.raises(ProtocolError, match="never began"):
        draft.apply(ToolCallDelta(7, "{}"))


def test_empty_deltas_are_no_output() -> None:
    draft = Draft()
    assert draft.apply(TextDelta("")) is None
    assert not draft.has_output
    assert draft.parts() == ()


def test_thousands_of_calls_with_one_id_cost_no_more_each() -> None:
    def started(count: int) -> Draft:
        draft = Draft(taken_ids=frozenset(("x", "x_3")))
        for index in range(count):
            draft.apply(ToolCallStarted(index, "x", "look"))
        return draft

    ids = [part.call_id for part in started(4).parts() if isinstance(part, ToolCallPart)]
    assert ids == ["x_2", "x_4", "x_5", "x_6"]
    assert (slow := in_proportion(lambda: started(500), lambda: started(2000))) is None, slow


def test_halves_of_a_surrogate_pair_in_two_deltas_of_arguments_are_one_character() -> None:
    draft = Draft()
    draft.apply(ToolCallStarted(0, "a", "write"))
    draft.apply(ToolCallStarted(1, "b", "write"))
    assert draft.apply(ToolCallDelta(0, '"x\ud83d')) == ToolCallDelta(0, '"x')
    assert draft.apply(ToolCallDelta(1, '"\ud83d')) == ToolCallDelta(1, '"')  # each call waits for its own
    assert draft.apply(ToolCallDelta(0, '\ude00"')) == ToolCallDelta(0, '😀"')
    assert draft.parts() == (ToolCallPart("a", "write", '"x😀"'), ToolCallPart("b", "write", '"\ufffd'))
