"""The requests and responses of a turn as a page: what went out and what came back, byte for byte but for keys."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import cast

import msgspec

from chatterm.backend.wire_log.exchange_lines import Bytes, EndLine, Exchange, FrameLine
from chatterm.core.clean import clean, clean_line
from chatterm.core.markdown import literal

MOST_FRAMES = 400
LONGEST_TEXT = 4_000
"""Longer texts in JSON, mostly pictures, are cut in the middle, and what is left out is counted."""
MOST_CHARACTERS = 200_000


def raw_page(exchanges: Sequence[Exchange]) -> str:
    """The page in Markdown."""
    many = len(exchanges) > 1
    sections = [
        _section(exchange, f" {number} of {len(exchanges)}" if many else "")
        for number, exchange in enumerate(exchanges, 1)
    ]
    return "\n\n".join(sections)


def _section(exchange: Exchange, which: str) -> str:
    request, response = exchange.request, exchange.response
    sent = [f"{request.method} {request.url}", *_headers(request.headers)]
    page = [f"## Request{which}", _fenced("\n".join(sent)), _pretty(request.body)]
    if response is not None:
        where = "from the cache, nothing was sent" if response.cached else f"after {response.seconds:.3f} s"
        page += [f"## Response{which}, {where}"]
        page += [_fenced("\n".join([f"{response.status}", *_headers(response.headers)]))]
    if exchange.body is not None:
        page += [_pretty(exchange.body.data)]
    if exchange.frames:
        page += [f"{len(exchange.frames) + exchange.left_out:,} events, each after its time in seconds:"]
        page += [_fenced("\n".join(_frames(exchange.frames)))]
    if exchange.left_out:
        page += [f"{exchange.left_out:,} more were too many to keep; /record keeps all."]
    page += [_ending(exchange.end)]
    return "\n\n".join(filter(None, page))


def _headers(headers: Mapping[str, str]) -> Iterable[str]:
    return (f"{name}: {value}" for name, value in headers.items())


def _frames(frames: Sequence[FrameLine]) -> Iterable[str]:
    half = MOST_FRAMES // 2
    shown = list(frames) if len(frames) <= MOST_FRAMES else [*frames[:half], None, *frames[-half:]]
    for line in shown:
        if line is None:
            yield f"… {len(frames) - MOST_FRAMES:,} more; /record keeps all …"
        else:
            event = f"event: {line.event} " if line.event else ""
            yield f"{line.seconds:9.3f}  {event}{clean_line(_text(line.data), LONGEST_TEXT)}"


def _pretty(data: Bytes) -> str:
    """JSON over several lines, anything else as it is."""
    text = _text(data)
    try:
        pretty = msgspec.json.format(msgspec.json.encode(_shortened(msgspec.json.decode(data.data)))).decode()
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _fenced(_cut(text, MOST_CHARACTERS)) if text else ""
    return _fenced(_cut(pretty, MOST_CHARACTERS), "json")


def _shortened(value: object) -> object:
    """The JSON value with its long texts cut."""
    if isinstance(value, str):
        return _cut(value, LONGEST_TEXT)
    if isinstance(value, list):
        return [_shortened(item) for item in cast("list[object]", value)]
    if isinstance(value, dict):
        return {name: _shortened(item) for name, item in cast("dict[str, object]", value).items()}
    return value


def _cut(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]} … {len(text) - most:,} characters … {text[-half:]}"


def _ending(end: EndLine | None) -> str:
    if end is None:
        return "It still goes on."
    words = {
        "end": "The response came to its end",
        "closed": "The connection was closed after the end of the reply",
        "stopped": "The reply was stopped",
        "failed": "The request failed",
    }[end.how]
    why = f": {clean_line(end.failure.message, 500)}" if end.failure is not None else ""
    return f"{words} after {end.seconds:.3f} s".replace("`", "'") + literal(why)


def _text(data: Bytes) -> str:
    return data.data.decode("utf-8", "replace")


def _fenced(text: str, language: str = "") -> str:
    """A block of code, whatever is in the text."""
    text = clean(text)
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"
