"""A session: owns one conversation and starts its turns, one at a time."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from chatterm.backend.budget import ChatBudget
from chatterm.backend.context import context_of
from chatterm.backend.continuing import require_continuable, seam_of
from chatterm.backend.conversation_context import COMPACT_PROMPT, ConversationContext, Marks
from chatterm.backend.past import Past
from chatterm.backend.recorder import Recorder, TurnStore
from chatterm.backend.routing.router import Chosen, Router
from chatterm.backend.target import Target
from chatterm.backend.tools.toolbox import Toolbox
from chatterm.backend.turn_handle import TurnHandle
from chatterm.backend.worker import TurnJob, Worker
from chatterm.core.clean import well_formed
from chatterm.core.errors import ChattermError, StoreError, TurnInProgressError
from chatterm.core.ids import new_id
from chatterm.core.messages import Message, Part, TextPart
from chatterm.core.performance import Operation
from chatterm.core.turn import Options, Turn, TurnRequest

WARM_SECONDS = 25.0
"""How long a connection that was made or used is taken to be open still."""

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the user sends: text, and images or files already put into the store."""

    text: str
    attachments: tuple[Part, ...] = ()

    def parts(self) -> tuple[Part, ...]:
        """The parts of the user message."""
        return (*self.attachments, TextPart(well_formed(self.text)))


class ConversationStore(TurnStore, Marks, Protocol):
    """What a session needs of the store's history."""

    async def set_system(self, conversation_id: str, system: str | None) -> None: ...
    async def set_model(
        self, conversation_id: str, provider: str, model: str, base_url: str | None
    ) -> None: ...


class Session:
    """One conversation: its last turns, the turn that runs, the prompts that wait.

    `past` is what was said before `turns`, None for nothing; who opens a stored conversation sets it, see
    `read_end`. There are turns where there is a past.
    """

    def __init__(
        self,
        store: ConversationStore,
        worker: Worker,
        *,
        conversation_id: str | None = None,
        turns: Iterable[Turn] = (),
        system: str | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        self.conversation_id = conversation_id or new_id()
        self.turns: tuple[Turn, ...] = tuple(turns)
        self.past: Past | None = None
        self.system = system
        self.options: Options = {}
        self.target: Target | None = None
        self.router: Router | None = None
        self.toolbox: Toolbox | None = None
        """What the model may call; None for nothing."""
        self.operation: Operation = "chat"
        """What its requests are recorded as; those of summaries as what they are."""
        self.budget: ChatBudget | None = None
        """What may be spent; None for no limits."""
        self.require_more: Callable[[], None] | None = None
        """Raises where a turn that runs may send no further request for other reasons: of a run of many turns."""
        self.fallback: tuple[str, ...] | None = None
        """Who answers in the place of its model when that fails; None as the settings say."""
        self.new_recorder: Callable[[], Recorder] = partial(Recorder, store)
        """Makes what records a turn while it happens."""
        self.running: TurnHandle | None = None
        self._queue: deque[Prompt] = deque()
        self._store = store
        self._worker = worker
        self._clock = clock
        self.context = ConversationContext(self, store, worker.fitter)
        """What of it is sent."""
        self._task: asyncio.Task[None] | None = None
        self._warming: asyncio.Task[None] | None = None
        self._warm_until = clock()

    @property
    def queued(self) -> tuple[Prompt, ...]:
        """The prompts that wait for the running turn, in the order they will be sent."""
        return tuple(self._queue)

    @property
    def earlier_count(self) -> int:
        """How many messages of the conversation come before those of `turns`."""
        return self.past.count if self.past is not None else 0

    async def all_turns(self) -> tuple[Turn, ...]:
        """Every turn of the conversation, first to last. Raises `StoreError` where the past cannot be read."""
        earlier = await self.past.all() if self.past is not None else ()
        return (*earlier, *self.turns)

    def start_turn(self, prompt: Prompt) -> TurnHandle:
        """Send a prompt after what is there. Raises `TurnInProgressError` while a turn runs."""
        parent = self.turns[-1].reply.id if self.turns else None
        message = Message(role="user", parts=prompt.parts(), parent_id=parent)
        return self._start(message, keep=self.turns)

    def regenerate(self, target: Target | None = None) -> TurnHandle | None:
        """Ask the last prompt again; the earlier reply stays in the store. None where there is no turn.

        Without a target who answered is asked, or who was chosen since.
        """
        if not self.turns:
            return None
        last = self.turns[-1]
        summary = last.reply.is_summary
        return self._start(last.prompt, keep=self.turns[:-1], target=target, is_summary=summary)

    def resend(self, prompt: Prompt) -> TurnHandle:
        """Send an edited prompt in place of the last one, which stays in the store."""
        kept = self.turns[:-1]
        parent = self.turns[-1].prompt.parent_id if self.turns else None
        return self._start(Message(role="user", parts=prompt.parts(), parent_id=parent), keep=kept)

    def continue_reply(self, target: Target | None = None) -> TurnHandle:
        """Have the last reply gone on with, by another model if one is given; the two pieces are one reply.

        Where nothing is added it stays as it is. Raises `ChattermError` where there is nothing to go on with.
        """
        if not self.turns:
            raise ChattermError("There is no reply yet.", "Send a message first.")
        last = self.turns[-1]
        require_continuable(last)
        if target is not None:  # who answered goes on, and nobody in their place
            target = replace(target, fallbacks=None)
        return self._start(last.prompt, keep=self.turns[:-1], target=target, begun=last)

    def compact(self, target: Target | None = None) -> TurnHandle:
        """Have all so far summed up, by another model if one is given, in a reply that stands in for it later.

        Nothing is lost: the turns stay, and `context.undo_compact` has them sent again.
        """
        parent = self.turns[-1].reply.id if self.turns else None
        message = Message(role="user", parts=(TextPart(COMPACT_PROMPT),), parent_id=parent)
        return self._start(message, keep=self.turns, target=target, is_summary=True)

    def queue(self, prompt: Prompt) -> None:
        """Let a prompt wait for the running turn."""
        self._queue.append(prompt)

    def take_back(self) -> Prompt | None:
        """The last queued prompt, taken out of the queue again."""
        return self._queue.pop() if self._queue else None

    def start_next(self) -> TurnHandle | None:
        """Send the first queued prompt, unless a turn runs or nothing waits."""
        if self.running is not None or not self._queue:
            return None
        return self.start_turn(self._queue.popleft())

    async def set_system(self, system: str | None) -> None:
        """Change the system prompt from the next turn on."""
        self.system = system
        await self._store.set_system(self.conversation_id, system)

    def warm(self) -> None:
        """Have the connection made and a local model loaded before the prompt is ready; tells nothing.

        For when the user begins to type, or picked a model. It is done again after `WARM_SECONDS` only.
        """
        if self.toolbox is not None:
            self.toolbox.warm()
        target = self.target
        idle = self._warming is None or self._warming.done()
        if (
            target is None
            or target.warm is None
            or self.running
            or not idle
            or self._clock() < self._warm_until
        ):
            return
        self._warm_until = self._clock() + WARM_SECONDS
        options = self._worker.fitter.as_asked(target, {**target.options, **self.options})
        self._warming = asyncio.ensure_future(self._warm(target.warm, options))

    async def use(self, target: Target) -> None:
        """Answer with this model from the next turn on."""
        self._end_warming()
        self.target = target
        await self._store.set_model(self.conversation_id, target.provider, target.model, target.base_url)

    async def aclose(self, within_seconds: float = 0.8) -> None:
        """End the running turn as interrupted and wait a bounded time for it to be saved."""
        self._end_warming()
        if self.running is None or self._task is None:
            return
        self.running.interrupt()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_seconds):
                await asyncio.wait({self._task})

    async def _warm(self, warm: Callable[[Options], Awaitable[None]], options: Options) -> None:
        with contextlib.suppress(ChattermError):  # the turn that follows will tell
            await warm(options)

    def _end_warming(self) -> None:
        self._warm_until = self._clock()
        if self._warming is not None:
            self._warming.cancel()
            self._warming = None

    def _start(
        self,
        prompt: Message,
        keep: tuple[Turn, ...],
        *,
        target: Target | None = None,
        is_summary: bool = False,
        begun: Turn | None = None,
    ) -> TurnHandle:
        if self.running is not None:
            raise TurnInProgressError("A reply is still coming in.", "Stop it first, or wait for its end.")
        prompt, target, told = _chosen(self, prompt, target, is_summary=is_summary)
        replaced = self.turns[-1].reply.id if len(keep) < len(self.turns) else None
        job = _job(self, prompt, keep, target, replaced, is_summary=is_summary, begun=begun)
        told = told or (begun.routed if begun is not None else "")
        job = replace(job, turn=replace(job.turn, routed=told))
        handle = self.running = TurnHandle(job.turn, self._clock)
        before, self.turns = self.turns, (*keep, job.turn)
        self._task = asyncio.ensure_future(self._run(job, handle, before))
        return handle

    async def _run(self, job: TurnJob, handle: TurnHandle, before: tuple[Turn, ...]) -> None:
        try:
            turn = await self._worker.run(job, handle, self.new_recorder())
        finally:
            self.running = None
            self._warm_until = (
                self._clock() + WARM_SECONDS
            )  # the turn leaves a connection, and its model loaded
        # Nothing awaits between the turn's last event and here, so who reads that event sees these turns.
        self.turns = (*self.turns[:-1], turn) if turn.is_kept else before
        if (
            self.target is not None and job.target is not self.target
        ):  # asked this once: the next is asked of ours
            with contextlib.suppress(StoreError):
                await self.use(self.target)
        if job.target.note_load is not None and turn.timings.server is not None:
            await job.target.note_load(turn.timings.server.load_seconds)


def _chosen(session: Session, prompt: Message, target: Target | None, *, is_summary: bool) -> Chosen:
    """Who answers: the target that is asked for, else the one of a rule, else the session's."""
    own = target or session.target
    if own is None:
        raise RuntimeError("a session needs a target before its first turn")
    if target is not None or session.router is None or is_summary:
        return Chosen(prompt, own)
    return session.router.choose(prompt, own, session.turns[-1] if session.turns else None)


def _job(
    session: Session,
    prompt: Message,
    keep: tuple[Turn, ...],
    target: Target,
    replaced: str | None,
    *,
    is_summary: bool,
    begun: Turn | None,
) -> TurnJob:
    """What the worker is given for the next turn of the session, after the turns that are kept."""
    reply = Message(role="assistant", parts=(), parent_id=prompt.id, is_summary=is_summary)
    seams = ()
    if begun is not None:  # a new id, so that nobody takes what was kept of the reply for the whole
        reply = replace(begun.reply, id=reply.id, provider_data=None)
        seams = (*begun.seams, seam_of(begun))
    turn = Turn(
        conversation_id=session.conversation_id,
        replaces=replaced,
        prompt=prompt,
        reply=reply,
        provider=target.provider,
        model=target.model,
        base_url=target.base_url,
        system=session.system,
        options={**target.options, **session.options},
        seams=seams,
    )
    request = TurnRequest(
        model=target.model,
        messages=(*context_of(keep), prompt),
        system=session.system,
        options=session.options,
    )
    earlier = session.past.context if session.past is not None else None
    toolbox = None if is_summary else session.toolbox
    return TurnJob(
        turn=turn,
        request=request,
        target=target,
        earlier=earlier,
        begun=begun,
        toolbox=toolbox,
        operation="summary" if is_summary else session.operation,
        permit=partial(session.budget.require, session.conversation_id) if session.budget else None,
        may_go_on=partial(_require_more, session),
    )


def _require_more(session: Session) -> None:
    if session.budget is not None:
        session.budget.require_more(session.conversation_id)
    if session.require_more is not None:
        session.require_more()
