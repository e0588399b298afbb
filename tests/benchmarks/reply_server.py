"""A server of long replies in a process of its own, so that its work is not charged to who reads them.

Run by `serving`. The same reply is there in each wire format and at each pace: below `/apart` each event comes by
itself, below `/burst` all come as fast as they are taken, below `/lump` so and in a few large chunks, as from a proxy
that gathers, below `/slow` at the speed of a model.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from chatterm.backend.providers.base import ProviderAdapter
from tests.benchmarks.payloads import adapters
from tests.doubles.server import ScriptedServer, SeenRequest
from tests.doubles.server_replies import Pause, Script, Send, chunk, ollama_frames, openai_frames, sse, stream

MODEL = "a-model"
BURST_BYTES = 16 * 1024
SLOW_SECONDS = 0.02
"""Between two events of a slow reply: 50 in each second."""

PIECES = ("Some ", "words ", "of a ", "reply, ", "then ", "a line.\n")


@dataclass(frozen=True, slots=True)
class WireFormat:
    """A wire format: what is below the pace in the base URL, where chats go below that, and the frames of a reply."""

    adapter: ProviderAdapter
    base: str
    path: str
    frames: Callable[[list[str]], Iterator[bytes]]


def wire_formats() -> dict[str, WireFormat]:
    """All of them, by the names of `payloads.adapters`."""
    made = adapters()
    return {
        "openai_chat": WireFormat(made["openai_chat"], "/v1", "/chat/completions", _openai),
        "openai_responses": WireFormat(made["openai_responses"], "/v1", "/responses", _responses),
        "anthropic": WireFormat(made["anthropic"], "", "/v1/messages", _anthropic),
        "gemini": WireFormat(
            made["gemini"], "", f"/v1beta/models/{MODEL}:streamGenerateContent?alt=sse", _gemini
        ),
        "ollama": WireFormat(made["ollama"], "", "/api/chat", ollama_frames),
    }


def pieces(count: int) -> list[str]:
    """The deltas of the reply."""
    return [PIECES[number % len(PIECES)] for number in range(count)]


@contextmanager
def serving(events: int) -> Generator[str]:
    """The address of such a server, whose replies have this many deltas."""
    command = [sys.executable, "-m", "tests.benchmarks.reply_server", str(events)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None and server.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        finally:
            server.stdin.close()


def _openai(texts: list[str]) -> Iterator[bytes]:
    return openai_frames(texts, usage=(11, len(texts)))


def _anthropic(texts: list[str]) -> Iterator[bytes]:
    message: dict[str, Any] = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": [],
    }
    usage = {"input_tokens": 11, "output_tokens": 1}
    yield _named("message_start", message={**message, "usage": usage})
    yield _named("content_block_start", index=0, content_block={"type": "text", "text": ""})
    for text in texts:
        yield _named("content_block_delta", index=0, delta={"type": "text_delta", "text": text})
    yield _named("content_block_stop", index=0)
    ending = {"stop_reason": "end_turn", "stop_sequence": None}
    yield _named("message_delta", delta=ending, usage={"output_tokens": len(texts)})
    yield _named("message_stop")


def _responses(texts: list[str]) -> Iterator[bytes]:
    place: dict[str, Any] = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    yield _named("response.created", response={"id": "resp_1", "model": MODEL, "status": "in_progress"})
    for number, text in enumerate(texts):
        yield _named("response.output_text.delta", **place, sequence_number=number, delta=text)
    part: dict[str, Any] = {"type": "output_text", "text": "".join(texts), "annotations": []}
    item: dict[str, Any] = {"type": "message", "id": "msg_1", "role": "assistant", "content": [part]}
    yield _named("response.output_item.done", output_index=0, item=item)
    usage = {"input_tokens": 11, "output_tokens": len(texts), "total_tokens": 11 + len(texts)}
    yield _named("response.completed", response={"id": "resp_1", "status": "completed", "usage": usage})


def _gemini(texts: list[str]) -> Iterator[bytes]:
    for number, text in enumerate(texts, start=1):
        candidate: dict[str, Any] = {"content": {"parts": [{"text": text}], "role": "model"}, "index": 0}
        if number == len(texts):
            candidate["finishReason"] = "STOP"
        usage = {"promptTokenCount": 11, "candidatesTokenCount": number, "totalTokenCount": 11 + number}
        yield sse(
            {"candidates": [candidate], "usageMetadata": usage, "modelVersion": MODEL, "responseId": "x"}
        )


def _named(kind: str, **fields: Any) -> bytes:
    return sse({"type": kind, **fields}, kind)


def _burst(frames: list[bytes]) -> Script:
    begin, *body, end = stream(frames)
    whole = b"".join(step.data for step in body if isinstance(step, Send))
    sends = [Send(whole[at : at + BURST_BYTES]) for at in range(0, len(whole), BURST_BYTES)]
    return [begin, *sends, end]


def _lump(frames: list[bytes]) -> Script:
    begin, *_, end = stream(())
    whole = b"".join(frames)
    return [
        begin,
        *(Send(chunk(whole[at : at + BURST_BYTES])) for at in range(0, len(whole), BURST_BYTES)),
        end,
    ]


def _paced(frames: list[bytes], seconds: float) -> Script:
    begin, *_, end = stream(())
    return [begin, *(step for frame in frames for step in (Pause(seconds), Send(chunk(frame)))), end]


async def _serve(events: int) -> None:
    async with ScriptedServer() as server:

        def answer(script: Script) -> Callable[[SeenRequest], Script]:
            def routed(request: SeenRequest) -> Script:
                server.requests.clear()  # hours of them are more than there is memory for
                return script

            return routed

        for format in wire_formats().values():
            frames = list(format.frames(pieces(events)))
            scripts = {
                "apart": _paced(frames, 0.0005),
                "burst": _burst(frames),
                "lump": _lump(frames),
                "slow": _paced(frames, SLOW_SECONDS),
            }
            for pace, script in scripts.items():
                server.routes[f"/{pace}{format.base}{format.path}"] = answer(script)
        print(server.port, flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
