"""The result of a load test as lines of text."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from chatterm.backend.load_test.figures import JudgedGoal, LoadResult, Spread, TargetFigures, ratios
from chatterm.backend.load_test.goals import AT_LEAST, SPREADS
from chatterm.core.clean import clean_line
from chatterm.core.errors import kind_words
from chatterm.core.money import dollars_text

OWN_LIMIT = 0.8
"""From this share of a core on this program itself may be what is measured."""

UNKNOWN = "-"
BARS = " ▁▂▃▄▅▆▇█"
COLUMNS = ("p50", "p95", "p99", "least", "most")
LABEL_COLUMNS, CELL_COLUMNS = 18, 10


def result_lines(
    result: LoadResult, old: LoadResult | None = None, old_name: str = "", *, colours: bool = False
) -> Iterator[str]:
    """All lines: a block for each target, then the ratios. `old` is what is compared with, by its `old_name`."""
    for figures in result.targets:
        yield from target_lines(figures, result)
        yield from (goal_line(goal, colours=colours) for goal in result.goals if goal.target == figures.name)
        yield ""
    if len(result.targets) > 1:
        first = result.targets[0]
        yield from ratio_lines(
            f"times {clean_line(first.name, 60)}", [(each, first) for each in result.targets[1:]]
        )
        yield ""
    if old is not None:
        before = {figures.name: figures for figures in old.targets}
        both = [(each, before[each.name]) for each in result.targets if each.name in before]
        yield from ratio_lines(f"times {old_name} of {clean_line(old.made_at, 40)}", both)
        yield from _differences(result, old)
        yield ""
    if result.cpu_share > OWN_LIMIT and any(figures.complete for figures in result.targets):
        yield (
            f"chatterm itself used {100 * result.cpu_share:.0f} % of a core: it may be what limits these figures."
        )
    if result.stopped:
        yield "Stopped early; these are the figures until then."


def target_lines(figures: TargetFigures, result: LoadResult) -> Iterator[str]:
    """The block of one target."""
    yield f"{clean_line(figures.name, 100)} at {clean_line(figures.host, 100)}"
    errors = ", ".join(
        f"{clean_line(kind_words(kind), 40)} {count:,}" for kind, count in figures.errors.items()
    )
    counts = [f"{figures.complete:,} complete"]
    counts += [f"{sum(figures.errors.values()):,} failed ({errors})"] if errors else []
    counts += [f"{figures.cancelled:,} stopped"] if figures.cancelled else []
    counts += [f"{figures.retries:,} retries"] if figures.retries else []
    yield (
        f"  {figures.requests:,} requests, {result.concurrency:,} at a time, in "
        f"{seconds_text(figures.seconds)}: {', '.join(counts)}"
    )
    if figures.ended:
        yield f"  ended early: {clean_line(figures.ended, 300)}"
    if figures.complete:
        yield "  " + "".join(["".ljust(LABEL_COLUMNS), *(name.rjust(CELL_COLUMNS) for name in COLUMNS)])
        for label, found, text in _rows(figures):
            yield "  " + _cells(label, found, text)
    yield from (f"  {line}" for line in _rest(figures, result))


def _rows(
    figures: TargetFigures,
) -> Iterator[tuple[str, Spread | None, Callable[[float | None], str]]]:
    yield "TTFT", figures.ttft, seconds_text
    yield "first text", figures.first_text, seconds_text
    yield "between deltas", figures.gap, seconds_text
    yield "tokens/s", figures.rate, number_text
    yield "latency", figures.latency, seconds_text
    if figures.loop_lag is not None:
        yield "off by at most", figures.loop_lag, seconds_text


def _cells(label: str, found: Spread | None, text: Callable[[float | None], str]) -> str:
    values = [getattr(found, name) if found is not None else None for name in COLUMNS]
    return "".join([label.ljust(LABEL_COLUMNS), *(text(value).rjust(CELL_COLUMNS) for value in values)])


def _rest(figures: TargetFigures, result: LoadResult) -> Iterator[str]:
    """What is told in lines of their own."""
    if figures.ttfts and figures.ttft is not None:
        highest = max(figures.ttfts)
        bars = "".join(BARS[-(-count * (len(BARS) - 1) // highest)] for count in figures.ttfts)
        yield f"TTFT from {seconds_text(figures.ttft.least)} |{bars}| to {seconds_text(figures.ttft.most)}"
    if figures.complete:
        yield (
            f"in all {number_text(figures.requests_per_second)} replies/s, "
            f"{number_text(figures.tokens_per_second)} tokens/s, {number_text(figures.deltas_per_second)} deltas/s"
        )
        tokens = f"tokens {count_text(figures.input_tokens)} in, {count_text(figures.output_tokens)} out"
        warmup = ", warm-up included" if result.warmup else ""
        yield f"{tokens}, cost {_cost_text(figures)}{warmup}"
    if figures.new_connections or figures.reused_connections:
        yield f"connections {figures.new_connections:,} new, {figures.reused_connections:,} reused"
    if figures.held_seconds:
        yield f"requests were held back for {seconds_text(figures.held_seconds)}"
    if figures.cold_ttft is not None:
        load = f", of it {seconds_text(figures.load.p50)} loading" if figures.load is not None else ""
        yield f"cold: TTFT {seconds_text(figures.cold_ttft.p50)}{load} ({figures.cold_ttft.count:,} requests)"
    if figures.cold_ttft is not None and figures.warm_ttft is not None:
        times = figures.cold_ttft.p50 / figures.warm_ttft.p50 if figures.warm_ttft.p50 else 0.0
        told = f", {times:.1f} times as fast" if times else ""
        yield f"warm: TTFT {seconds_text(figures.warm_ttft.p50)}{told} ({figures.warm_ttft.count:,} requests)"


def _cost_text(figures: TargetFigures) -> str:
    dollars, is_estimate = figures.cost_dollars, figures.cost_is_estimate
    return UNKNOWN if dollars is None else dollars_text(dollars, is_estimate=is_estimate)


def goal_line(goal: JudgedGoal, *, colours: bool) -> str:
    """What a figure had to be, and what became of it."""
    text = _goal_text(goal.name)
    word = "met" if goal.is_met else "missed"
    if colours:
        word = f"\x1b[{32 if goal.is_met else 31}m{word}\x1b[0m"
    sign = ">=" if goal.name.startswith(AT_LEAST) else "<="
    return f"  target {goal.name} {sign} {text(goal.limit)}: {word} ({text(goal.value)})"


def _goal_text(name: str) -> Callable[[float | None], str]:
    if name == "errors":
        return lambda value: UNKNOWN if value is None else f"{100 * value:.3g} %"
    return seconds_text if name.startswith(SPREADS) and not name.startswith(AT_LEAST) else number_text


def ratio_lines(title: str, pairs: list[tuple[TargetFigures, TargetFigures]]) -> Iterator[str]:
    """A table of ratios: each target beside another."""
    if not pairs:
        yield f"{title}: no model is in both."
        return
    yield title
    for figures, beside in pairs:
        yield f"  {clean_line(figures.name, 100)}"
        found = ratios(figures, beside)
        for name, value in found.items():
            if value is not None:
                yield f"    {name:<16} {value:8.2f}"


def _differences(result: LoadResult, old: LoadResult) -> Iterator[str]:
    """What was not done alike, so that the ratios are not of the models alone."""
    for name in ("concurrency", "prompt_tokens", "max_tokens", "warmup"):
        now, before = getattr(result, name), getattr(old, name)
        if now != before:
            yield f"  {name} was {count_text(before)}, is {count_text(now)}: the ratios are of that, too"


def seconds_text(seconds: float | None) -> str:
    """A time in three digits or so."""
    if seconds is None:
        return UNKNOWN
    if seconds < 0.9995:
        milliseconds = seconds * 1000
        return f"{milliseconds:.0f} ms" if milliseconds >= 9.995 else f"{milliseconds:.2f} ms"
    return f"{seconds:.2f} s" if seconds < 9.995 else f"{seconds:,.1f} s"


def number_text(value: float | None) -> str:
    """A number in three digits or so."""
    if value is None:
        return UNKNOWN
    return f"{value:,.0f}" if value >= 99.95 else f"{value:.1f}" if value >= 9.995 else f"{value:.2f}"


def count_text(count: int | None) -> str:
    """A whole number."""
    return UNKNOWN if count is None else f"{count:,}"
