"""Totals in the text format that Prometheus reads (prometheus.io/docs/instrumenting/exposition_formats)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from chatterm import __version__
from chatterm.core.clean import clean_line
from chatterm.store.performance_totals import LATENCY_BOUNDS, TTFT_BOUNDS, Buckets, ModelTotals

Sample = tuple[Mapping[str, str], float]

LONGEST_LABEL = 200


def metrics_text(totals: Sequence[ModelTotals]) -> str:
    """All totals as metrics; counters only grow while the history is kept."""
    lines = [*_family("chatterm_build_info", "gauge", "The version.", [({"version": __version__}, 1)])]
    lines += _family(
        "chatterm_requests_total",
        "counter",
        "Requests to models.",
        [
            ({**_of(each), "operation": operation, "outcome": outcome, "error": error}, count)
            for each in totals
            for operation, outcome, error, count in each.requests
        ],
    )
    lines += _family(
        "chatterm_retried_requests_total",
        "counter",
        "Requests that were made again after a failure.",
        [(_of(each), each.retries) for each in totals],
    )
    lines += _family(
        "chatterm_tokens_total",
        "counter",
        "Tokens as providers reported them; cached ones are part of the input, reasoning is of the output.",
        [
            ({**_of(each), "type": kind}, count)
            for each in totals
            for kind, count in (
                ("input", each.input_tokens),
                ("output", each.output_tokens),
                ("cache_read", each.cache_read_tokens),
                ("reasoning", each.reasoning_tokens),
            )
        ],
    )
    lines += _family(
        "chatterm_cost_dollars_total",
        "counter",
        "What requests cost in US dollars, as reported or estimated by prices.",
        [
            ({**_of(each), "source": source}, dollars)
            for each in totals
            for source, dollars in (("reported", each.told_dollars), ("estimated", each.estimated_dollars))
        ],
    )
    lines += _family(
        "chatterm_unknown_cost_requests_total",
        "counter",
        "Answered requests whose cost nobody knows.",
        [(_of(each), each.unknown_cost) for each in totals],
    )
    lines += _family(
        "chatterm_tool_calls_total",
        "counter",
        "Calls of tools.",
        [(_of(each), each.tools) for each in totals],
    )
    lines += _histogram(
        "chatterm_time_to_first_token_seconds",
        "From the request sent to the first piece of the reply.",
        TTFT_BOUNDS,
        ((_of(each), each.ttft) for each in totals),
    )
    lines += _histogram(
        "chatterm_request_duration_seconds",
        "From the beginning of a request to its end.",
        LATENCY_BOUNDS,
        ((_of(each), each.latency) for each in totals),
    )
    return "\n".join(lines) + "\n"


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
