"""What reading replies costs: `python -m tests.benchmarks.decoding [--runs N]`.

Every recorded stream of a wire format is decoded from frames to stream events, beside `json.loads` over the same
payloads in the same run, in turn; and cut out of its bytes and folded besides. Processor time of this thread.
Needs the recordings (see tests/providers/replay.py); makes a long Perplexity reply itself.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from chatterm.backend.providers.base import Frame, ProviderAdapter
from chatterm.backend.providers.registry import adapter
from chatterm.core.errors import ProviderError
from chatterm.core.reducer import Draft
from tests.benchmarks.figures import Figure, table
from tests.cpu_time import seconds
from tests.providers.replay import SHARED_FOLDER, frames, recordings, whole

GOAL_RATIO = 2.0
LONG_BYTES = 675_000


@dataclass(frozen=True)
class Stream:
    """One reply: its bytes, and the frames they are."""

    adapter: ProviderAdapter
    body: bytes
    frames: list[Frame]


def streams_by_format() -> dict[str, list[Stream]]:
    """All recorded streams by the name of their wire format."""
    found: dict[str, list[Stream]] = {}
    for one in recordings(SHARED_FOLDER):
        if one.status < 400 and one.streams:
            stream = stream_of(one.adapter, one.body)
            found.setdefault(type(one.adapter).__name__, []).append(stream)
    return found


def stream_of(wire: ProviderAdapter, body: bytes) -> Stream:
    return Stream(wire, body, list(frames(wire.framing, whole(body))))


def long_perplexity_reply(size: int) -> bytes:
    """A reply as Perplexity streams it: every event repeats the text so far, and all sources."""
    sources = [f"https://example.com/source/{number}" for number in range(20)]
    results = [
        {"title": f"Source {n}", "url": url, "snippet": "words " * 30} for n, url in enumerate(sources)
    ]
    body, text = bytearray(), ""
    while len(body) < size:
        text += "some words "
        choice = {"index": 0, "delta": {"content": "some words "}, "message": {"content": text}}
        event = {
            "id": "x",
            "model": "sonar",
            "citations": sources,
            "search_results": results,
            "choices": [choice],
        }
        body += b"data: " + json.dumps(event).encode() + b"\r\n\r\n"
    return bytes(body)


def decode(streams: Sequence[Stream]) -> None:
    for stream in streams:
        decoder = stream.adapter.new_decoder()
        for frame in stream.frames:
            for _ in decoder.feed(frame):
                pass


def cut_decode_and_fold(streams: Sequence[Stream]) -> None:
    for stream in streams:
        decoder, draft = stream.adapter.new_decoder(), Draft()
        for frame in frames(stream.adapter.framing, whole(stream.body)):
            for event in decoder.feed(frame):
                draft.apply(event)
        draft.parts()


def load(streams: Sequence[Stream]) -> None:
    for stream in streams:
        for frame in stream.frames:
            if frame.data != b"[DONE]":
                json.loads(frame.data)


def figures(name: str, streams: Sequence[Stream], runs: int) -> tuple[list[Figure], str]:
    """The ratios, and what was decoded each second."""
    streams = [stream for stream in streams if not _fails(stream)]
    events = sum(len(stream.frames) for stream in streams)
    size = sum(len(stream.body) for stream in streams)
    samples = {work: list[float]() for work in (load, decode, cut_decode_and_fold)}
    for _ in range(runs + 1):
        for work, taken in samples.items():
            taken.append(seconds(lambda work=work: work(streams)))
    base = samples[load][1:]
    ratios = [
        Figure(
            f"{name}: {label}",
            "x",
            [ours / one for ours, one in zip(samples[work][1:], base, strict=True)],
            goal,
        )
        for work, label, goal in (
            (decode, "frames to events", GOAL_RATIO),
            (cut_decode_and_fold, "bytes to reply", None),
        )
    ]
    median = sorted(samples[decode][1:])[runs // 2]
    rate = f"{name}: {events / median:,.0f} frames/s, {size / median / 1e6:,.1f} MB/s of {size / 1e6:.1f} MB"
    return ratios, rate


def _fails(stream: Stream) -> bool:
    """Whether it ends in an error: what comes after that is not decoded, and cannot be compared."""
    try:
        decode([stream])
    except ProviderError:
        return True
    return False


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=9)
    runs = parser.parse_args().runs
    if not SHARED_FOLDER.is_dir():
        print(f"no recordings in {SHARED_FOLDER}; CHATTERM_RECORDINGS names another folder", file=sys.stderr)
        return 1
    ratios: list[Figure] = []
    rates: list[str] = []
    sources = streams_by_format()
    perplexity = adapter("perplexity")
    for part in (LONG_BYTES // 4, LONG_BYTES):
        sources[f"Perplexity, {part // 1000} KB"] = [stream_of(perplexity, long_perplexity_reply(part))]
    for name, streams in sources.items():
        found, rate = figures(name, streams, runs)
        ratios += found
        rates.append(rate)
    print(table(ratios))
    print(*rates, sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
