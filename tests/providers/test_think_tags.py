"""Reasoning in tags at the start of a text, however it is cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chatterm.backend.providers.think_tags import ThinkSplitter
from chatterm.core.events import TextDelta, ThinkingDelta


def split(*pieces: str) -> tuple[str, str]:
    """Thinking and text."""
    splitter = ThinkSplitter()
    deltas = [delta for piece in pieces for delta in splitter.feed(piece)]
    deltas += splitter.finish()
    assert all(delta.text for delta in deltas)
    return (
        "".join(delta.text for delta in deltas if isinstance(delta, ThinkingDelta)),
        "".join(delta.text for delta in deltas if isinstance(delta, TextDelta)),
    )


@pytest.mark.parametrize(
    ("text", "thinking", "rest"),
    [
        ("", "", ""),
        ("plain", "", "plain"),
        ("<think>a</think>b", "a", "b"),
        (" \n<think>\na\n</think>\n\nb <think>", "a\n", "b <think>"),
        ("<think></think>b", "", "b"),
        ("<think>a", "a", ""),
        ("<think>a</thin", "a</thin", ""),
        ("<think>a</think>", "a", ""),
        ("<thi", "", "<thi"),
        ("<thinking>a", "", "<thinking>a"),
        ("x<think>a</think>", "", "x<think>a</think>"),
        ("a</think>b", "", "a</think>b"),
        ("<think>a<</think>b", "a<", "b"),
        (" " * 65 + "<think>a</think>b", "", " " * 65 + "<think>a</think>b"),
        ("  ", "", "  "),
    ],
)
def test_cut_at_every_place(text: str, thinking: str, rest: str) -> None:
    assert split(text) == (thinking, rest)
    assert split(*text) == (thinking, rest)
    for cut in range(len(text)):
        assert split(text[:cut], text[cut:]) == (thinking, rest)


_TEXTS = st.lists(
    st.sampled_from(["<think>", "</think>", "<", "/think>", "think", " ", "\n", "a"]), max_size=12
)


@given(_TEXTS, st.lists(st.integers(0, 60), max_size=6))
@example(["<think>", "a", "</think>", "b"], [3, 9])
def test_any_cut_gives_the_same(pieces: list[str], cuts: list[int]) -> None:
    text = "".join(pieces)
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    parts = [text[start:stop] for start, stop in pairwise(places)]
    assert split(*parts) == split(text)


def test_thinking_is_told_as_it_comes() -> None:
    splitter = ThinkSplitter()
    assert list(splitter.feed("<think>a long")) == [ThinkingDelta("a long")]
    assert list(splitter.feed(" thought")) == [ThinkingDelta(" thought")]
    assert list(splitter.feed("</think>Hi")) == [TextDelta("Hi")]
    assert list(splitter.feed("!")) == [TextDelta("!")]
