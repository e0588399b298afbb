"""Recording costs next to nothing, and statistics grow with the records alone; bounds that only a defect exceeds."""

from __future__ import annotations

import time
from pathlib import Path

from chatterm.store.database import Database
from tests.benchmarks.recording import fill, recorder, statistics_of
from tests.cpu_time import within


async def test_a_request_is_recorded_within_a_fifth_of_a_millisecond(tmp_path: Path) -> None:
    work, end = await recorder(tmp_path)
    work()  # the thread of the log begins, the table of prices is read
    too_slow = within(0.0006, work)  # takes 0.1; alone in a tight loop, with its own thread beside it
    end()
    assert too_slow is None
    assert (tmp_path / "performance.jsonl").read_bytes().count(b"\n") > 1


async def test_ten_thousand_records_are_summed_up_in_a_moment(tmp_path: Path) -> None:
    """A million take at most 3 s; the processor time of the whole process counts, least of some tries."""
    database = Database(tmp_path / "chatterm.db")
    kept = await fill(database, 10_000)
    least = 1e9
    for _ in range(2):
        began = time.process_time()
        found = await statistics_of(kept)
        least = min(least, time.process_time() - began)
    assert database.close(5)
    assert found.total.requests == 10_000
    assert least < 0.6  # takes 0.03; what grows faster than the records exceeds it
