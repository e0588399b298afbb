"""What the store gives back: conversations as a list shows them, and messages with all that is known of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

import msgspec

from chatterm.core.messages import Message, Part
from chatterm.core.timings import Timings
from chatterm.core.tools import ToolRun
from chatterm.core.turn import FailedTry, Options, Outcome, Seam, StopReason
from chatterm.core.usage import Usage
from chatterm.store.encoding import decode, decode_parts

Row = Any
"""A row of SQLite, read by column name."""

STREAMING = "streaming"
"""The state of a reply that is being written; afterwards it is an outcome."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

E = TypeVar("E", bound=StrEnum)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationRow:
    """A conversation as a list shows it. Times are in UTC; `message_count` counts what `load` returns.

    `base_url` is the address of its model where that is not the settings'.
    """

    id: str
    title: str
    created_at: datetime
    updated_at: datetime
    provider: str
    model: str
    base_url: str | None = None
    system: str | None = None
    message_count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMessage:
    """A message, and for a reply how it came about.

    `position` counts the messages before it on its branch.
    `state` is None for a prompt, and for a reply that another chatterm is still writing. `recovered`: the
    process that wrote it died, and the text is what had been stored. `chars` and `lines` measure its visible
    text. `unknown_parts` is the JSON of parts that only a newer version knows; `message` has a text in their
    place. `close_seconds` is that of the turn.
    """

    message: Message
    position: int
    created_at: datetime
    state: Outcome | None = None
    model: str | None = None
    provider: str | None = None
    options: Options = field(default_factory=dict[str, object])
    stop_reason: StopReason | None = None
    error_kind: str | None = None
    error_message: str | None = None
    error_hint: str | None = None
    usage: Usage = field(default_factory=Usage)
    timings: Timings = field(default_factory=Timings)
    attempts: int = 0
    skipped_frames: int = 0
    close_seconds: float | None = None
    request_id: str | None = None
    tries: tuple[FailedTry, ...] = ()
    asked: str = ""
    routed: str = ""
    prompt_cut: bool = False
    seams: tuple[Seam, ...] = ()
    tool_runs: tuple[ToolRun, ...] = ()
    recovered: bool = False
    chars: int = 0
    lines: int = 0
    unknown_parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OutlineRun:
    """How much text `count` neighbouring messages of a branch have, in characters and lines.

    As in `StoredMessage`, an empty one has no line. Exact where no prompt among them was edited or asked again,
    else the mean with the branches beside.
    """

    count: int
    chars: int
    lines: int


def to_microseconds(moment: datetime) -> int:
    """Microseconds since 1970 of an aware datetime."""
    return (moment - _EPOCH) // _MICROSECOND


def from_microseconds(count: int) -> datetime:
    """The aware UTC datetime of microseconds since 1970."""
    return _EPOCH + count * _MICROSECOND


def conversation_row(row: Row) -> ConversationRow:
    """From the columns of `conversation` and `message_count`."""
    return ConversationRow(
        id=row["id"],
        title=row["title"],
        created_at=from_microseconds(row["created_at"]),
        updated_at=from_microseconds(row["updated_at"]),
        provider=row["provider"],
        model=row["model"],
        base_url=row["base_url"],
        system=row["system"],
        message_count=row["message_count"],
    )


def stored_message(row: Row, written_so_far: tuple[Part, ...] = ()) -> StoredMessage:
    """From the columns of `message`; `written_so_far` are the parts of a reply that is still streaming."""
    row = dict(zip(row.keys(), row, strict=True))  # a row is searched for each name, column by column
    parts, unknown = decode_parts(row["parts"])
    provider_data: Mapping[str, str] | None = decode(row["provider_data"]) if row["provider_data"] else None
    return StoredMessage(
        message=Message(
            id=row["id"],
            parent_id=row["parent_id"],
            role=row["role"],
            parts=written_so_far or parts,
            provider_data=provider_data,
            pinned=bool(row["pinned"]),
            is_summary=bool(row["is_summary"]),
        ),
        position=row["depth"] - 1,
        created_at=from_microseconds(row["created_at"]),
        state=None if row["state"] == STREAMING else _member(Outcome, row["state"], Outcome.INTERRUPTED),
        model=row["model"],
        provider=row["provider"],
        options=decode(row["options"]) if row["options"] else {},
        stop_reason=_member(StopReason, row["stop_reason"], StopReason.OTHER),
        error_kind=row["error_kind"],
        error_message=row["error_message"],
        error_hint=row["error_hint"],
        usage=Usage(
            input=row["usage_input"],
            output=row["usage_output"],
            cache_read=row["usage_cache_read"],
            cache_write=row["usage_cache_write"],
            reasoning=row["usage_reasoning"],
            cost=row["usage_cost"],
        ),
        timings=msgspec.json.decode(row["timings"], type=Timings) if row["timings"] else Timings(),
        attempts=row["attempts"],
        skipped_frames=row["skipped_frames"],
        close_seconds=row["close_seconds"],
        request_id=row["request_id"],
        tries=tuple(FailedTry(**tried) for tried in decode(row["tries"])) if row["tries"] else (),
        asked=row["asked"] or "",
        routed=row["routed"] or "",
        prompt_cut=bool(row["prompt_cut"]),
        seams=msgspec.json.decode(row["seams"], type=tuple[Seam, ...]) if row["seams"] else (),
        tool_runs=msgspec.json.decode(row["tool_runs"], type=tuple[ToolRun, ...]) if row["tool_runs"] else (),
        recovered=bool(row["recovered"]),
        chars=row["chars"],
        lines=row["lines"],
        unknown_parts=unknown,
    )


def _member(kind: type[E], value: str | None, otherwise: E) -> E | None:
    """The member of that value; `otherwise` for one that only a newer version knows."""
    try:
        return None if value is None else kind(value)
    except ValueError:
        return otherwise
