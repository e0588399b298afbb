"""Gives a provider's batch in once, whatever ends the program or the connection meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

from chatterm.backend.batch.journal import Journal, RemoteJob
from chatterm.backend.providers.base import WireRequest
from chatterm.backend.providers.batch_formats import RemoteBatch, asking
from chatterm.backend.target import Target, read_whole, unwatched
from chatterm.core.errors import ProviderError

RETRY_SECONDS = 10.0
"""How long after a failure the same is asked again, where the provider does not say."""
LIST_SECONDS = 60.0
"""How often the list is looked at for a batch that may be ours."""
TRIES = 4
"""How often one request about a batch is made, where it fails in a way that may pass."""
CLOCK_SECONDS = 3600.0
"""How far the provider's clock may be off from ours."""


class Submitter:
    """Asks a provider about batches. `stopped` ends all waiting; `news` tells how it goes."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.stopped = asyncio.Event()
        self.news = ""

    async def submit(self, job: RemoteJob, entries: list[bytes], like: WireRequest) -> None:
        """Begin the batch, once: after a failure that leaves open whether it began, the provider's list tells."""
        form, name, target = job.format, job.step.job, job.target
        self.news = f"giving in {len(entries):,} lines"
        file_id = ""
        if (upload := form.upload(entries, name, like)) is not None:
            file_id = form.uploaded(await self.ask(target, upload))
        await self._journal.note(job, "submitting", file_id=file_id, at=time.time())
        wire = form.submit(entries, file_id, name, like)
        for left in range(TRIES - 1, -1, -1):
            try:
                batch = form.read(await read_whole(target, wire))
            except ProviderError as error:
                refused = error.status is not None and 400 <= error.status < 500
                if refused:
                    await self._journal.note(job, "absent")
                if not left or (refused and not error.retryable):
                    raise
                await self.rest(error.retry_after or RETRY_SECONDS)
                if not refused and await self.was_begun(job):
                    return
                if self.stopped.is_set():  # the next run looks whether it is there
                    raise
                await self._journal.note(job, "submitting", at=time.time())
            else:
                job.seen = batch
                await self._journal.note(job, "submitted", batch_id=batch.id)
                return

    async def was_begun(self, job: RemoteJob) -> bool:
        """Whether the provider has the batch, though its answer never came; it is in `job` then."""
        while not self.stopped.is_set():
            found, may_be = await self._found(job)
            if found is not None:
                await self._journal.note(job, "submitted", batch_id=found.id)
                return True
            if not may_be:
                await self._journal.note(job, "absent")
                return False
            self.news = "a batch that may be this one is under way; its results will tell"
            await self.rest(LIST_SECONDS)
        return False

    async def _found(self, job: RemoteJob) -> tuple[RemoteBatch | None, bool]:
        """The batch in the provider's list; else whether one that runs there may be it."""
        step, may_be = job.step, False
        known = self._journal.batch_ids
        async for batch in self._listed(job):
            if batch.created_at is not None and batch.created_at < step.at - CLOCK_SECONDS:
                break
            if step.file_id:
                if batch.input_file == step.file_id:
                    return batch, False
            elif batch.id not in known and batch.total in (None, len(step.lines)):
                if not batch.is_over:
                    may_be = True
                elif await self._has_ours(job, batch):
                    return batch, False
        return None, may_be

    async def _listed(self, job: RemoteJob) -> AsyncGenerator[RemoteBatch]:
        after: str | None = None
        while True:
            wire = job.format.listing(after, await like_of(job.target))
            page = job.format.read_list(await self.ask(job.target, wire))
            for batch in page.batches:
                yield batch
            if (after := page.after) is None:
                return

    async def _has_ours(self, job: RemoteJob, batch: RemoteBatch) -> bool:
        """Whether the results are of our job; the first of them tells."""
        for wire in job.format.results(batch, await like_of(job.target)):
            async with aclosing(lines_of(job.target, wire)) as lines:
                async for line in lines:
                    result = job.format.read_result(line, job.target.adapter)
                    return job.step.line_of(result.custom_id) is not None
        return False

    async def ask(self, target: Target, wire: WireRequest) -> bytes:
        """The answer, where need be after some tries: what is asked here may be asked again."""
        for left in range(TRIES - 1, -1, -1):
            try:
                return await read_whole(target, wire)
            except ProviderError as error:
                if not error.retryable or not left or self.stopped.is_set():
                    raise
                self.news = error.message
                await self.rest(error.retry_after or RETRY_SECONDS)
        raise AssertionError("the last try returns or raises")

    async def rest(self, seconds: float) -> None:
        """Wait, unless it is stopped."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.stopped.wait()


async def like_of(target: Target) -> WireRequest:
    """A request of which others about batches have their headers."""
    return asking(target.adapter, await target.endpoint(), target.limits)


async def lines_of(target: Target, wire: WireRequest) -> AsyncGenerator[bytes]:
    """The lines of a list of results. Raises `ProviderError`."""
    async with target.open_stream(wire, unwatched) as stream:
        if stream.status >= 400:
            raise target.adapter.parse_error(stream.status, stream.headers, await stream.body())
        async for frame in stream.frames():
            yield frame.data
