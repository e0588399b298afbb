"""How fast `chatterm bench` reads: `python -m tests.benchmarks.bench_rate [--streams N] [--replies N] [--runs N]`.

In turn, against one server in a process of its own: the real program with 50 streams, a bare httpx and json script with
as many, and a reader of bytes that looks at nothing, which shows what the server can send. Each is a process of its
own. Rates are events per second of wall time; beside them stands the processor time, which another program on the
machine changes less.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.benchmarks.bench_accuracy import busy_machine
from tests.benchmarks.figures import Figure, table, write_json
from tests.benchmarks.reply_server import MODEL, serving
from tests.benchmarks.worker_overhead import bare_loop
from tests.journeys.program import Home

LEAST_SHARE = 0.4
"""Of the rate of the bare script, that the program reaches at least."""

SERVER_TIMES = 2.0
"""So many times the rate of the program the server has to be able to send."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Events per second, and the processor time for each event in microseconds."""

    per_second: float
    cpu_us: float


def program_rate(home: Home, url: str, streams: int, replies: int, events: int) -> tuple[Rate, float]:
    """What the program reads, by its own figures; the second value is its own share of a core."""
    words = ("-c", str(streams), "-n", str(streams * replies), "--warmup", "1", "--json", "--no-save")
    ended = home.run("bench", "--base-url", f"{url}/burst/v1", "-m", MODEL, *words)
    assert ended.status == 0, ended
    result = json.loads(ended.output)
    [target] = result["targets"]
    assert target["complete"] == streams * replies, target
    cpu_us = result["cpu_share"] * result["seconds"] / (target["complete"] * events) * 1e6
    return Rate(target["deltas_per_second"], cpu_us), result["cpu_share"]


def other_rate(kind: str, url: str, streams: int, replies: int) -> Rate:
    """What the bare script reads, or ("bytes") the reader that looks at nothing: in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.bench_rate", kind, url, str(streams), str(replies)]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    return Rate(*json.loads(done.stdout))


def measure(
    folder: Path, streams: int, replies: int, events: int, runs: int
) -> tuple[list[Figure], list[str]]:
    """The figures of all three, and what limits them."""
    found: dict[str, list[Rate]] = {"program": [], "bare": [], "bytes": []}
    shares: list[float] = []
    home = Home(folder / "rate")
    with serving(events) as url:
        for _ in range(runs):
            rate, share = program_rate(home, url, streams, replies, events)
            shares.append(share)
            found["program"].append(rate)
            found["bare"].append(other_rate("bare", url, streams, replies))
            # Its bytes are those of whole replies, of which it counts the events.
            lines = other_rate("bytes", url, streams, replies)
            found["bytes"].append(Rate(lines.per_second * events, lines.cpu_us / events))
    pairs = list(zip(found["program"], found["bare"], found["bytes"], strict=True))
    # Goals are upper bounds, so what must be large is told the other way round.
    bare_times = [bare.per_second / ours.per_second for ours, bare, _ in pairs]
    figures = [
        *(Figure(f"{name}: rate", "1/s", [r.per_second for r in rates]) for name, rates in found.items()),
        *(Figure(f"{name}: per event", "us", [r.cpu_us for r in rates]) for name, rates in found.items()),
        Figure("bare rate over ours", "x", bare_times, 1 / LEAST_SHARE, digits=2),
        Figure(
            "our CPU over bare", "x", [o.cpu_us / b.cpu_us for o, b, _ in pairs], 1 / LEAST_SHARE, digits=2
        ),
        Figure(
            "our rate over the server's",
            "x",
            [o.per_second / s.per_second for o, _, s in pairs],
            1 / SERVER_TIMES,
            digits=2,
        ),
    ]
    return figures, [f"the program used {100 * max(shares):.0f} % of a core at most"]


async def _timed(read: Callable[[], Awaitable[int]], streams: int, replies: int) -> Rate:
    async def several() -> int:
        return sum([await read() for _ in range(replies)])

    await read()
    began, cpu = time.monotonic(), time.process_time()
    count = sum(await asyncio.gather(*(several() for _ in range(streams))))
    return Rate(count / (time.monotonic() - began), (time.process_time() - cpu) / count * 1e6)


async def _bare(url: str, streams: int, replies: int) -> Rate:
    limits = httpx.Limits(max_connections=streams, max_keepalive_connections=streams)
    async with httpx.AsyncClient(limits=limits, timeout=None) as client:
        return await _timed(lambda: bare_loop(client, f"{url}/burst/v1/chat/completions"), streams, replies)


async def _bytes(url: str, streams: int, replies: int) -> Rate:
    host, _, port = url.removeprefix("http://").partition(":")
    body = json.dumps({"model": MODEL}).encode()
    head = f"POST /burst/v1/chat/completions HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n\r\n"

    async def whole() -> int:
        reader, writer = await asyncio.open_connection(host, int(port), limit=2**20)
        writer.write(head.encode() + body)
        end = b""
        while not end.endswith(b"0\r\n\r\n"):
            data = await reader.read(2**18)
            assert data, "the server closed"
            end = (end + data)[-16:]
        writer.close()
        return 1

    return await _timed(whole, streams, replies)


def main() -> int:
    """Measure, print the table, and tell by the exit status whether every goal was met."""
    if sys.argv[1:2] and sys.argv[1] in ("bare", "bytes"):
        read = _bare if sys.argv[1] == "bare" else _bytes
        rate = asyncio.run(read(sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
        print(json.dumps([rate.per_second, rate.cpu_us]))
        return 0
    parser = argparse.ArgumentParser(description="How fast chatterm bench reads.")
    parser.add_argument("--streams", type=int, default=50)
    parser.add_argument("--replies", type=int, default=3, help="for each stream")
    parser.add_argument("--events", type=int, default=1000, help="in each reply")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", type=Path, help="also write every sample to this file")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        figures, notes = measure(Path(name), chosen.streams, chosen.replies, chosen.events, chosen.runs)
    print(table(figures), *notes, busy_machine(), sep="\n")
    if chosen.json:
        write_json(chosen.json, figures)
    return 1 if any(figure.is_met is False for figure in figures) else 0


if __name__ == "__main__":
    sys.exit(main())
