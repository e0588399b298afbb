"""What the times of tool calls add up to."""

from __future__ import annotations

import pytest

from chatterm.core.tools import Access, AccessKind, ToolOutcome, ToolRun, round_seconds


def run(began: float | None, seconds: float | None) -> ToolRun:
    return ToolRun(call_id="c", name="t", round=0, outcome=ToolOutcome.OK, began=began, seconds=seconds)


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("read", "every read"),
        ("write", "whatever is written"),
        ("run", "exactly these words"),
        ("fetch", "every address of this host"),
        ("call", "exactly this call"),
    ],
)
def test_a_lasting_yes_says_how_far_it_reaches(kind: AccessKind, told: str) -> None:
    assert told in Access(kind=kind, target="x").lasting
    assert Access(kind=kind, target="x", may_always=False).lasting == ""


@pytest.mark.parametrize(
    ("times", "took", "saved"),
    [
        ([], 0.0, 0.0),
        ([(None, None)], 0.0, 0.0),
        ([(0.0, 0.5)], 0.5, 0.0),
        ([(0.0, 0.2), (0.0, 0.6), (0.1, 0.3)], 0.6, 0.5),
        ([(0.0, 0.2), (5.0, 0.3)], 0.5, 0.0),  # the user thought it over in between
        ([(1.0, 2.0), (0.0, 2.0), (None, None), (2.5, 1.0)], 3.5, 1.5),
    ],
)
def test_a_round_takes_as_long_as_something_of_it_ran(
    times: list[tuple[float | None, float | None]], took: float, saved: float
) -> None:
    assert round_seconds(tuple(run(*each) for each in times)) == pytest.approx((took, saved))
