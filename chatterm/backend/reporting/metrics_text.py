"""Totals in the text format that Prometheus reads (prometheus.io/docs/instrumenting/exposition_formats)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from chatterm import __version__
from chatterm.core.clean import clean_line
from chatterm.core.performance_totals import LATENCY_BOUNDS, TTFT_BOUNDS, Buckets, ModelTotals

Sample = tuple[dict[str, str], float]

LONGEST_LABEL = 200


def metrics_text(totals: Sequence[ModelTotals]) -> str:
    """All totals as metrics; counters only grow while the history is kept."""
    build = _family("chatterm_build_info", "gauge", "The version.", [({"version": __version__}, 1)])
    lines = [*build, *_counters(totals), *_histograms(totals)]
    return "\n".join(lines) + "\n"


def _counters(totals: Sequence[ModelTotals]) -> Iterator[str]:
    counters: dict[str, tuple[str, Callable[[ModelTotals], Iterable[Sample]]]] = {
        "requests": ("Requests to models.", _requests),
        "retried_requests": (
            "Requests that were made again after a failure.",
            lambda of: [({}, of.retries)],
        ),
        "tokens": (
            "Tokens as reported; cached ones are part of the input, reasoning is of the output.",
            _tokens,
        ),
        "cost_dollars": ("What requests cost in US dollars, reported or estimated by prices.", _costs),
        "unknown_cost_requests": (
            "Answered requests whose cost nobody knows.",
            lambda of: [({}, of.unknown_cost)],
        ),
        "tool_calls": ("Calls of tools.", lambda of: [({}, of.tools)]),
    }
    for name, (meaning, samples_of) in counters.items():
        samples = [(_of(each) | labels, value) for each in totals for labels, value in samples_of(each)]
        yield from _family(f"chatterm_{name}_total", "counter", meaning, samples)


def _requests(of: ModelTotals) -> Iterator[Sample]:
    for operation, outcome, error, count in of.requests:
        yield {"operation": operation, "outcome": outcome, "error": error}, count


def _tokens(of: ModelTotals) -> Iterator[Sample]:
    yield {"type": "input"}, of.input_tokens
    yield {"type": "output"}, of.output_tokens
    yield {"type": "cache_read"}, of.cache_read_tokens
    yield {"type": "reasoning"}, of.reasoning_tokens


def _costs(of: ModelTotals) -> Iterator[Sample]:
    yield {"source": "reported"}, of.told_dollars
    yield {"source": "estimated"}, of.estimated_dollars


def _histograms(totals: Sequence[ModelTotals]) -> Iterator[str]:
    yield from _histogram(
        "chatterm_time_to_first_token_seconds",
        "From the request sent to the first piece of the reply.",
        TTFT_BOUNDS,
        [(_of(each), each.ttft) for each in totals],
    )
    yield from _histogram(
        "chatterm_request_duration_seconds",
        "From the beginning of a request to its end.",
        LATENCY_BOUNDS,
        [(_of(each), each.latency) for each in totals],
    )


def _of(totals: ModelTotals) -> dict[str, str]:
    return {"provider": totals.provider, "model": totals.model}


def _family(name: str, kind: str, meaning: str, samples: Iterable[Sample]) -> Iterator[str]:
    yield f"# HELP {name} {meaning}"
    yield f"# TYPE {name} {kind}"
    for labels, value in samples:
        yield _line(name, labels, value)


def _histogram(
    name: str, meaning: str, bounds: Sequence[float], samples: Iterable[tuple[Mapping[str, str], Buckets]]
) -> Iterator[str]:
    yield from _family(name, "histogram", meaning, ())
    for labels, buckets in samples:
        for bound, count in zip(bounds, buckets.counts, strict=True):
            yield _line(f"{name}_bucket", {**labels, "le": f"{bound:g}"}, count)
        yield _line(f"{name}_bucket", {**labels, "le": "+Inf"}, buckets.count)
        yield _line(f"{name}_sum", labels, buckets.sum)
        yield _line(f"{name}_count", labels, buckets.count)


def _line(name: str, labels: Mapping[str, str], value: float) -> str:
    told = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
    return f"{name}{{{told}}} {value!r}"


def _escaped(text: str) -> str:
    """A name from outside as the value of a label."""
    return clean_line(text, LONGEST_LABEL).replace("\\", r"\\").replace('"', r"\"")
