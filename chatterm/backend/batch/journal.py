"""What is under way at a provider, step by step: the entries of a batch's journal."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from chatterm.backend.providers.batch_formats import BatchFormat, RemoteBatch
from chatterm.backend.providers.registry import batch_format_of
from chatterm.backend.target import Target
from chatterm.core.errors import ConfigError
from chatterm.core.ids import new_id

State = Literal["submitting", "submitted", "absent", "collected"]


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """How far the batch `job` is: one entry of the journal. The last one of a job counts.

    `lines` are numbers of lines of the input, `at` is when it was given in, in seconds since 1970.
    """

    job: str
    state: State
    provider: str
    model: str
    lines: list[int]
    at: float
    file_id: str = ""
    batch_id: str = ""

    @property
    def is_open(self) -> bool:
        """Whether the provider has it, or may have it."""
        return self.state in ("submitting", "submitted")

    def custom_id(self, line: int) -> str:
        """The name of a request within the batch; nobody else's begins with the job."""
        return f"{self.job}-{line}"

    def line_of(self, custom_id: str) -> int | None:
        """The line that the name means; None for one of another batch."""
        job, _, line = custom_id.partition("-")
        return int(line) if job == self.job and line.isascii() and line.isdigit() else None


@dataclass(slots=True)
class RemoteJob:
    """A batch that the provider has, may have, or is to have. `written` are lines whose result is in the output."""

    step: Step
    target: Target
    format: BatchFormat
    seen: RemoteBatch | None = None
    written: set[int] = field(default_factory=set[int])


class Journal:
    """The steps of all jobs. Raises `ConfigError` for an entry that is none."""

    def __init__(self, entries: Iterable[bytes], note: Callable[[bytes], Awaitable[None]]) -> None:
        self._steps = _last_steps(entries)
        self._write = note

    @property
    def open_steps(self) -> list[Step]:
        """The last step of each job that is not over."""
        return [step for step in self._steps.values() if step.is_open]

    @property
    def batch_ids(self) -> set[str]:
        """The batches that are known to be ours."""
        return {step.batch_id for step in self._steps.values() if step.batch_id}

    async def note(self, job: RemoteJob, state: State, **changes: object) -> None:
        """Take the next step of a job; it is on the disk when this returns."""
        job.step = self._steps[job.step.job] = msgspec.structs.replace(job.step, state=state, **changes)
        await self._write(msgspec.json.encode(job.step) + b"\n")


def open_steps(entries: Iterable[bytes]) -> list[Step]:
    """The last step of each job that is not over. Raises `ConfigError` for an entry that is none."""
    return [step for step in _last_steps(entries).values() if step.is_open]


def new_job(target: Target) -> RemoteJob:
    """A job without lines."""
    place = {"provider": target.provider, "model": target.model}
    step = Step(job=new_id(), state="absent", lines=[], at=time.time(), **place)
    return RemoteJob(step, target, required_format(target))


def required_format(target: Target) -> BatchFormat:
    """The batch interface of who is asked. Raises `ConfigError` where there is none."""
    found = batch_format_of(target.adapter)
    if found is None:
        raise ConfigError(
            f"{target.provider} has no batch interface that chatterm speaks.",
            "Leave --cheap out; OpenAI and Anthropic have one.",
        )
    return found


def _last_steps(entries: Iterable[bytes]) -> dict[str, Step]:
    steps: dict[str, Step] = {}
    for entry in entries:
        try:
            step = msgspec.json.decode(entry, type=Step)
        except msgspec.DecodeError:
            raise ConfigError(
                "The journal beside the output has an entry that cannot be read.", "Name another output."
            ) from None
        steps[step.job] = step
    return steps
