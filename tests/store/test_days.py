"""Days begin at midnight, also those on which the clock is put on or back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest

from chatterm.core.performance import Selection
from chatterm.store.database import Database
from chatterm.store.days import midnight
from chatterm.store.performance import PerformanceStore
from tests.store.test_performance import record


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


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize(("day", "hours"), [((2026, 10, 25), 25), ((2026, 3, 29), 23), ((2026, 11, 21), 24)])
async def test_a_day_with_requests_lasts_to_the_next_midnight(
    database: Database, day: tuple[int, int, int], hours: int
) -> None:
    kept, begun = PerformanceStore(database), datetime(*day)
    next_begun = begun + timedelta(days=1)
    moments = (begun, begun.replace(hour=23, minute=59), next_begun, next_begun.replace(hour=12))
    for number, moment in enumerate(moments):
        kept.add(record(number, at=moment.timestamp()))
    (first, end, dollars), (second, _, rest) = await kept.costs_by_day(Selection())
    assert (first, end, second) == (begun.timestamp(), next_begun.timestamp(), next_begun.timestamp())
    assert (dollars, rest) == (0.5, 0.5)
    assert end - first == hours * 3600


def test_an_hour_after_midnight_that_comes_twice_belongs_to_one_day(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "AZOT1AZOST,M3.5.0/0,M10.5.0/1")
        time.tzset()
        first, second = datetime(2026, 10, 25, 0, 30), datetime(2026, 10, 25, 0, 30, fold=1)
        begun = {midnight(moment) for moment in (first, second, datetime(2026, 10, 25, 12))}
        assert second.timestamp() - first.timestamp() == 3600
        assert begun == {datetime(2026, 10, 25, tzinfo=UTC).timestamp()}
    time.tzset()


def test_midnight_of_a_moment_with_a_zone_is_in_that_zone() -> None:
    noon = datetime(2026, 11, 21, 12, tzinfo=timezone(timedelta(hours=5)))
    assert midnight(noon) == datetime(2026, 11, 20, 19, tzinfo=UTC).timestamp()
