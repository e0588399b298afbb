"""Where the records of requests go: into the performance log and the store."""

from __future__ import annotations

import time
from dataclasses import dataclass

from chatterm.backend.budget import ChatBudget
from chatterm.backend.performance import Performance
from chatterm.backend.reporting.performance_log import LOG_NAME, PerformanceLog
from chatterm.backend.reporting.telemetry import Telemetry, open_telemetry
from chatterm.config.load import FILE, Loaded
from chatterm.config.paths import Paths
from chatterm.core.errors import ConfigError
from chatterm.store.database import Database
from chatterm.store.performance import PerformanceStore


@dataclass(frozen=True, slots=True)
class PerformanceService:
    """Who gets the records (`performance`), and where they are read again (`store`); what may be spent (`budget`).

    `notices` are what the user should be told.
    """

    performance: Performance
    store: PerformanceStore
    log: PerformanceLog | None
    budget: ChatBudget
    telemetry: Telemetry | None = None
    notices: tuple[str, ...] = ()

    def end(self) -> None:
        """Begin to send what is left to the collector; does not wait."""
        if self.telemetry is not None:
            self.telemetry.end()

    def close(self, within_seconds: float) -> None:
        """Write what is left of the log and send the rest, in bounded time; the store is closed with its database."""
        until = time.monotonic() + within_seconds
        if self.log is not None:
            self.log.close(within_seconds)
        if self.telemetry is not None:
            self.telemetry.join(until - time.monotonic())


def build_performance(paths: Paths, database: Database, loaded: Loaded) -> PerformanceService:
    """The service on this database; without one on the disk nothing is written to the disk."""
    store = PerformanceStore(database)
    log = None if database.path is None else PerformanceLog(paths.state / LOG_NAME)
    budget = ChatBudget(loaded.settings.budget, store)
    takers = [store.add, budget.take] if log is None else [log.take, store.add, budget.take]
    performance = Performance(*takers)
    budget.tell = lambda text: performance.tell(text)
    try:
        telemetry = open_telemetry(loaded.settings.otel)
    except ConfigError as error:
        # A variable of the environment may be meant for other programs than this one.
        is_asked_for = loaded.sources.get("otel.endpoint") == FILE
        return PerformanceService(
            performance, store, log, budget, notices=(str(error),) if is_asked_for else ()
        )
    if telemetry is not None:
        telemetry.tell = budget.tell
        performance.takers.append(telemetry.take)
        performance.turn_takers.append(telemetry.turn_ended)
    return PerformanceService(performance, store, log, budget, telemetry)
