"""Where the records of requests go: into the performance log and the store."""

from __future__ import annotations

from dataclasses import dataclass

from chatterm.backend.performance import Performance
from chatterm.backend.performance_log import LOG_NAME, PerformanceLog
from chatterm.config.paths import Paths
from chatterm.store.database import Database
from chatterm.store.performance import PerformanceStore


@dataclass(frozen=True, slots=True)
class PerformanceService:
    """Who gets the records (`performance`), and where they are read again (`store`)."""

    performance: Performance
    store: PerformanceStore
    log: PerformanceLog | None

    def close(self, within_seconds: float) -> None:
        """Write what is left of the log, in bounded time; the rest of it is the database's."""
        if self.log is not None:
            self.log.close(within_seconds)


def build_performance(paths: Paths, database: Database) -> PerformanceService:
    """The service on this database; without one on the disk nothing is written to the disk."""
    store = PerformanceStore(database)
    log = None if database.path is None else PerformanceLog(paths.state / LOG_NAME)
    takers = [store.add] if log is None else [log.take, store.add]
    return PerformanceService(Performance(*takers), store, log)
