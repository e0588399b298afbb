"""Long conversations: opening, paging, jumping, resizing, memory."""

from __future__ import annotations

from tests.benchmarks.figures import Figure
from tests.benchmarks.transcript.extent import Run
from tests.benchmarks.transcript.program import COLUMNS, GRACE_SECONDS, ROWS, NoAnswerError, Program
from tests.benchmarks.transcript.streaming import milliseconds

OPEN_GOALS_MS = {10_000: 80.0, 100_000: 150.0}
LAST_TOKENS = 32_000
LAST_GOAL_MS = 20.0
PAGE_GOAL_MS, JUMP_GOAL_MS, RESIZE_GOAL_MS = 20.0, 30.0, 80.0
MEMORY_GOAL_MB = 110.0
MEMORY_GOAL_MESSAGES = 10_000
PREPARE_SECONDS = 120.0


def opening(run: Run) -> list[Figure]:
    """From having the messages to having painted the last of them. The first, short one does not count."""
    figures: list[Figure] = []
    with run.start("chatterm") as program:
        _open(program, 200, run.seed)
        for count, times in run.extent.opened:
            figure = Figure(f"open {count:,} messages, CPU", "ms", goal=OPEN_GOALS_MS.get(count))
            long = Figure(f"open {count:,} messages, the last of 32k tokens, CPU", "ms")
            for number in range(times):
                figure.samples.append(_open(program, count, run.seed + number))
                if count < 100_000:
                    long.samples.append(_open(program, count, run.seed + number, LAST_TOKENS))
            figures.append(figure)
            if long.samples:
                more = long.quantile(0.5) - figure.quantile(0.5)
                figures += [long, Figure("  what so long a message adds", "ms", [more], goal=LAST_GOAL_MS)]
    if run.extent.stock_messages:
        figures.append(_stock_open(run, run.extent.stock_messages))
    if run.extent.stock_opens_all:
        figures.append(_stock_open(run, run.extent.opened[0][0]))
    return figures


def _open(program: Program, count: int, seed: int, last_tokens: int = 0) -> float:
    program.call("clear")
    program.call("prepare", seconds=PREPARE_SECONDS, count=count, seed=seed, last_tokens=last_tokens)
    return program.call("show")["cpu"] * 1000


def _stock_open(run: Run, count: int) -> Figure:
    figure = Figure(f"  stock: open {count:,} messages, CPU", "ms")
    with run.start("stock") as program:
        program.call("prepare", count=count, seed=run.seed)
        wait = run.extent.stock_seconds + GRACE_SECONDS
        try:
            figure.samples.append(program.call("show", seconds=wait)["cpu"] * 1000)
        except NoAnswerError as error:
            figure.note = f"not open: {error}"
    return figure


def scrolling(run: Run) -> list[Figure]:
    """Moves through messages never seen before and seen already, and other sizes of the terminal."""
    extent = run.extent
    at = f"at {extent.scrolled_messages:,} messages"
    with run.start("chatterm") as program:
        _open(program, 200, run.seed)
        program.call("page", direction=-1, times=5)
        _open(program, extent.scrolled_messages, run.seed)
        figures = _moves(program, extent.moves, extent.resizes, at, "")
    for figure, goal in zip(figures, (PAGE_GOAL_MS, PAGE_GOAL_MS, JUMP_GOAL_MS, RESIZE_GOAL_MS), strict=True):
        figure.goal = goal
    if not extent.stock_messages:
        return figures
    with run.start("stock") as program:
        program.call("prepare", count=extent.stock_messages, seed=run.seed)
        at = f"at {extent.stock_messages:,} messages"
        try:
            program.call("show", seconds=extent.stock_seconds + GRACE_SECONDS)
            figures += _moves(program, extent.moves, extent.resizes, at, "  stock: ")
        except NoAnswerError as error:
            figures.append(Figure(f"  stock: moves {at}", "ms", note=str(error)))
    return figures


def _moves(program: Program, times: int, resizes: int, at: str, who: str) -> list[Figure]:
    up = program.call("page", direction=-1, times=times)["cpu"]
    down = program.call("page", direction=1, times=times)["cpu"]
    jumps = program.call("jump", times=times)["cpu"]
    sizes = [(COLUMNS - 30, ROWS), (COLUMNS, ROWS)] * resizes
    resized = [program.call("resize", columns=size[0], rows=size[1])["cpu"] for size in sizes[:resizes]]
    return [
        Figure(f"{who}page up, cold, {at}, CPU", "ms", milliseconds(up)),
        Figure(f"{who}page down, warm, {at}, CPU", "ms", milliseconds(down)),
        Figure(f"{who}jump, {at}, CPU", "ms", milliseconds(jumps)),
        Figure(f"{who}resize, {at}, CPU", "ms", milliseconds(resized)),
    ]


def memory(run: Run) -> list[Figure]:
    """What the process holds after every message was on screen; and one without a conversation."""
    count = run.extent.remembered_messages
    figures: list[Figure] = []
    with run.start("chatterm") as program:
        program.call("prepare", seconds=PREPARE_SECONDS, count=count, seed=run.seed)
        program.call("show")
        figures.append(Figure(f"memory, {count:,} messages opened", "MB", [program.call("memory")["rss"]]))
        paged = program.call("page_all", seconds=310.0, limit=300.0)
        figure = Figure(f"memory, {count:,} messages paged through", "MB", [program.call("memory")["rss"]])
        if count >= MEMORY_GOAL_MESSAGES:
            figure.goal = MEMORY_GOAL_MB
        if not paged["finished"]:
            figure.goal, figure.note = None, f"the first message was not reached in {paged['pages']:,} pages"
        figures.append(figure)
    with run.start("bare") as program:
        figures.append(Figure("  bare Input: memory", "MB", [program.call("memory")["rss"]]))
    return figures
