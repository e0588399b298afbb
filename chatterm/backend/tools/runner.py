"""Runs the tool calls of one round: all at once, each allowed, bounded in time and size, none in another's way."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

import msgspec

from chatterm.backend.tools.approval import Approvals
from chatterm.backend.tools.arguments import MOST_ERROR_CHARACTERS, read_object
from chatterm.backend.tools.base import PreparedCall, Tool, ToolOutput, pin_of
from chatterm.backend.tools.results import cut
from chatterm.core.clean import clean_line, well_formed
from chatterm.core.errors import InvalidCallError, ToolDeniedError, ToolError, ToolTimeoutError
from chatterm.core.events import (
    ConsentAsked,
    ToolFinished,
    ToolProgress,
    ToolRequested,
    ToolStarted,
    TurnEvent,
)
from chatterm.core.messages import ToolCallPart, ToolResultPart
from chatterm.core.tools import Access, Decision, ToolOutcome, ToolRun

CANCELLED = "Cancelled by the user."
DENIED = "The user did not allow this call. Do not try it again in another form; ask what to do instead."

NOTHING = "(no output)"
"""In place of an empty result, which some services refuse."""

MOST_NAMED = 50
"""How many tools are named where a call names none that exists."""

MOST_CALLS = 128
"""How many calls of one response are run; the others are told so."""

MOST_CACHED, MOST_CACHED_CHARACTERS = 200, 16 * 1024 * 1024
"""How many results are kept for a conversation, and how much they are together; the oldest go first."""

T = TypeVar("T")

Ask = Callable[[ToolCallPart, Access], Awaitable[Decision]]
"""Waits for what the user decides of a call that was requested."""

logger = logging.getLogger(__name__)


class Breaker(Protocol):
    """A circuit breaker by name: see `EndpointStates`."""

    def rests(self, address: str) -> bool: ...
    def succeeded(self, address: str) -> None: ...
    def failed(self, address: str) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLimits:
    """What bounds tool calls: how many run at once, for how long, and how much of a result the model gets."""

    workers: int = 8
    timeout_seconds: float = 30.0
    timeouts: Mapping[str, float] = field(default_factory=dict[str, float])
    output_bytes: int = 50 * 1024

    def seconds(self, tool: Tool) -> float:
        """The limit of time of a tool: what the settings say of it, what it says, what holds for all."""
        own = self.timeouts.get(tool.spec.name)
        return own if own is not None else tool.timeout_seconds or self.timeout_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """What the rounds of one conversation share.

    `slots` holds back calls beyond the number of workers; `cache` has results that are always the same, None for
    none; `keep` writes the whole of a long result and returns where, or "".
    """

    conversation_id: str
    tools: Callable[[], Mapping[str, Tool]]
    limits: RunLimits
    slots: asyncio.Semaphore
    approvals: Approvals
    breaker: Breaker
    clock: Callable[[], float]
    keep: Callable[[str, str], Awaitable[str]] | None = None
    cache: dict[tuple[str, bytes], ToolOutput] | None = None


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a call came to, before it is reported."""

    output: ToolOutput
    outcome: ToolOutcome
    began: float | None = None
    seconds: float | None = None
    same_as: str = ""
    is_cached: bool = False


class ToolRound:
    """The calls of one response. `run` runs them; `results` and `runs` are in call order, for every one of them."""

    def __init__(
        self,
        context: RunContext,
        calls: Sequence[ToolCallPart],
        number: int,
        ask: Ask,
        emit: Callable[[TurnEvent], None],
    ) -> None:
        self._context, self._calls, self._number = context, tuple(calls), number
        self._ask, self._emit = ask, emit
        self._tools = context.tools()
        self._done: dict[str, tuple[ToolResultPart, ToolRun]] = {}
        self._alike: dict[tuple[str, bytes], tuple[str, asyncio.Future[_Answer]]] = {}
        self._began = context.clock()
        self._beyond = frozenset(call.call_id for call in self._calls[MOST_CALLS:])
        # Apart from the slots: tools that run long hold up no question.
        self._preparing = asyncio.Semaphore(context.limits.workers)
        self._asking = asyncio.Lock()

    @property
    def results(self) -> tuple[ToolResultPart, ...]:
        """The result of each call; of one that is not done, that it was cancelled."""
        return tuple(self._closed(call)[0] for call in self._calls)

    @property
    def runs(self) -> tuple[ToolRun, ...]:
        """What became of each call."""
        return tuple(self._closed(call)[1] for call in self._calls)

    async def run(self) -> None:
        """Run all calls. Cancelled, it ends the tools that run; what is done by then stays."""
        async with asyncio.TaskGroup() as group:
            for call in self._calls:
                group.create_task(self._run_one(call))

    def _closed(self, call: ToolCallPart) -> tuple[ToolResultPart, ToolRun]:
        if (done := self._done.get(call.call_id)) is not None:
            return done
        run = ToolRun(
            call_id=call.call_id,
            name=call.name,
            round=self._number,
            outcome=ToolOutcome.CANCELLED,
            source=self._source(call),
        )
        return ToolResultPart(call.call_id, CANCELLED, is_error=True), run

    def _source(self, call: ToolCallPart) -> str:
        tool = self._tools.get(call.name)
        return tool.source if tool is not None else ""

    async def _run_one(self, call: ToolCallPart) -> None:
        answer = await self._answer(call)
        context, output = self._context, answer.output
        text = well_formed(output.text) or NOTHING
        size, file = len(text.encode()), ""
        if size > context.limits.output_bytes:
            file = await context.keep(call.name, text) if context.keep is not None else ""
            text = cut(text, context.limits.output_bytes, "The user can open all of it." if file else "")
        run = ToolRun(
            call_id=call.call_id,
            name=call.name,
            round=self._number,
            outcome=answer.outcome,
            began=answer.began,
            seconds=answer.seconds,
            bytes=size,
            file=file,
            same_as=answer.same_as,
            is_cached=answer.is_cached,
            source=self._source(call),
        )
        result = ToolResultPart(call.call_id, text, is_error=answer.outcome is not ToolOutcome.OK)
        self._done[call.call_id] = result, run
        self._emit(ToolFinished(context.clock(), result, run))

    async def _answer(self, call: ToolCallPart) -> _Answer:
        """What the call comes to; identical calls of the round come to the same, once."""
        tool = self._tools.get(call.name)
        self._emit(ToolRequested(call, self._source(call)))
        if call.call_id in self._beyond:
            return _failed(ToolError(f"Only {MOST_CALLS} calls are run at once. Call this one again."))
        if tool is None:
            known = ", ".join(sorted(self._tools)[:MOST_NAMED]) or "none"
            return _failed(
                InvalidCallError(f"There is no tool {clean_line(call.name, 64)!r}; there are: {known}.")
            )
        try:
            arguments = read_object(call.arguments)
        except InvalidCallError as error:
            return _failed(error)
        key = pin_of(tool), msgspec.json.encode(arguments, order="deterministic")
        if (first := self._alike.get(key)) is not None:
            return replace(await asyncio.shield(first[1]), began=None, seconds=None, same_as=first[0])
        shared: asyncio.Future[_Answer] = asyncio.get_running_loop().create_future()
        self._alike[key] = call.call_id, shared
        answer = _failed(ToolError(CANCELLED))
        try:
            answer = await self._fresh(call, tool, arguments, key)
        finally:
            shared.set_result(answer)
        return answer

    async def _fresh(
        self, call: ToolCallPart, tool: Tool, arguments: Mapping[str, object], key: tuple[str, bytes]
    ) -> _Answer:
        context = self._context
        cache = context.cache if tool.is_pure else None
        if cache is not None and (kept := cache.get(key)) is not None:
            return _Answer(kept, ToolOutcome.OK, is_cached=True)
        answer = await self._guarded(call, self._allowed_and_run(call, tool, arguments))
        if cache is not None and answer.outcome is ToolOutcome.OK:
            cache[key] = answer.output
            while len(cache) > MOST_CACHED or _characters(cache.values()) > MOST_CACHED_CHARACTERS:
                del cache[next(iter(cache))]
        return answer

    async def _allowed_and_run(
        self, call: ToolCallPart, tool: Tool, arguments: Mapping[str, object]
    ) -> _Answer:
        context, seconds = self._context, self._context.limits.seconds(tool)
        if context.breaker.rests(_breaker_name(tool)):
            raise ToolError(
                "This tool failed several times in a row and rests for a while. Go on without it."
            )
        async with self._preparing:
            prepared = await _within(seconds, tool.prepare(arguments))
        await self._require_consent(call, tool, prepared.access)
        async with context.slots:
            began = context.clock()
            self._emit(ToolStarted(began, call.call_id))
            answer = await self._guarded(call, self._run_tool(call, tool, prepared, seconds))
            return replace(answer, began=began - self._began, seconds=context.clock() - began)

    async def _run_tool(
        self, call: ToolCallPart, tool: Tool, prepared: PreparedCall, seconds: float
    ) -> _Answer:
        def tell(text: str) -> None:
            self._emit(ToolProgress(call.call_id, text))

        states, name = self._context.breaker, _breaker_name(tool)
        try:
            output = await _within(seconds, prepared.run(tell))
        except Exception as error:
            if _is_of_the_tool(tool, error):
                states.failed(name)
            raise
        states.succeeded(name)
        return _Answer(output, ToolOutcome.FAILED if output.is_error else ToolOutcome.OK)

    async def _require_consent(self, call: ToolCallPart, tool: Tool, access: Access | None) -> None:
        """Raise `ToolDeniedError` unless the user allows this, or did before."""
        if access is None:
            return
        context = self._context
        await context.approvals.read()
        if context.approvals.allows(tool, access, context.conversation_id):
            return
        async with self._asking:
            # the answer to one call may hold for the next
            if context.approvals.allows(tool, access, context.conversation_id):
                return
            self._emit(ConsentAsked(call, tool.source, access))
            decision = await self._ask(call, access)
            await context.approvals.remember(decision, tool, access, context.conversation_id)
        if decision is Decision.DENY:
            raise ToolDeniedError(DENIED)

    async def _guarded(self, call: ToolCallPart, work: Coroutine[None, None, _Answer]) -> _Answer:
        """What the work comes to, also where it fails."""
        try:
            return await work
        except ToolError as error:
            return _failed(error)
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is None or task.cancelling():
                raise
            return _failed(ToolError("The tool broke off by itself. Go on without it."))
        except Exception:
            # A border: a defect of one tool must not end the others, nor the turn.
            logger.exception("the tool %s failed", clean_line(call.name, 64))
            return _failed(ToolError("The tool itself failed. Go on without it."))


async def _within(seconds: float, work: Awaitable[T]) -> T:
    """The result of the work. Raises `ToolTimeoutError` where it takes longer."""
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            return await work
    except TimeoutError:
        if limit.expired():
            raise ToolTimeoutError(f"The tool took longer than {seconds:g} s and was ended.") from None
        raise ToolError("The tool gave up after a limit of time of its own.") from None


def _is_of_the_tool(tool: Tool, error: Exception) -> bool:
    """Whether the next call may fail like this one, whatever it asks for.

    What a built-in tool says it could not do is about the path, the address or the number that it was given.
    """
    if isinstance(error, InvalidCallError | ToolDeniedError):
        return False
    return (
        tool.source != "built-in" or isinstance(error, ToolTimeoutError) or not isinstance(error, ToolError)
    )


def _characters(outputs: Iterable[ToolOutput]) -> int:
    return sum(len(output.text) for output in outputs)


def _breaker_name(tool: Tool) -> str:
    return f"tool:{tool.source}:{tool.spec.name}"


def _failed(error: ToolError) -> _Answer:
    outcome = next((each for kind, each in _OUTCOMES.items() if isinstance(error, kind)), ToolOutcome.FAILED)
    return _Answer(ToolOutput(text=str(error)[:MOST_ERROR_CHARACTERS], is_error=True), outcome)


_OUTCOMES = {
    InvalidCallError: ToolOutcome.INVALID,
    ToolDeniedError: ToolOutcome.DENIED,
    ToolTimeoutError: ToolOutcome.TIMED_OUT,
}
