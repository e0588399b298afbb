"""Figures of a turn that came in pieces: a reply that was gone on with, or rounds with tools between them. Pure."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TypeVar

from chatterm.core.messages import Part
from chatterm.core.timings import ServerTimings, Timings
from chatterm.core.turn import Turn
from chatterm.core.usage import Usage

Record = TypeVar("Record", Usage, ServerTimings)


def with_round(before: Turn, piece: Turn, parts: tuple[Part, ...]) -> Turn:
    """The turn after one more round: `before` is all up to it, `piece` came since, `parts` are those of both.

    Figures are added up, and unknown where one of the two is not known. The time that tools took counts for the
    whole, and not for the rate.
    """
    timings, encoded = before.timings, before.encoded_messages
    if piece.sent_messages is not None:
        encoded = _sum(encoded, piece.encoded_messages)
    if piece.timings.first_delta is not None:
        timings = _generated(timings, piece.timings)
    if timings.finished is not None:
        timings = replace(timings, finished=piece.timings.finished or timings.finished)
    return replace(
        piece,
        reply=replace(piece.reply, parts=parts),
        usage=added(before.usage, piece.usage) if piece.attempts else before.usage,
        timings=timings,
        attempts=before.attempts + max(0, piece.attempts - 1),
        tries=(*before.tries, *piece.tries),
        asked=before.asked or piece.asked,
        seams=(*before.seams, *piece.seams),
        prompt_cut=before.prompt_cut or piece.prompt_cut,
        skipped_frames=before.skipped_frames + piece.skipped_frames,
        tool_runs=(*before.tool_runs, *piece.tool_runs),
        request_id=piece.request_id or before.request_id,
        rate_limits=piece.rate_limits or before.rate_limits,
        sent_messages=before.sent_messages if piece.sent_messages is None else piece.sent_messages,
        encoded_messages=encoded,
    )


def added(first: Record, second: Record) -> Record:
    """The sum, field by field; None where one of the two is."""
    pairs = {field.name: (getattr(first, field.name), getattr(second, field.name)) for field in fields(first)}
    return replace(
        first, **{name: None if a is None or b is None else a + b for name, (a, b) in pairs.items()}
    )


def one_after_the_other(first: Timings, second: Timings) -> Timings:
    """The steps up to the first text are those of the first; what takes its time is added up, without the pause.

    Stamps of two processes have nothing in common, so only what is between two of one piece is used. All are by the
    clock of the second, so that more rounds can follow.
    """
    timings = _generated(first, second)
    begun = first.started if first.begun is None else first.begun
    total = _sum(first.total_seconds, second.total_seconds)
    if begun is None or total is None or second.finished is None:
        return replace(timings, finished=None)
    later = second.finished - total - begun
    moved = {name: _after(getattr(timings, name), later) for name in _STAMPS}
    return replace(timings, **moved, finished=second.finished)


def _generated(first: Timings, second: Timings) -> Timings:
    """`first`, with the time that the model and its server took for `second`."""
    generation = _sum(first.generation_seconds, second.generation_seconds)
    server = None
    if first.server is not None and second.server is not None:
        server = added(first.server, second.server)
    lags = [lag for lag in (first.loop_lag, second.loop_lag) if lag is not None]
    return replace(
        first,
        last_delta=_after(first.first_delta, generation),
        loop_lag=max(lags, default=None),
        server=server,
    )


_STAMPS = (
    *("begun", "started", "resolving", "resolved", "connected", "secured", "sent", "headers"),
    *("first_delta", "first_text", "last_delta"),
)


def _sum(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else first + second


def _after(start: float | None, seconds: float | None) -> float | None:
    return None if start is None or seconds is None else start + seconds
