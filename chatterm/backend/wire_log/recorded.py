"""Reads recordings: what is whole in a file, and in words what is not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from chatterm.backend.wire_log.exchange_lines import VERSION, AnyLine, Exchange, RequestLine
from chatterm.core.clean import clean_line
from chatterm.core.errors import ConfigError

LONGEST_LINE_BYTES = 128 * 1024 * 1024


class _Kind(msgspec.Struct):
    type: str
    version: int = VERSION


@dataclass(frozen=True, slots=True)
class Recorded:
    """The exchanges of a file in the order of their requests; `notices` tell what of it cannot be read."""

    exchanges: tuple[Exchange, ...]
    notices: tuple[str, ...] = ()


def read_recording(path: Path) -> Recorded:
    """Read a whole recording. Raises `ConfigError` for what is none, is of another version, or holds nothing."""
    name = clean_line(str(path))
    try:
        if not path.is_file():
            reason = "is not a regular file" if path.exists() else "is not there"
            raise ConfigError(f"{name} {reason}.", "Name a file that --record or /record wrote.")
        with path.open("rb") as file:
            _check_header(file.readline(LONGEST_LINE_BYTES), name)
            recorded = _folded(iter(lambda: file.readline(LONGEST_LINE_BYTES), b""), name)
    except OSError as error:
        raise ConfigError(f"{name} cannot be read: {error.strerror}.", "Name another file.") from None
    if not recorded.exchanges:
        raise ConfigError(f"{name} holds no request.", "Record at least one turn, then play it.")
    return recorded


def _check_header(line: bytes, name: str) -> None:
    try:
        kind = msgspec.json.decode(line, type=_Kind)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        kind = _Kind(type="")
    if kind.type != "header":
        raise ConfigError(f"{name} is no recording of chatterm.", "Name a file that --record wrote.")
    if kind.version != VERSION:
        raise ConfigError(
            f"{name} is a recording of version {kind.version}; this chatterm plays version {VERSION}.",
            "Play it with the chatterm that recorded it.",
        )


def _folded(lines: Iterable[bytes], name: str) -> Recorded:
    exchanges: dict[int, Exchange] = {}
    notices: list[str] = []
    decode = msgspec.json.Decoder(AnyLine).decode
    for number, data in enumerate(lines, 2):
        try:
            line = decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            if not data.strip() or _is_of_another_kind(data):
                continue
            is_cut = not data.endswith(b"\n")
            _damage(exchanges, "is cut off here" if is_cut else f"is damaged here (line {number})")
            notices.append(
                f"{name} is cut off in line {number}."
                if is_cut
                else f"{name} is damaged in line {number}; what was read up to there is played."
            )
            continue
        exchange = exchanges.get(line.exchange)
        if isinstance(line, RequestLine):
            exchanges[line.exchange] = Exchange(line)
        elif exchange is not None and not exchange.damage:
            exchange.take(line)
    return Recorded(tuple(exchanges.values()), tuple(notices[:3]))


def _is_of_another_kind(data: bytes) -> bool:
    """Whether this is a whole line, of a type that a later chatterm writes."""
    known = ("request", "response", "frame", "body", "end")
    try:
        return msgspec.json.decode(data, type=_Kind).type not in known
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False


def _damage(exchanges: dict[int, Exchange], words: str) -> None:
    """Whatever was not over may lack what the line said."""
    for exchange in exchanges.values():
        if exchange.end is None and not exchange.damage:
            exchange.damage = words
