"""A reply that takes more than one request: again after a pause, by another model, never after visible output."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from chatterm.backend.retry import RetryPolicy
from chatterm.backend.session import Prompt
from chatterm.backend.target import Target
from chatterm.backend.turn_handle import TurnHandle
from chatterm.core.errors import (
    AuthenticationError,
    BadRequestError,
    ConfigError,
    ConnectionFailedError,
    ModelNotFoundError,
    OverloadedError,
    ProviderError,
    QuotaExceededError,
    RateLimitedError,
    RequestTimeoutError,
    ServerError,
)
from chatterm.core.events import AttemptStarted, FellBack, RetryScheduled, TurnEvent, TurnFinished
from chatterm.core.turn import Outcome, Turn
from tests.backend.conftest import Bench
from tests.doubles.provider import GatedProvider

QUICK = RetryPolicy(first_seconds=0.001, longest_seconds=0.001)
PATIENT = RetryPolicy(first_seconds=3600.0, longest_seconds=3600.0)


def busy(status: int = 503, retry_after: float | None = None) -> ProviderError:
    return OverloadedError("busy", status=status, retryable=True, retry_after=retry_after)


async def use(bench: Bench, policy: RetryPolicy = QUICK, **changes: object) -> None:
    await bench.session.use(replace(bench.provider.target(), retries=policy, **changes))  # pyright: ignore[reportArgumentType]  # a table of changes


def other(model: str, *errors: ProviderError) -> tuple[GatedProvider, Target]:
    """Another provider, which fails so often before it can answer."""
    provider = GatedProvider()
    provider.address = f"plain://{model}"
    provider.open_errors += errors
    return provider, replace(provider.target(model), provider=f"{model}-co", retries=QUICK)


async def all_events(handle: TurnHandle) -> tuple[list[TurnEvent], Turn]:
    events = [event async for event in handle.events()]
    assert sum(isinstance(event, TurnFinished) for event in events) == 1
    return events, handle.turn


async def test_a_failure_that_passes_costs_a_pause(bench: Bench) -> None:
    await use(bench)
    bench.provider.open_errors += [busy(), busy(529)]
    handle = bench.session.start_turn(Prompt("one"))
    (await bench.provider.opened()).reply("ok")
    events, turn = await all_events(handle)
    assert (turn.outcome, turn.reply.text, turn.attempts) == (Outcome.COMPLETE, "ok", 3)
    assert [event.attempt for event in events if isinstance(event, AttemptStarted)] == [1, 2, 3]
    waits = [event for event in events if isinstance(event, RetryScheduled)]
    assert [(wait.attempt, wait.most, wait.cause.status) for wait in waits] == [(2, 3, 503), (3, 3, 529)]
    assert [tried.why for tried in turn.tries] == ["busy", "busy"]
    assert turn.asked == "" and bench.store.finished == [turn]


async def test_what_was_waited_for_is_in_the_time_of_the_turn(bench: Bench) -> None:
    second, target = other("second")
    await use(bench, RetryPolicy(retries=1, first_seconds=0.05), fallbacks=lambda: [target])
    bench.provider.open_errors += [busy(), busy()]
    handle = bench.session.start_turn(Prompt("one"))
    (await second.opened()).reply("ok")
    timings = (await handle.result()).timings
    assert timings.total_seconds is not None and timings.ttft is not None
    assert timings.attempt_seconds is not None
    assert timings.total_seconds >= timings.attempt_seconds + 0.05
    assert timings.attempt_seconds >= timings.ttft


async def test_the_last_failure_is_told_with_the_number_of_tries(bench: Bench) -> None:
    await use(bench)
    bench.provider.open_errors += [busy(), busy(), busy(500)]
    turn = await bench.session.start_turn(Prompt("one")).result()
    assert (turn.outcome, turn.attempts, len(turn.tries)) == (Outcome.FAILED, 3, 2)
    assert isinstance(turn.error, ProviderError) and turn.error.status == 500


async def test_nothing_is_asked_again_once_there_is_text(bench: Bench) -> None:
    await use(bench)
    handle = bench.session.start_turn(Prompt("one"))
    stream = await bench.provider.opened()
    stream.send(text="so far")
    stream.fail(ConnectionFailedError("cut", retryable=True))
    turn = await handle.result()
    assert (turn.outcome, turn.reply.text, turn.attempts) == (Outcome.INTERRUPTED, "so far", 1)
    assert len(bench.provider.requests) == 1


async def until_it_waits(handle: TurnHandle) -> RetryScheduled:
    async with asyncio.timeout(5):
        while True:
            for event in await handle.batch():
                if isinstance(event, RetryScheduled):
                    await asyncio.sleep(0)
                    return event


async def test_the_user_can_have_it_at_once(bench: Bench) -> None:
    await use(bench, PATIENT)
    bench.provider.open_errors.append(busy())
    handle = bench.session.start_turn(Prompt("one"))
    assert not handle.retry_now()
    assert (await until_it_waits(handle)).delay_seconds >= 3600
    assert handle.retry_now()
    (await bench.provider.opened()).reply("ok")
    assert (await handle.result()).outcome is Outcome.COMPLETE


async def test_a_stop_while_it_waits_gives_the_prompt_back(bench: Bench) -> None:
    await use(bench, PATIENT)
    bench.provider.open_errors.append(busy())
    handle = bench.session.start_turn(Prompt("one"))
    await until_it_waits(handle)
    handle.cancel()
    turn = await asyncio.wait_for(handle.result(), 1)
    assert turn.outcome is Outcome.WITHDRAWN and bench.session.turns == ()
    assert len(bench.provider.requests) == 1


async def test_what_the_provider_asks_for_is_waited(bench: Bench) -> None:
    await use(bench, PATIENT)
    bench.provider.open_errors.append(busy(429, retry_after=0.01))
    handle = bench.session.start_turn(Prompt("one"))
    assert (await until_it_waits(handle)).delay_seconds == 0.01
    (await bench.provider.opened()).reply("ok")
    assert (await handle.result()).attempts == 2


@pytest.mark.parametrize("seconds", [121.0, 90_000.0, 99_999_999_999.0, 1e30])
async def test_a_wait_that_is_too_long_is_told_by_the_clock(bench: Bench, seconds: float) -> None:
    await use(bench)
    failure = busy(429, retry_after=seconds)
    failure.hint = "Wait a moment."
    bench.provider.open_errors.append(failure)
    turn = await bench.session.start_turn(Prompt("one")).result()
    assert turn.attempts == 1 and turn.error is not None
    assert ("takes requests again at" in turn.error.hint) == (seconds < 1e10)
    assert ("for more than a year" in turn.error.hint) == (seconds > 1e10)
    assert "Wait a moment" not in turn.error.hint


@pytest.mark.parametrize(
    "errors",
    [
        [busy(), busy(), busy()],
        [RateLimitedError("wait", retryable=True, retry_after=500.0)],
        [QuotaExceededError("used up")],
        [ModelNotFoundError("no such model")],
        [ConnectionFailedError("nobody there")],
    ],
)
async def test_another_model_answers_and_the_turn_says_so(bench: Bench, errors: list[ProviderError]) -> None:
    provider, second = other("second")
    await use(bench, fallbacks=lambda: [second])
    bench.provider.open_errors += errors
    handle = bench.session.start_turn(Prompt("one"))
    (await provider.opened()).reply("ok")
    events, turn = await all_events(handle)
    assert (turn.outcome, turn.provider, turn.model) == (Outcome.COMPLETE, "second-co", "second")
    assert turn.asked == "plain/test-model" and len(turn.tries) == len(errors)
    [fell] = [event for event in events if isinstance(event, FellBack)]
    assert (fell.model, fell.to_provider, fell.to_model) == ("test-model", "second-co", "second")
    # The next turn asks the model of the conversation again.
    handle = bench.session.start_turn(Prompt("two"))
    (await bench.provider.opened()).reply("again")
    assert (await handle.result()).provider == "plain"
    assert [message["text"] for message in bench.provider.bodies()[-1]] == ["one", "ok", "two"]


async def test_each_of_a_chain_is_asked_once_and_all_are_listed(bench: Bench) -> None:
    _, second = other("second", ModelNotFoundError("not here"))
    _, third = other("third", ModelNotFoundError("no third"))
    await use(bench, fallbacks=lambda: [second, third])
    bench.provider.open_errors.append(ModelNotFoundError("no first"))
    turn = await bench.session.start_turn(Prompt("one")).result()
    assert turn.outcome is Outcome.FAILED and "no third" in str(turn.error)
    assert [(tried.model, tried.why) for tried in turn.tries] == [
        ("test-model", "test-model: no first"),
        ("second", "second: not here"),
    ]


async def test_who_has_no_key_is_passed_over_in_a_chain_but_not_at_its_beginning(bench: Bench) -> None:
    _, second = other("second", AuthenticationError("no key for the second"))
    provider, third = other("third")
    await use(bench, fallbacks=lambda: [second, third])
    bench.provider.open_errors.append(ModelNotFoundError("no first"))
    handle = bench.session.start_turn(Prompt("one"))
    (await provider.opened()).reply("ok")
    turn = await handle.result()
    assert turn.model == "third" and "no key for the second" in turn.tries[1].why
    bench.provider.open_errors.append(AuthenticationError("no key"))
    turn = await bench.session.start_turn(Prompt("two")).result()
    assert turn.outcome is Outcome.FAILED and turn.tries == ()


async def test_a_request_that_is_wrong_is_not_sent_to_another(bench: Bench) -> None:
    provider, second = other("second")
    await use(bench, fallbacks=lambda: [second])
    bench.provider.open_errors.append(BadRequestError("wrong"))
    turn = await bench.session.start_turn(Prompt("one")).result()
    assert turn.outcome is Outcome.FAILED and provider.requests == []


async def test_no_other_model_goes_on_where_there_is_text(bench: Bench) -> None:
    provider, second = other("second")
    await use(bench, fallbacks=lambda: [second])
    handle = bench.session.start_turn(Prompt("one"))
    stream = await bench.provider.opened()
    stream.send(thinking="hm")
    stream.fail(ServerError("broken", retryable=True))
    turn = await handle.result()
    assert turn.outcome is Outcome.INTERRUPTED and provider.requests == []


async def test_a_chain_with_a_name_that_means_nothing_costs_nothing(bench: Bench) -> None:
    def broken() -> list[Target]:
        raise ConfigError("There is no provider nope.")

    await use(bench, fallbacks=broken)
    bench.provider.open_errors.append(ModelNotFoundError("no such model"))
    turn = await bench.session.start_turn(Prompt("one")).result()
    assert isinstance(turn.error, ModelNotFoundError)
    assert "There is no provider nope." in turn.error.hint


async def test_an_endpoint_that_failed_again_and_again_is_left_in_peace(bench: Bench) -> None:
    provider, second = other("second")
    await use(bench, RetryPolicy(retries=0), fallbacks=lambda: [second], addresses=("plain://model",))
    for number in range(4):
        bench.provider.open_errors[:] = [busy()]
        handle = bench.session.start_turn(Prompt(str(number)))
        (await provider.opened()).reply("ok")
        turn = await handle.result()
        assert turn.model == "second"
    assert len(bench.provider.requests) == 3
    assert "left in peace" in turn.tries[0].why


async def test_text_that_comes_too_late_for_the_budget_falls_back(bench: Bench) -> None:
    provider, second = other("second")
    await use(bench, fallbacks=lambda: [second], ttft_budget_seconds=0.02)
    handle = bench.session.start_turn(Prompt("one"))
    first = await bench.provider.opened()
    (await provider.opened()).reply("ok")
    turn = await handle.result()
    assert turn.model == "second" and "ttft_budget_seconds" in turn.tries[0].why
    assert first.closed.is_set()


async def test_text_within_the_budget_may_go_on_for_longer(bench: Bench) -> None:
    _, second = other("second")
    await use(bench, fallbacks=lambda: [second], ttft_budget_seconds=0.05)
    handle = bench.session.start_turn(Prompt("one"))
    stream = await bench.provider.opened()
    stream.send(text="in time")
    await asyncio.sleep(0.1)
    stream.reply(" and on")
    turn = await handle.result()
    assert (turn.outcome, turn.reply.text, turn.model) == (Outcome.COMPLETE, "in time and on", "test-model")


async def test_a_timeout_is_asked_again_once(bench: Bench) -> None:
    await use(bench)
    bench.provider.open_errors += [RequestTimeoutError("late", retryable=True) for _ in range(2)]
    turn = await bench.session.start_turn(Prompt("one")).result()
    assert (turn.outcome, turn.attempts) == (Outcome.FAILED, 2)
