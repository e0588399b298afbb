"""Where the lines of a batch go, and what is shown beside them."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial

from chatterm.backend.batch.engine import BatchProgress
from chatterm.backend.batch.files import BatchFiles
from chatterm.backend.batch.lines import BatchItem, BatchLine
from chatterm.backend.daemon_thread import in_daemon_thread
from chatterm.backend.signals import ENDING_SIGNALS
from chatterm.cli.border import tell
from chatterm.cli.statuses import ExitStatus
from chatterm.core.clean import clean
from chatterm.core.money import dollars_text

REDRAW_SECONDS = 0.25
LAST_WORDS_SECONDS = 1.0
"""How long lines that run may take when the run is stopped."""


class FileLines:
    """Writes lines to the output, one after the other and off the event loop."""

    def __init__(self, files: BatchFiles) -> None:
        self._files = files
        self._turn = asyncio.Lock()

    async def write(self, line: BatchLine) -> None:
        """Raises `StoreError` where the output takes nothing any more."""
        async with self._turn:
            await in_daemon_thread(partial(self._files.write, line.encoded()), "chatterm-batch")


class PrintedLines:
    """Writes lines to stdout: as they come, or each once all before it are there."""

    def __init__(self, items: tuple[BatchItem, ...], *, in_order: bool) -> None:
        self._turn = asyncio.Lock()
        self._waited_for = [item.line for item in items] if in_order else []
        self._next = 0
        self._held: dict[int, bytes] = {}

    async def write(self, line: BatchLine) -> None:
        """Raises OSError where nobody reads on."""
        async with self._turn:
            if not self._waited_for:
                await _print(line.encoded())
                return
            self._held[line.line] = line.encoded()
            while self._next < len(self._waited_for) and self._waited_for[self._next] in self._held:
                await _print(self._held.pop(self._waited_for[self._next]))
                self._next += 1

    async def finish(self) -> None:
        """Write what waited for lines that did not come."""
        for _, data in sorted(self._held.items()):
            await _print(data)
        self._held.clear()


@contextmanager
def shown(text: Callable[[float], str]) -> Generator[None]:
    """Show the text, which is given the seconds since the beginning, as one line on a terminal until the end."""
    if not sys.stderr.isatty() or os.environ.get("TERM", "") in ("", "dumb"):
        yield
        return
    began, loop = time.monotonic(), asyncio.get_running_loop()
    timer: asyncio.TimerHandle | None = None

    def draw() -> None:
        nonlocal timer
        line = text(time.monotonic() - began)[: max(1, shutil.get_terminal_size().columns - 1)]
        print(f"\r{line}\x1b[K", end="", file=sys.stderr, flush=True)
        timer = loop.call_later(REDRAW_SECONDS, draw)

    draw()
    try:
        yield
    finally:
        if timer is not None:
            timer.cancel()
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def progress_text(progress: BatchProgress, elapsed: float) -> str:
    """`120 of 1,000 · 3 failed · 8 running · 6 min left · $0.03 of ~$0.26`, by what is known."""
    pieces = [f"{progress.before + progress.written:,} of {progress.total:,}"]
    if progress.failed:
        pieces.append(f"{progress.failed:,} failed")
    pieces.append(f"{progress.running} running")
    if (left := progress.seconds_left(elapsed)) is not None:
        pieces.append(f"{span(left)} left")
    if progress.dollars:
        about, end = "~" if progress.is_estimate else "", progress.dollars_at_end()
        of = "" if end is None else f" of ~{dollars_text(end)}"
        pieces.append(f"{about}{dollars_text(progress.dollars)}{of}")
    return " · ".join(pieces)


def span(seconds: float) -> str:
    """A time as people say it: `12 s`, `6 min`, `3 h 20 min`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


async def _print(data: bytes) -> None:
    if sys.stdout.isatty():
        data = clean(data.decode()).encode()
    # Not through sys.stdout: a write that stands still would hold its lock, on which the exit waits.
    file = sys.stdout.fileno()

    def write() -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(file, rest) :]

    await in_daemon_thread(write, "chatterm-output")


# ---- at the end ----


def stop_on_signals(stop: Callable[[], None], break_off: Callable[[], object]) -> list[signal.Signals]:
    """Stop at the first signal, and break off after a second or at the next one; the list gets those that came."""
    came, loop = list[signal.Signals](), asyncio.get_running_loop()

    def take(number: signal.Signals) -> None:
        came.append(number)
        if len(came) > 1:
            break_off()
            return
        stop()
        loop.call_later(LAST_WORDS_SECONDS, break_off)

    for number in ENDING_SIGNALS:
        loop.add_signal_handler(number, take, number)
    return came


def status_of(
    progress: BatchProgress, stopped: list[signal.Signals], *, given_up: bool, goes_on: bool
) -> int:
    """The exit status; tells what is left to do. `goes_on`: whether the same command would ask the rest."""
    if progress.failed or progress.left:
        told = f"{progress.before + progress.complete:,} of {progress.total:,} lines have their reply"
        told += f", {progress.failed:,} failed" if progress.failed else ""
        told += f", {progress.left:,} were not asked" if progress.left else ""
        tell(f"{told}.", "The same command asks the rest." if goes_on else "")
    if stopped:
        return 128 + stopped[0]
    if progress.failed or given_up:
        return ExitStatus.PROVIDER
    return ExitStatus.INCOMPLETE if progress.left else ExitStatus.COMPLETE
