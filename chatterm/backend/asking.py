"""Asks for one reply: again after a failure that may pass, and another model after one that does not.

Only until the first visible output: what was shown is never followed by the output of another request, but where
that goes on with it.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from chatterm.backend.attempt import Attempt
from chatterm.backend.continuing import is_cut, joined, joint_text, require_continuable, seam_of
from chatterm.backend.endpoint_states import EndpointStates
from chatterm.backend.joining import Joint
from chatterm.backend.performance import Try, TurnRecords
from chatterm.backend.request_maker import Prepared, RequestMaker
from chatterm.backend.retry import falls_back, tires
from chatterm.backend.target import Target
from chatterm.backend.turn_handle import TurnHandle
from chatterm.core.errors import (
    AuthenticationError,
    BadRequestError,
    ChattermError,
    ConfigError,
    OverloadedError,
    ProviderError,
    StaleConnectionError,
)
from chatterm.core.events import (
    AttemptStarted,
    ContextFitted,
    FellBack,
    GoneOn,
    ParameterRefused,
    RetryScheduled,
    StageChanged,
    StreamEvent,
)
from chatterm.core.messages import Part
from chatterm.core.turn import FailedTry, Outcome, Stage, Turn, TurnRequest

LONG_SECONDS = 366 * 86_400.0
"""A service that wants to be left in peace for longer is not told of by the calendar."""

MOST_REPEATS = 4
"""How often a request goes out again at once: on a new connection, or without a parameter that was refused."""


class Asking:
    """One turn's way to its reply. `attempt` is the request of the moment, or the last one.

    `begun` is an earlier turn whose reply is gone on with; the reply of `turn` then begins with its parts.
    `taken_ids` are ids of tool calls in earlier responses of the same turn. `records` is told of every request.
    """

    def __init__(
        self,
        maker: RequestMaker,
        states: EndpointStates,
        handle: TurnHandle,
        record: Callable[[StreamEvent], None],
        *,
        clock: Callable[[], float],
        turn: Turn,
        records: TurnRecords,
        begun: Turn | None = None,
        taken_ids: frozenset[str] = frozenset(),
    ) -> None:
        self._turn, self._begun, self._was_cut = turn, begun, False
        self._taken_ids = taken_ids
        self._maker, self._states = maker, states
        self._handle, self._record, self._clock = handle, record, clock
        self._records, self._start, self._fallen_from = records, clock(), ""
        self._tries: list[FailedTry] = []
        self._prepared: Prepared | None = None
        self.attempt: Attempt | None = None
        self.requests = 0
        self._cut = False

    @property
    def target(self) -> Target | None:
        """Who was asked last."""
        return self._prepared.target if self._prepared is not None else None

    @property
    def has_output(self) -> bool:
        """Whether anything of a reply can be seen, and of an earlier reply new text."""
        if self.attempt is None or self._was_cut:
            return self._was_cut
        return self.attempt.draft.has_output if self._begun is None else self.attempt.draft.has_text

    @property
    def has_earlier(self) -> bool:
        """Whether there was a reply before, which comes back where nothing is added to it."""
        return self._begun is not None and not self._was_cut

    @property
    def complete(self) -> bool:
        """Whether the reply came to its end."""
        return self.attempt is not None and self.attempt.complete

    async def run(self, target: Target, request: TurnRequest) -> None:
        """Ask until there is a reply. Raises the last `ChattermError` where there is none."""
        following: list[Target] | None = None  # not looked up before it is needed
        while True:
            try:
                if following or (following is None and target.fallbacks is not None):
                    self._refuse_resting(target)
                return await self._ask(target, request)
            except ProviderError as error:
                shown = self.attempt is not None and self.attempt.draft.has_output
                # Who stands in for another and has no key is passed over, like one that fails.
                has_no_key = following is not None and isinstance(error, AuthenticationError)
                if shown or self._begun is not None or not (falls_back(error) or has_no_key):
                    raise
                if following is None:
                    following = _fallbacks(target, error)
                if not following:
                    raise
                failed, target = target, following.pop(0)
                self._fall_back(failed, target, error)

    def finished_turn(self, outcome: Outcome, error: ChattermError | None) -> Turn:
        """The turn with everything that is known now; times and text are fixed here, once."""
        done = self._piece(outcome, error)
        if self._begun is None:
            return done
        if self.has_earlier and outcome in (Outcome.FAILED, Outcome.WITHDRAWN):
            return replace(done, reply=replace(done.reply, parts=()), seams=())
        joint = self.attempt.joint if self.attempt is not None else None
        return joined(self._begun, done, joint.repeated if joint is not None else 0)

    def _piece(self, outcome: Outcome, error: ChattermError | None) -> Turn:
        """The turn by what came since the last seam; its text is all of it."""
        turn = self._turn
        asked = f"{turn.provider}/{turn.model}"
        if self.attempt is None:
            return replace(turn, outcome=outcome, error=error)
        done = self.attempt.finished_turn(turn, outcome, error)
        return replace(
            done,
            timings=replace(done.timings, begun=self._start),
            attempts=self.requests,
            tries=tuple(self._tries),
            prompt_cut=self._cut,
            sent_messages=len(self._prepared.encoded) if self._prepared is not None else None,
            encoded_messages=self._prepared.encoded_anew if self._prepared is not None else None,
            asked="" if asked == f"{done.provider}/{done.model}" else asked,
        )

    # ---- one target --------------------------------------------------------------------------

    async def _ask(self, target: Target, request: TurnRequest) -> None:
        """Ask one model as often as its policy says. Raises the last `ProviderError`."""
        policy, failed = target.retries, 0
        prepared = await self._prepare(target, request)
        while True:
            self._records.require_more()
            self.requests += 1
            attempt = self.attempt = self._new_attempt(prepared)
            self._handle.emit(AttemptStarted(self.requests, target.provider, target.model, target.host))
            try:
                with self._records.request(
                    attempt, self._handle, Try(self.requests, failed, self._fallen_from)
                ):
                    await self._send(attempt, prepared)
                self._states.note(target.provider, target.model, None)
                self._cut = self._maker.answered(prepared, attempt.draft.usage)
                return None
            except ProviderError as error:
                self._states.note(target.provider, target.model, error)
                if self._goes_on(target, error) or self._must_ask_in_words(prepared, error):
                    prepared, failed = await self._prepare(target, request), 0
                    continue
                failed += 1
                delay = None if attempt.draft.has_output else policy.delay(failed, error, random.random())
                if delay is None:
                    _tell_time(error, policy.longest_asked_seconds)
                    raise
                self._note(target, error)
                self._records.require_more()  # else it would be waited for in vain
                at = self._clock()
                self._handle.emit(StageChanged(at, Stage.RETRYING))
                self._handle.emit(
                    RetryScheduled(at, failed + 1, policy.retries + 1, delay, target.host, error)
                )
                await self._handle.pause(delay)

    async def _prepare(self, target: Target, request: TurnRequest) -> Prepared:
        if self._begun is not None:
            request = replace(request, continued=self._begun.reply)
        prepared = self._prepared = await self._maker.prepare(target, request)
        self._handle.emit(_measured(prepared))
        return prepared

    def _new_attempt(self, prepared: Prepared) -> Attempt:
        target, emit, begun = prepared.target, self._handle.emit, self._begun
        parts: tuple[Part, ...] = ()
        joint = None
        if begun is not None:
            parts, joint = begun.reply.parts, Joint(joint_text(begun.reply), prepared.again)
        taken = self._taken_ids
        return Attempt(target, emit, self._record, self._clock, begun=parts, joint=joint, taken_ids=taken)

    def _goes_on(self, target: Target, error: ProviderError) -> bool:
        """Whether the reply that was cut now is gone on with by itself; then what came of it is its beginning."""
        attempt = self.attempt
        may_go_on = target.continues_once and is_cut(error) and not self._was_cut
        if attempt is None or not (may_go_on and attempt.draft.has_text):
            return False
        cut = self.finished_turn(Outcome.INTERRUPTED, error)
        try:
            require_continuable(cut)
        except ChattermError:
            return False
        seams = (*cut.seams, seam_of(cut))
        self._turn = replace(
            self._turn,
            provider=cut.provider,
            model=cut.model,
            base_url=cut.base_url,
            reply=cut.reply,
            seams=seams,
        )
        self._was_cut, self._begun, self.attempt = True, cut, None
        self._tries, self.requests, self._start = [], 0, self._clock()
        self._handle.emit(GoneOn(error.message))
        return True

    def _must_ask_in_words(self, prepared: Prepared, error: ProviderError) -> bool:
        """Whether the model refused to go on with a reply, and has to be asked for it in words."""
        if not isinstance(error, BadRequestError) or not prepared.is_prefill:
            return False
        self._maker.note_no_prefill(prepared.target)
        return self.attempt is not None and not self.attempt.draft.has_output

    async def _send(self, attempt: Attempt, prepared: Prepared) -> None:
        """One request; at once again on a new connection, or without a parameter that was refused."""
        may_be_stale = True
        endpoint = await prepared.target.endpoint()
        for _ in range(MOST_REPEATS):
            try:
                with self._states.asking(endpoint.base_url):
                    await attempt.run(prepared.wire(endpoint))
                self._states.succeeded(endpoint.base_url)
                return
            except StaleConnectionError:
                if attempt.draft.has_output or not may_be_stale:
                    raise
                may_be_stale = False
            except BadRequestError as error:
                prepared = self._without_refused(prepared, error, attempt)
            except ProviderError as error:
                if tires(error):
                    self._states.failed(endpoint.base_url)
                raise
        await attempt.run(prepared.wire(endpoint))

    def _without_refused(self, prepared: Prepared, error: BadRequestError, attempt: Attempt) -> Prepared:
        """The request without what the error names. Raises the error where that changes nothing."""
        if error.parameter is None or attempt.draft.has_output:
            raise error
        less = self._maker.without(prepared, error.parameter)
        nowhere = attempt.endpoint
        if nowhere is None or less.wire(nowhere).body == prepared.wire(nowhere).body:
            raise error
        self._handle.emit(ParameterRefused(error.parameter, prepared.target.model))
        return less

    # ---- the next target ---------------------------------------------------------------------

    def _refuse_resting(self, target: Target) -> None:
        """Raise where nobody should be asked now who could answer for this target."""
        if target.addresses and all(self._states.rests(address) for address in target.addresses):
            raise OverloadedError(
                f"{target.host} failed several times in a row and is left in peace for a while."
            )

    def _fall_back(self, failed: Target, following: Target, error: ProviderError) -> None:
        self._note(failed, error)
        self._fallen_from = f"{failed.provider}/{failed.model}"
        self._handle.emit(
            FellBack(failed.provider, failed.model, following.provider, following.model, error.message)
        )

    def _note(self, target: Target, error: ProviderError) -> None:
        self._tries.append(FailedTry(provider=target.provider, model=target.model, why=error.message))


def _measured(prepared: Prepared) -> ContextFitted:
    """What the front end is told of the size of a request."""
    fitted, plan = prepared.fitted, prepared.fitted.plan
    limit = plan.limit.tokens if plan.limit is not None else None
    return ContextFitted(plan.tokens, limit, plan.left_out, fitted.is_first, fitted.enlarged_to)


def _fallbacks(target: Target, error: ProviderError) -> list[Target]:
    """Who may answer in its place; none, and the error says so, where the settings name somebody unknown."""
    try:
        return target.fallbacks() if target.fallbacks is not None else []
    except ConfigError as broken:
        error.hint = f"{error.hint} Nobody else was asked: {broken.message}".strip()
        return []


def _tell_time(error: ProviderError, longest_seconds: float) -> None:
    """Say until when the provider wants to be left in peace, where that is too long to be waited for."""
    if error.retry_after is None or error.retry_after <= longest_seconds:
        return
    if error.retry_after > LONG_SECONDS:
        told = "It takes no requests for more than a year."
    else:
        until = (datetime.now(UTC) + timedelta(seconds=error.retry_after)).astimezone()
        words = f"{until:%H:%M}" if error.retry_after < 86_400 else f"{until:%Y-%m-%d %H:%M}"
        told = f"It takes requests again at {words}."
    # In place of the usual hint, which is to wait a moment.
    error.hint = f"{told} Pick another model until then."
