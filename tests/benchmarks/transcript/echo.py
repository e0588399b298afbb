"""How soon a typed key is on screen while a reply streams."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

from tests.benchmarks.figures import Figure
from tests.benchmarks.transcript.conversations import PREPARE_SECONDS
from tests.benchmarks.transcript.extent import Run
from tests.benchmarks.transcript.program import GRACE_SECONDS, NoAnswerError, Program
from tests.benchmarks.transcript.streaming import RATE

RATIO_GOAL = 3.0
AIMS_MS = {0.5: 10.0, 0.99: 30.0}
BLOCK_KEYS = 50
SHORTEST_PAUSE, LONGEST_PAUSE = 0.02, 0.07
FIRST_GLYPH = 0x1E00  # letters of one cell that no text of ours has; 200 and more follow
CLEAR_LINE = b"\x15"


def echo(run: Run) -> list[Figure]:
    """Keys at odd moments, into the conversation and into a bare Input by turns."""
    extent = run.extent
    ours = Figure(f"key echo, {RATE} tokens/s, {extent.echo_messages:,} messages", "ms", goal_at=0.99)
    bare = Figure("  bare Input: key echo", "ms")
    rng = random.Random(run.seed)
    with run.start("chatterm") as program, run.start("bare") as other:
        program.call("prepare", seconds=PREPARE_SECONDS, count=extent.echo_messages, seed=run.seed)
        program.call("show")
        program.call("begin", shape="mixed", seed=run.seed, tokens=500, limit=30.0)
        program.call("start", rate=RATE)
        ours_keys, bare_keys = _glyphs(), _glyphs()
        _type(program, Figure("", "ms"), ours_keys, 3, rng)
        _type(other, Figure("", "ms"), bare_keys, 3, rng)
        for _ in range(0, extent.keys, BLOCK_KEYS):
            block = min(BLOCK_KEYS, extent.keys)
            _type(program, ours, ours_keys, block, rng)
            _type(other, bare, bare_keys, block, rng)
        program.call("stop")
    if bare.samples:
        ours.goal = round(RATIO_GOAL * bare.quantile(0.99), 1)
    aims = [
        Figure("  the same, aimed at", "ms", ours.samples, goal=aim, goal_at=at)
        for at, aim in AIMS_MS.items()
    ]
    stock = [_stock_echo(run, rng)] if extent.stock_messages else []
    return [ours, *aims, bare, *stock]


def _stock_echo(run: Run, rng: random.Random) -> Figure:
    extent = run.extent
    figure = Figure(f"  stock: key echo, {RATE} tokens/s, {extent.stock_messages:,} messages", "ms")
    with run.start("stock") as program:
        wait = extent.stock_seconds + GRACE_SECONDS
        try:
            program.call("prepare", count=extent.stock_messages, seed=run.seed)
            program.call("show", seconds=wait)
            program.call("begin", seconds=wait, shape="mixed", seed=run.seed, tokens=500, limit=wait)
            program.call("start", seconds=wait, rate=RATE)
            _type(program, figure, _glyphs(), max(3, extent.keys // 8), rng)
            program.call("stop", seconds=wait)
        except NoAnswerError as error:
            figure.note = str(error)
    return figure


def _glyphs() -> Iterator[str]:
    while True:
        yield from map(chr, range(FIRST_GLYPH, FIRST_GLYPH + 0x96))
        yield from map(chr, range(FIRST_GLYPH + 0xA0, FIRST_GLYPH + 0x100))


def _type(program: Program, figure: Figure, glyphs: Iterator[str], count: int, rng: random.Random) -> None:
    lost = 0
    for _ in range(count):
        time.sleep(rng.uniform(SHORTEST_PAUSE, LONGEST_PAUSE))
        took = program.type(next(glyphs))
        if took is None:
            lost += 1
            figure.samples.append(float("inf"))
        else:
            figure.samples.append(took * 1000)
    if lost:
        figure.note = f"{lost} keys were not seen"
    program.press(CLEAR_LINE)
