"""The seam's law: what was cut and gone on with is what was never cut; and what merely begins alike stays."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from chatterm.backend.continuing import last_words
from chatterm.backend.joining import CLEAR_CHARACTERS, LONGEST_CHARACTERS, Joint
from chatterm.core.messages import Message, TextPart

PROSE = (
    "# Rivers of the north\n\nThe Torne rises in a lake and runs five hundred kilometres to the sea. Ice holds it from"
    " November on;\nin May it breaks with a roar, and people come to bet on the hour.\n\n"
    "- salmon climb it in June\n- mills stood at Kukkola; whitefish are still caught there with nets on poles\n\n"
    "```python\ndef flow(width: float, depth: float) -> float:\n    speed = 1.7\n"
    "    return width * depth * speed\n```\n\n"
    "Costs rose from 1,204 to 9,876 crowns. Nobody could say why, though the reeve swore that that was honest work.\t"
    "Über die Brücke gehen täglich zwölf Züge.  Two spaces before this: kept.\n"
)


def after(before: str, came: Iterator[str] | list[str], again: str = "") -> str:
    joint = Joint(before, again)
    shown = "".join(map(joint.feed, came))
    return before + shown + joint.release()


def words_of(text: str) -> str:
    return last_words(Message(role="assistant", parts=(TextPart(text),)))


def cut(text: str, sizes: list[int]) -> Iterator[str]:
    """The text in pieces of these sizes, again and again."""
    while text:
        for size in sizes:
            yield text[:size]
            text = text[size:]


@given(
    at=st.integers(1, len(PROSE) - 1),
    repeated=st.one_of(st.just(0), st.integers(CLEAR_CHARACTERS, LONGEST_CHARACTERS)),
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=4),
)
def test_cut_anywhere_and_said_again_is_as_uncut(at: int, repeated: int, sizes: list[int]) -> None:
    before = PROSE[:at]
    sent = len(before.rstrip())  # what the model goes on after
    assume(not repeated or sent >= CLEAR_CHARACTERS)
    came = PROSE[max(0, sent - repeated) :]
    assert after(before, cut(came, sizes)) == PROSE


@pytest.mark.parametrize(
    "repeated", [0, *range(CLEAR_CHARACTERS, LONGEST_CHARACTERS + 1, 17), LONGEST_CHARACTERS]
)
def test_every_offset(repeated: int) -> None:
    for at in range(CLEAR_CHARACTERS + 3, len(PROSE)):
        sent = len(PROSE[:at].rstrip())
        assert after(PROSE[:at], [PROSE[max(0, sent - repeated) :]]) == PROSE


@given(at=st.integers(1, len(PROSE) - 1), sizes=st.lists(st.integers(1, 40), min_size=1, max_size=4))
def test_a_model_that_begins_with_the_last_words_as_asked(at: int, sizes: list[int]) -> None:
    before = PROSE[:at]
    again = words_of(before)
    came = PROSE[len(before.rstrip()) - len(again) :]
    assert came.startswith(again)
    assert after(before, cut(came, sizes), again) == PROSE


def test_asked_for_the_last_words_a_model_may_say_only_the_last_one() -> None:
    assert after("over the quick bro", ["brown fox"], "quick bro") == "over the quick bro" + "brown fox"
    assert after("over the quick brow", ["brown fox"], "quick brow") == "over the quick brown fox"
    assert after("a quick fox", ["quick fox jumps"], "quick fox") == "a quick fox jumps"


@pytest.mark.parametrize(
    ("before", "came"),
    [
        ("bana", "nas"),
        ("hel", "lo"),
        ("costs 1", "10 crowns"),
        ("I said that ", "that was it"),
        ("0, 0, 0, 0, 0, 0, 0, 0,", " 0, 0, 0, 0, 0, 0, 0]"),
        ("----------------", "----------------"),
        ("2026 GET /index\n2026 GET /index\n", "2026 GET /index\nend"),
    ],
)
def test_what_merely_begins_alike_stays(before: str, came: str) -> None:
    joined = after(before, [came])
    assert joined.startswith(before)
    assert joined[len(before) :].lstrip() == came.lstrip()


@pytest.mark.parametrize(
    ("before", "came", "joined"),
    [
        ("one", " two", "one two"),
        ("one ", " two", "one two"),
        ("one ", "two", "one two"),
        ("one\n\n", "\n\ntwo", "one\n\ntwo"),
        ("one\n\n", "\ntwo", "one\n\ntwo"),
        ("one\n", "\n\ntwo", "one\n\ntwo"),
        ("one ", "\n\ntwo", "one \n\ntwo"),
    ],
)
def test_white_space_at_the_seam_comes_once(before: str, came: str, joined: str) -> None:
    assert after(before, [came]) == joined
    assert after(before, list(came)) == joined


def test_no_more_is_held_than_may_still_be_said_again() -> None:
    joint = Joint(PROSE)
    assert joint.feed("Something else") == "Something else"
    assert joint.is_over
    assert joint.repeated == 0
    long = "".join(f"word{number} " for number in range(200)).rstrip()
    joint = Joint(long)
    held = 0
    for character in long[-LONGEST_CHARACTERS:] + " and so on":
        assert not joint.is_holding or held <= 2 * LONGEST_CHARACTERS
        held += not joint.feed(character)
    assert joint.repeated == LONGEST_CHARACTERS


def test_time_up_shows_what_is_held() -> None:
    joint = Joint("The river runs to the sea")
    assert joint.feed("The river") == ""
    assert joint.release() == "The river"
    assert joint.feed(" bends") == " bends"
    joint = Joint("The river runs to the sea", "to the sea")
    assert joint.feed("to the sea") in ("", "to the sea")
    assert joint.release() == ""


@given(before=st.text(min_size=1, max_size=60), came=st.lists(st.text(max_size=20), max_size=6))
def test_only_what_is_there_already_is_ever_taken_away(before: str, came: list[str]) -> None:
    joint = Joint(before)
    shown = "".join(map(joint.feed, came)) + joint.release()
    text = "".join(came)
    assert text.endswith(shown)
    assert len(text) - len(shown) == joint.repeated


def test_the_last_words_are_whole_and_of_one_line() -> None:
    assert words_of("first line\nand the quick brown fox") == "brown fox"
    assert words_of("first line\n}\n\n") == "}"
    assert words_of("x" * 500) == "x" * 60
    assert words_of("I") == "I"
