"""Figures derived from the stamps of an attempt."""

from __future__ import annotations

import pytest

from chatterm.core.timings import Timings


@pytest.mark.parametrize(
    ("stamps", "seconds"),
    [
        ({"started": 1.0, "sent": 1.5}, 2.0),  # on a connection that was there before
        ({"started": 1.0, "resolving": 1.25, "resolved": 1.5}, 1.75),
        ({"started": 1.0, "resolved": 1.5, "connected": 1.6}, 1.5),  # an address without a name
        ({}, None),
    ],
)
def test_an_attempt_begins_with_its_connection_and_not_with_what_the_program_loads(
    stamps: dict[str, float], seconds: float | None
) -> None:
    assert Timings(finished=3.0, **stamps).attempt_seconds == seconds
