"""Fetching models into a local server and deleting them there, from the command line."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import aclosing

from chatterm.backend.local_models import LocalModels
from chatterm.backend.model_words import size_text
from chatterm.backend.providers.ollama_models import PullProgress
from chatterm.backend.targets import OLLAMA
from chatterm.cli.border import tell
from chatterm.cli.loop import run_loop
from chatterm.cli.start_options import StartOptions
from chatterm.cli.start_settings import read_settings
from chatterm.cli.statuses import ExitStatus
from chatterm.cli.wiring import Engine, build_engine
from chatterm.core.clean import clean_line
from chatterm.core.errors import ConfigError

BAR_COLUMNS = 24


def pull_model(options: StartOptions, name: str) -> int:
    """Fetch the model; how far it is goes to stderr. Returns the exit status. Raises `ChattermError`."""
    engine = _engine(options)
    try:
        return run_loop(_pull(engine, options.provider or OLLAMA, name))
    finally:
        engine.database.close(within_seconds=0.5)


def remove_model(options: StartOptions, name: str, *, is_sure: bool) -> int:
    """Delete the model. Asks on a terminal; elsewhere raises `ConfigError` unless the user said yes before."""
    provider, shown = options.provider or OLLAMA, clean_line(name, 80)
    if not is_sure and not sys.stdin.isatty():
        raise ConfigError(f"Deleting {shown!r} was not confirmed.", "Give --yes where nobody can be asked.")
    if not is_sure:
        print(
            f"Delete {shown!r} from {clean_line(provider, 60)}? [y/N] ", end="", file=sys.stderr, flush=True
        )
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            tell("Nothing was deleted.", "")
            return ExitStatus.CANCELLED
    engine = _engine(options)
    try:
        run_loop(_remove(engine, provider, name))
    finally:
        engine.database.close(within_seconds=0.5)
    tell(f"{shown} is deleted.", "")
    return ExitStatus.COMPLETE


class ProgressLine:
    """Shows how far it is: one line that changes on a terminal, elsewhere a line for each step."""

    def __init__(self) -> None:
        self._is_terminal = sys.stderr.isatty()
        self._shown = ""

    def show(self, progress: PullProgress) -> None:
        """What is done now."""
        if self._is_terminal:
            text = progress_text(progress, _columns())
            if text != self._shown:
                print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
                self._shown = text
        elif progress.status != self._shown:
            self._shown = progress.status
            size = f" ({size_text(progress.total_bytes)})" if progress.total_bytes else ""
            print(f"{progress.status}{size}", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Leave the line."""
        if self._is_terminal and self._shown:
            print(file=sys.stderr, flush=True)


def progress_text(progress: PullProgress, columns: int) -> str:
    """One line of at most so many columns: what is done, a bar where that can be counted, and figures."""
    percent = progress.percent
    if percent is None:
        return progress.status[:columns]
    bar = "█" * (BAR_COLUMNS * percent // 100)
    figures = f"{percent:3} %  {size_text(progress.completed_bytes)} of {size_text(progress.total_bytes)}"
    line = f"{bar:░<{BAR_COLUMNS}} {figures}"
    room = columns - len(line) - 1
    status = progress.status if len(progress.status) <= room else f"{progress.status[: max(0, room - 1)]}…"
    return f"{status} {line}"[:columns] if room > 3 else figures.strip()[:columns]


async def _pull(engine: Engine, provider: str, name: str) -> int:
    line, stopped = ProgressLine(), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stopped.set)

    async def follow() -> None:
        async with aclosing(LocalModels(engine.targets).pull(provider, name)) as steps:
            async for progress in steps:
                line.show(progress)

    following, stopping = asyncio.ensure_future(follow()), asyncio.ensure_future(stopped.wait())
    try:
        await asyncio.wait({following, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not following.done():
            following.cancel()
            await asyncio.wait({following}, timeout=1)
        line.end()
        if following.cancelled():
            tell(
                f"Stopped; what is there of {clean_line(name, 80)} is kept.",
                "Pulling again goes on from there.",
            )
            return ExitStatus.CANCELLED
        following.result()
    finally:
        stopping.cancel()
        await engine.aclose()
    return ExitStatus.COMPLETE


async def _remove(engine: Engine, provider: str, name: str) -> None:
    try:
        await LocalModels(engine.targets).remove(provider, name)
    finally:
        await engine.aclose()


def _engine(options: StartOptions) -> Engine:
    return build_engine(*read_settings(options))


def _columns() -> int:
    try:
        return max(20, os.get_terminal_size(sys.stderr.fileno()).columns - 1)
    except OSError:
        return 79
