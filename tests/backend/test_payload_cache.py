"""The two laws of the payload cache, and its bound."""

from __future__ import annotations

import tracemalloc

from chatterm.backend.payload_cache import PayloadCache
from chatterm.backend.providers import registry
from chatterm.backend.providers.base import Endpoint, Limits
from chatterm.backend.providers.wire_json import encode_json
from chatterm.core.messages import ImagePart, Message, TextPart
from chatterm.core.turn import TurnRequest

ENDPOINT = Endpoint(provider="openai", base_url="http://127.0.0.1:1/v1")
BLOBS = {"abc": b"\x89PNG picture"}


def conversation(length: int) -> tuple[Message, ...]:
    return tuple(
        Message(id=f"m{n}", role="user" if n % 2 == 0 else "assistant", parts=(TextPart(f"text {n} é\n"),))
        for n in range(length)
    )


def body(cache: PayloadCache, messages: tuple[Message, ...], name: str) -> bytes:
    adapter = registry.adapter(name)
    request = TurnRequest(model="m", messages=messages, system="be brief")
    return adapter.build_request(request, encoded(cache, messages, name), ENDPOINT, Limits()).body


def encoded(cache: PayloadCache, messages: tuple[Message, ...], name: str) -> list[bytes]:
    """What the worker does with the cache."""
    adapter = registry.adapter(name)
    variant = adapter.variant("m")
    fragments: list[bytes] = []
    for message, known in zip(messages, cache.lookup(messages, adapter, variant), strict=True):
        fragment = known or adapter.encode_message(message, variant, BLOBS.__getitem__)
        cache.hold(message, adapter, variant, fragment)
        fragments.append(fragment)
    return fragments


def test_joined_bytes_equal_a_one_shot_encoding() -> None:
    picture = Message(id="p", role="user", parts=(ImagePart("image/png", "abc"), TextPart("what is it?")))
    messages = (*conversation(6), picture)
    for name in ("openai", "ollama", "gemini"):
        warm = PayloadCache()
        body(warm, messages[:4], name)
        assert body(warm, messages, name) == body(PayloadCache(limit_bytes=0), messages, name)
        assert warm.hits == 4


def test_a_request_begins_with_the_messages_of_the_one_before() -> None:
    messages = conversation(7)
    for name in ("openai", "ollama", "gemini"):
        cache = PayloadCache()
        shorter, longer = body(cache, messages[:5], name), body(cache, messages, name)
        prefix = shorter[: shorter.index(b"text 4") + 6]
        assert longer.startswith(prefix)


def test_the_oldest_fragments_leave_when_it_is_full() -> None:
    adapter = registry.adapter("openai")
    messages = conversation(10)
    cache = PayloadCache(limit_bytes=300)
    encoded(cache, messages, "openai")
    assert 0 < cache.held_bytes <= 300
    found = cache.lookup(messages, adapter, adapter.variant("m"))
    assert found[0] is None
    assert found[-1] is not None
    assert cache.held_bytes == sum(len(fragment) for fragment in found if fragment is not None)


def test_what_was_used_last_stays_whatever_came_first() -> None:
    adapter = registry.adapter("openai")
    messages = conversation(7)
    first, second = messages[:3], messages[3:6]
    cache, variant = PayloadCache(limit_bytes=60), adapter.variant("m")
    for message in (*first, *second):
        cache.hold(message, adapter, variant, b"x" * 10)
    assert None not in cache.lookup(first, adapter, variant)
    cache.hold(messages[6], adapter, variant, b"x" * 25)
    assert None not in cache.lookup(first, adapter, variant)
    assert cache.lookup(second, adapter, variant) == [None] * 3


def test_a_fragment_takes_no_more_memory_than_it_has_bytes() -> None:
    """The encoder leaves room behind what it wrote, which `sys.getsizeof` does not tell."""
    adapter = registry.adapter("openai")
    message, cache = conversation(1)[0], PayloadCache()
    tracemalloc.start()
    cache.hold(message, adapter, adapter.variant("m"), encode_json("x" * 1_000_000))
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert cache.held_bytes <= taken < 1.05 * cache.held_bytes


def test_holding_twice_counts_once() -> None:
    adapter = registry.adapter("openai")
    message, cache = conversation(1)[0], PayloadCache()
    for _ in range(2):
        cache.hold(message, adapter, adapter.variant("m"), b"12345")
    assert cache.held_bytes == 5


def test_turned_off_it_holds_nothing() -> None:
    messages, cache = conversation(3), PayloadCache(limit_bytes=0)
    for _ in range(2):
        encoded(cache, messages, "openai")
    assert (cache.hits, cache.misses, cache.held_bytes) == (0, 6, 0)
