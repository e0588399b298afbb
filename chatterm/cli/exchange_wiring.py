"""What the command line says of recordings and the cache, put into the object graph."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from chatterm.cli.start_options import StartOptions
from chatterm.config.model import CacheSettings
from chatterm.config.paths import Paths

if TYPE_CHECKING:
    from chatterm.backend.replay import Replay
    from chatterm.backend.response_cache import ResponseCache
    from chatterm.backend.wire_log.recording import Recording
    from chatterm.cli.wiring import Engine

CACHE_FOLDER = "replies"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeFiles:
    """The files that the command line names; `notices` tell what of them cannot be read."""

    recording: Recording | None = None
    replay: Replay | None = None
    notices: tuple[str, ...] = ()


def open_files(options: StartOptions) -> ExchangeFiles:
    """Read the recording to play, make the file to record to. Raises `ConfigError` for what cannot be used."""
    recording, replay, notices = None, None, ()
    if options.replay is not None:
        from chatterm.backend.replay import Replay
        from chatterm.backend.wire_log.recorded import read_recording

        recorded = read_recording(options.replay.expanduser())
        replay, notices = Replay(recorded, options.speed), recorded.notices
    if options.record is not None:
        from chatterm.backend.wire_log.recording import Recording

        recording = Recording(options.record.expanduser())
    return ExchangeFiles(recording=recording, replay=replay, notices=notices)


def equip(engine: Engine, files: ExchangeFiles) -> Engine:
    """The engine, its requests looked on at; with a recording to play it has no network at all."""
    from chatterm.backend.exchanges import Exchanges, watch
    from chatterm.backend.models import ModelLists
    from chatterm.backend.replay import ReplayWorker, play

    worker, replay, targets = engine.worker, files.replay, engine.targets
    settings = engine.loaded.settings
    cache = None if replay is not None else _cache(engine.paths, settings.cache, save=settings.save)
    exchanges = Exchanges(cache)
    exchanges.recording = files.recording
    if replay is not None:
        worker = ReplayWorker(worker, replay, exchanges.around)
        engine.budget.enabled = False  # nothing is sent
        targets = play(targets, replay)
    else:
        targets = watch(targets, exchanges)
    models = ModelLists(targets, engine.state)
    return replace(engine, exchanges=exchanges, worker=worker, targets=targets, models=models)


def _cache(paths: Paths, settings: CacheSettings, *, save: bool) -> ResponseCache | None:
    if not save:
        return None
    from chatterm.backend.response_cache import ResponseCache
    from chatterm.store.reply_files import ReplyFiles

    files = ReplyFiles(
        paths.data / CACHE_FOLDER,
        most_bytes=settings.max_megabytes * 1_000_000,
        most_seconds=settings.max_age_hours * 3600,
    )
    return ResponseCache(files, is_on=settings.enabled)
