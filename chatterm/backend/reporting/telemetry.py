"""Traces and metrics of turns for a collector of OpenTelemetry, written on a thread of their own.

The library (the extra `otel`) is imported there, too, in the background; a turn never waits for any of it.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Protocol
from urllib.parse import urlsplit

from chatterm.config.model import OtelSettings
from chatterm.config.urls import address_fault, is_local
from chatterm.core.clean import clean_line
from chatterm.core.errors import ConfigError
from chatterm.core.performance import AttemptRecord
from chatterm.core.turn import Turn

MOST_WAITING = 4096
"""Records and turns that wait to be written; what is more than that is lost, rather than anything held up."""


Item = AttemptRecord | tuple[Turn, float]
"""A record, or a turn that ended at so many seconds since 1970."""


class Writer(Protocol):
    """Who makes spans and metrics; used on one thread alone."""

    def take(self, record: AttemptRecord) -> None: ...
    def end_turn(self, turn: Turn, ended_at: float) -> None: ...
    def close(self) -> None:
        """Send what is left; may take as long as the collector does."""
        ...


class Telemetry:
    """Takes records and ended turns without waiting, and has them written by what `make` gives, on a thread.

    `make` is given what is to be called, on whatever thread, when the collector did not take something. The user is
    told by `tell` with the next record, once.
    """

    def __init__(self, make: Callable[[Callable[[], None]], Writer], host: str = "") -> None:
        self._make, self._host = make, host
        self._trouble = ""
        self._is_told = False
        self.tell: Callable[[str], object] = lambda _: None
        self._queue: queue.Queue[Item | None] = queue.Queue(MOST_WAITING)
        self._thread = threading.Thread(target=self._serve, name="chatterm-telemetry", daemon=True)
        self._ended = False
        self.lost = 0
        """How many found no room."""
        self.problem: Exception | None = None
        """Why nothing is written, where that is so."""
        self._thread.start()

    def take(self, record: AttemptRecord) -> None:
        """Have the record of one request written."""
        self._put(record)
        if self._trouble and not self._is_told:
            self._is_told = True
            self.tell(self._trouble)

    def turn_ended(self, turn: Turn) -> None:
        """Have the turn written, with the records that came of it."""
        self._put((turn, time.time()))

    def end(self) -> None:
        """Begin to send what is left; nothing more is taken. Does not wait."""
        if not self._ended:
            self._ended = True
            while True:
                try:
                    return self._queue.put_nowait(None)
                except queue.Full:
                    self._drop()

    def join(self, within_seconds: float) -> bool:
        """Wait so long for all to be sent, after `end`; False where that takes longer: it is left behind."""
        self._thread.join(max(0.0, within_seconds))
        return not self._thread.is_alive()

    def _put(self, item: Item) -> None:
        if self._ended:
            return
        try:
            self._queue.put_nowait(item)
        except queue.Full:
            self.lost += 1

    def _drop(self) -> None:
        try:
            self._queue.get_nowait()
            self.lost += 1
        except queue.Empty:
            pass

    def _serve(self) -> None:
        try:
            writer = self._make(self._refused)
            while (item := self._queue.get()) is not None:
                if isinstance(item, AttemptRecord):
                    writer.take(item)
                else:
                    writer.end_turn(*item)
            writer.close()
        except Exception as error:  # the border of the thread: what is measured must never cost a reply
            self.problem, self._ended = error, True
            self._trouble = f"Nothing more is sent to the collector {self._host}: telemetry failed."

    def _refused(self) -> None:
        self._trouble = f"The collector {self._host} does not take what is measured: see [otel] endpoint."


def open_telemetry(settings: OtelSettings) -> Telemetry | None:
    """What sends to the collector of the settings; None where they name none.

    Raises `ConfigError` where it cannot be used, or the library is not installed.
    """
    address = settings.endpoint
    if address is None:
        return None
    host = clean_line(urlsplit(address).hostname or "", 60)
    reason, hint = address_fault(address, allow_insecure=True, key="otel.endpoint")
    if not reason and settings.content and address.startswith("http:") and not is_local(address):
        reason, hint = "what is said would go there unencrypted", "Use https, or set [otel] content = false."
    if not reason and not _is_installed():
        reason, hint = "the library is missing", "Install chatterm[otel], or take away [otel] endpoint."
    if reason:
        raise ConfigError(f"The collector {host} gets nothing: {reason}.", hint, key="otel.endpoint")

    def make(refused: Callable[[], None]) -> Writer:
        from chatterm.backend.reporting.telemetry_writer import otlp_writer

        return otlp_writer(address, refused, with_content=settings.content)

    return Telemetry(make, host)


def _is_installed() -> bool:
    try:
        return find_spec("opentelemetry.exporter.otlp.proto.http") is not None
    except ModuleNotFoundError:
        return False
