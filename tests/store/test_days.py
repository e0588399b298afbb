"""Days begin at midnight, also those on which the clock is put on or back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest

from chatterm.store.days import midnight


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize(
    ("moment", "begun"),
    [
        (
            datetime(2026, 10, 25, 12),
            datetime(2026, 10, 24, 22, tzinfo=UTC),
        ),  # noon of winter, midnight of summer
        (datetime(2026, 3, 29, 12), datetime(2026, 3, 28, 23, tzinfo=UTC)),
        (datetime(2026, 11, 21, 0, 0, 1), datetime(2026, 11, 20, 23, tzinfo=UTC)),
    ],
)
def test_midnight_is_that_of_the_clock_on_the_wall(moment: datetime, begun: datetime) -> None:
    assert midnight(moment) == begun.timestamp()


def test_midnight_of_a_moment_with_a_zone_is_in_that_zone() -> None:
    noon = datetime(2026, 11, 21, 12, tzinfo=timezone(timedelta(hours=5)))
    assert midnight(noon) == datetime(2026, 11, 20, 19, tzinfo=UTC).timestamp()
