"""The worker's promises: the prompt first, one last event, and nothing shown that is not stored."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator

import pytest

from chatterm.backend import attempt
from chatterm.backend.payload_cache import PayloadCache
from chatterm.backend.recorder import FLUSH_CHARACTERS, Recorder
from chatterm.backend.session import Prompt, Session
from chatterm.backend.turn_handle import TurnHandle
from chatterm.backend.worker import SAVE_SECONDS, TurnJob, Worker
from chatterm.core.errors import (
    AuthenticationError,
    BadRequestError,
    ConnectionFailedError,
    OpenElsewhereError,
    StaleConnectionError,
    StoreError,
)
from chatterm.core.events import (
    ParameterRefused,
    StageChanged,
    TextDelta,
    TurnEvent,
    TurnFinished,
    TurnStarted,
)
from chatterm.core.messages import ImagePart, TextPart, ThinkingPart
from chatterm.core.turn import Outcome, Stage, StopReason, TurnRequest
from chatterm.core.usage import RateLimit
from tests.backend.conftest import Bench, streamed
from tests.backend.test_metrics import a_turn


async def collect(bench: Bench, text: str = "hello") -> list[TurnEvent]:
    """Start a turn that is answered at once, and read all its events."""
    handle = bench.session.start_turn(Prompt(text))
    stream = await bench.provider.opened()
    stream.reply("hi there", usage=(3, 2))
    return [event async for event in handle.events()]


async def test_a_turn_goes_from_prompt_to_stored_reply(bench: Bench) -> None:
    events = await collect(bench)
    assert isinstance(events[0], TurnStarted)
    last = events[-1]
    assert isinstance(last, TurnFinished)
    assert sum(isinstance(event, TurnFinished) for event in events) == 1
    turn = last.turn
    assert turn.outcome is Outcome.COMPLETE
    assert turn.stop_reason is StopReason.END_TURN
    assert turn.reply.parts == (TextPart("hi there"),)
    assert (turn.usage.input, turn.usage.output) == (3, 2)
    assert bench.store.finished == [turn]
    assert bench.session.turns == (turn,)
    assert bench.session.running is None


async def test_the_prompt_is_stored_before_anything_is_sent(bench: Bench) -> None:
    bench.provider.opening.clear()
    handle = bench.session.start_turn(Prompt("hello"))
    await asyncio.sleep(0)
    async for event in handle.events():
        if isinstance(event, StageChanged) and event.stage is Stage.CONNECTING:
            break
    assert [name for name, _ in bench.store.log] == ["model", "begin"]
    handle.cancel()
    await handle.result()


async def test_stages_and_stamps_come_in_order(bench: Bench) -> None:
    events = await collect(bench)
    stages = [event.stage for event in events if isinstance(event, StageChanged)]
    assert stages == [Stage.CONNECTING, Stage.SENDING, Stage.WAITING, Stage.STREAMING]
    timings = bench.session.turns[0].timings
    stamps = [timings.started, timings.sent, timings.first_delta, timings.last_delta, timings.finished]
    assert None not in stamps
    assert stamps == sorted(stamps, key=float)  # type: ignore[arg-type]  # None was ruled out above
    assert timings.ttft is not None


async def test_cancel_before_output_withdraws_the_turn(bench: Bench) -> None:
    handle = bench.session.start_turn(Prompt("hello"))
    stream = await bench.provider.opened()
    assert handle.cancel()
    assert not handle.cancel()
    turn = await handle.result()
    assert turn.outcome is Outcome.WITHDRAWN
    assert stream.closed.is_set()
    assert bench.session.turns == ()
    assert turn.close_seconds is not None


async def test_cancel_after_output_keeps_the_text_for_the_next_turn(bench: Bench) -> None:
    handle = bench.session.start_turn(Prompt("one"))
    stream = await bench.provider.opened()
    stream.send(text="partial ans")
    await streamed(handle)
    handle.cancel()
    turn = await handle.result()
    assert turn.outcome is Outcome.CANCELLED
    assert bench.store.finished[0].reply.text == "partial ans"
    second = bench.session.start_turn(Prompt("two"))
    (await bench.provider.opened()).reply("done")
    await second.result()
    assert [message["text"] for message in bench.provider.bodies()[1]] == ["one", "partial ans", "two"]


async def test_a_second_cancel_does_not_abort_the_save(bench: Bench) -> None:
    bench.store.may_finish.clear()
    handle = bench.session.start_turn(Prompt("one"))
    stream = await bench.provider.opened()
    stream.send(text="kept")
    await streamed(handle)
    handle.cancel()
    await bench.store.finishing.wait()
    assert not handle.cancel()
    bench.store.may_finish.set()
    turn = await handle.result()
    assert turn.outcome is Outcome.CANCELLED
    assert bench.store.finished == [turn]


async def test_cancel_while_the_prompt_is_being_saved_sends_nothing(bench: Bench) -> None:
    bench.store.may_begin.clear()
    handle = bench.session.start_turn(Prompt("one"))
    await bench.store.beginning.wait()
    assert handle.cancel()
    turn = await asyncio.wait_for(handle.result(), 2)
    assert turn.outcome is Outcome.WITHDRAWN
    assert bench.provider.requests == []


async def test_bytes_that_end_early_are_interrupted_with_the_text_kept(bench: Bench) -> None:
    handle = bench.session.start_turn(Prompt("one"))
    stream = await bench.provider.opened()
    stream.send(text="half")
    stream.end()
    turn = await handle.result()
    assert turn.outcome is Outcome.INTERRUPTED
    assert turn.reply.text == "half"
    assert turn.error is not None and turn.error.kind == "TruncatedStream"


async def test_a_failure_before_output_is_failed_and_left_out_of_the_context(bench: Bench) -> None:
    bench.provider.open_errors.append(ConnectionFailedError("no way"))
    turn = await bench.session.start_turn(Prompt("one")).result()
    assert turn.outcome is Outcome.FAILED
    assert bench.session.turns == (turn,)
    handle = bench.session.start_turn(Prompt("two"))
    (await bench.provider.opened()).reply("ok")
    await handle.result()
    assert [message["text"] for message in bench.provider.bodies()[-1]] == ["two"]


async def test_an_error_status_gives_the_providers_own_words(bench: Bench) -> None:
    bench.provider.status = 500
    turn = await bench.session.start_turn(Prompt("one")).result()
    assert turn.outcome is Outcome.FAILED
    assert str(turn.error) == "500: what the server said"


async def test_a_closed_kept_alive_connection_is_tried_again_once_in_silence(bench: Bench) -> None:
    bench.provider.open_errors.append(StaleConnectionError("closed"))
    handle = bench.session.start_turn(Prompt("one"))
    (await bench.provider.opened()).reply("ok")
    turn = await handle.result()
    assert turn.outcome is Outcome.COMPLETE
    assert turn.attempts == 1
    assert len(bench.provider.requests) == 2


async def test_a_connection_closed_twice_is_told(bench: Bench) -> None:
    bench.provider.open_errors += [StaleConnectionError("closed"), StaleConnectionError("closed again")]
    turn = await bench.session.start_turn(Prompt("one")).result()
    assert turn.outcome is Outcome.FAILED
    assert len(bench.provider.requests) == 2


async def test_a_parameter_that_is_refused_is_left_out_told_and_not_sent_again(bench: Bench) -> None:
    bench.session.options = {"temperature": 0.5}
    for word in ("temperature", "top_k"):
        refusal = BadRequestError("not supported")
        refusal.parameter = word
        bench.provider.open_errors.append(refusal)
    bench.session.options = {"temperature": 0.5, "top_k": 3, "top_a": 1}
    handle = bench.session.start_turn(Prompt("one"))
    (await bench.provider.opened()).reply("ok")
    told = [event async for event in handle.events() if isinstance(event, ParameterRefused)]
    assert told == [ParameterRefused("temperature", "test-model"), ParameterRefused("top_k", "test-model")]
    handle = bench.session.start_turn(Prompt("two"))
    (await bench.provider.opened()).reply("ok")
    await handle.result()
    sent = [json.loads(request.body) for request in bench.provider.requests]
    assert ["temperature" in body for body in sent] == [True, False, False, False]
    assert ["top_k" in body for body in sent] == [True, True, False, False]
    assert all(body["top_a"] == 1 for body in sent)


async def test_a_refusal_of_what_was_not_asked_is_told(bench: Bench) -> None:
    refusal = BadRequestError("no such thing")
    refusal.parameter = "messages[0].content"
    bench.provider.open_errors.append(refusal)
    turn = await bench.session.start_turn(Prompt("one")).result()
    assert turn.outcome is Outcome.FAILED and turn.error is refusal
    assert len(bench.provider.requests) == 1


async def test_an_option_that_cannot_be_costs_no_prompt(bench: Bench) -> None:
    bench.session.options = {"temperature": "hot"}
    turn = await bench.session.start_turn(Prompt("one")).result()
    assert turn.outcome is Outcome.FAILED and turn.prompt.text == "one"
    assert "temperature" in str(turn.error) and bench.provider.requests == []


async def test_a_turn_that_is_left_before_it_is_refused_is_withdrawn(bench: Bench) -> None:
    bench.store.failure = OpenElsewhereError("open in another chatterm")
    handle = bench.session.start_turn(Prompt("one"))
    handle.interrupt()  # the program is left in the same moment
    events = [event async for event in handle.events()]
    assert isinstance(last := events[-1], TurnFinished) and not last.saved
    assert last.turn.outcome is Outcome.WITHDRAWN and not last.turn.is_kept
    assert bench.session.turns == () and bench.provider.requests == []


async def test_a_turn_tells_how_many_messages_were_encoded_anew(bench: Bench) -> None:
    counts: list[tuple[int | None, int | None]] = []
    for text in ("one", "two", "three"):
        handle = bench.session.start_turn(Prompt(text))
        (await bench.provider.opened()).reply("ok")
        turn = await handle.result()
        counts.append((turn.sent_messages, turn.encoded_messages))
    assert counts == [(1, 1), (3, 2), (5, 2)]
    bench.session.options = {"temperature": "hot"}
    turn = await bench.session.start_turn(Prompt("four")).result()
    assert (turn.sent_messages, turn.encoded_messages) == (None, None)


async def test_the_headers_tell_the_request_and_what_is_left(bench: Bench) -> None:
    bench.provider.headers = {"X-Request-Id": "req_1", "x-ratelimit-remaining-requests": "59"}
    handle = bench.session.start_turn(Prompt("one"))
    (await bench.provider.opened()).reply("ok")
    turn = await handle.result()
    assert turn.request_id == "req_1"
    assert turn.rate_limits == (RateLimit(of="requests", remaining=59),)


async def test_text_after_the_marker_of_the_end_is_not_waited_for(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatterm.backend.attempt.AFTER_MARKER_SECONDS", 0.05)
    handle = bench.session.start_turn(Prompt("one"))
    stream = await bench.provider.opened()
    stream.send(text="all")
    stream.send(done="end_turn")
    turn = await asyncio.wait_for(handle.result(), 2)
    assert turn.outcome is Outcome.COMPLETE
    assert stream.closed.is_set()


async def test_closing_the_session_saves_the_turn_as_interrupted(bench: Bench) -> None:
    handle = bench.session.start_turn(Prompt("one"))
    stream = await bench.provider.opened()
    stream.send(text="partial")
    await streamed(handle)
    await bench.session.aclose()
    assert bench.store.finished[0].outcome is Outcome.INTERRUPTED
    assert bench.store.finished[0].reply.text == "partial"


async def test_a_failing_store_never_costs_the_reply(bench: Bench) -> None:
    bench.store.failure = StoreError("The disk is full.", "Make room.")
    events = await collect(bench)
    last = events[-1]
    assert isinstance(last, TurnFinished)
    assert not last.saved
    assert last.notice == "The disk is full. Make room."
    assert last.turn.reply.text == "hi there"
    assert last.turn.outcome is Outcome.COMPLETE


async def test_shown_text_is_appended_while_it_streams(bench: Bench) -> None:
    handle = bench.session.start_turn(Prompt("one"))
    stream = await bench.provider.opened()
    big = "x" * FLUSH_CHARACTERS
    stream.send(thinking="hm")
    stream.send(text=big)
    await streamed(handle, TextDelta)
    await asyncio.sleep(0)
    assert bench.store.chunks == [("thinking", "hm"), ("text", big)]
    stream.reply("end")
    turn = await handle.result()
    assert turn.reply.parts == (ThinkingPart("hm"), TextPart(big + "end"))


async def test_slow_text_reaches_the_store_within_its_time(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatterm.backend.recorder.FLUSH_SECONDS", 0.01)
    handle = bench.session.start_turn(Prompt("one"))
    stream = await bench.provider.opened()
    stream.send(text="a few words")
    await asyncio.wait_for(bench.store.appended.wait(), 2)
    assert bench.store.chunks == [("text", "a few words")]
    handle.cancel()
    await handle.result()


async def test_attachments_are_encoded_from_their_blobs(bench: Bench) -> None:
    handle = bench.session.start_turn(Prompt("look", (ImagePart("image/png", "abc"),)))
    (await bench.provider.opened()).reply("I see")
    await handle.result()
    assert b"bytes of abc" in bench.provider.requests[0].body


async def test_a_defect_of_ours_ends_the_turn_and_not_the_program(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("tests.doubles.provider.PlainAdapter.build_request", broken)
    turn = await bench.session.start_turn(Prompt("one")).result()
    assert turn.outcome is Outcome.FAILED
    assert "secret detail" not in str(turn.error)


async def test_a_store_that_hangs_does_not_hold_up_the_end(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatterm.backend.worker.SAVE_SECONDS", 0.05)
    bench.store.may_finish.clear()
    handle = bench.session.start_turn(Prompt("one"))
    (await bench.provider.opened()).reply("answer")
    events = [event async for event in handle.events()]
    last = events[-1]
    assert isinstance(last, TurnFinished)
    assert not last.saved
    assert "busy" in last.notice
    bench.store.may_finish.set()
    await asyncio.wait_for(bench.store.saved.wait(), 2)
    assert bench.store.finished[0].reply.text == "answer"


async def test_cancelling_the_worker_itself_saves_first_and_then_gives_way(bench: Bench) -> None:
    handle = TurnHandle(a_turn(conversation_id="c"), time.monotonic)
    worker = Worker(PayloadCache(), no_blobs, time.monotonic)
    job = TurnJob(
        turn=handle.turn,
        request=TurnRequest(model="m", messages=(handle.turn.prompt,)),
        target=bench.provider.target(),
    )
    running = asyncio.ensure_future(worker.run(job, handle, Recorder(bench.store)))
    stream = await bench.provider.opened()
    stream.send(text="partial")
    await streamed(handle)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (await handle.result()).outcome is Outcome.INTERRUPTED
    assert bench.store.finished[0].reply.text == "partial"
    assert stream.closed.is_set()


async def test_many_images_do_not_push_each_other_out_of_one_request(bench: Bench) -> None:
    worker = Worker(PayloadCache(limit_bytes=200), blobs_of_any, time.monotonic)
    session = Session(bench.store, worker)
    await session.use(bench.provider.target())
    for number in range(6):
        handle = session.start_turn(Prompt(f"look {number}", (ImagePart("image/png", f"pic{number}"),)))
        (await bench.provider.opened()).reply("I see")
        assert (await handle.result()).outcome is Outcome.COMPLETE
    assert len(bench.provider.bodies()[-1]) == 11


async def test_a_key_that_the_server_repeats_is_neither_shown_nor_stored(bench: Bench) -> None:
    key, header = "9f8e7d6c5b4a3210", "another-secret"
    bench.provider.key, bench.provider.extra_headers = key, {"X-Token": header}
    bench.provider.open_errors.append(AuthenticationError(f"bad key {key}", f"with {header}"))
    turn = await bench.session.start_turn(Prompt("one")).result()
    assert isinstance(turn.error, AuthenticationError)
    assert key not in str(turn.error)
    assert header not in str(turn.error)


async def test_what_is_waited_for_after_the_marker_is_not_the_models_time(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempt, "AFTER_USAGE_SECONDS", 1.0)
    handle = bench.session.start_turn(Prompt("one"))
    stream = await bench.provider.opened()
    stream.send(text="all")
    stream.send(usage=[1, 1])
    stream.send(done="end_turn")  # and the bytes do not end
    turn = await handle.result()
    assert turn.timings.total_seconds is not None
    assert turn.timings.total_seconds < 0.9


async def no_blobs(digests: frozenset[str]) -> dict[str, bytes]:
    assert not digests
    return {}


async def blobs_of_any(digests: frozenset[str]) -> dict[str, bytes]:
    return {digest: b"x" * 60 for digest in digests}


async def test_a_save_that_takes_long_is_a_stage(bench: Bench) -> None:
    bench.store.may_finish.clear()
    handle = bench.session.start_turn(Prompt("one"))
    (await bench.provider.opened()).reply("answer")
    stages = [event.stage async for event in until_saving(handle)]
    assert stages[-1] is Stage.SAVING
    bench.store.may_finish.set()
    assert (await handle.result()).outcome is Outcome.COMPLETE


async def until_saving(handle: TurnHandle) -> AsyncIterator[StageChanged]:
    async for event in handle.events():
        if isinstance(event, StageChanged):
            yield event
            if event.stage is Stage.SAVING:
                return


async def test_a_stop_while_it_is_saved_waits_no_longer_and_loses_nothing(bench: Bench) -> None:
    bench.store.may_finish.clear()
    handle = bench.session.start_turn(Prompt("one"))
    (await bench.provider.opened()).reply("answer")
    assert [event.stage async for event in until_saving(handle)][-1] is Stage.SAVING
    assert handle.cancel()
    await asyncio.wait_for(handle.result(), SAVE_SECONDS / 2)
    [last] = await handle.batch()
    assert isinstance(last, TurnFinished)
    assert (last.turn.outcome, last.saved) == (Outcome.COMPLETE, False)
    assert "busy" in last.notice
    bench.store.may_finish.set()
    await asyncio.wait_for(bench.store.saved.wait(), 2)
    assert bench.store.finished == [last.turn]


async def test_an_end_of_the_program_waits_for_a_save(bench: Bench) -> None:
    bench.store.may_finish.clear()
    handle = bench.session.start_turn(Prompt("one"))
    (await bench.provider.opened()).reply("answer")
    assert [event.stage async for event in until_saving(handle)][-1] is Stage.SAVING
    handle.interrupt()
    await asyncio.sleep(0.01)
    assert not handle.done
    bench.store.may_finish.set()
    await handle.result()
    assert len(bench.store.finished) == 1


async def test_a_quick_save_is_no_stage(bench: Bench) -> None:
    handle = bench.session.start_turn(Prompt("one"))
    (await bench.provider.opened()).reply("answer")
    assert Stage.SAVING not in [event.stage async for event in until_saving(handle)]


async def test_a_loop_that_came_late_says_by_how_much_times_may_be_off(bench: Bench) -> None:
    handle = bench.session.start_turn(Prompt("one"))
    stream = await bench.provider.opened()
    stream.send(text="a")
    await asyncio.sleep(0.05)  # let it be measured at least once
    asyncio.get_running_loop().call_soon(time.sleep, 0.15)
    await asyncio.sleep(0.05)
    stream.reply("b")
    lag = (await handle.result()).timings.loop_lag
    assert lag is not None
    assert 0.12 <= lag < 5
