"""A growing reply: processor time per token at several rates and lengths, stalls, bursts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

from tests.benchmarks.figures import Figure
from tests.benchmarks.transcript.extent import Run
from tests.benchmarks.transcript.program import GRACE_SECONDS, NoAnswerError, Program

RATE = 100
HIGH_RATES = (2_000, 10_000)
BURST_TOKENS = 20_000
PER_TOKEN_GOAL_MS = 2.0
HIGH_RATE_GOAL_MS = 0.1
FLAT_GOAL = 1.25
STALL_GOAL_MS = 16.0
BURST_P99_GOAL_MS, BURST_LONGEST_GOAL_MS = 20.0, 60.0
PREFIX_SECONDS = 60.0
SECONDS = 30.0


def milliseconds(seconds: list[float]) -> list[float]:
    """The same in milliseconds."""
    return [value * 1000 for value in seconds]


def last_marks() -> Iterator[str]:
    """Characters that are in no text, each once: when one is on screen, so is all before it."""
    return map(chr, range(0x0410, 0x0450))


def tokens(run: Run) -> list[Figure]:
    """At 100 tokens a second, appended to replies of several lengths; these take turns, so that a machine that
    slows down slows all of them."""
    extent = run.extent
    stalls = Figure(f"stall, {RATE} tokens/s", "ms", goal=STALL_GOAL_MS, goal_at=0.99)
    figures: list[Figure] = []
    with ExitStack() as stack:
        programs = {length: stack.enter_context(run.start("chatterm")) for length in extent.lengths}
        for shape in extent.shapes:
            rows = _shape(run, shape, programs, stalls)
            figures += rows
            shortest, longest = rows[0], rows[-1]
            ratio = Figure(f"{shape}, longest to shortest", "x", goal=FLAT_GOAL, digits=2)
            if shortest.samples and longest.samples:
                ratio.samples.append(longest.quantile(0.5) / shortest.quantile(0.5))
            figures.append(ratio)
    return [*figures, stalls, *_stock_tokens(run)]


def _shape(run: Run, shape: str, programs: dict[int, Program], stalls: Figure) -> list[Figure]:
    figures = {length: _per_token(shape, length) for length in programs}
    for program in programs.values():
        program.call("clear")
    for length, program in programs.items():
        program.ask("begin", shape=shape, seed=run.seed, tokens=length, limit=PREFIX_SECONDS)
    shown = {
        length: program.answer(PREFIX_SECONDS + GRACE_SECONDS)["finished"]
        for length, program in programs.items()
    }
    # The first tokens find everything in place: what was imported and cached by them does not count.
    for program in programs.values():
        program.call("stream", rate=RATE, tokens=5, limit=SECONDS)
    for _ in range(run.extent.windows):
        for length, program in programs.items():
            if not shown[length]:
                figures[length].note = f"so long a reply was not shown after {PREFIX_SECONDS:g} s"
                continue
            result = program.call("stream", rate=RATE, tokens=run.extent.window_tokens, limit=SECONDS)
            stalls.samples += milliseconds(result["stalls"])
            add_per_token(figures[length], result, run.extent.window_tokens, SECONDS)
    for program in programs.values():
        program.call("end")
    return list(figures.values())


def _per_token(shape: str, length: int) -> Figure:
    return Figure(f"CPU per token, {shape}, {length:,}", "ms", goal=PER_TOKEN_GOAL_MS, digits=2)


def add_per_token(figure: Figure, result: dict[str, Any], count: int, limit: float) -> None:
    """One window; one that did not come to its end counts for nothing but is told."""
    if result["finished"]:
        figure.samples.append(result["cpu"] * 1000 / count)
    else:
        figure.note = f"{count} tokens were not shown after {limit:g} s, {result['cpu']:.1f} s CPU"
        if figure.goal is not None:
            figure.samples.append(float("inf"))


def _stock_tokens(run: Run) -> list[Figure]:
    extent, figures = run.extent, list[Figure]()
    stalls = Figure(f"  stock: stall, {RATE} tokens/s, what finished", "ms")
    with run.start("stock") as program:
        for shape in extent.stock_shapes:
            for length in extent.stock_lengths:
                figure = Figure(f"  stock: CPU per token, {shape}, {length:,}", "ms", digits=2)
                figures.append(figure)
                try:
                    _stock_cell(run, program, (shape, length), figure, stalls)
                except NoAnswerError:
                    figure.note = (
                        figure.note or f"no answer within {extent.stock_seconds + GRACE_SECONDS:g} s"
                    )
                if not figure.samples:
                    program.restart()
    return [*figures, stalls]


def _stock_cell(run: Run, program: Program, cell: tuple[str, int], figure: Figure, stalls: Figure) -> None:
    shape, length = cell
    limit, count = run.extent.stock_seconds, run.extent.window_tokens
    wait = limit + GRACE_SECONDS
    program.call("clear", seconds=wait)
    begun = program.call("begin", seconds=wait, shape=shape, seed=run.seed, tokens=length, limit=limit)
    if not begun["finished"]:
        figure.note = f"so long a reply was not shown after {limit:g} s"
        return
    for _ in range(run.extent.stock_windows):
        result = program.call("stream", seconds=wait, rate=RATE, tokens=count, limit=limit)
        add_per_token(figure, result, count, limit)
        stalls.samples += milliseconds(result["stalls"])
    program.call("end", seconds=wait)


def rates(run: Run) -> list[Figure]:
    """Thousands of tokens a second, on a reply that is 500 tokens long."""
    figures: list[Figure] = []
    with run.start("chatterm") as program:
        _warm_up(program)
        for shape in run.extent.rate_shapes:
            for rate in HIGH_RATES:
                count = max(10, round(rate * run.extent.rate_seconds))
                figure = Figure(
                    f"CPU per token, {shape}, at {rate:,}/s", "ms", goal=HIGH_RATE_GOAL_MS, digits=3
                )
                figures.append(figure)
                for sample in range(run.extent.rate_samples):
                    program.call("clear")
                    program.call("begin", shape=shape, seed=run.seed + sample, tokens=500, limit=SECONDS)
                    result = program.call(
                        "stream", seconds=2 * SECONDS, rate=rate, tokens=count, limit=SECONDS
                    )
                    add_per_token(figure, result, count, SECONDS)
                    program.call("end")
    return [*figures, *_stock_rates(run)]


def _stock_rates(run: Run) -> list[Figure]:
    figures: list[Figure] = []
    if not run.extent.stock_rates:
        return figures
    limit = run.extent.stock_seconds
    wait = limit + GRACE_SECONDS
    with run.start("stock") as program:
        for rate in run.extent.stock_rates:
            count = max(10, round(rate * run.extent.rate_seconds))
            figure = Figure(f"  stock: CPU per token, mixed, at {rate:,}/s", "ms", digits=3)
            figures.append(figure)
            try:
                program.call("clear", seconds=wait)
                program.call("begin", seconds=wait, shape="mixed", seed=run.seed, tokens=500, limit=limit)
                result = program.call("stream", seconds=wait, rate=rate, tokens=count, limit=limit)
                add_per_token(figure, result, count, limit)
            except NoAnswerError as error:
                figure.note = str(error)
            if not figure.samples:
                program.restart()
    return figures


def bursts(run: Run) -> list[Figure]:
    """80 KB in one piece, for each shape."""
    figures: list[Figure] = []
    ending = Figure("stall when the reply is complete", "ms", goal=BURST_LONGEST_GOAL_MS, goal_at=1.0)
    marks = last_marks()
    with run.start("chatterm") as program:
        _warm_up(program)
        for shape in run.extent.burst_shapes:
            program.call("clear")
            program.call("begin", shape=shape, seed=run.seed, tokens=100, limit=SECONDS)
            last = next(marks)
            program.look_for(last)
            result = program.call("burst", seconds=2 * SECONDS, tokens=BURST_TOKENS, last=last, limit=SECONDS)
            stalls = milliseconds(result["stalls"])
            name = f"stall, 80 KB at once, {shape}"
            figures.append(Figure(name, "ms", stalls, goal=BURST_P99_GOAL_MS, goal_at=0.99))
            figures.append(Figure(f"{name}, longest", "ms", stalls, goal=BURST_LONGEST_GOAL_MS, goal_at=1.0))
            shown = Figure(f"80 KB at once, {shape}, until its end is shown", "ms")
            if program.seen_at is None:
                shown.note = f"not shown after {SECONDS:g} s"
            else:
                shown.samples.append((program.seen_at - result["begun"]) * 1000)
            figures.append(shown)
            ending.samples += milliseconds(program.call("end", seconds=SECONDS)["stalls"])
    return [*figures, ending]


def _warm_up(program: Program) -> None:
    """So that what is loaded on first use, such as a highlighter, is there."""
    program.call("begin", shape="mixed", seed=0, tokens=2_000, limit=SECONDS)
    program.call("end")
