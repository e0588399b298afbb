"""Frames that hold JSON objects: read for the decoders, which know what the objects mean."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import cast

from chatterm.backend.providers.base import Frame
from chatterm.backend.providers.wire_json import safe_json
from chatterm.core.clean import clean_line
from chatterm.core.events import FrameSkipped, StreamEvent

LATE = FrameSkipped("data after the end of the reply")
"""What is told of all that comes after the end."""

_NO_OBJECT = FrameSkipped("not a JSON object")

ReadObject = Callable[[dict[str, object], str], Iterator[StreamEvent]]
"""Makes events of a JSON object and of the name of the event that it came in."""


def read_frame(frame: Frame, read: ReadObject, *, lists: bool = False) -> Iterator[StreamEvent]:
    """What `read` makes of the object in the frame; with `lists`, also of each object in an array.

    An empty frame has no events; what is no object is told as skipped.
    """
    # Not a generator: each event would pass through one more, and there is one for every few characters.
    data = frame.data.strip()
    if not data:
        return iter(())
    try:
        value = safe_json(data)
    except ValueError as error:
        return iter((FrameSkipped(f"not JSON: {clean_line(str(error))}"),))
    if isinstance(value, dict):
        return read(cast("dict[str, object]", value), frame.event)
    if lists and isinstance(value, list) and value:
        return _read_each(cast("list[object]", value), read, frame.event)
    if frame.event == "error":  # told in a bare string, say
        return read({"error": value}, frame.event)
    return iter((_NO_OBJECT,))


def _read_each(items: list[object], read: ReadObject, event: str) -> Iterator[StreamEvent]:
    for item in items:
        if isinstance(item, dict):
            yield from read(cast("dict[str, object]", item), event)
        else:
            yield _NO_OBJECT


def is_done(frame: Frame) -> bool:
    """Whether this is the end of a stream in one of OpenAI's formats, which is no JSON."""
    return frame.data.lstrip().startswith(b"[DONE]")


def late_frame(frame: Frame) -> Iterator[StreamEvent]:
    """What is told of a frame after the end; nothing of an empty one."""
    return iter((LATE,) if frame.data.strip() else ())


def unknown_fields(names: Iterable[str]) -> FrameSkipped:
    """What is told of an object without any field that is known."""
    return FrameSkipped(clean_line(f"unknown fields: {', '.join(sorted(names))}"))
