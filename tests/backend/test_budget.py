"""What may be spent: warned of once, held before a turn begins, and by a run of many requests."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatterm.backend.budget import WAY_ON, Budget, ChatBudget
from chatterm.backend.retry import RetryPolicy
from chatterm.backend.session import Prompt
from chatterm.config.model import BudgetSettings
from chatterm.core.errors import (
    BudgetReachedError,
    BudgetUsedUpError,
    ServerError,
    StoreError,
    TruncatedStreamError,
)
from chatterm.core.events import RetryScheduled, TurnFinished
from chatterm.core.messages import TextPart, ToolCallPart, ToolResultPart
from chatterm.core.money import dollars_text
from chatterm.core.performance import AttemptRecord, Spending
from chatterm.core.turn import Outcome
from tests.backend.conftest import Bench
from tests.doubles.patience import soon
from tests.doubles.provider import GatedStream
from tests.doubles.tools import PlainTool, toolbox_of

NOON = datetime(2026, 11, 21, 12, tzinfo=timezone(timedelta(hours=5)))


@dataclass
class Ledger:
    """A store that knows what was spent, and when."""

    day: Spending = field(default_factory=Spending)
    conversations: dict[str, Spending] = field(default_factory=dict[str, Spending])
    asked_since: float | None = None
    broken: bool = False

    async def spent_since(self, at: float) -> Spending:
        if self.broken:
            raise StoreError("The history is not there.")
        self.asked_since = at
        return self.day

    async def spent_in(self, conversation_id: str) -> Spending:
        return self.conversations.get(conversation_id, Spending())


def record_of(dollars: float | None, conversation: str, *, at: datetime = NOON) -> AttemptRecord:
    """What a request of the conversation cost."""
    return AttemptRecord(
        id="r",
        at=at.timestamp(),
        conversation_id=conversation,
        turn_id="t",
        operation="chat",
        provider="plain",
        model="test-model",
        host="model",
        attempt=1,
        round=0,
        success=True,
        outcome="complete",
        cost_dollars=dollars,
    )


def chat_budget(ledger: Ledger, **limits: float) -> tuple[ChatBudget, list[str]]:
    budget, told = ChatBudget(BudgetSettings(**limits), ledger, lambda: NOON), list[str]()
    budget.tell = told.append
    return budget, told


async def test_below_the_share_nothing_is_said() -> None:
    budget, told = chat_budget(Ledger(Spending(3.99)), day_dollars=5.0)
    await budget.require("c")
    assert told == []


async def test_the_day_is_that_of_the_clock_on_the_wall() -> None:
    ledger = Ledger()
    await chat_budget(ledger, day_dollars=5.0)[0].require("c")
    assert ledger.asked_since == datetime(2026, 11, 20, 19, tzinfo=UTC).timestamp()


async def test_a_warning_comes_once() -> None:
    ledger = Ledger(Spending(4.0))
    budget, told = chat_budget(ledger, day_dollars=5.0)
    await budget.require("c")
    ledger.day = Spending(4.5)
    await budget.require("other")
    assert told == ["$4.00 of the $5.00 for today are spent."]


async def test_each_conversation_is_warned_of_once() -> None:
    ledger = Ledger(conversations={"one": Spending(0.95), "two": Spending(0.9)})
    budget, told = chat_budget(ledger, conversation_dollars=1.0, warn_at=0.9)
    for conversation in ("one", "two", "one", "three"):
        await budget.require(conversation)
    assert told == [
        "$0.95 of the $1.00 for this conversation are spent.",
        "$0.90 of the $1.00 for this conversation are spent.",
    ]


@pytest.mark.parametrize("spent", [5.0, 7.25])
async def test_when_it_is_used_up_no_turn_begins(spent: float) -> None:
    budget, told = chat_budget(Ledger(Spending(spent)), day_dollars=5.0)
    with pytest.raises(BudgetUsedUpError) as caught:
        await budget.require("c")
    assert str(caught.value) == (
        f"The budget is used up: ${spent:.2f} of the $5.00 for today are spent. "
        "/budget off goes on all the same; [budget] in the settings raises the limit."
    )
    assert told == []
    budget.enabled = False
    await budget.require("c")


async def test_a_limit_of_nothing_lets_nothing_through() -> None:
    with pytest.raises(BudgetUsedUpError):
        await chat_budget(Ledger(), conversation_dollars=0.0)[0].require("c")


async def test_without_limits_nobody_asks_the_store() -> None:
    budget, told = chat_budget(Ledger(broken=True))
    await budget.require("c")
    assert told == []


async def test_a_store_that_cannot_tell_is_told_of_once_and_stops_nothing() -> None:
    budget, told = chat_budget(Ledger(broken=True), day_dollars=5.0)
    await budget.require("c")
    await budget.require("c")
    assert told == ["What was spent cannot be read, so no limit holds: The history is not there."]


# ---- a turn ----------------------------------------------------------------------------------------


async def test_a_refused_turn_sends_and_keeps_nothing(bench: Bench) -> None:
    ledger = Ledger(Spending(1.0))
    bench.session.budget, _ = chat_budget(ledger, day_dollars=1.0)
    handle = bench.session.start_turn(Prompt("hello"))
    events = [event async for event in handle.events()]
    assert [type(event) for event in events] == [TurnFinished]
    turn = await handle.result()
    assert (turn.outcome, type(turn.error), turn.is_kept) == (Outcome.WITHDRAWN, BudgetUsedUpError, False)
    assert bench.session.turns == ()
    assert bench.provider.bodies() == []
    assert bench.store.finished == [] and "begin" not in [name for name, _ in bench.store.log]


async def test_a_turn_that_runs_is_not_stopped_by_what_it_costs(bench: Bench) -> None:
    ledger = Ledger()
    bench.session.budget, _ = chat_budget(ledger, day_dollars=1.0)
    handle = bench.session.start_turn(Prompt("hello"))
    opened = await bench.provider.opened()
    ledger.day = Spending(2.0)
    opened.reply("answer")
    assert (await handle.result()).outcome is Outcome.COMPLETE
    assert (await bench.session.start_turn(Prompt("more")).result()).outcome is Outcome.WITHDRAWN


# ---- between the requests of a turn ----------------------------------------------------------------


NOTHING_MORE = (
    "The budget is used up: $1.20 of the $1.00 for this conversation are spent. Nothing more was sent."
)


def limit_by_records(bench: Bench, budget: ChatBudget) -> None:
    """The budget holds for the session, and is given the record of each of its requests."""
    bench.session.budget = budget
    bench.session._worker.performance.takers.append(budget.take)


def calls_a_tool(stream: GatedStream, cost: float) -> None:
    stream.send(text="let me see")
    stream.send(call=["c", "look", "{}"])
    stream.send(cost=cost)
    stream.send(done="tool_calls")
    stream.end()


async def test_the_request_after_the_one_that_reaches_the_limit_is_never_sent(bench: Bench) -> None:
    limit_by_records(bench, chat_budget(Ledger(), conversation_dollars=1.0)[0])
    bench.session.toolbox = toolbox_of(PlainTool("look"))
    handle = bench.session.start_turn(Prompt("go"))
    for _ in range(2):
        calls_a_tool(await bench.provider.opened(), 0.6)
    turn = await soon(handle.result(), "did not end")
    assert len(bench.provider.requests) == 2
    assert (turn.outcome, type(turn.error)) == (Outcome.INTERRUPTED, BudgetReachedError)
    assert turn.error is not None and turn.error.message == NOTHING_MORE
    assert turn.error.hint == WAY_ON
    assert [type(part) for part in turn.reply.parts] == 2 * [TextPart, ToolCallPart, ToolResultPart]
    assert [each.id for each in bench.store.finished] == [turn.id]
    assert bench.session.turns == (turn,)


async def test_what_others_spend_ends_a_turn_before_its_next_request(bench: Bench) -> None:
    budget = chat_budget(Ledger(Spending(4.0)), day_dollars=5.0)[0]
    limit_by_records(bench, budget)
    bench.session.toolbox = toolbox_of(PlainTool("look"))
    handle = bench.session.start_turn(Prompt("go"))
    stream = await bench.provider.opened()
    budget.take(record_of(1.5, "another"))
    calls_a_tool(stream, 0.0)
    turn = await soon(handle.result(), "did not end")
    assert turn.error is not None and "$5.50 of the $5.00 for today" in turn.error.message
    assert len(bench.provider.requests) == 1


async def test_a_retry_and_a_fallback_are_not_sent_beyond_the_limit(bench: Bench) -> None:
    for target in (
        replace(bench.provider.target(), retries=RetryPolicy(retries=2, first_seconds=0.0)),
        replace(bench.provider.target(), fallbacks=lambda: [bench.provider.target("other")]),
    ):
        budget = chat_budget(Ledger(), conversation_dollars=1.0)[0]
        limit_by_records(bench, budget)
        await bench.session.use(target)
        sent = len(bench.provider.requests)
        handle = bench.session.start_turn(Prompt("go"))
        stream = await bench.provider.opened()
        stream.send(cost=1.2)
        stream.fail(ServerError("Broken.", retryable=True))
        turn = await soon(handle.result(), "did not end")
        assert len(bench.provider.requests) == sent + 1
        assert (turn.outcome, turn.attempts) == (Outcome.FAILED, 1)
        assert turn.error is not None and turn.error.message == NOTHING_MORE
        assert [each.why for each in turn.tries] == ["Broken."]


async def test_nobody_waits_for_a_retry_that_may_not_be_sent(bench: Bench) -> None:
    limit_by_records(bench, chat_budget(Ledger(), conversation_dollars=1.0)[0])
    await bench.session.use(replace(bench.provider.target(), retries=RetryPolicy(first_seconds=3600.0)))
    handle = bench.session.start_turn(Prompt("go"))
    stream = await bench.provider.opened()
    stream.send(cost=1.2)
    stream.fail(ServerError("Broken.", retryable=True))
    turn = await soon(handle.result(), "waited")
    assert turn.error is not None and turn.error.message == NOTHING_MORE
    assert [each.why for each in turn.tries] == ["Broken."]
    assert RetryScheduled not in [type(event) for event in await handle.batch()]


async def test_a_reply_that_was_cut_is_not_gone_on_with_beyond_the_limit(bench: Bench) -> None:
    limit_by_records(bench, chat_budget(Ledger(), conversation_dollars=1.0)[0])
    await bench.session.use(replace(bench.provider.target("prefill"), continues_once=True))
    handle = bench.session.start_turn(Prompt("go"))
    stream = await bench.provider.opened()
    stream.send(text="half of")
    stream.send(cost=1.2)
    stream.fail(TruncatedStreamError("Cut."))
    turn = await soon(handle.result(), "did not end")
    assert len(bench.provider.requests) == 1
    assert (turn.outcome, turn.reply.text) == (Outcome.INTERRUPTED, "half of")
    assert isinstance(turn.error, BudgetReachedError)


async def test_what_is_spent_meanwhile_is_counted_without_the_store() -> None:
    ledger = Ledger(Spending(1.0), {"c": Spending(0.5)})
    budget, _ = chat_budget(ledger, day_dollars=3.0, conversation_dollars=1.0)
    budget.take(record_of(1.0, "c"))  # which the store knows of already
    await budget.require("c")
    ledger.broken = True
    budget.take(record_of(0.4, "c"))
    budget.take(record_of(None, "c"))
    budget.take(record_of(1.0, "other"))
    budget.require_more("c")
    budget.take(record_of(9.0, "other", at=NOON - timedelta(hours=13)))
    budget.require_more("c")
    budget.take(record_of(0.1, "c"))
    with pytest.raises(BudgetReachedError, match=r"\$1\.00 of the \$1\.00 for this conversation"):
        budget.require_more("c")
    with pytest.raises(BudgetReachedError, match=r"\$10\.00 of"):
        budget.require_more("other")
    budget.enabled = False
    budget.require_more("c")


async def test_a_new_day_begins_in_the_middle_of_a_turn() -> None:
    now = NOON
    budget = ChatBudget(BudgetSettings(day_dollars=1.0), Ledger(Spending(0.9)), lambda: now)
    await budget.require("c")
    now = NOON + timedelta(hours=12)
    budget.take(record_of(0.9, "c", at=now - timedelta(seconds=1)))
    budget.require_more("c")
    budget.take(record_of(1.0, "c", at=now + timedelta(seconds=1)))
    with pytest.raises(BudgetReachedError, match=r"\$1\.00 of the \$1\.00 for today"):
        budget.require_more("c")


async def test_where_the_store_could_not_tell_no_turn_is_ended() -> None:
    budget, _ = chat_budget(Ledger(broken=True), day_dollars=5.0)
    await budget.require("c")
    budget.take(record_of(9.0, "c"))
    budget.require_more("c")


async def test_where_the_store_can_tell_no_more_no_turn_is_ended() -> None:
    ledger = Ledger(Spending(4.0))
    budget, told = chat_budget(ledger, day_dollars=5.0)
    await budget.require("c")
    ledger.broken = True
    await budget.require("c")
    assert "no limit holds" in told[-1]
    budget.take(record_of(9.0, "c"))
    budget.require_more("c")


async def test_what_is_spent_while_the_store_is_read_counts_once() -> None:
    class Slow(Ledger):
        async def spent_since(self, at: float) -> Spending:
            budget.take(record_of(0.5, "another"))  # after the store was asked: not in its answer
            return self.day

    budget, _ = chat_budget(Slow(Spending(4.0)), day_dollars=5.0)
    await budget.require("c")
    budget.require_more("c")
    budget.take(record_of(0.5, "another"))
    with pytest.raises(BudgetReachedError, match=r"\$5\.00 of the \$5\.00 for today"):
        budget.require_more("c")


def test_a_run_is_held_between_requests_by_what_its_running_turns_cost() -> None:
    budget = Budget(limit_dollars=1.0, spent_dollars=0.6)
    budget.require_more(0.3)
    with pytest.raises(BudgetReachedError, match=r"\$1\.10 of the \$1\.00 allowed are spent\. Nothing more"):
        budget.require_more(0.5)
    assert budget.spent_dollars == 0.6
    Budget(limit_dollars=None).require_more(1e9)


# ---- a run -----------------------------------------------------------------------------------------


def test_a_run_is_held_by_its_limit() -> None:
    budget = Budget(limit_dollars=1.0)
    assert budget.allows() and not budget.is_used_up
    budget.take(0.4)
    budget.take(None)
    assert budget.unknown == 1
    assert budget.allows(1), "one that costs as much as the dearest leaves room for another"
    assert not budget.allows(2)
    budget.take(0.6)
    assert budget.is_used_up and not budget.allows()
    with pytest.raises(
        BudgetUsedUpError, match=r"\$1\.00 of the \$1\.00 allowed are spent\. Give more with --max-cost"
    ):
        budget.require()


def test_a_run_without_a_limit_goes_on() -> None:
    budget = Budget(limit_dollars=None)
    budget.take(1e9)
    budget.require()
    assert budget.allows(1000) and budget.warning is None


@settings(max_examples=100)
@given(st.lists(st.floats(0, 10), max_size=50), st.floats(0, 20), st.integers(1, 8))
def test_a_run_exceeds_its_limit_by_no_more_than_what_was_not_foreseen(
    costs: list[float], limit: float, at_once: int
) -> None:
    budget, running = Budget(limit_dollars=limit), list[float]()
    for cost in costs:
        while running and (len(running) == at_once or not budget.allows(len(running))):
            budget.take(running.pop(0))
        if not budget.allows(len(running)):
            break
        running.append(cost)
    for cost in running:
        budget.take(cost)
    assert budget.spent_dollars <= limit + at_once * max(costs, default=0) + 1e-9
    if len(set(costs)) == 1 and costs[0] > 0 and at_once == 1:
        assert budget.spent_dollars < limit + costs[0] + 1e-9


@pytest.mark.parametrize(
    ("dollars", "text"),
    [
        (0, "$0.00"),
        (1234.5, "$1,234.50"),
        (0.1, "$0.10"),
        (0.0996, "$0.10"),
        (0.0994, "$0.099"),
        (0.0421, "$0.042"),
        (0.00012, "$0.00012"),
        (1e-9, "<$0.0001"),
    ],
)
def test_amounts(dollars: float, text: str) -> None:
    assert dollars_text(dollars) == text
