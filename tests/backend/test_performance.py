"""The record of every request: none without one, none with two, and nothing in it that was not measured."""

from __future__ import annotations

import asyncio
import time
from dataclasses import fields, replace

import pytest

from chatterm.backend.asking import Asking
from chatterm.backend.payload_cache import PayloadCache
from chatterm.backend.performance import Performance
from chatterm.backend.providers.base import ModelInfo
from chatterm.backend.retry import RetryPolicy
from chatterm.backend.session import Prompt, Session
from chatterm.backend.worker import Worker
from chatterm.core.errors import AuthenticationError, ConnectionFailedError
from chatterm.core.events import ToolFinished
from chatterm.core.performance import AttemptRecord
from chatterm.core.turn import Outcome, Turn
from tests.backend.conftest import Bench, streamed
from tests.backend.test_asking import busy, other
from tests.backend.test_rounds import answered, calls
from tests.doubles.patience import soon
from tests.doubles.provider import GatedProvider
from tests.doubles.tools import Gate, PlainTool, toolbox_of
from tests.doubles.turn_store import MemoryTurnStore

QUICK = RetryPolicy(first_seconds=0.001, longest_seconds=0.001)


class Watched(Bench):
    """A bench that counts the requests which are begun, and keeps their records."""

    records: list[AttemptRecord]
    begun: int


@pytest.fixture
async def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    store, provider = MemoryTurnStore(), GatedProvider()

    async def load_blobs(digests: frozenset[str]) -> dict[str, bytes]:
        return {}

    records: list[AttemptRecord] = []
    worker = Worker(PayloadCache(), load_blobs, time.monotonic, performance=Performance(records.append))
    bench = Watched(Session(store, worker), provider, store)
    bench.records, bench.begun = records, 0
    new_attempt = Asking._new_attempt

    def counted(self: Asking, prepared: object) -> object:
        bench.begun += 1
        return new_attempt(self, prepared)  # pyright: ignore[reportArgumentType]  # a double

    monkeypatch.setattr(Asking, "_new_attempt", counted)
    await bench.session.use(replace(provider.target(), retries=QUICK))
    return bench


def told(bench: Watched) -> list[tuple[str, int, int, int, str, str, str]]:
    """What the records say of the way to the reply; there is one for each request, of the right turn."""
    assert len(bench.records) == bench.begun
    assert len({record.id for record in bench.records}) == bench.begun
    ids = {turn.id for turn in (*bench.store.finished, *bench.session.turns)}
    assert {(r.conversation_id, r.turn_id in ids) for r in bench.records} <= {
        (bench.session.conversation_id, True)
    }
    return [
        (r.operation, r.round, r.attempt, r.retries, r.fallback_from, r.outcome, r.error_kind)
        for r in bench.records
    ]


async def reply(bench: Watched, text: str = "ok") -> None:
    (await bench.provider.opened()).reply(text, usage=(5, 2))


async def test_a_reply_has_one_record_with_what_was_measured(watched: Watched) -> None:
    began = time.time()
    handle = watched.session.start_turn(Prompt("one"))
    stream = await watched.provider.opened()
    for _ in range(3):
        stream.send(text="x")
    stream.send(usage=[5, 2])
    stream.send(done="end_turn")
    stream.end()
    turn = await handle.result()
    assert told(watched) == [("chat", 0, 1, 0, "", "complete", "")]
    (record,) = watched.records
    assert (record.turn_id, record.provider, record.model) == (turn.id, turn.provider, turn.model)
    assert record.success and record.stop_reason == "end_turn"
    assert (record.input_tokens, record.output_tokens, record.cache_read_tokens) == (5, 2, None)
    assert (record.ttft_seconds, record.first_text_seconds) == (
        turn.timings.ttft,
        turn.timings.time_to_first_text,
    )
    assert record.latency_seconds is not None and record.latency_seconds >= (record.ttft_seconds or 0.0)
    assert record.stalls == 0 and record.delta_gap_p50_seconds is not None
    assert (record.cost_dollars, record.load_duration_ns, record.warm) == (None, None, None)
    assert record.peak_memory_bytes is not None and 1e7 < record.peak_memory_bytes < 1e11
    assert (record.tool_count, record.tool_seconds) == (0, None)
    assert began <= record.at <= time.time()


async def test_retries_and_fallbacks_have_records_of_their_own(watched: Watched) -> None:
    second, target = other("second")
    await watched.session.use(replace(watched.session.target, fallbacks=lambda: [target]))  # type: ignore[type-var]  # the bench has a target
    watched.provider.open_errors += [busy(), busy(), busy()]
    handle = watched.session.start_turn(Prompt("one"))
    (await second.opened()).reply("ok")
    await handle.result()
    first = f"{watched.provider.target().provider}/{watched.provider.target().model}"
    assert told(watched) == [
        ("chat", 0, 1, 0, "", "failed", "Overloaded"),
        ("chat", 0, 2, 1, "", "failed", "Overloaded"),
        ("chat", 0, 3, 2, "", "failed", "Overloaded"),
        ("chat", 0, 4, 0, first, "complete", ""),
    ]
    assert [record.ttft_seconds is None for record in watched.records] == [True, True, True, False]
    assert [record.success for record in watched.records] == [False, False, False, True]


async def test_what_failed_before_it_was_sent_has_a_record_too(watched: Watched) -> None:
    async def no_key() -> object:
        raise AuthenticationError("There is no key.")

    await watched.session.use(replace(watched.session.target, endpoint=no_key))  # type: ignore[type-var]  # the bench has a target
    turn = await watched.session.start_turn(Prompt("one")).result()
    assert turn.outcome is Outcome.FAILED
    assert told(watched) == [("chat", 0, 1, 0, "", "failed", "Authentication")]
    assert watched.records[0].cost_dollars is None


async def test_a_defect_has_a_record_too(watched: Watched) -> None:
    async def broken() -> object:
        raise ZeroDivisionError

    await watched.session.use(replace(watched.session.target, endpoint=broken))  # type: ignore[type-var]  # the bench has a target
    await watched.session.start_turn(Prompt("one")).result()
    assert told(watched) == [("chat", 0, 1, 0, "", "failed", "Internal")]


@pytest.mark.parametrize(
    ("text", "stop", "outcome"),
    [
        ("", "cancel", "withdrawn"),
        ("half", "cancel", "cancelled"),
        ("half", "interrupt", "interrupted"),
        ("half", "fail", "interrupted"),
    ],
)
async def test_what_is_stopped_has_a_record(watched: Watched, text: str, stop: str, outcome: str) -> None:
    handle = watched.session.start_turn(Prompt("one"))
    stream = await watched.provider.opened()
    if text:
        stream.send(text=text)
        await streamed(handle)
    if stop == "fail":
        stream.fail(ConnectionFailedError("cut"))
    else:
        assert getattr(handle, stop)()
    turn = await handle.result()
    assert turn.outcome is Outcome(outcome)
    kind = "ConnectionFailed" if stop == "fail" else ""
    assert told(watched) == [("chat", 0, 1, 0, "", outcome, kind)]
    assert not watched.records[0].success


async def test_each_round_of_tools_has_a_record_with_what_its_tools_took(watched: Watched) -> None:
    gate = Gate()
    watched.session.toolbox = toolbox_of(PlainTool("slow", gate), PlainTool("quick"))
    handle = watched.session.start_turn(Prompt("go"))
    calls(await watched.provider.opened(), "slow", "quick")
    await soon(gate.running.wait(), "did not run")
    assert watched.records == []
    gate.open.set()
    watched.provider.open_errors += [busy()]
    await answered(watched, handle)
    assert told(watched) == [
        ("chat", 0, 1, 0, "", "complete", ""),
        ("chat", 1, 1, 0, "", "failed", "Overloaded"),
        ("chat", 1, 2, 1, "", "complete", ""),
    ]
    assert [record.tool_count for record in watched.records] == [2, 0, 0]
    assert watched.records[0].tool_seconds is not None
    gaps = [record.delta_gap_p50_seconds is None for record in watched.records]
    assert gaps == [False, True, True], "a single delta has none, whatever came in another response"


async def test_tools_that_are_stopped_are_recorded(watched: Watched) -> None:
    gate = Gate()
    watched.session.toolbox = toolbox_of(PlainTool("hangs", gate), PlainTool("quick"))
    handle = watched.session.start_turn(Prompt("go"))
    calls(await watched.provider.opened(), "hangs", "quick")
    async for event in handle.events():
        if isinstance(event, ToolFinished):
            break
    assert handle.cancel()
    await soon(handle.result(), "did not end")
    assert told(watched) == [("chat", 0, 1, 0, "", "complete", "")]
    assert watched.records[0].tool_count == 2


async def test_going_on_asking_anew_and_summing_up_have_records(watched: Watched) -> None:
    handle = watched.session.start_turn(Prompt("one"))
    stream = await watched.provider.opened()
    stream.send(text="a text of some words")
    stream.fail(ConnectionFailedError("cut"))
    await handle.result()
    for begin in (watched.session.continue_reply, watched.session.regenerate, watched.session.compact):
        following = begin()
        assert following is not None
        await reply(watched)
        await following.result()
    watched.session.operation = "ask"
    last = watched.session.start_turn(Prompt("two"))
    await reply(watched)
    await last.result()
    assert [(record[0], record[5]) for record in told(watched)] == [
        ("chat", "interrupted"),
        ("chat", "complete"),
        ("chat", "complete"),
        ("summary", "complete"),
        ("ask", "complete"),
    ]


async def test_a_reply_that_goes_on_by_itself_has_two(watched: Watched) -> None:
    await watched.session.use(replace(watched.session.target, continues_once=True))  # type: ignore[type-var]  # the bench has a target
    handle = watched.session.start_turn(Prompt("one"))
    stream = await watched.provider.opened()
    stream.send(text="a text of some words")
    stream.fail(ConnectionFailedError("cut"))
    await reply(watched, "some words and more")
    await handle.result()
    assert [record[5] for record in told(watched)] == ["interrupted", "complete"]


async def test_a_turn_that_is_cancelled_from_outside_has_one(watched: Watched) -> None:
    watched.session.start_turn(Prompt("one"))
    await watched.provider.opened()
    task = watched.session._task
    assert task is not None
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [record[5] for record in told(watched)] == ["interrupted"]


async def test_prices_make_an_estimate_and_what_is_reported_wins(watched: Watched) -> None:
    facts = ModelInfo(provider="p", id="m", price_input=1.0, price_output=10.0)
    await watched.session.use(replace(watched.session.target, facts=lambda: facts))  # type: ignore[type-var]  # the bench has a target
    handle = watched.session.start_turn(Prompt("one"))
    await reply(watched)
    await handle.result()
    (record,) = watched.records
    assert record.cost_dollars == pytest.approx(25e-6) and record.cost_is_estimate


async def test_who_takes_records_and_fails_costs_nothing(watched: Watched) -> None:
    def broken(record: AttemptRecord) -> None:
        raise OSError("No space left on device")

    watched.session._worker.performance.takers.insert(0, broken)
    handle = watched.session.start_turn(Prompt("one"))
    await reply(watched)
    turn: Turn = await handle.result()
    assert turn.outcome is Outcome.COMPLETE and len(watched.records) == 1


def test_the_record_has_units_in_its_names() -> None:
    numbers = {field.name for field in fields(AttemptRecord) if field.type in {"float | None", "float"}}
    units = ("_seconds", "_ms", "_dollars", "_per_second")
    assert {name for name in numbers if not name.endswith(units)} == {"at"}
