"""A batch that its provider does: lines are given in at once, and asked for until their results are there.

What is under way is in the journal, a step at a time, and each step is on the disk before the next is taken. So a
program that is killed goes on where it was, and gives nothing in twice: where it ended between the request that
begins a batch and its answer, the provider's list of batches tells whether that came through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace

from chatterm.backend.batch.engine import BatchJob, BatchProgress, OpenLine, Write
from chatterm.backend.batch.journal import Journal, RemoteJob, new_job, required_format
from chatterm.backend.batch.lines import BatchLine, failed_line
from chatterm.backend.batch.results import read_reply
from chatterm.backend.batch.submit import Submitter, like_of, lines_of
from chatterm.backend.context import context_of
from chatterm.backend.performance import Performance
from chatterm.backend.providers.base import ModelInfo, WireRequest
from chatterm.backend.providers.batch_formats import RemoteBatch
from chatterm.backend.request_maker import RequestMaker
from chatterm.backend.target import Target
from chatterm.core.errors import (
    AuthenticationError,
    BadRequestError,
    ChattermError,
    ProtocolError,
    ProviderError,
)
from chatterm.core.messages import Message
from chatterm.core.turn import TurnRequest

FIRST_POLL_SECONDS = 10.0
LONGEST_POLL_SECONDS = 60.0
MOST_FAILURES = 60
"""After so many failures in a row, which take about an hour, the provider is not asked any more in this run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteParts:
    """What a remote batch works with. `facts` are what is known of a model."""

    open_line: OpenLine
    write: Write
    resolve: Callable[[str, str], Target]
    facts: Callable[[Target], ModelInfo]
    maker: RequestMaker
    performance: Performance


class RemoteRun:
    """One run. `given_up` tells, by PROVIDER/MODEL, what could not be given in, and why."""

    def __init__(
        self, parts: RemoteParts, journal: Journal, progress: BatchProgress, jobs: Iterable[BatchJob]
    ) -> None:
        self._parts, self._journal, self._progress = parts, journal, progress
        self._jobs = {job.item.line: job for job in jobs}
        self._open: list[RemoteJob] = []
        self._submitter = Submitter(journal)
        self._failures = 0
        self.given_up: dict[str, ChattermError] = {}

    @property
    def news(self) -> str:
        """How it goes, as a line."""
        return self._submitter.news

    @property
    def at_provider(self) -> int:
        """How many lines the provider has at hand."""
        return sum(1 for each in self._open for line in each.step.lines if line in self._jobs)

    def stop(self) -> None:
        """Leave as soon as no request is under way; the provider goes on."""
        self._submitter.stopped.set()

    async def run(self, *, cancel: bool = False) -> None:
        """Give in all lines, and write what comes; with `cancel` give in none, and call off what is under way.

        Raises `ProviderError` where the provider cannot be asked, `StoreError` where a file takes nothing.
        """
        await self._take_up()
        if cancel:
            await self._call_off()
        else:
            covered = {line for each in self._open for line in each.step.lines}
            await self._give_in([job for line, job in self._jobs.items() if line not in covered])
        pause = FIRST_POLL_SECONDS
        while self._open and not self._submitter.stopped.is_set():
            await self._look()
            if self._open:
                await self._submitter.rest(pause)
                pause = min(LONGEST_POLL_SECONDS, pause * 1.5)

    # ---- what a run before began ---------------------------------------------------------------

    async def _take_up(self) -> None:
        for step in self._journal.open_steps:
            target = self._parts.resolve(step.provider, step.model)
            job = RemoteJob(step, target, required_format(target))
            if step.state == "submitted" or await self._submitter.was_begun(job):
                self._open.append(job)

    async def _call_off(self) -> None:
        for job in self._open:
            wire = job.format.cancel(job.step.batch_id, await like_of(job.target))
            with suppress(BadRequestError):  # it is over already
                job.seen = job.format.read(await self._submitter.ask(job.target, wire))

    # ---- giving in -----------------------------------------------------------------------------

    async def _give_in(self, jobs: list[BatchJob]) -> None:
        groups: dict[tuple[str, str], list[BatchJob]] = {}
        for job in jobs:
            groups.setdefault((job.target.provider, job.target.model), []).append(job)
        for (provider, model), group in groups.items():
            try:
                await self._give_in_group(group)
            except ProviderError as error:
                self.given_up[f"{provider}/{model}"] = error

    async def _give_in_group(self, lines: list[BatchJob]) -> None:
        """Lines of one model, in as few batches as hold them."""
        target = replace(lines[0].target, streams=False)
        job, entries, size, like = new_job(target), list[bytes](), 0, None
        for line in lines:
            if self._submitter.stopped.is_set():
                return
            wire = await self._wire(line, target)
            if wire is None:
                continue
            room = job.format.most_bytes - size - len(wire.body)
            if like is not None and (room < 0 or len(entries) == job.format.most_requests):
                await self._submit(job, entries, like)
                job, entries, size = new_job(target), [], 0
            entries.append(job.format.entry(job.step.custom_id(line.item.line), wire))
            job.step.lines.append(line.item.line)
            size, like = size + len(entries[-1]) + 1, wire
        if like is not None:
            await self._submit(job, entries, like)

    async def _submit(self, job: RemoteJob, entries: list[bytes], like: WireRequest) -> None:
        await self._submitter.submit(job, entries, like)
        self._open.append(job)

    async def _wire(self, line: BatchJob, target: Target) -> WireRequest | None:
        """The request as it would be sent alone, but not streamed; None, and told, where it cannot be made."""
        try:
            async with self._parts.open_line(line) as (session, prompt):
                message = Message(role="user", parts=prompt.parts())
                options = {name: value for name, value in session.options.items() if name != "stream"}
                request = TurnRequest(
                    model=target.model,
                    messages=(*context_of(session.turns), message),
                    system=session.system,
                    options=options,
                )
                prepared = await self._parts.maker.prepare(target, request)
                return prepared.wire(await target.endpoint())
        except AuthenticationError:
            raise
        except ChattermError as error:
            await self._write(failed_line(line.item, target.provider, target.model, error))
            return None

    # ---- waiting, and what comes ---------------------------------------------------------------

    async def _look(self) -> None:
        for job in list(self._open):
            if self._submitter.stopped.is_set():
                return
            try:
                wire = job.format.status(job.step.batch_id, await like_of(job.target))
                job.seen = job.format.read(await self._submitter.ask(job.target, wire))
                if job.seen.is_over:
                    await self._collect(job, job.seen)
            except ProviderError as error:
                self._failures += 1
                if not error.retryable or self._failures >= MOST_FAILURES:
                    raise
                self._submitter.news = error.message  # it is looked at again
                return
        self._failures = 0
        seen = [each.seen for each in self._open if each.seen is not None]
        done, total = sum(each.done or 0 for each in seen), sum(each.total or 0 for each in seen)
        self._submitter.news = f"{done:,} of {total:,} done at the provider"

    async def _collect(self, job: RemoteJob, batch: RemoteBatch) -> None:
        target = job.target
        if batch.problem:
            missing: ChattermError = BadRequestError(
                f"{target.host} did not take the batch: {batch.problem}."
            )
        else:
            missing = ProtocolError(f"The batch {batch.id} ended without a result for this line.")
            for wire in job.format.results(batch, await like_of(target)):
                async with aclosing(lines_of(target, wire)) as lines:
                    async for line in lines:
                        await self._take(job, line)
        for number in job.step.lines:
            if number in self._jobs and number not in job.written:
                await self._write(
                    failed_line(self._jobs[number].item, target.provider, target.model, missing)
                )
                job.written.add(number)
        await self._journal.note(job, "collected")
        self._open.remove(job)

    async def _take(self, job: RemoteJob, data: bytes) -> None:
        """Write what a line of the results says."""
        try:
            result = job.format.read_result(data, job.target.adapter)
        except ProtocolError:
            return  # its line is told of as one without a result
        number = job.step.line_of(result.custom_id)
        if number is None or number not in self._jobs or number in job.written:
            return
        item, facts = self._jobs[number].item, self._parts.facts(job.target)
        reply = read_reply(item, job.target, result, facts, share=job.format.price_share, at=job.step.at)
        await self._write(reply.line)
        job.written.add(number)
        self._parts.performance.give(reply.record)

    async def _write(self, line: BatchLine) -> None:
        await self._parts.write(line)
        self._progress.count(line)
