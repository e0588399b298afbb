"""What all requests add up to, and how a collector of metrics reads it."""

from __future__ import annotations

import re

from chatterm.backend.reporting.metrics_text import metrics_text
from chatterm.backend.reporting.statistics import read_statistics
from chatterm.config.model import TargetSettings
from chatterm.core.performance import Selection
from chatterm.core.performance_totals import Buckets
from chatterm.store.database import Database
from chatterm.store.performance import PerformanceStore
from chatterm.store.performance_totals import read_totals
from tests.store.test_performance import record

_LINE = re.compile(r'[a-z_]+\{([a-z]+="([^"\\\n]|\\["\\n])*"(,|(?=\})))*\} -?[0-9][0-9.e+-]*')


async def test_the_totals_of_each_model(database: Database) -> None:
    kept = PerformanceStore(database)
    failed = {"success": False, "outcome": "failed", "error_kind": "RateLimited", "ttft_seconds": None}
    kept.add(record(1, input_tokens=1000, output_tokens=10, cache_read_tokens=900, tool_count=2))
    kept.add(
        record(2, input_tokens=500, output_tokens=20, cost_is_estimate=True, retries=1, ttft_seconds=1.5)
    )
    kept.add(record(3, cost_dollars=None, **failed))
    kept.add(record(4, cost_dollars=None, output_tokens=5, model="other", ttft_seconds=99.0))
    first, other = await read_totals(database)
    assert (first.provider, first.model, other.model) == ("p", "m", "other")
    assert first.requests == (("chat", "complete", "", 2), ("chat", "failed", "RateLimited", 1))
    assert (first.input_tokens, first.output_tokens, first.cache_read_tokens) == (1500, 30, 900)
    assert (first.told_dollars, first.estimated_dollars, first.unknown_cost) == (0.25, 0.25, 0)
    assert (first.retries, first.tools, other.unknown_cost) == (1, 2, 1)
    assert first.ttft == Buckets((0, 1, 1, 1, 2, 2, 2, 2, 2), 2, 1.7)
    assert (other.ttft.counts[-1], other.ttft.count) == (0, 1)
    assert first.latency.count == 3


async def test_an_answer_of_unknown_cost_counts_however_little_it_reported(database: Database) -> None:
    kept = PerformanceStore(database)
    kept.add(record(1, cost_dollars=None, output_tokens=None))
    kept.add(record(2, cost_dollars=None, output_tokens=5, ttft_seconds=None, operation="batch"))
    kept.add(record(3, cost_dollars=None, ttft_seconds=None, success=False, outcome="failed"))
    kept.add(record(4))
    (totals,) = await read_totals(database)
    assert totals.unknown_cost == 2
    assert (await kept.spent_since(0.0)).unknown == 2
    assert (await read_statistics(kept, Selection(), TargetSettings())).total.unknown_cost == 2


async def test_nothing_recorded_is_nothing(database: Database) -> None:
    assert await read_totals(database) == ()
    assert "chatterm_requests_total" in metrics_text(())


async def test_the_text_is_what_prometheus_reads(database: Database) -> None:
    kept = PerformanceStore(database)
    kept.add(record(1, input_tokens=1000, model='a"b\\c\nd\x1b[2Je'))
    text = metrics_text(await read_totals(database))
    assert text.endswith("\n") and "\x1b" not in text
    types = dict(re.findall(r"^# TYPE ([a-z_]+) (\w+)$", text, re.MULTILINE))
    for line in text.splitlines():
        if line.startswith("# "):
            continue
        assert _LINE.fullmatch(line), line
        name = line.partition("{")[0]
        family = re.sub(r"_(bucket|sum|count)$", "", name)
        assert (types.get(name) or types.get(family)) is not None, line
    assert 'le="+Inf"} 1' in text
    assert re.search(r'chatterm_tokens_total\{provider="p",model="[^{]*",type="input"\} 1000', text)
    assert 'chatterm_cost_dollars_total{provider="p",model=' in text


async def test_buckets_only_grow(database: Database) -> None:
    kept = PerformanceStore(database)
    for number in range(50):
        kept.add(record(number, ttft_seconds=number / 7, latency_seconds=float(number)))
    (totals,) = await read_totals(database)
    for buckets in (totals.ttft, totals.latency):
        assert list(buckets.counts) == sorted(buckets.counts) and buckets.counts[-1] <= buckets.count == 50
