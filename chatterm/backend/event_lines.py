"""Turn events as lines of JSON: one object to a line, whatever stands in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from chatterm.backend.event_records import EventRecord, record_of
from chatterm.core.clean import plain_json, well_formed
from chatterm.core.events import TurnEvent


class EventLines:
    """Makes lines of the events of a turn that began at `began` (monotonic)."""

    def __init__(self, began: float) -> None:
        self._began = began
        self._records: list[EventRecord] = []

    def add(self, event: TurnEvent, now: float) -> None:
        """Take in an event; see `record_of`."""
        self._records.append(record_of(event, self._began, now))

    def take(self) -> bytes:
        """The lines of all events since the last time."""
        records, self._records = self._records, []
        return encoded(records)


def encoded(values: Sequence[msgspec.Struct]) -> bytes:
    """Each value as a line of JSON in UTF-8, with its newline; it holds no control and nothing else that ends a line.

    That holds for any text. Surrogates, which UTF-8 cannot hold, become U+FFFD.
    """
    encoder = msgspec.json.Encoder()
    try:
        data = encoder.encode_lines(values)
    except UnicodeEncodeError:
        data = encoder.encode_lines([_sound(msgspec.to_builtins(value)) for value in values])
    if data.isascii() and b"\x7f" not in data:
        return data
    return plain_json(data.decode()).encode()


def _sound(value: Any) -> Any:
    match value:
        case str():
            return well_formed(value)
        case dict():
            return {_sound(key): _sound(each) for key, each in value.items()}  # pyright: ignore[reportUnknownVariableType]  # JSON of any shape
        case list() | tuple():
            return [_sound(each) for each in value]  # pyright: ignore[reportUnknownVariableType]  # JSON of any shape
        case _:
            return value
