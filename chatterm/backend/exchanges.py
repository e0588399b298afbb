"""Everything that stands between a turn and the network: what is kept of it, written down, and answered from before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from itertools import count
from pathlib import Path

from chatterm.backend.response_cache import ResponseCache
from chatterm.backend.target import Target
from chatterm.backend.targets import Targets
from chatterm.backend.wire_log.exchange_lines import AnyLine
from chatterm.backend.wire_log.exchange_log import ExchangeLog
from chatterm.backend.wire_log.recording import Recording
from chatterm.backend.wire_log.watching import Asked, watched


class Exchanges:
    """What is done with the requests of turns and their responses, apart from showing them."""

    def __init__(self, cache: ResponseCache | None = None) -> None:
        self.log = ExchangeLog()
        self.cache = cache or ResponseCache(None)
        self.recording: Recording | None = None
        self._numbers = count(1)

    def around(self, target: Target, key_variable: str = "") -> Target:
        """The target, its requests looked on at, and answered from the cache where that is on."""
        cached = self.cache.before(target.open_stream, target.adapter)
        asked = Asked(model=target.model, adapter=target.adapter.name, key_variable=key_variable)
        stream = watched(cached, asked, self._take, self._numbers.__next__)
        return replace(target, open_stream=stream)

    def record(self, path: Path, on_problem: Callable[[str], None] = lambda text: None) -> Recording:
        """Write all that follows to a new file, and end a recording before it. Raises `ConfigError`."""
        recording = Recording(path, on_problem)
        self.stop_recording()
        self.recording = recording
        return recording

    def stop_recording(self) -> Recording | None:
        """End the recording, in bounded time; gives it, None where there was none."""
        ended, self.recording = self.recording, None
        if ended is not None:
            ended.close()
        return ended

    def _take(self, line: AnyLine, turn_id: str) -> None:
        self.log.take(line, turn_id)
        if self.recording is not None:
            self.recording.take(line, turn_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedTargets(Targets):
    """Targets whose requests for turns go through the `exchanges`."""

    exchanges: Exchanges

    def resolve(self, provider: str, model: str) -> Target:
        """As `Targets.resolve`."""
        target = Targets.resolve(self, provider, model)
        return self.exchanges.around(target, next(iter(self.keys.variables(provider)), ""))


def watch(targets: Targets, exchanges: Exchanges) -> WatchedTargets:
    """The targets, their requests for turns through the `exchanges`."""
    return WatchedTargets(
        exchanges=exchanges, **{each.name: getattr(targets, each.name) for each in fields(targets)}
    )
