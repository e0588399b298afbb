"""What building request bodies costs: `python -m tests.benchmarks.payloads [--builds N]`.

For each adapter and conversation, processor time of this thread per build: with the payload cache, encoding every
message anew, the whole body in one go with the same encoder (the base), and `json.dumps` of it. The bodies of the
first two are compared byte for byte before anything is measured.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass, replace

from chatterm.backend.payload_cache import PayloadCache
from chatterm.backend.providers.base import Endpoint, Limits, ProviderAdapter
from chatterm.backend.providers.registry import adapter_of, service, service_at
from chatterm.backend.providers.wire_json import encode_json
from chatterm.core.messages import ImagePart, Message, TextPart, ToolCallPart, ToolResultPart
from chatterm.core.turn import TurnRequest
from tests.benchmarks.figures import aligned
from tests.cpu_time import seconds

TURN_SECONDS = 0.1
"""A quick turn, of which the cost of its body is a share."""

MEMORY_GOAL = 1.5
"""What the cache may take, by the bytes that it holds."""

IMAGE_BYTES = 3 * 1024 * 1024
IMAGE = bytes(range(256)) * (IMAGE_BYTES // 256)
ENDPOINT = Endpoint(provider="bench", base_url="http://127.0.0.1:1/v1", api_key="k")


def adapters() -> dict[str, ProviderAdapter]:
    """One of each wire format."""
    return {
        "openai_chat": adapter_of(service("openai_chat")),
        "openai_responses": adapter_of(service_at("openai", "openai_responses", None)),
        "anthropic": adapter_of(service("anthropic")),
        "gemini": adapter_of(service("gemini")),
        "ollama": adapter_of(service("ollama")),
    }


@dataclass(frozen=True)
class Conversation:
    """Messages, how often they are built by default, and how much faster the cache must make it."""

    name: str
    messages: tuple[Message, ...]
    builds: int
    goal: float | None = None


def conversations(builds: int) -> list[Conversation]:
    """The three that the cache is judged by."""
    small = _spoken(21, 2678 // 21)
    picture = Message(
        role="user", parts=(ImagePart("image/png", "ab" * 32, "a.png"), TextPart("What is this?"))
    )
    pictured = [picture, *_spoken(41, 200)[1:]]
    return [
        Conversation("21 messages of 2,678 bytes", tuple(small), builds),
        Conversation(
            "1,000 text messages and the prompt", tuple(_spoken(1001, 400)), max(1, builds // 1000), 4.0
        ),
        Conversation(
            "40 messages with a 3 MB image and the prompt", tuple(pictured), max(1, builds // 5000), 15.0
        ),
    ]


def tool_rounds(rounds: int) -> tuple[Message, ...]:
    """A conversation of tools: in each round a call, and its result."""
    messages = [Message(role="user", parts=(TextPart("Look at all files."),))]
    for number in range(rounds):
        call = ToolCallPart(f"call_{number}", "read_file", json.dumps({"path": f"file{number}.txt"}))
        messages.append(Message(role="assistant", parts=(call,)))
        messages.append(Message(role="tool", parts=(ToolResultPart(f"call_{number}", "text " * 40),)))
    return tuple(messages)


def _spoken(count: int, size: int) -> list[Message]:
    text = ('Some words of a message, with a quote " and a line.\n' * (size // 20 + 1))[:size]
    return [Message(role="assistant" if n % 2 else "user", parts=(TextPart(text),)) for n in range(count)]


class Builder:
    """Bodies of one conversation for one adapter."""

    def __init__(self, wire: ProviderAdapter, messages: tuple[Message, ...], cache_bytes: int) -> None:
        self.wire = wire
        self.encodings = 0
        self.cache = PayloadCache(cache_bytes)
        self.request = TurnRequest(model="a-model", messages=messages, max_output_tokens=1000)
        self.blobs = {"ab" * 32: IMAGE}

    def build(self) -> bytes:
        """As the worker does it."""
        variant = self.wire.variant(self.request.model)
        found = self.cache.lookup(self.request.messages, self.wire, variant)
        missing = [
            message for message, known in zip(self.request.messages, found, strict=True) if known is None
        ]
        new = [self.wire.encode_message(message, variant, self.blobs.__getitem__) for message in missing]
        for message, fragment in zip(missing, new, strict=True):
            self.cache.hold(message, self.wire, variant, fragment)
        self.encodings += len(new)
        rest = iter(new)
        fragments = [next(rest) if known is None else known for known in found]
        return self.wire.build_request(self.request, fragments, ENDPOINT, Limits()).body


def tool_conversation(wire: ProviderAdapter) -> tuple[int, float]:
    """How many messages 26 requests of 25 rounds of tools encode, and the memory of the cache by its payload bytes."""
    messages = tool_rounds(25)
    tracemalloc.start()
    builder = _ask_each_round(wire, messages)
    payload = builder.cache.held_bytes
    gc.collect()
    before, _ = tracemalloc.get_traced_memory()
    builder.cache = PayloadCache()
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return builder.encodings, (before - after) / payload


def _ask_each_round(wire: ProviderAdapter, messages: tuple[Message, ...]) -> Builder:
    builder = Builder(wire, (), 64 * 1024 * 1024)
    for end in range(1, len(messages) + 1, 2):
        builder.request = replace(builder.request, messages=messages[:end])
        builder.build()
    return builder


def per_build(work: Callable[[], object], builds: int) -> float:
    """The least of three runs, in seconds per build."""

    def many() -> None:
        for _ in range(builds):
            work()

    return min(seconds(many) for _ in range(3)) / builds


def measure(name: str, wire: ProviderAdapter, conversation: Conversation) -> tuple[tuple[str, ...], float]:
    """A row of the table, and how many times faster the cache is."""
    cached = Builder(wire, conversation.messages, 64 * 1024 * 1024)
    anew = Builder(wire, conversation.messages, 0)
    body = cached.build()
    assert body == cached.build() == anew.build()
    value = json.loads(body)
    costs = [
        per_build(work, conversation.builds)
        for work in (cached.build, anew.build, lambda: encode_json(value), lambda: json.dumps(value))
    ]
    faster = costs[1] / costs[0]
    met = (
        ""
        if conversation.goal is None
        else f"{'met' if faster >= conversation.goal else 'missed'} (>= {conversation.goal:g})"
    )
    shares = [f"{100 * cost / TURN_SECONDS:.3f} %" for cost in costs[:2]]
    shown = [f"{cost * 1e6:,.1f}" for cost in costs]
    return (name, *shown, f"{faster:.1f}x", met, *shares), faster


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--builds", type=int, default=10_000)
    builds = parser.parse_args().builds
    for conversation in conversations(builds):
        rows = [
            (
                "",
                "cached us",
                "anew us",
                "one go us",
                "json.dumps us",
                "faster",
                "goal",
                "share",
                "share anew",
            )
        ]
        rows += [measure(name, wire, conversation)[0] for name, wire in adapters().items()]
        print(f"{conversation.name}, {conversation.builds:,} builds")
        print(aligned(rows), end="\n\n")
    rows = [("", "encodings", "goal", "memory by payload", "goal")]
    for name, wire in adapters().items():
        encodings, share = tool_conversation(wire)
        linear = "met (51)" if encodings == 51 else "missed (51)"
        small = "met (<= 1.5)" if share <= MEMORY_GOAL else "missed (<= 1.5)"
        rows.append((name, str(encodings), linear, f"{share:.2f}x", small))
    print("25 rounds of tools with results of 200 bytes, and the prompt, a request in each")
    print(aligned(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
