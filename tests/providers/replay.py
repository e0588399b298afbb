"""Recorded HTTP exchanges, and how a decoder is run over their bytes."""

from __future__ import annotations

import base64
import json
import os
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chatterm.backend.net.framing import new_splitter
from chatterm.backend.providers.base import EventDecoder, Frame, Framing, ProviderAdapter
from chatterm.backend.providers.registry import adapter_of, service, service_at, services
from chatterm.core.errors import ProviderError
from chatterm.core.events import StreamEvent
from chatterm.core.reducer import Draft

OWN_FOLDER = Path(__file__).parent / "recordings"
SHARED_FOLDER = Path(
    os.environ.get("CHATTERM_RECORDINGS", Path(__file__).parents[2].parent / "shared" / "recordings")
)
FORMATS = {
    "openai-chat": "openai_chat",
    "openai-responses": "openai_responses",
    "anthropic-messages": "anthropic",
    "ollama-chat": "ollama",
    "gemini-generate-content": "gemini",
}
EVENT_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True)
class Recording:
    """One exchange: the response's bytes, and what they add up to."""

    name: str
    adapter: ProviderAdapter
    status: int
    headers: dict[str, str]
    body: bytes
    streams: bool
    expected: dict[str, Any]


@dataclass
class Replayed:
    """What came of a response."""

    draft: Draft
    events: list[StreamEvent]
    error: ProviderError | None


def recordings(folder: Path) -> Iterator[Recording]:
    """Those below the folder that speak one of the formats, chat exchanges only."""
    known = {row.name for row in services()}
    for path in sorted(folder.glob("**/*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        # The list of messages of another API has found its way among the recordings.
        if record["api"] not in FORMATS or record["name"] == "openai/messages-nonstream":
            continue
        response = record["response"]
        wire_format = FORMATS[record["api"]]
        compatible = record["api"].startswith("openai-") and record["provider"] in known - {"ollama"}
        spoken = service_at(record["provider"], wire_format, None) if compatible else service(wire_format)
        text, encoded = response.get("body_text"), response.get("body_base64")
        yield Recording(
            name=record["name"],
            adapter=adapter_of(spoken),
            status=response["status"],
            headers=response["headers"],
            body=base64.b64decode(encoded) if text is None else text.encode(),
            streams=response["stream"] and record["kind"] != "stream-json-array",
            expected=record["expected"],
        )


def whole(body: bytes) -> list[bytes]:
    return [body]


def byte_by_byte(body: bytes) -> list[bytes]:
    return [body[n : n + 1] for n in range(len(body))]


def random_pieces(body: bytes, seed: int) -> list[bytes]:
    """Pieces of 1 to 200 bytes; the same seed gives the same pieces."""
    chance = random.Random(seed)
    pieces: list[bytes] = []
    start = 0
    while start < len(body):
        stop = start + chance.randint(1, 200)
        pieces.append(body[start:stop])
        start = stop
    return pieces


def frames(framing: Framing, pieces: Iterable[bytes]) -> Iterator[Frame]:
    splitter = new_splitter(framing, EVENT_BYTES)
    for at, piece in enumerate(pieces):
        yield from splitter.feed(piece, float(at))
    yield from splitter.end(0.0)


def decode(decoder: EventDecoder, given: Iterable[Frame]) -> Replayed:
    """Feed the frames until they end or tell an error, and fold what comes out."""
    replayed = Replayed(Draft(), [], None)

    def take(events: Iterable[StreamEvent]) -> None:
        for event in events:
            replayed.events.append(event)
            replayed.draft.apply(event)

    try:
        for frame in given:
            take(decoder.feed(frame))
        take(decoder.finish())
    except ProviderError as error:
        replayed.error = error
    return replayed


def decode_data(decoder: EventDecoder, *data: bytes | str | dict[str, Any]) -> Replayed:
    """Like `decode`, from payloads; dicts are written as JSON."""
    payloads = (json.dumps(item) if isinstance(item, dict) else item for item in data)
    encoded = (item.encode() if isinstance(item, str) else item for item in payloads)
    return decode(decoder, [Frame(0.0, item) for item in encoded])
