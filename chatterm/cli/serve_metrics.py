"""Runs the metrics server on the history, until a signal comes."""

from __future__ import annotations

import asyncio
import errno
import signal
import time

import msgspec

from chatterm.backend.reporting.metrics_server import HOST, Figures, MetricsServer
from chatterm.backend.reporting.metrics_text import metrics_text
from chatterm.backend.reporting.statistics import read_statistics
from chatterm.backend.signals import ENDING_SIGNALS
from chatterm.cli.border import tell
from chatterm.cli.loop import run_loop
from chatterm.cli.start_options import StartOptions
from chatterm.cli.start_settings import read_settings
from chatterm.cli.wiring import DATABASE_NAME
from chatterm.config.metrics_token import find_token
from chatterm.config.model import TargetSettings
from chatterm.core.clean import clean_line
from chatterm.core.errors import ChattermError, ConfigError
from chatterm.core.performance import USUAL_OPERATIONS, Selection
from chatterm.store.database import Database
from chatterm.store.performance import PerformanceStore
from chatterm.store.performance_totals import read_totals

TOKEN_NAME = "metrics-token"
CLOSE_SECONDS = 0.5
KEPT_SECONDS = 2.0
"""How long the totals are good for, or ten times as long as they took: who asks more often gets the same."""


def serve_metrics(port: int) -> int:
    """Serve until a signal comes; returns the exit status. Raises `ChattermError`."""
    paths, loaded = read_settings(StartOptions())
    for problem in loaded.problems:
        tell(str(problem), "")
    token_file = paths.state / TOKEN_NAME
    token = find_token(token_file)
    database = Database(paths.data / DATABASE_NAME)
    try:
        server = MetricsServer(figures_of(database, loaded.settings.targets), token)
        where = f"Each request has to bring the token that is in {clean_line(str(token_file))}."
        return run_loop(_serve(server, port, database, where))
    finally:
        database.close(CLOSE_SECONDS)


def figures_of(database: Database, targets: TargetSettings) -> Figures:
    """The answers of the server, from this database."""
    store, kept = PerformanceStore(database), _Kept(database)

    async def performance(last_n: int) -> bytes:
        selection = Selection(operations=USUAL_OPERATIONS)
        statistics = await read_statistics(store, selection, targets, last_turns=last_n, by="model")
        return msgspec.json.encode(statistics) + b"\n"

    return Figures(performance, kept.text)


class _Kept:
    """The totals as text, read anew when they are old."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._reading = asyncio.Lock()
        self._text, self._until = b"", 0.0

    async def text(self) -> bytes:
        async with self._reading:
            began = time.monotonic()
            if began >= self._until:
                self._text = metrics_text(await read_totals(self._database)).encode()
                now = time.monotonic()
                self._until = now + max(KEPT_SECONDS, 10 * (now - began))
            return self._text


async def _serve(server: MetricsServer, port: int, database: Database, where: str) -> int:
    stopped: asyncio.Future[signal.Signals] = asyncio.get_running_loop().create_future()

    def stop(number: signal.Signals) -> None:
        if not stopped.done():
            stopped.set_result(number)

    for number in ENDING_SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, stop, number)
    await database.ready()
    for notice in database.notices:
        tell(notice, "")
    try:
        await server.start(port)
    except OSError as error:
        raise _no_port(port, error) from None
    tell(f"figures are served at http://{HOST}:{server.port}/metrics; Ctrl+C ends it.", where)
    try:
        return 128 + await stopped
    finally:
        await server.aclose()


def _no_port(port: int, error: OSError) -> ChattermError:
    if error.errno == errno.EADDRINUSE:
        return ConfigError(f"Port {port} is taken.", "Name another with --port, or 0 for a free one.")
    reason = (error.strerror or type(error).__name__).lower()
    return ConfigError(f"Port {port} cannot be used ({reason}).", "Name another with --port.")
