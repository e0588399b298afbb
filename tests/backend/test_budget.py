"""What may be spent: warned of once, held before a turn begins, and by a run of many requests."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatterm.backend.budget import Budget, ChatBudget
from chatterm.backend.session import Prompt
from chatterm.config.model import BudgetSettings
from chatterm.core.errors import BudgetUsedUpError, StoreError
from chatterm.core.events import TurnFinished
from chatterm.core.money import dollars_text
from chatterm.core.performance import Spending
from chatterm.core.turn import Outcome
from tests.backend.conftest import Bench

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
        (0.0421, "$0.042"),
        (0.00012, "$0.00012"),
        (1e-9, "<$0.0001"),
    ],
)
def test_amounts(dollars: float, text: str) -> None:
    assert dollars_text(dollars) == text
