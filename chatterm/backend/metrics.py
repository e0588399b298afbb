"""Figures of one turn, computed from its turn events while they happen."""

from __future__ import annotations

from dataclasses import dataclass, field

from chatterm.core.timings import ServerTimings
from chatterm.core.turn import Outcome, Stage
from chatterm.core.usage import Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The one record of a turn's figures: every front end shows these and computes none. `None` is 'unknown'.

    `tokens_per_second` and `output_tokens` are estimates while `is_estimate` is true, and are shown with `~`.
    """

    provider: str
    model: str
    stage: Stage | None = None
    outcome: Outcome | None = None
    attempt: int = 0
    retries: int = 0
    elapsed_seconds: float = 0.0
    ttft_seconds: float | None = None
    first_text_seconds: float | None = None
    tokens_per_second: float | None = None
    output_tokens: int | None = None
    is_estimate: bool = True
    usage: Usage = field(default_factory=Usage)
    delta_gap_p50_seconds: float | None = None
    delta_gap_p95_seconds: float | None = None
    reused_connection: bool | None = None
    server: ServerTimings | None = None
    warm: bool | None = None
