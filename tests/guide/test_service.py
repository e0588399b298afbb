"""The guide behind the worker: staged, paced, stoppable, and the same as every other provider."""

from __future__ import annotations

import asyncio
import json
import time

import pytest

from chatterm.backend.guide.answers import GuideAnswers
from chatterm.backend.guide.provider import GuideService
from chatterm.backend.payload_cache import PayloadCache
from chatterm.backend.providers.base import Endpoint, Frame, Limits, OpenStream, ProviderAdapter, WireRequest
from chatterm.backend.providers.guide import MODEL, PROVIDER, GuideAdapter
from chatterm.backend.session import Prompt, Session
from chatterm.backend.target import Target
from chatterm.backend.worker import Worker
from chatterm.core.errors import ModelNotFoundError, ProtocolError, ServerError, TruncatedStreamError
from chatterm.core.events import StageChanged, Streamed, StreamFinished, TextDelta
from chatterm.core.messages import FilePart, ImagePart, Message, TextPart
from chatterm.core.turn import Outcome, Stage, StopReason, Turn, TurnRequest
from chatterm.core.usage import Usage
from tests.doubles.turn_store import MemoryTurnStore

QUESTION = "which key stops a reply"
ENDPOINT = Endpoint(provider=PROVIDER, base_url="guide://manual", is_local=True)


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def read(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def no_blobs(digest: str) -> bytes:
    raise KeyError(digest)


def request_of(*messages: Message, model: str = MODEL) -> WireRequest:
    adapter = GuideAdapter()
    encoded = [adapter.encode_message(message, adapter.variant(model), no_blobs) for message in messages]
    return adapter.build_request(TurnRequest(model=model, messages=messages), encoded, ENDPOINT, Limits())


def user(text: str) -> Message:
    return Message(role="user", parts=(TextPart(text),))


def reply(text: str) -> Message:
    return Message(role="assistant", parts=(TextPart(text),))


async def collected(service: GuideService, request: WireRequest) -> tuple[str, list[Frame]]:
    """The text of an answer through the decoder, and its frames."""
    decoder, frames, text = GuideAdapter().new_decoder(), list[Frame](), ""
    async with service.open_stream(request, lambda stage, at: None) as stream:
        async for frame in stream.frames():
            frames.append(frame)
            for event in decoder.feed(frame):
                text += event.text if isinstance(event, TextDelta) else ""
    assert list(decoder.finish()) == []
    return text, frames


def session_with(service: GuideService, model: str = MODEL) -> tuple[Session, Target]:
    async def load_blobs(digests: frozenset[str]) -> dict[str, bytes]:
        return {}

    async def endpoint() -> Endpoint:
        return ENDPOINT

    target = Target(
        provider=PROVIDER,
        model=model,
        adapter=GuideAdapter(),
        endpoint=endpoint,
        open_stream=service.open_stream,
        host=ENDPOINT.host,
    )
    return Session(MemoryTurnStore(), Worker(PayloadCache(), load_blobs, time.monotonic)), target


async def asked(session: Session, text: str) -> Turn:
    return await session.start_turn(Prompt(text)).result()


# ---- through the worker ----------------------------------------------------------------------------


async def test_a_turn_with_the_guide_is_complete_and_claims_no_tokens() -> None:
    session, target = session_with(GuideService(0))
    await session.use(target)
    turn = await asked(session, QUESTION)
    assert (turn.outcome, turn.stop_reason) == (Outcome.COMPLETE, StopReason.END_TURN)
    assert turn.reply.text == GuideAnswers().answer(QUESTION)
    assert turn.usage == Usage() and turn.timings.server is None


async def test_the_stages_are_those_of_a_request() -> None:
    session, target = session_with(GuideService(0))
    await session.use(target)
    events = [event async for event in session.start_turn(Prompt(QUESTION)).events()]
    stages = [event.stage for event in events if isinstance(event, StageChanged)]
    assert stages[:2] == [Stage.WAITING, Stage.STREAMING]
    streamed = [event.event for event in events if isinstance(event, Streamed)]
    assert streamed[-1] == StreamFinished(StopReason.END_TURN)


async def test_the_second_question_is_read_with_the_first() -> None:
    session, target = session_with(GuideService(0))
    await session.use(target)
    await asked(session, "how do I set request parameters")
    turn = await asked(session, "and with Ollama?")
    assert turn.reply.text.startswith("## Parameters of Ollama")


async def test_a_stop_in_the_middle_keeps_what_was_shown() -> None:
    never = asyncio.Event()

    async def stuck(seconds: float) -> None:
        await never.wait()

    session, target = session_with(GuideService(60, sleep=stuck))
    await session.use(target)
    handle = session.start_turn(Prompt(QUESTION))
    async for event in handle.events():
        if isinstance(event, Streamed):
            assert handle.cancel()
    turn = await handle.result()
    assert turn.outcome is Outcome.CANCELLED
    assert turn.reply.text and GuideAnswers().answer(QUESTION).startswith(turn.reply.text)


async def test_an_unknown_model_is_named_with_the_one_there_is() -> None:
    session, target = session_with(GuideService(0), model="gpt-x")
    await session.use(target)
    turn = await asked(session, QUESTION)
    assert turn.outcome is Outcome.FAILED
    assert isinstance(turn.error, ModelNotFoundError)
    assert str(turn.error) == "The guide has no model 'gpt-x'. Its one model is manual."


# ---- the stream ------------------------------------------------------------------------------------


async def test_words_come_at_the_pace_and_add_up_to_the_answer() -> None:
    clock = Time()
    text, frames = await collected(
        GuideService(50, clock=clock.read, sleep=clock.sleep), request_of(user(QUESTION))
    )
    assert text == GuideAnswers().answer(QUESTION)
    words = frames[:-1]
    assert len(words) == len(text.split())
    assert [frame.at for frame in words] == pytest.approx([100 + number / 50 for number in range(len(words))])
    assert frames[-1].at == words[-1].at


async def test_a_reader_that_lags_is_caught_up_without_further_waiting() -> None:
    clock = Time()
    service = GuideService(10, clock=clock.read, sleep=clock.sleep)
    async with service.open_stream(request_of(user(QUESTION)), lambda stage, at: None) as stream:
        frames = stream.frames()
        await anext(frames)
        clock.now += 1.0
        for _ in range(10):
            await anext(frames)
        assert clock.slept == []
        await anext(frames)
        assert clock.slept == pytest.approx([0.1])


async def test_no_pace_sends_all_at_once() -> None:
    clock = Time()
    text, frames = await collected(
        GuideService(0, clock=clock.read, sleep=clock.sleep), request_of(user(QUESTION))
    )
    assert len(frames) == 2 and clock.slept == [] and text == GuideAnswers().answer(QUESTION)


async def test_the_same_request_streams_the_same_bytes() -> None:
    request = request_of(user("hello"), reply("..."), user(QUESTION))
    runs = [[frame.data for frame in (await collected(GuideService(0), request))[1]] for _ in range(2)]
    assert runs[0] == runs[1]


async def test_a_read_is_cancelled_at_once_at_the_slowest_pace() -> None:
    first = asyncio.Event()

    async def read() -> None:
        async with GuideService(0.001).open_stream(
            request_of(user(QUESTION)), lambda stage, at: None
        ) as stream:
            async for _ in stream.frames():
                first.set()

    task = asyncio.ensure_future(read())
    await first.wait()
    task.cancel()
    async with asyncio.timeout(5):
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_the_one_model_is_listed() -> None:
    adapter = GuideAdapter()
    request = adapter.models_request(ENDPOINT, Limits())
    async with GuideService(0).open_stream(request, lambda stage, at: None) as stream:
        assert stream.status == 200
        models = adapter.parse_models(await stream.body(), PROVIDER)
    assert [(model.provider, model.id) for model in models] == [(PROVIDER, MODEL)]


async def test_stage_times_are_the_clocks() -> None:
    clock, stages = Time(), list[tuple[Stage, float]]()
    service = GuideService(0, clock=clock.read)
    async with service.open_stream(request_of(user("hi")), lambda *stage: stages.append(stage)) as stream:
        assert (stream.status, stream.headers_at, dict(stream.headers)) == (200, 100.0, {})
    assert stages == [(Stage.WAITING, 100.0)]


# ---- the wire format -------------------------------------------------------------------------------


def test_only_the_users_messages_go_out_with_the_names_of_their_files() -> None:
    files = (ImagePart("image/png", "aa", "a.png"), FilePart("b.txt", "text/plain", "bb"))
    first = Message(role="user", parts=(*files, TextPart("one")))
    body = json.loads(request_of(first, reply("two"), user("three \ud83d")).body)
    assert body == {
        "model": "manual",
        "messages": [
            {"text": "one", "attachments": ["a.png", "b.txt"]},
            {"text": "three \ufffd", "attachments": []},
        ],
    }


def frames_of(*lines: bytes) -> list[Frame]:
    return [Frame(0.0, line) for line in lines]


def test_the_decoder_reads_increments_and_the_end() -> None:
    decoder = GuideAdapter().new_decoder()
    frames = frames_of(b'{"delta":"a "}', b'{"delta":"b"}', b'{"done":"end_turn"}')
    assert [event for frame in frames for event in decoder.feed(frame)] == [
        TextDelta("a "),
        TextDelta("b"),
        StreamFinished(StopReason.END_TURN),
    ]
    assert list(decoder.finish()) == []


def test_an_answer_without_its_end_is_truncated() -> None:
    decoder = GuideAdapter().new_decoder()
    list(decoder.feed(Frame(0.0, b'{"delta":"a"}')))
    with pytest.raises(TruncatedStreamError):
        decoder.finish()


@pytest.mark.parametrize("line", [b"", b"{", b"[]", b'{"delta":1}', b'{"done":"never heard of"}', b"\xff"])
def test_a_line_of_another_format_is_a_protocol_error(line: bytes) -> None:
    with pytest.raises(ProtocolError):
        list(GuideAdapter().new_decoder().feed(Frame(0.0, line)))


def test_a_list_of_models_of_another_format_is_a_protocol_error() -> None:
    with pytest.raises(ProtocolError):
        GuideAdapter().parse_models(b'{"models": 3}', PROVIDER)


def test_other_failures_are_server_errors_with_clean_text() -> None:
    error = GuideAdapter().parse_error(500, {}, b"\x1b[2J" + b"x" * 1000)
    assert isinstance(error, ServerError) and error.status == 500
    assert "\x1b" not in str(error) and len(str(error)) < 300


def test_adapter_and_service_fit_the_seam() -> None:
    adapter: ProviderAdapter = GuideAdapter()
    opener: OpenStream = GuideService(0).open_stream
    assert adapter.name == PROVIDER and callable(opener)
