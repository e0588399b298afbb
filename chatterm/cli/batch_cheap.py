"""`chatterm batch --cheap`: the lines go to the provider's batch interface, and the run waits for what comes."""

from __future__ import annotations

import asyncio
from functools import partial

from chatterm.backend.batch.engine import BatchJob, BatchProgress, OpenLine, Write
from chatterm.backend.batch.files import BatchFiles
from chatterm.backend.batch.journal import Journal, required_format
from chatterm.backend.batch.remote import RemoteParts, RemoteRun
from chatterm.backend.daemon_thread import in_daemon_thread
from chatterm.backend.payload_cache import PayloadCache
from chatterm.backend.providers.base import ModelInfo
from chatterm.backend.request_maker import RequestMaker
from chatterm.backend.target import Target
from chatterm.cli.batch_output import shown, status_of, stop_on_signals
from chatterm.cli.border import tell
from chatterm.cli.wiring import Engine
from chatterm.core.clean import clean_line
from chatterm.core.ids import new_id


async def run_cheap(
    engine: Engine,
    files: BatchFiles,
    jobs: list[BatchJob],
    progress: BatchProgress,
    *,
    open_line: OpenLine,
    write: Write,
    cancel: bool,
) -> int:
    """Give the lines in and write what comes; the exit status. Raises `ChattermError`."""
    for job in jobs:
        required_format(job.target)
    if not cancel:
        await engine.budget.require(new_id())  # the limit of the day: lines are of no conversation

    async def load_blobs(digests: frozenset[str]) -> dict[str, bytes]:
        held = {digest: engine.held.get(digest) for digest in digests}
        return {digest: data for digest, data in held.items() if data is not None}

    async def note(entry: bytes) -> None:
        await in_daemon_thread(partial(files.note, entry), "chatterm-batch")

    def facts(target: Target) -> ModelInfo:
        return engine.targets.facts_of(target.provider, target.model).info

    parts = RemoteParts(
        open_line=open_line,
        write=write,
        resolve=engine.targets.resolve,
        facts=facts,
        maker=RequestMaker(PayloadCache(0), load_blobs, engine.worker.fitter),
        performance=engine.worker.performance,
    )
    run = RemoteRun(parts, Journal(files.entries, note), progress, jobs)
    working = asyncio.ensure_future(run.run(cancel=cancel))
    stopped = stop_on_signals(run.stop, working.cancel)
    with shown(lambda elapsed: _text(run, progress)):
        await asyncio.wait({working})
    if not working.cancelled():
        working.result()
    for place, error in run.given_up.items():
        tell(f"{clean_line(place)}: {error}", "")
    if run.at_provider:
        tell(f"The provider has {run.at_provider:,} lines at hand.", "The same command goes on with them.")
    return status_of(progress, stopped, given_up=bool(run.given_up), goes_on=True)


def _text(run: RemoteRun, progress: BatchProgress) -> str:
    told = f"{progress.before + progress.written:,} of {progress.total:,}"
    return clean_line(f"{told} · {run.news}" if run.news else told)
