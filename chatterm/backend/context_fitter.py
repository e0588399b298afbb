"""Fits requests into the context of their models: measures them, and leaves out or asks for more what is needed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial

from chatterm.backend.context import ContextLimit, ContextPlan, planned, reply_room, require_room
from chatterm.backend.daemon_thread import in_daemon_thread
from chatterm.backend.providers.wire_json import as_count, as_object
from chatterm.backend.target import Target
from chatterm.backend.token_estimates import fixed_tokens
from chatterm.backend.token_meter import TokenMeter
from chatterm.core.turn import Options, TurnRequest
from chatterm.core.usage import Usage

NUM_CTX = "num_ctx"
USUAL_CONTEXT = 4096
"""What Ollama loads a model with where nobody says otherwise (its FAQ, "specify the context window size")."""
FIRST_STEP = 8192
NEVER_CUT_TOKENS = 2048
"""No Ollama cuts less: up to here it need not be asked what it has loaded."""

MANY_MESSAGES = 2000
"""Beyond so many messages the planning leaves the event loop: it takes several milliseconds."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A request that fits, and how that was found. `counted` is what is sent, by the rule of `token_estimates`.

    `enlarged_to` is the context, in tokens, that a local server is asked for because the request needs it; None
    where it was asked for before, or need not be. `is_first`: something is left out, and nobody was told yet.
    """

    request: TurnRequest
    plan: ContextPlan
    counted: float
    enlarged_to: int | None = None
    is_first: bool = False


class ContextFitter:
    """One for all turns; remembers what context a local model was asked for, so that it is not loaded anew."""

    def __init__(self, meter: TokenMeter) -> None:
        self._meter = meter
        self._asked: dict[tuple[str, str], int] = {}
        self._told: set[str] = set()

    async def fit(self, target: Target, request: TurnRequest) -> Fitted:
        """The request as it goes out: `parameters` and `options` of it are read already.

        Raises `ContextTooLongError` where what must be sent is too long, `StoreError` for a file that is gone.
        """
        fitted = await self.measure(target, request)
        require_room(fitted.plan, target.provider, target.model)
        fitted = replace(fitted, is_first=self.note_left_out(fitted))
        if fitted.plan.limit is not None and target.loaded_context is not None:
            asked = _given(fitted.request.options)
            if asked is not None and _given(request.options) is None:
                self._asked[target.provider, target.model] = asked
        return fitted

    async def measure(self, target: Target, request: TurnRequest, *, ask_server: bool = False) -> Fitted:
        """The same, of any size, and nothing is remembered. `ask_server`: also where it makes no difference."""
        counts = await self._meter.count(request.messages)
        has_tools = bool(request.tools)
        correction = self._meter.correction(target.provider, target.model, tools=has_tools)
        fixed = fixed_tokens(request.system, request.tools)

        async def plan_for(limit: ContextLimit | None) -> ContextPlan:
            most = request.parameters.max_tokens
            work = partial(planned, request.messages, counts, fixed, correction, limit=limit, max_tokens=most)
            is_much = len(counts) > MANY_MESSAGES
            return await in_daemon_thread(work, "chatterm-context") if is_much else work()

        enlarged, fits = None, request
        if target.loaded_context is None:
            plan = await plan_for(_own_limit(target))
        else:
            tokens = (await plan_for(None)).tokens
            limit, num_ctx, is_new = await self._local(
                target, target.loaded_context, request, tokens, ask_server
            )
            plan = await plan_for(limit)
            enlarged = num_ctx if is_new else None
            if num_ctx is not None:
                fits = replace(request, options={**request.options, NUM_CTX: num_ctx})
        sent = plan.messages
        of = dict(zip((message.id for message in request.messages), counts, strict=True))
        counted = fixed + sum(of[message.id] for message in sent)
        return Fitted(replace(fits, messages=sent), plan, counted, enlarged)

    def as_asked(self, target: Target, options: Options) -> Options:
        """The options with the context that was asked for before: with another one a local server loads anew."""
        asked = self._asked.get((target.provider, target.model))
        return options if asked is None or _given(options) is not None else {**options, NUM_CTX: asked}

    def note_left_out(self, fitted: Fitted) -> bool:
        """Whether something is left out of a conversation for the first time; the user is told then."""
        if not fitted.plan.left_out:
            return False
        conversation = fitted.plan.turns[0].messages[0].id
        is_first = conversation not in self._told
        self._told.add(conversation)
        return is_first

    def answered(self, target: Target, fitted: Fitted, usage: Usage) -> bool:
        """Learn from what the provider reports of a request. Whether the server cut it without a word."""
        request = fitted.request
        if self._was_cut(target, fitted, usage):
            return True
        if (
            not request.parameters.web_search
        ):  # what a search brings in is reported as well, and was not counted
            self._meter.learn(
                target.provider,
                target.model,
                request.messages,
                fitted.counted,
                usage.input,
                tools=bool(request.tools),
            )
        return False

    def _was_cut(self, target: Target, fitted: Fitted, usage: Usage) -> bool:
        from chatterm.backend.providers.ollama import truncated_silently

        limit = fitted.plan.limit
        if target.loaded_context is None or limit is None:
            return False
        return truncated_silently(fitted.plan.tokens, usage.input, limit.tokens)

    async def _local(
        self,
        target: Target,
        loaded_context: Callable[[], Awaitable[int | None]],
        request: TurnRequest,
        tokens: int,
        ask_server: bool,
    ) -> tuple[ContextLimit | None, int | None, bool]:
        """The context of a local model, the `num_ctx` to ask for, and whether that is more than before.

        None for a limit that makes no difference, and for a context that is there without asking.
        """
        given = _given(request.options)
        if given is not None:
            return ContextLimit(given, "num_ctx as it is set"), None, False
        before = self._asked.get((target.provider, target.model))
        if before is None and tokens <= NEVER_CUT_TOKENS // 2 and not ask_server:
            return None, None, False
        loaded = await loaded_context()
        base = max(before or 0, loaded or USUAL_CONTEXT)
        most = request.parameters.max_tokens
        if tokens + reply_room(base, most) <= base:
            must_be_named = before is not None or base > USUAL_CONTEXT
            source = "as Ollama has it loaded" if loaded == base else "asked for as num_ctx"
            if loaded is None and before is None:
                source = "what Ollama usually has"
            return ContextLimit(base, source), base if must_be_named else None, False
        own, step = _own_limit(target), FIRST_STEP
        while step < base or tokens + reply_room(step, most) > step:
            step *= 2
        if own is not None:
            step = min(step, max(own.tokens, base))
        return ContextLimit(step, "asked for as num_ctx"), step, step > base


def _own_limit(target: Target) -> ContextLimit | None:
    return target.context_limit() if target.context_limit is not None else None


def _given(options: Options) -> int | None:
    """The context that the options name; they may name it as Ollama's own requests do."""
    return as_count(options.get(NUM_CTX)) or as_count(as_object(options.get("options")).get(NUM_CTX)) or None
