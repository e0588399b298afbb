"""The benchmark of decoding measures what it says."""

from __future__ import annotations

from chatterm.backend.providers.registry import adapter
from tests.benchmarks.decoding import decode, figures, long_perplexity_reply, stream_of
from tests.cpu_time import in_proportion


def test_both_ratios_and_a_rate() -> None:
    stream = stream_of(adapter("perplexity"), long_perplexity_reply(20_000))
    ratios, rate = figures("sample", [stream], 2)
    assert [(figure.name, len(figure.samples)) for figure in ratios] == [
        ("sample: frames to events", 2),
        ("sample: bytes to reply", 2),
    ]
    assert all(sample > 0.1 for figure in ratios for sample in figure.samples)
    assert "frames/s" in rate


def test_what_a_reply_repeats_costs_no_more_than_its_bytes() -> None:
    part, whole = (
        stream_of(adapter("perplexity"), long_perplexity_reply(size)) for size in (160_000, 640_000)
    )
    assert in_proportion(lambda: decode([part]), lambda: decode([whole])) is None
