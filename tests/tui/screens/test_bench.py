"""/bench: a question before it may cost, progress, a stop with what there is, and a chat that goes on meanwhile."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from chatterm.backend.load_test.plan import LoadPlan
from chatterm.backend.providers.base import Endpoint
from chatterm.config.model import BudgetSettings, Settings
from chatterm.core.errors import ConfigError
from chatterm.tui.bench_commands import BenchOrder, question_of, read_order
from chatterm.tui.widgets import load_test_box
from chatterm.tui.widgets.load_test_box import LoadTestBox
from tests.doubles.provider import GatedProvider
from tests.tui.conftest import PLAIN, Launch, Program


async def answer(program: Program, numbers: Iterable[int]) -> None:
    """Answer these requests, counted from the first of the program, as they come."""
    for number in numbers:
        await program.until(lambda number=number: len(program.provider.streams) > number)
        program.provider.streams[number].reply("a reply", usage=(5, 2))


async def begin(program: Program, command: str) -> None:
    """Ask for a load test, and say yes."""
    await program.send(command)
    await program.shown("requests to model, of plain/test-model")
    await program.pilot.press("enter")
    await program.until(lambda: isinstance(program.app.screen, LoadTestBox))


async def test_it_asks_shows_how_far_it_is_and_then_the_table(launch: Launch) -> None:
    async with launch() as program:
        await program.send("/bench -c 2 -n 3")
        await program.shown("4 requests to model, of plain/test-model")
        await program.shown("2 at a time, each of about 100 tokens in and at most 128 out.")
        assert program.provider.requests == []
        await program.pilot.press("enter")
        await program.shown("warming up: plain/test-model")
        await answer(program, [0, 1])
        await program.shown("1 complete")
        await answer(program, [2, 3])
        await program.shown("3 requests, 2 at a time")
        await program.shown("3 complete")
        assert "latency" in program.text
        await program.pilot.press("escape")
        await program.until(lambda: program.app.screen is program.app.chat)
        counted = "SELECT count(*) FROM performance WHERE operation = 'bench'"
        [count] = await program.database.read(lambda database: database.execute(counted).fetchone())
        assert (count, len(program.provider.requests)) == (4, 4)
        assert program.session.turns == () and not await program.history.conversations()


async def test_without_a_yes_nothing_is_sent(launch: Launch) -> None:
    async with launch() as program:
        await program.send("/bench")
        await program.shown("21 requests to model")
        await program.pilot.press("escape")
        await program.turn("hello", "an answer")
        assert len(program.provider.requests) == 1


@pytest.mark.parametrize("key", ["escape", "ctrl+c"])
async def test_stopped_it_shows_what_was_found_so_far(launch: Launch, key: str) -> None:
    async with launch() as program:
        await begin(program, "/bench -c 2 -n 9")
        await answer(program, [0, 1])
        await program.until(lambda: len(program.provider.streams) == 4)
        await program.pilot.press(key)
        await program.shown("Stopped early; these are the figures until then.")
        assert "1 complete, 2 stopped" in program.text
        assert all(stream.closed.is_set() for stream in program.provider.streams)
        await program.pilot.press(key)
        await program.until(lambda: program.app.screen is program.app.chat)
        assert len(program.provider.requests) == 4


@pytest.mark.parametrize("key", ["escape", "b"])
async def test_what_was_found_is_seen_though_a_key_comes_before_it_is_drawn(
    launch: Launch, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setattr(load_test_box, "DRAW_SECONDS", 3600.0)
    async with launch() as program:
        await begin(program, "/bench -c 1 -n 1")
        box = program.app.screen
        assert isinstance(box, LoadTestBox)
        await answer(program, [0, 1])
        await program.until(lambda: box._test.is_over)
        await program.pilot.press(key)
        if key == "b":
            await program.until(
                lambda: "The load test is over; /bench shows what was found." in program.notices
            )
            await program.send("/bench")
        await program.shown("1 complete")
        assert "Stopped early" not in program.text
        await program.pilot.press("escape")
        await program.until(lambda: program.app.screen is program.app.chat)


async def test_left_running_it_leaves_the_chat_alone(launch: Launch) -> None:
    async with launch() as program:
        await begin(program, "/bench -c 1 -n 1")
        await program.pilot.press("b")
        await program.until(lambda: "The load test goes on; /bench shows it." in program.notices)
        await program.until(lambda: len(program.provider.streams) == 1)
        await program.turn("hello", "an answer")
        assert program.session.turns[-1].reply.text == "an answer"
        await program.send("/bench -n 2")
        await program.until(lambda: "A load test runs already." in program.notices)
        program.composer.load("")
        await answer(program, [0, 2])
        await program.until(lambda: "The load test is over; /bench shows what was found." in program.notices)
        await program.send("/bench")
        await program.shown("1 complete")
        await program.pilot.press("escape")
        await begin(program, "/bench -n 2")


async def test_several_models_stand_side_by_side(launch: Launch) -> None:
    async with launch(size=(100, 60)) as program:
        await program.send("/bench -c 1 -n 1 --also other-model")
        await program.shown("2 requests to model, of plain/other-model")
        await program.pilot.press("enter")
        await answer(program, range(4))
        await program.shown("times plain/test-model")


async def test_nothing_begins_where_the_budget_is_used_up(launch: Launch) -> None:
    settings = Settings(provider=PLAIN, budget=BudgetSettings(day_dollars=0.0))
    async with launch(settings=settings) as program:
        await program.send("/bench")
        await program.shown("The budget is used up")
        assert program.provider.requests == []


async def test_it_ends_where_the_budget_is_used_up(launch: Launch) -> None:
    settings = Settings(provider=PLAIN, budget=BudgetSettings(day_dollars=1.0))
    async with launch(settings=settings) as program:
        await begin(program, "/bench -c 1 -n 9")
        for number in range(2):
            await program.until(lambda number=number: len(program.provider.streams) > number)
            program.provider.streams[number].send(cost=0.6)
            program.provider.streams[number].reply("a reply")
        await program.shown("ended early: The budget is used up: $1.20 of the $1.00 for today are")
        assert len(program.provider.requests) == 2


async def test_more_at_once_than_there_are_connections_is_refused(launch: Launch) -> None:
    async with launch() as program:
        await program.send("/bench -c 50 --also other-model")
        await program.shown("100 requests at a time leave no connection for the conversation.")


def test_what_can_be_typed() -> None:
    assert read_order("") == BenchOrder(4, 20, ())
    assert read_order(" -n 5 --also a/b  -c 2 --also c ") == BenchOrder(2, 5, ("a/b", "c"))
    for wrong in ("-c", "-c 0", "-n -1", "-n x", "--also", "5", "-n 99999999999999", "--duration 3"):
        with pytest.raises(ConfigError, match="/bench cannot do"):
            read_order(wrong)


async def test_only_what_is_certain_to_be_free_is_not_asked_for() -> None:
    async def endpoint() -> Endpoint:
        return Endpoint(provider="plain", base_url="http://127.0.0.1:1", is_local=True)

    hosted = GatedProvider().target()
    free = replace(hosted, endpoint=endpoint)
    plan = LoadPlan(concurrency=4, requests=20, options={"max_tokens": 128})
    assert await question_of([free], plan) == ""
    assert (await question_of([free, hosted], plan)).count("21 requests to") == 2
