"""A recorded turn, played, is the turn that was recorded; and a recording that is not whole is said to be so."""

from __future__ import annotations

import asyncio
import json
import random
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatterm.backend.exchanges import Exchanges
from chatterm.backend.providers import registry
from chatterm.backend.replay import Replay
from chatterm.backend.wire_log.recorded import Recorded, read_recording
from chatterm.backend.wire_log.recording import Recording
from chatterm.core.errors import ConfigError, ConnectionFailedError
from chatterm.core.messages import ToolCallPart
from chatterm.core.turn import Outcome, Turn
from tests.doubles.wire import SECRETS, Reply, Wire, ask, replaying, session_over, target_of
from tests.providers.replay import OWN_FOLDER, SHARED_FOLDER, random_pieces, recordings
from tests.providers.replay import Recording as Recorded1

_ALL = [*recordings(OWN_FOLDER), *recordings(SHARED_FOLDER)]


def content(turn: Turn) -> tuple[object, ...]:
    """What of a turn must be the same when it is played."""
    error = (turn.error.kind, turn.error.message) if turn.error else None
    # A call that comes without an id is given one by chance.
    parts = [
        replace(part, call_id="") if isinstance(part, ToolCallPart) else part for part in turn.reply.parts
    ]
    return parts, turn.usage, turn.stop_reason, turn.outcome, turn.skipped_frames, error


async def recorded_turns(path: Path, wire: Wire, adapter: object, count: int, *, streams: bool) -> list[Turn]:
    exchanges = Exchanges()
    exchanges.record(path)
    session = await session_over(target_of(wire, adapter, streams=streams), exchanges)  # pyright: ignore[reportArgumentType]  # parametrised as object
    turns = [await ask(session, f"question {number}") for number in range(count)]
    exchanges.stop_recording()
    return turns


@pytest.mark.parametrize("one", _ALL, ids=lambda one: one.name)
async def test_a_replayed_turn_is_the_recorded_one(one: Recorded1, tmp_path: Path) -> None:
    path = tmp_path / "turn.jsonl"
    reply = Reply(random_pieces(one.body, seed=7), one.status, one.headers)
    (turn,) = await recorded_turns(path, Wire(reply), one.adapter, 1, streams=one.streams)
    session = await replaying(Replay(read_recording(path), speed=0))
    played = await ask(session)
    assert content(played) == content(turn)
    assert (played.provider, played.model) == ("wire", "test-model")


SSE = [
    b'data: {"choices":[{"delta":{"content":"one "}}]}\n\n',
    b'data: {"choices":[{"delta":{"content":"two"}}]}\n\n',
    b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n',
]
CHAT = registry.adapter("openai_chat")


async def test_turns_are_played_in_order_and_the_end_is_said(tmp_path: Path) -> None:
    path = tmp_path / "turns.jsonl"
    lost = ConnectionFailedError("The connection to wire.example was lost.", "Try again.")
    wire = Wire(Reply(SSE), Reply(SSE[:1], error=lost), Reply([b'{"error":{"message":"no"}}'], status=400))
    turns = await recorded_turns(path, wire, CHAT, 3, streams=True)
    assert [turn.outcome for turn in turns] == [Outcome.COMPLETE, Outcome.INTERRUPTED, Outcome.FAILED]
    session = await replaying(Replay(read_recording(path), speed=0))
    assert [content(await ask(session)) for _ in turns] == [content(turn) for turn in turns]
    after = await ask(session)
    assert (after.outcome, after.prompt.text) == (Outcome.FAILED, "hello")
    assert "at its end: all its 3 replies were played" in str(after.error)


async def test_it_is_played_at_its_pace(tmp_path: Path) -> None:
    path = tmp_path / "turn.jsonl"
    await recorded_turns(path, Wire(Reply(SSE)), CHAT, 1, streams=True)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for number, line in enumerate(line for line in lines if line["type"] not in ("header", "request")):
        line["seconds"] = 10.0 + number
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    await ask(await replaying(Replay(read_recording(path), speed=2, sleep=sleep)))
    # The sleeps take no time here, so that each wait counts from the beginning: headers, frames, end.
    assert slept == pytest.approx([5.0, 5.5, 6.0, 6.5, 7.0, 7.5], abs=0.4)
    slept.clear()
    await ask(await replaying(Replay(read_recording(path), speed=0, sleep=sleep)))
    assert slept == []


async def test_a_stopped_turn_says_that_it_was_stopped(tmp_path: Path) -> None:
    path = tmp_path / "turn.jsonl"
    await recorded_turns(path, Wire(Reply(SSE)), CHAT, 1, streams=True)
    lines = path.read_text().splitlines()
    end = json.loads(lines[-1]) | {"how": "stopped"}
    path.write_text("\n".join([*lines[:4], json.dumps(end)]) + "\n")
    played = await ask(await replaying(Replay(read_recording(path), speed=0)))
    assert (played.outcome, played.reply.text) == (Outcome.INTERRUPTED, "one ")
    assert "the reply was stopped" in str(played.error)


async def test_a_cut_recording_is_played_as_far_as_it_goes(tmp_path: Path) -> None:
    path = tmp_path / "turn.jsonl"
    await recorded_turns(path, Wire(Reply(SSE), Reply(SSE)), CHAT, 2, streams=True)
    data = path.read_bytes()
    path.write_bytes(data[: data.rindex(b"two")])
    recorded = read_recording(path)
    assert recorded.notices == (f"{path} is cut off in line 12.",)
    session = await replaying(Replay(recorded, speed=0))
    assert (await ask(session)).outcome is Outcome.COMPLETE
    cut = await ask(session)
    assert (cut.outcome, cut.reply.text) == (Outcome.INTERRUPTED, "one ")
    assert "The recording is cut off here." in str(cut.error)


async def test_damage_ends_the_turn_it_is_in_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "turns.jsonl"
    await recorded_turns(path, Wire(Reply(SSE), Reply(SSE)), CHAT, 2, streams=True)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[4] = b"\xff\xfe not a line\n"
    path.write_bytes(b"".join(lines))
    recorded = read_recording(path)
    assert "is damaged in line 5" in recorded.notices[0]
    session = await replaying(Replay(recorded, speed=0))
    first, second = await ask(session), await ask(session)
    assert (first.outcome, first.reply.text) == (Outcome.INTERRUPTED, "one ")
    assert (second.outcome, second.reply.text) == (Outcome.COMPLETE, "one two")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is no recording"),
        (b"hello\n", "is no recording"),
        (b'{"type":"header"', "is no recording"),
        (b'{"type":"header","version":2}\n{"type":"new"}\n', "of version 2; this chatterm plays version 1"),
        (b'{"type":"header","version":1,"program":"x","at":"y"}\n', "holds no request"),
    ],
)
def test_what_cannot_be_played_is_one_clear_line(data: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    with pytest.raises(ConfigError, match=words) as caught:
        read_recording(path)
    assert "\n" not in caught.value.message and caught.value.hint


def test_an_adapter_that_is_not_there_is_said_before_anything_is_played(tmp_path: Path) -> None:
    path = tmp_path / "file"
    request = {"type": "request", "exchange": 1, "at": "", "provider": "x", "model": "y", "adapter": "nope"}
    request |= {"base_url": "", "method": "POST", "url": "u", "headers": {}}
    path.write_text('{"type":"header","version":1}\n' + json.dumps(request) + "\n")
    with pytest.raises(ConfigError, match="needs the wire format 'nope'"):
        Replay(read_recording(path))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("made") / "turns.jsonl"
    asyncio.run(recorded_turns(path, Wire(Reply(SSE), Reply(SSE)), CHAT, 2, streams=True))
    return path.read_bytes()


@given(seed=st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_whatever_became_of_the_file_it_is_read_or_refused(made: bytes, seed: int, tmp_path_factory) -> None:
    chance, data = random.Random(seed), bytearray(made)
    for _ in range(chance.randint(0, 4)):
        data[chance.randrange(len(data))] = chance.randrange(256)
    path = tmp_path_factory.mktemp("spoilt") / "file"
    path.write_bytes(data[: chance.randint(0, len(data))])
    try:
        recorded = read_recording(path)
        replay = Replay(recorded, speed=0)
    except ConfigError:
        return

    async def play() -> list[Turn]:
        session = await replaying(replay)
        return [await ask(session) for _ in recorded.exchanges]

    for turn in asyncio.run(play()):
        assert turn.outcome is not None
        assert turn.error is None or turn.error.kind != "Internal", turn.error


# ---- the file --------------------------------------------------------------------------------


async def test_the_file_is_new_private_and_without_keys(tmp_path: Path) -> None:
    path = tmp_path / "turn.jsonl"
    told = f'data: {{"choices":[{{"delta":{{"content":"you sent {" and ".join(SECRETS)}"}}}}]}}\n\n'
    reply = Reply([told.encode(), *SSE], headers={"x-echo": SECRETS[0], "set-cookie": "session=1"})
    await recorded_turns(path, Wire(reply), CHAT, 1, streams=True)
    text = path.read_text()
    assert not [secret for secret in SECRETS if secret in text]
    assert "session=1" not in text and "Bearer [key]" in text and "you sent [key] and [hidden]" in text
    assert '"x-title":"shown"' not in text or "question 0" in text
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(ConfigError, match="is there already"):
        Recording(path)
    assert path.read_text() == text


def test_a_file_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be recorded to: No such file or directory"):
        Recording(tmp_path / "nowhere" / "file")


async def test_a_full_disk_ends_the_recording_and_nothing_else(tmp_path: Path, monkeypatch) -> None:
    import os

    problems: list[str] = []
    exchanges = Exchanges()
    recording = exchanges.record(tmp_path / "turn.jsonl", problems.append)

    def full(file: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    session = await session_over(target_of(Wire(Reply(SSE)), CHAT), exchanges)
    monkeypatch.setattr(os, "write", full)
    turn = await ask(session)
    exchanges.stop_recording()
    monkeypatch.undo()
    assert turn.outcome is Outcome.COMPLETE
    assert problems == [recording.problem] and "No space left on device" in problems[0]


async def test_a_recording_that_begins_in_a_turn_begins_with_the_next(tmp_path: Path) -> None:
    exchanges = Exchanges()
    wire = Wire(Reply(SSE), Reply(SSE))
    session = await session_over(target_of(wire, CHAT), exchanges)
    await ask(session)
    exchanges.record(tmp_path / "turn.jsonl")
    await ask(session)
    exchanges.stop_recording()
    recorded: Recorded = read_recording(tmp_path / "turn.jsonl")
    assert len(recorded.exchanges) == 1 and recorded.exchanges[0].end is not None
