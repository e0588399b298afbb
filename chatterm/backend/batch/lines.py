"""The lines of a batch: what is asked, one JSON value a line (https://jsonlines.org), and what came of each."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

import msgspec

from chatterm.backend.parameters import read_parameters
from chatterm.core.clean import clean_line, well_formed
from chatterm.core.errors import ChattermError, ConfigError
from chatterm.core.turn import Options, Outcome, Turn
from chatterm.core.usage import Usage

SHOWN_CHARACTERS = 60
"""How much of a line that cannot be used is shown."""

Identity = str | int


class _Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    role: Literal["system", "user", "assistant"]
    content: str


class _Input(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: Identity | None = None
    prompt: str | None = None
    messages: list[_Message] | None = None
    system: str | None = None
    model: str | None = None
    options: dict[str, object] = {}
    files: list[str] = []


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchItem:
    """One line of the input, numbered from 1.

    `earlier` are the texts that were said before the prompt, by turns of the user and of the model, the user's
    first. `model` is a name as the user types it, `files` are paths as they were written; None and empty where the
    line says nothing.
    """

    id: Identity
    line: int
    prompt: str
    earlier: tuple[str, ...] = ()
    system: str | None = None
    model: str | None = None
    options: Options
    files: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The id as it is compared: 7 and "7" are the same."""
        return str(self.id)


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that cannot be asked, and why."""

    line: int
    why: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.why}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchInput:
    """All lines of an input, and the SHA-256 of its bytes in hexadecimal."""

    items: tuple[BatchItem, ...]
    bad: tuple[BadLine, ...]
    digest: str


class BatchUsage(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens as the provider reported them; see `core.usage.Usage`."""

    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None


class BatchTimings(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds from the request sent to the first delta and to the first text, and from its beginning to its end."""

    ttft_seconds: float | None = None
    first_text_seconds: float | None = None
    total_seconds: float | None = None


class BatchError(msgspec.Struct, frozen=True, kw_only=True):
    """Why there is no whole reply; `kind` is the name of a class of `core.errors` without `Error`."""

    kind: str
    message: str
    hint: str = ""
    retryable: bool = False


class BatchLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the output. `outcome` is that of a turn; a line whose outcome is not complete is asked again."""

    id: Identity
    line: int
    outcome: str
    reply: str
    stop_reason: str | None
    provider: str
    model: str
    usage: BatchUsage
    cost_dollars: float | None
    cost_is_estimate: bool
    timings: BatchTimings
    attempts: int
    error: BatchError | None

    @property
    def is_complete(self) -> bool:
        """Whether the model came to its end."""
        return self.outcome == Outcome.COMPLETE

    def encoded(self) -> bytes:
        """The line with its end."""
        return msgspec.json.encode(self) + b"\n"


class WrittenLine(msgspec.Struct, frozen=True):
    """What is read again of a line of the output."""

    id: Identity
    line: int
    outcome: str

    @property
    def is_complete(self) -> bool:
        """See `BatchLine.is_complete`."""
        return self.outcome == Outcome.COMPLETE


def read_input(data: bytes) -> BatchInput:
    """All lines; empty ones are passed over. A line without an id goes by its number."""
    items, bad, lines_of = list[BatchItem](), list[BadLine](), dict[str, int]()
    for number, raw in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if not raw.strip():
            continue
        try:
            item = _item(number, raw)
        except ValueError as error:
            bad.append(
                BadLine(number, f"{error}: {clean_line(raw.decode(errors='replace'), SHOWN_CHARACTERS)}")
            )
            continue
        if (before := lines_of.setdefault(item.key, number)) != number:
            told = f"the id {clean_line(item.key, SHOWN_CHARACTERS)!r} is that of line {before} already"
            bad.append(BadLine(number, told))
            continue
        items.append(item)
    return BatchInput(items=tuple(items), bad=tuple(bad), digest=sha256(data).hexdigest())


def line_of_turn(item: BatchItem, turn: Turn, cost: float | None, *, is_estimate: bool) -> BatchLine:
    """What is written of a finished turn; of one from the response cache no times are known."""
    timings = turn.timings
    return BatchLine(
        id=item.id,
        line=item.line,
        outcome=str(turn.outcome),
        reply=turn.reply.text,
        stop_reason=turn.stop_reason,
        provider=turn.provider,
        model=turn.model,
        usage=written_usage(turn.usage),
        cost_dollars=cost,
        cost_is_estimate=is_estimate,
        timings=BatchTimings(
            ttft_seconds=timings.ttft,
            first_text_seconds=timings.time_to_first_text,
            total_seconds=timings.total_seconds,
        ),
        attempts=turn.attempts,
        error=None if turn.error is None else written_error(turn.error),
    )


def failed_line(
    item: BatchItem, provider: str, model: str, error: ChattermError, outcome: Outcome = Outcome.FAILED
) -> BatchLine:
    """What is written of a line that brought nothing."""
    return BatchLine(
        id=item.id,
        line=item.line,
        outcome=outcome,
        reply="",
        stop_reason=None,
        provider=provider,
        model=model,
        usage=BatchUsage(),
        cost_dollars=None,
        cost_is_estimate=False,
        timings=BatchTimings(),
        attempts=0,
        error=written_error(error),
    )


def written_usage(usage: Usage) -> BatchUsage:
    """The usage as it is written."""
    return BatchUsage(
        input=usage.input,
        output=usage.output,
        cache_read=usage.cache_read,
        cache_write=usage.cache_write,
        reasoning=usage.reasoning,
    )


def written_error(error: ChattermError) -> BatchError:
    """The error as it is written."""
    retryable = getattr(error, "retryable", False)
    return BatchError(kind=error.kind, message=error.message, hint=error.hint, retryable=retryable)


def told_bad(bad: Iterable[BadLine], most: int) -> str:
    """The lines that cannot be asked, the first ones of many, one to a line."""
    lines = [str(each) for each in bad]
    more = [f"and {len(lines) - most:,} more"] if len(lines) > most else []
    return "\n".join([*lines[:most], *more])


def _item(number: int, raw: bytes) -> BatchItem:
    """The line as it is asked. Raises `ValueError`, which says what is wrong with it."""
    given = _decoded(raw)
    if isinstance(given, str):
        given = _Input(prompt=given)
    if (given.prompt is None) == (given.messages is None):
        raise ValueError("needs either a prompt or messages")
    system, earlier, prompt = given.system, (), given.prompt
    if given.messages is not None:
        system, earlier, prompt = _conversation(given.messages, system)
    if not (prompt or "").strip() and not given.files:
        raise ValueError("the prompt is empty")
    if isinstance(given.id, str) and not given.id.strip():
        raise ValueError("the id is empty")
    try:
        read_parameters(given.options)
    except ConfigError as error:
        raise ValueError(error.message.rstrip(".")) from None
    return BatchItem(
        id=number if given.id is None else _well_formed_id(given.id),
        line=number,
        prompt=well_formed(prompt or ""),
        earlier=tuple(map(well_formed, earlier)),
        system=None if system is None else well_formed(system),
        model=given.model,
        options=given.options,
        files=tuple(given.files),
    )


def _decoded(raw: bytes) -> _Input | str:
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"is not UTF-8 (byte {error.start + 1})") from None
    try:
        json_type = str if raw.lstrip().startswith(b'"') else _Input
        return msgspec.json.decode(raw, type=json_type)
    except msgspec.ValidationError as error:
        raise ValueError(clean_line(str(error))) from None
    except (ValueError, RecursionError):
        raise ValueError(_syntax_fault(raw)) from None


def _syntax_fault(raw: bytes) -> str:
    """What is wrong with it, in the words of a parser that names the place."""
    try:
        json.loads(raw)
    except json.JSONDecodeError as error:
        return f"is no JSON ({error.msg.lower()}, column {error.colno})"
    except (ValueError, RecursionError):
        pass
    return "is no JSON that can be read"


def _conversation(messages: list[_Message], system: str | None) -> tuple[str | None, tuple[str, ...], str]:
    """The system prompt, what was said before, and the prompt."""
    if messages and messages[0].role == "system":
        if system is not None:
            raise ValueError("has two system prompts")
        system, messages = messages[0].content, messages[1:]
    if not messages or messages[-1].role != "user":
        raise ValueError("the last message is not the user's")
    for index, message in enumerate(messages):
        expected = "assistant" if index % 2 else "user"
        if message.role != expected:
            raise ValueError(
                f"message {index + 1} is of the {message.role}, not of the {expected}: they take turns"
            )
        if index % 2 and not message.content.strip():
            raise ValueError(f"message {index + 1} is empty")
    return system, tuple(message.content for message in messages[:-1]), messages[-1].content


def _well_formed_id(given: Identity) -> Identity:
    return well_formed(given) if isinstance(given, str) else given
