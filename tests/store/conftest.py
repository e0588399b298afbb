from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chatterm.store.database import Database
from chatterm.store.history import History
from tests.store.builders import FixedClock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "chatterm.db"


@pytest.fixture
async def database(path: Path) -> AsyncIterator[Database]:
    database = Database(path)
    yield database
    assert database.close(5)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def history(database: Database, clock: FixedClock) -> History:
    return History(database, clock)
