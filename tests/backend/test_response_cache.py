"""The response cache: the same request gets the same reply again, and nothing that is not whole is kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from chatterm.backend.exchanges import Exchanges
from chatterm.backend.metrics import figures_of
from chatterm.backend.providers import registry
from chatterm.backend.providers.base import WireRequest
from chatterm.backend.response_cache import ResponseCache, cache_key
from chatterm.backend.session import Session
from chatterm.core.errors import ConnectionFailedError
from chatterm.core.turn import Outcome, Turn
from chatterm.store.reply_files import ReplyFiles
from chatterm.tui.turn_details import details_page
from chatterm.tui.turn_text import ending_of
from tests.doubles.wire import ENDPOINT, SECRETS, Reply, Wire, ask, session_over, target_of

CHAT = registry.adapter("openai_chat")
SSE = [
    b'data: {"id":"r1","choices":[{"delta":{"content":"one "}}]}\n\n',
    b'data: {"choices":[{"delta":{"content":"two"}}]}\n\n',
    b'data: {"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2}}\n\n',
    b"data: [DONE]\n\n",
]
OTHER = [SSE[0].replace(b"one", b"another"), *SSE[1:]]


@dataclass
class Now:
    """The time, as the files see it."""

    seconds: float = 1_000_000.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Bench:
    """A cache over files, and a wire behind it."""

    folder: Path
    now: Now
    cache: ResponseCache
    wire: Wire
    session: Session
    exchanges: Exchanges

    async def ask(self, text: str = "hello") -> Turn:
        """A turn in a conversation of its own, so that equal prompts make equal requests."""
        target = self.session.target
        assert target is not None
        session = Session(self.session._store, self.session._worker)  # pyright: ignore[reportPrivateUsage]  # the same store and worker
        session.target, session.options = target, self.session.options
        turn = await ask(session, text)
        await self.cache.settled()
        return turn


@pytest.fixture
async def bench(tmp_path: Path) -> Bench:
    now = Now()
    files = ReplyFiles(tmp_path / "replies", most_bytes=100_000, most_seconds=3600, now=now)
    cache = ResponseCache(files, is_on=True)
    exchanges, wire = Exchanges(cache), Wire(*(Reply(SSE if n == 0 else OTHER) for n in range(9)))
    session = await session_over(target_of(wire, CHAT), exchanges)
    return Bench(tmp_path / "replies", now, cache, wire, session, exchanges)


async def test_the_same_request_gets_the_same_reply_and_nothing_is_sent(bench: Bench) -> None:
    first, second = await bench.ask(), await bench.ask()
    assert len(bench.wire.requests) == 1
    assert (second.reply.parts, second.usage, second.stop_reason) == (
        first.reply.parts,
        first.usage,
        first.stop_reason,
    )
    assert (first.is_from_cache, second.is_from_cache) == (False, True)
    assert (
        "from the cache" in ending_of(second, "alt+r")[0] and "from the cache" not in ending_of(first, "")[0]
    )
    assert "answered from | the cache" in details_page(second)
    figures = figures_of(second)
    assert (figures.ttft_seconds, figures.tokens_per_second, figures.server) == (None, None, None)
    shown = bench.exchanges.log.of_turn(second.id)[0].response
    assert shown is not None and shown.cached


async def test_off_is_off(bench: Bench) -> None:
    bench.cache.is_on = False
    await bench.ask()
    await bench.ask()
    assert len(bench.wire.requests) == 2 and not bench.folder.exists()


async def test_another_request_is_another(bench: Bench) -> None:
    await bench.ask("hello")
    await bench.ask("hello ")
    bench.session.options = {"temperature": 0.5}
    await bench.ask("hello")
    assert len(bench.wire.requests) == 3


async def test_asking_again_asks_anew_and_takes_the_place(bench: Bench) -> None:
    await bench.ask()
    session = bench.session
    await ask(session)
    handle = session.regenerate()
    assert handle is not None
    anew = await handle.result()
    await bench.cache.settled()
    assert (len(bench.wire.requests), anew.reply.text) == (2, "another two")
    assert (await bench.ask()).reply.text == "another two"


@pytest.mark.parametrize(
    "reply",
    [
        Reply(SSE[:2]),
        Reply(SSE[:2], error=ConnectionFailedError("lost")),
        Reply([b'{"error":{"message":"no"}}'], status=400),
        Reply([*SSE[:1], b"data: {damaged\n\n", *SSE[1:]]),
        Reply([SSE[0], SSE[2].replace(b'"stop"', b'"length"'), SSE[3]]),
        Reply(SSE[2:]),
        Reply([SSE[0], b'data: {"error":{"message":"overloaded"}}\n\n']),
    ],
    ids=["cut", "lost", "refused", "damaged", "at-the-limit", "empty", "failed"],
)
async def test_what_is_not_whole_is_not_kept(reply: Reply, bench: Bench) -> None:
    bench.wire.replies.insert(0, reply)
    await bench.ask()
    again = await bench.ask()
    assert (len(bench.wire.requests), again.is_from_cache) == (2, False)


async def test_a_stopped_reply_is_not_kept(bench: Bench) -> None:
    from chatterm.backend.session import Prompt

    handle = bench.session.start_turn(Prompt("hello"))
    async for _ in handle.events():
        handle.cancel()
    assert (await handle.result()).outcome is not Outcome.COMPLETE
    await bench.cache.settled()
    assert not (await bench.ask()).is_from_cache


async def test_requests_with_tools_are_never_answered_from_it(bench: Bench) -> None:
    bench.session.options = {"tools": [{"type": "function", "function": {"name": "f"}}]}
    await bench.ask()
    await bench.ask()
    assert len(bench.wire.requests) == 2 and not bench.folder.exists()


@pytest.mark.parametrize("damage", [b"", b"x", b"\x78\x01 not zlib"])
async def test_a_damaged_file_is_a_miss_and_is_made_good(damage: bytes, bench: Bench) -> None:
    await bench.ask()
    (file,) = bench.folder.iterdir()
    file.write_bytes(damage)
    assert not (await bench.ask()).is_from_cache
    assert (await bench.ask()).is_from_cache


async def test_a_file_of_another_request_is_a_miss(bench: Bench) -> None:
    await bench.ask("one")
    (one,) = bench.folder.iterdir()
    await bench.ask("two")
    (two,) = set(bench.folder.iterdir()) - {one}
    two.write_bytes(one.read_bytes())
    assert not (await bench.ask("two")).is_from_cache


async def test_what_is_too_old_is_gone(bench: Bench) -> None:
    await bench.ask()
    bench.now.seconds += 3601
    assert not (await bench.ask()).is_from_cache


async def test_the_least_recently_used_goes_first(tmp_path: Path) -> None:
    now = Now()
    files = ReplyFiles(tmp_path, most_bytes=3_500, most_seconds=3600, now=now)
    import os

    data = {key: os.urandom(1000) for key in "abcd"}
    for key in "abc":
        now.seconds += 1
        await files.put(key, data[key])
    now.seconds += 1
    assert await files.get("a") == data["a"]
    now.seconds += 1
    await files.put("d", data["d"])
    assert [await files.get(key) for key in "abcd"] == [data["a"], None, data["c"], data["d"]]
    assert (await files.size())[0] == 3
    assert await files.clear() == 3
    assert await files.size() == (0, 0)


async def test_no_key_is_in_the_files_and_they_are_private(bench: Bench) -> None:
    import zlib

    told = f'data: {{"choices":[{{"delta":{{"content":"{SECRETS[0]} {SECRETS[1]}"}}}}]}}\n\n'.encode()
    bench.wire.replies.insert(0, Reply([told, *SSE], headers={"x-echo": SECRETS[0]}))
    await bench.ask()
    (file,) = bench.folder.iterdir()
    text = zlib.decompress(file.read_bytes()).decode()
    assert "[key]" in text and not [secret for secret in SECRETS if secret in text]
    assert (file.stat().st_mode & 0o777, bench.folder.stat().st_mode & 0o777) == (0o600, 0o700)


# ---- the key of a request --------------------------------------------------------------------


def request(body: object, url: str = "https://wire.example/v1/chat", **changes: object) -> WireRequest:
    made = WireRequest(
        method="POST", url=url, headers={}, body=json.dumps(body).encode(), framing="sse", endpoint=ENDPOINT
    )
    return replace(made, **changes)  # pyright: ignore[reportArgumentType]  # a table of changes


def test_order_and_what_changes_nothing_do_not_count() -> None:
    one = cache_key(request({"model": "m", "messages": [1], "user": "me"}))
    assert one is not None
    assert one == cache_key(
        request({"messages": [1], "model": "m", "stream_options": {"include_usage": True}})
    )
    other_key = replace(ENDPOINT, api_key="another")
    assert one == cache_key(request({"messages": [1], "model": "m"}, endpoint=other_key))


@contextmanager
def different() -> Iterator[set[str | None]]:
    seen: set[str | None] = {cache_key(request({"model": "m", "seed": 1}))}
    yield seen
    assert None not in seen and len(seen) == 5


def test_what_changes_the_answer_counts() -> None:
    with different() as seen:
        seen.add(cache_key(request({"model": "m", "seed": 2})))
        seen.add(cache_key(request({"model": "m", "seed": 1}, url="https://wire.example/v2/chat")))
        seen.add(cache_key(request({"model": "m", "seed": 1}, method="GET")))
        seen.add(cache_key(request({"model": "m", "seed": 1}, framing=None)))


@pytest.mark.parametrize("body", [[1], "x", {"tools": [{}]}, {"web_search_options": {"a": 1}}])
def test_what_must_not_be_answered_has_no_key(body: object) -> None:
    assert cache_key(request(body)) is None
