from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatterm.tui.transcript.heights import HeightIndex

HEIGHTS = st.lists(st.integers(1, 9), max_size=40)


def located(heights: list[int], line: int) -> tuple[int, int]:
    for position, height in enumerate(heights):
        if line < height:
            return position, max(line, 0)
        line -= height
    return len(heights) - 1, heights[-1] - 1


@given(
    HEIGHTS, st.lists(st.tuples(st.sampled_from("isd"), st.integers(0, 50), st.integers(1, 9)), max_size=30)
)
def test_it_is_a_list_that_knows_its_sums(heights: list[int], changes: list[tuple[str, int, int]]) -> None:
    index = HeightIndex(heights)
    for kind, position, height in changes:
        if kind == "i":
            at = position % (len(heights) + 1)
            heights.insert(at, height)
            index.insert(at, height)
        elif heights and kind == "s":
            heights[position % len(heights)] = height
            index[position % len(heights)] = height
        elif heights:
            at = position % len(heights)
            del heights[at]
            del index[at]
    assert [index[at] for at in range(len(index))] == heights
    assert index.total == sum(heights)
    assert [index.start(at) for at in range(len(index))] == [sum(heights[:at]) for at in range(len(heights))]
    if heights:
        lines = range(-1, sum(heights) + 2)
        assert [index.find(line) for line in lines] == [located(heights, line) for line in lines]


def test_many_heights_stay_right_over_many_changes() -> None:
    chance = random.Random(7)
    heights = [chance.randint(1, 30) for _ in range(3000)]
    index = HeightIndex(heights)
    for _ in range(3000):
        at, height = chance.randrange(len(heights)), chance.randint(1, 30)
        if chance.random() < 0.6:
            heights.insert(at, height)
            index.insert(at, height)
        else:
            del heights[at]
            del index[at]
    assert [index[at] for at in range(len(index))] == heights
    line = sum(heights) // 2
    assert index.find(line) == located(heights, line)
    assert index.total == sum(heights)


def test_there_is_nothing_in_an_empty_one() -> None:
    index = HeightIndex()
    assert (len(index), index.total) == (0, 0)
    for wrong in (lambda: index.find(0), lambda: index[0], lambda: index.start(0)):
        with pytest.raises(IndexError):
            wrong()
