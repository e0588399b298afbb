"""What is shown while a batch runs."""

from __future__ import annotations

import json

import pytest

from chatterm.backend.batch.engine import BatchProgress
from chatterm.backend.batch.lines import BatchItem, failed_line
from chatterm.cli.batch_output import PrintedLines, progress_text, span
from chatterm.core.errors import ChattermError


async def test_in_order_what_waited_for_a_line_that_did_not_come_is_written_at_the_end(
    capfd: pytest.CaptureFixture[str],
) -> None:
    items = tuple(BatchItem(line=number, id=number, prompt="x", options={}) for number in (1, 2, 3, 4))
    lines = PrintedLines(items, in_order=True)

    def printed() -> list[int]:
        return [json.loads(line)["line"] for line in capfd.readouterr().out.splitlines()]

    for number in (4, 3, 1):
        await lines.write(failed_line(items[number - 1], "p", "m", ChattermError("no")))
    assert printed() == [1]
    await lines.finish()
    assert printed() == [3, 4]
    await lines.finish()
    assert printed() == []


def test_before_the_first_reply_nothing_is_guessed() -> None:
    assert progress_text(BatchProgress(total=1000, running=8), 5.0) == "0 of 1,000 · 8 running"


def test_time_and_cost_at_the_end_follow_from_the_pace_of_this_run() -> None:
    progress = BatchProgress(
        total=1000, before=100, complete=97, failed=3, running=8, dollars=0.5, is_estimate=True
    )
    assert progress_text(progress, 50.0) == (
        "200 of 1,000 · 3 failed · 8 running · 7 min left · ~$0.50 of ~$4.50"
    )


def test_what_costs_nothing_is_not_counted_in_dollars() -> None:
    progress = BatchProgress(total=2, complete=1, running=1, dollars=0.0)
    assert progress_text(progress, 1.0) == "1 of 2 · 1 running · 1 s left"


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0.2, "0 s"), (89, "89 s"), (90, "2 min"), (5400, "1 h 30 min"), (90_000, "25 h 0 min")],
)
def test_a_time_is_told_as_people_do(seconds: float, told: str) -> None:
    assert span(seconds) == told
