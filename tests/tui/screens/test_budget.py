"""The budget on screen: a prompt that may not be sent stays with the user, who is told why and how to go on."""

from __future__ import annotations

import time
from dataclasses import replace

from chatterm.config.model import BudgetSettings, Settings
from chatterm.store.performance import PerformanceStore
from tests.store.test_performance import RECORD
from tests.tui.conftest import PLAIN, Launch, Program


def spend(program: Program, dollars: float | None, number: int = 0, *, is_estimate: bool = False) -> None:
    conversation = program.session.conversation_id
    record = replace(
        RECORD, id=f"r{number}", at=time.time(), conversation_id=conversation, cost_dollars=dollars
    )
    PerformanceStore(program.database).add(replace(record, cost_is_estimate=is_estimate))


def limited(**limits: float) -> Settings:
    return Settings(provider=PLAIN, budget=BudgetSettings(**limits))


async def test_a_prompt_beyond_the_budget_comes_back_and_goes_out_once_the_limits_are_off(
    launch: Launch,
) -> None:
    async with launch(settings=limited(day_dollars=2.0)) as program:
        spend(program, 2.5)
        await program.send("hello")
        await program.shown("The budget is used up: $2.50 of the $2.00 for today are spent.")
        assert "/budget off" in program.text
        await program.until(lambda: program.composer.text == "hello")
        assert program.session.turns == ()
        program.composer.load("")
        await program.send("/budget off")
        await program.turn("hello", "an answer")
        assert program.session.turns[-1].reply.text == "an answer"
        await program.send("/budget on")
        await program.shown("The limits on spending hold again.")
        await program.send("more")
        await program.shown("The budget is used up")


async def test_a_warning_is_shown_once(launch: Launch) -> None:
    async with launch(settings=limited(conversation_dollars=1.0)) as program:
        spend(program, 0.9)
        await program.turn("one", "1")
        await program.shown("$0.90 of the $1.00 for this conversation are spent.")
        await program.turn("two", "2")
        assert "are spent" not in program.notices


async def test_what_was_spent_is_told(launch: Launch) -> None:
    async with launch() as program:
        spend(program, 0.0421)
        spend(program, None, 1)
        await program.send("/budget")
        await program.until(lambda: "$0.042 for today, without a limit" in program.notices)
        assert "not counted: 1 of today whose cost nobody knows" in program.notices
        await program.send("/budget on")
        await program.until(lambda: "There is no limit on spending." in program.notices)
        program.composer.load("")
        await program.send("/budget nonsense")
        await program.until(lambda: "/budget cannot do 'nonsense'" in program.notices)


async def test_what_prices_make_of_it_is_told_as_an_estimate(launch: Launch) -> None:
    async with launch(settings=limited(day_dollars=1.0)) as program:
        spend(program, 0.4)
        spend(program, 0.5, 1, is_estimate=True)
        await program.turn("one", "1")
        await program.shown("~$0.90 of the $1.00 for today are spent.")
        spend(program, 0.2, 2)
        await program.send("two")
        await program.shown("The budget is used up: ~$1.10 of the $1.00 for today are spent.")
