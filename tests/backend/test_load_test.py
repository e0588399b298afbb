"""The load test against a real server: what it asks, when, and what it makes of the answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace

import pytest

from chatterm.backend.load_test.engine import START_SECONDS, LoadTest
from chatterm.backend.load_test.pacing import Purse
from chatterm.backend.load_test.plan import LoadPlan, prompt_tokens
from chatterm.backend.load_test.prompts import load_prompt
from chatterm.backend.net.client import HttpClients
from chatterm.backend.payload_cache import PayloadCache
from chatterm.backend.performance import Performance
from chatterm.backend.providers.base import Endpoint, ModelInfo
from chatterm.backend.providers.registry import adapter_of, service
from chatterm.backend.target import Target
from chatterm.backend.token_estimates import text_tokens
from chatterm.backend.worker import Worker
from chatterm.config.model import NetworkSettings
from chatterm.core.errors import AuthenticationError, BudgetReachedError, RateLimitedError
from chatterm.core.performance import AttemptRecord
from tests.doubles import server_replies as replies
from tests.doubles.server import ScriptedServer, SeenRequest
from tests.doubles.server_replies import Script

CHATS = "/v1/chat/completions"


class Rig:
    """A server, a worker whose records are kept, and targets there."""

    def __init__(self, server: ScriptedServer, clients: HttpClients) -> None:
        self.server, self._clients = server, clients
        self.records: list[AttemptRecord] = []

    def target(self, provider: str = "openai", model: str = "scripted-model") -> Target:
        found = Endpoint(provider=provider, base_url=self.server.base_url("openai"), is_local=False)

        async def endpoint() -> Endpoint:
            return found

        return Target(
            provider=provider,
            model=model,
            adapter=adapter_of(replace(service("openrouter"), name=provider)),
            endpoint=endpoint,
            open_stream=self._clients.open_stream,
            host="scripted",
        )

    def test(
        self,
        plan: LoadPlan,
        *targets: Target,
        clock: Callable[[], float] = time.monotonic,
        require_more: Callable[[], object] = lambda: None,
    ) -> LoadTest:
        async def no_blobs(digests: frozenset[str]) -> dict[str, bytes]:
            return {}

        worker = Worker(
            PayloadCache(), no_blobs, time.monotonic, performance=Performance(self.records.append)
        )
        return LoadTest(worker, targets or [self.target()], plan, require_more, clock)

    def answer(self, *scripts: Script) -> None:
        """The first chats get these, all others a whole reply."""
        for script in scripts:
            self.server.reply_script(script)


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    clients = HttpClients(NetworkSettings())
    async with ScriptedServer() as server:
        yield Rig(server, clients)
        await clients.aclose()


def refused(status: int, **headers: str) -> Script:
    return replies.whole({"error": {"message": "no"}}, status=status, headers=headers)


def most_at_once(requests: Sequence[SeenRequest]) -> int:
    """How many were answered at the same time."""
    changes = [(request.arrived_at, 1) for request in requests]
    changes += [(request.finished_at or float("inf"), -1) for request in requests]
    running = most = 0
    for _, change in sorted(changes):
        running += change
        most = max(most, running)
    return most


async def test_so_many_requests_so_many_at_a_time_and_one_record_for_each(rig: Rig) -> None:
    for number in range(12):
        rig.server.reply_text("one two three", delay_seconds=0.01 + number / 1e4)
    test = rig.test(LoadPlan(concurrency=4, requests=11, warmup=1, prompt="Hello"))
    await test.run()
    [figures] = test.figures()
    assert (figures.requests, figures.complete, figures.errors, figures.ended) == (11, 11, {}, "")
    chats = rig.server.chats
    assert len(chats) == 12
    assert most_at_once(chats) == 4
    assert figures.ttft is not None and figures.ttft.count == 11
    assert figures.gap is not None and figures.gap.count == 22
    assert figures.gap.p50 >= 0.009
    assert (figures.output_tokens, figures.input_tokens) == (12 * 7, 12 * 11)
    assert figures.new_connections + figures.reused_connections == 11
    assert figures.reused_connections >= 7
    assert [record.operation for record in rig.records] == ["bench"] * 12
    assert len({record.turn_id for record in rig.records}) == 12


async def test_the_first_requests_begin_one_after_another(rig: Rig) -> None:
    for _ in range(3):
        rig.server.reply_text("one", gates={1: "go"})
    began = time.monotonic()
    running = asyncio.ensure_future(rig.test(LoadPlan(concurrency=3, requests=3, warmup=0, prompt="x")).run())
    await rig.server.until(lambda: len(rig.server.chats) == 3)
    rig.server.release("go")
    await running
    arrived = [request.arrived_at for request in rig.server.chats]
    assert arrived[1] >= began + START_SECONDS
    assert arrived[2] >= began + 2 * START_SECONDS


async def test_several_models_are_asked_side_by_side(rig: Rig) -> None:
    test = rig.test(LoadPlan(concurrency=1, requests=3), rig.target(model="a"), rig.target(model="b"))
    await test.run()
    assert [each.name for each in test.figures()] == ["openai/a", "openai/b"]
    assert [each.complete for each in test.figures()] == [3, 3]
    models = [request.json["model"] for request in rig.server.chats]
    assert models[:2] == ["a", "b"]
    assert models.count("a") == models.count("b") >= 3
    assert test.failure is None


async def test_errors_are_counted_by_kind_and_nothing_is_asked_again(rig: Rig) -> None:
    cut = replies.stream(replies.openai_frames(["half ", "of ", "it "], finish_reason=None, done=False))
    rig.server.reply_text("whole")
    rig.answer(refused(500), refused(404), cut, refused(500))
    test = rig.test(LoadPlan(concurrency=1, requests=6, warmup=1, prompt="x"))
    await test.run()
    [figures] = test.figures()
    assert figures.errors == {"Server": 2, "BadRequest": 1, "TruncatedStream": 1}
    assert (figures.requests, figures.complete, figures.retries, figures.ended) == (6, 2, 0, "")
    assert figures.error_share == pytest.approx(4 / 6)
    assert figures.gap is not None and figures.gap.count == 8, "five deltas in each of the whole replies"


async def test_a_wrong_key_is_found_with_the_first_request(rig: Rig) -> None:
    rig.answer(*(refused(401) for _ in range(5)))
    test = rig.test(LoadPlan(concurrency=5, requests=50, warmup=1))
    await test.run()
    assert len(rig.server.chats) == 1
    assert isinstance(test.failure, AuthenticationError)
    assert test.figures()[0].requests == 0
    assert "key" in test.figures()[0].ended.lower()


async def test_one_that_answers_nothing_is_told_beside_one_that_does(rig: Rig) -> None:
    rig.answer(refused(401))
    test = rig.test(LoadPlan(concurrency=1, requests=2), rig.target(model="a"), rig.target(model="b"))
    await test.run()
    assert [each.complete for each in test.figures()] == [0, 2]
    assert isinstance(test.failure, AuthenticationError)


async def test_retry_after_holds_back_every_request_of_that_target(rig: Rig) -> None:
    rig.server.reply_text("warm")
    rig.answer(refused(429, Retry_After="0.3"))
    test = rig.test(LoadPlan(concurrency=2, requests=4, warmup=1, prompt="x"))
    await test.run()
    _, *measured = rig.server.chats
    limited = measured[0]
    later = [request for request in measured if request.arrived_at > (limited.finished_at or 0) + 0.1]
    assert all(request.arrived_at >= (limited.finished_at or 0) + 0.28 for request in later)
    assert len(later) >= 2
    [figures] = test.figures()
    assert figures.errors == {"RateLimited": 1}
    assert figures.held_seconds == pytest.approx(0.3, abs=0.05)


async def test_who_wants_to_be_left_in_peace_for_long_is(rig: Rig) -> None:
    rig.answer(refused(429, Retry_After="3600"))
    test = rig.test(LoadPlan(concurrency=1, requests=5, warmup=0, prompt="x"))
    await test.run()
    assert len(rig.server.chats) == 1
    assert "3600 s" in test.figures()[0].ended


async def test_only_who_is_measured_answers_and_only_once(rig: Rig) -> None:
    cut = replies.stream(replies.openai_frames(["half of a text "], finish_reason=None, done=False))
    rig.answer(refused(500), cut)
    stand_in = rig.target(model="stand-in")
    target = replace(rig.target(), fallbacks=lambda: [stand_in], continues_once=True)
    test = rig.test(LoadPlan(concurrency=1, requests=2, warmup=0, prompt="x"), target)
    takers = list(test._takers)
    await test.run()
    assert test.figures()[0].errors == {"Server": 1, "TruncatedStream": 1}
    assert [request.json["model"] for request in rig.server.chats] == ["scripted-model"] * 2
    assert test._takers == takers, "nothing of it is left behind"


async def test_retries_are_part_of_a_request_where_they_are_asked_for(rig: Rig) -> None:
    rig.answer(refused(503, Retry_After="0.01"))
    test = rig.test(LoadPlan(concurrency=1, requests=2, warmup=0, prompt="x", retries=1))
    await test.run()
    [figures] = test.figures()
    assert (figures.complete, figures.errors, figures.retries) == (2, {}, 1)


def priced(target: Target, dollars: float) -> Target:
    """The target whose replies of the server cost this much: 7 tokens out."""
    info = ModelInfo(
        provider=target.provider, id=target.model, price_input=0.0, price_output=dollars / 7 * 1e6
    )
    return replace(target, facts=lambda: info)


@pytest.mark.parametrize("concurrency", [1, 8])
async def test_what_may_be_spent_is_never_exceeded(rig: Rig, concurrency: int) -> None:
    plan = LoadPlan(concurrency=concurrency, requests=100, warmup=0, prompt="x", max_cost_dollars=0.55)
    test = rig.test(plan, priced(rig.target(), 0.1))
    await test.run()
    [figures] = test.figures()
    assert figures.complete == 5
    assert figures.cost_dollars == pytest.approx(0.5) and figures.cost_is_estimate
    assert "--max-cost" in figures.ended


async def test_a_request_is_not_made_again_once_all_is_spent(rig: Rig) -> None:
    rig.answer(replies.stream([replies.openai_usage(11, 7)]))  # which costs, and then breaks off
    target = priced(rig.target(), 0.6)
    target = replace(target, retries=replace(target.retries, first_seconds=0.0))
    plan = LoadPlan(concurrency=1, requests=3, warmup=0, prompt="x", retries=2, max_cost_dollars=0.5)
    test = rig.test(plan, target)
    await test.run()
    [figures] = test.figures()
    assert len(rig.server.chats) == 1
    assert (figures.complete, figures.errors) == (0, {"BudgetReached": 1})


@pytest.mark.parametrize("fails", [False, True])
async def test_where_nothing_more_may_be_spent_nothing_more_is_sent(rig: Rig, fails: bool) -> None:
    def require_more() -> None:
        if len(rig.server.chats) == 3:
            raise BudgetReachedError("All is spent.", "Wait for tomorrow.")

    for _ in range(2):
        rig.server.reply_text("whole")
    if fails:
        rig.answer(refused(503, Retry_After="0.01"))
    plan = LoadPlan(concurrency=1, requests=9, warmup=1, prompt="x", retries=3)
    test = rig.test(plan, require_more=require_more)
    await test.run()
    [figures] = test.figures()
    assert len(rig.server.chats) == 3
    assert (figures.complete, figures.errors) == ((1, {"BudgetReached": 1}) if fails else (2, {}))
    assert figures.ended == "All is spent. Wait for tomorrow."


async def test_without_a_price_a_bound_cannot_be_kept_and_says_so(rig: Rig) -> None:
    test = rig.test(LoadPlan(concurrency=4, requests=10, warmup=0, prompt="x", max_cost_dollars=1.0))
    await test.run()
    [figures] = test.figures()
    assert figures.complete == 1
    assert "nobody tells what it costs" in figures.ended


async def test_stopping_gives_what_there_is(rig: Rig) -> None:
    rig.server.reply_text("whole")
    for _ in range(3):
        rig.server.reply_text("never whole", gates={2: "never"})
    test = rig.test(LoadPlan(concurrency=3, requests=10, warmup=1, prompt="x"))
    running = asyncio.ensure_future(test.run())
    await rig.server.until(lambda: len(rig.server.chats) == 4 and all(r.sent_at for r in rig.server.chats))
    test.stop()
    async with asyncio.timeout(5):
        await running
    [figures] = test.figures()
    assert (figures.requests, figures.complete, figures.cancelled, figures.errors) == (3, 0, 3, {})
    assert test.is_stopped
    assert len(rig.server.chats) == 4


@pytest.mark.parametrize("seconds", [None, 0.05])
async def test_nobody_waits_for_a_service_once_it_is_over(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, seconds: float | None
) -> None:
    plan = LoadPlan(concurrency=2, requests=None, duration_seconds=seconds, warmup=0, prompt="x")
    test = rig.test(plan)
    pace, held = test._lanes[0].pace, asyncio.Event()
    pace.note(0.0, RateLimitedError("no", retry_after=60.0), ())
    wait_seconds = pace.wait_seconds
    monkeypatch.setattr(pace, "wait_seconds", lambda: held.set() or wait_seconds())
    running = asyncio.ensure_future(test.run())
    if seconds is None:
        await held.wait()
        test.stop()
    async with asyncio.timeout(5):
        await running
    assert (test.figures()[0].requests, rig.server.chats) == (0, [])


async def test_a_duration_ends_the_beginning_of_requests(rig: Rig) -> None:
    plan = LoadPlan(concurrency=2, requests=None, duration_seconds=0.2, warmup=0, prompt="x")
    test = rig.test(plan)
    await test.run()
    [figures] = test.figures()
    assert figures.complete == figures.requests >= 2
    assert 0.2 <= test.measured_seconds < 5


async def test_a_request_that_waited_for_money_begins_within_the_duration_or_not_at_all(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.server.reply_text("never whole", gates={2: "go"})
    now = time.monotonic()
    plan = LoadPlan(
        concurrency=2, requests=None, duration_seconds=60, warmup=0, prompt="x", max_cost_dollars=1.0
    )
    test = rig.test(plan, priced(rig.target(), 0.1), clock=lambda: now)
    entered: asyncio.Queue[None] = asyncio.Queue()

    async def enter(purse: Purse, is_over: Callable[[], bool]) -> bool:
        entered.put_nowait(None)
        return await real_enter(purse, is_over)

    real_enter = Purse.enter
    monkeypatch.setattr(Purse, "enter", enter)
    running = asyncio.ensure_future(test.run())
    await rig.server.until(lambda: len(rig.server.chats) == 1)
    for _ in range(2):
        await entered.get()
    now += 61
    rig.server.release("go")
    await running
    assert len(rig.server.chats) == 1


async def test_progress_tells_how_far_it_is(rig: Rig) -> None:
    rig.server.reply_text("warm")
    rig.server.reply_text("one two", gates={2: "go"})
    test = rig.test(LoadPlan(concurrency=1, requests=2, warmup=1, prompt="x"))
    assert test.measured_seconds == 0
    running = asyncio.ensure_future(test.run())
    await rig.server.until(lambda: len(rig.server.chats) == 2)
    [lane] = test.progress()
    assert (lane.running, lane.complete, lane.failed) == (1, 0, 0)
    rig.server.release("go")
    await running
    [lane] = test.progress()
    assert (lane.running, lane.complete) == (0, 2)
    assert lane.ttft_p50_seconds is not None


def test_prompts_have_the_wanted_length_and_are_the_same_for_the_same_seed() -> None:
    for tokens in (50, 100, 2000):
        assert text_tokens(load_prompt(1, 0, tokens)) == pytest.approx(tokens, rel=0.1, abs=5)
    assert load_prompt(1, 5, 100) == load_prompt(1, 5, 100)
    texts = [load_prompt(seed, number, 100)[:8] for seed in (1, 2) for number in range(50)]
    assert len(set(texts)) == 100
    assert prompt_tokens(LoadPlan(prompt="Hello there")) < 10
