"""A server in a process of its own that knows when it sent each delta: run by `serving_stamped`.

Its clock is the monotonic one, which all processes of the machine share. Each reply has a number, which it reports as
the tokens of the prompt, so that whoever measures can be matched with what was sent.
"""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
import urllib.request
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from chatterm.backend.metrics import percentile
from tests.doubles import server_replies as replies
from tests.doubles.server import ScriptedServer, SeenRequest
from tests.doubles.server_replies import CHAT_PATHS, Pause, Script, Send, Step

MODEL = "stamped-model"
BEFORE = 2
"""So many pieces are sent before the first delta: the head, and an event that names the role."""

FIRST_SECONDS, GAP_SECONDS = (0.05, 0.2), (0.005, 0.035)
"""From the least to the most: until the first delta, and between two."""


@dataclass(frozen=True, slots=True)
class Truth:
    """When the reply of a number was asked for and its deltas were sent, in monotonic seconds."""

    number: int
    arrived_at: float
    sent_at: tuple[float, ...]

    @property
    def ttft_seconds(self) -> float:
        """From the request to the first delta."""
        return self.sent_at[0] - self.arrived_at

    def gap_seconds(self, share: float) -> float:
        """The percentile of the gaps between deltas."""
        gaps = [later - earlier for earlier, later in zip(self.sent_at, self.sent_at[1:], strict=False)]
        return percentile(gaps, share) or 0.0


@dataclass(frozen=True, slots=True)
class StampedServer:
    """Such a server that runs."""

    port: int

    @property
    def base_url(self) -> str:
        """The base URL of its OpenAI format."""
        return f"http://127.0.0.1:{self.port}/v1"

    def truths(self) -> dict[int, Truth]:
        """What was sent so far, by number."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/stamps") as answer:
            return {
                number: Truth(number, arrived, tuple(sent)) for number, arrived, sent in json.load(answer)
            }


@contextmanager
def serving_stamped(deltas: int) -> Generator[StampedServer]:
    """Such a server, whose replies have this many deltas."""
    command = [sys.executable, "-m", "tests.benchmarks.stamped_server", str(deltas)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None and server.stdout is not None
        try:
            yield StampedServer(int(server.stdout.readline()))
        finally:
            server.stdin.close()


def _script(number: int, deltas: int) -> Iterator[Step]:
    chance = random.Random(number)
    texts = [f"word{place} " for place in range(deltas)]
    role, *frames = replies.openai_frames(texts, usage=(number, deltas))
    yield Send(replies.head(replies.CONTENT_TYPES["openai"]))
    yield Send(replies.chunk(role))
    for place, frame in enumerate(frames):
        if place < deltas:
            yield Pause(chance.uniform(*(GAP_SECONDS if place else FIRST_SECONDS)))
        yield Send(replies.chunk(frame))
    yield Send(replies.LAST_CHUNK)


async def _serve(deltas: int) -> None:
    async with ScriptedServer(models=(MODEL,)) as server:
        numbered: list[SeenRequest] = []

        def answer(request: SeenRequest) -> Script:
            numbered.append(request)
            return _script(len(numbered), deltas)

        def stamps(request: SeenRequest) -> Script:
            rows = [
                (number, seen.arrived_at, seen.sent_at[BEFORE : BEFORE + deltas])
                for number, seen in enumerate(numbered, 1)
            ]
            return replies.whole(rows)

        chats = next(path for path, kind in CHAT_PATHS.items() if kind == "openai")
        server.routes[chats], server.routes["/stamps"] = answer, stamps
        print(server.port, flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
