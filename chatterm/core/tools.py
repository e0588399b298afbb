"""What is asked before a tool runs, what the user decides, and what became of a tool call."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

AccessKind = Literal["read", "write", "run", "fetch", "call", "rounds"]
"""What a tool call reaches: a path (to read or write), a command, an address, a server or function of the user's,
or, for none of these, more rounds of tool calls than are allowed at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """All that a tool call would do, before it does it; None in its place is for a call that touches nothing.

    `target` is what consent is for, exact and complete: the resolved path, the host, the argv or the arguments as
    JSON. A rule matches it as a whole, never a part of it. `lines` are what else the user must see to decide, in
    full; `diff` is the change to a file. All of it is outside text, shown with what is invisible made visible.
    `may_always` is False where consent can be given for this call only.
    """

    kind: AccessKind
    target: str
    lines: tuple[str, ...] = ()
    diff: str = ""
    may_always: bool = True

    @property
    def lasting(self) -> str:
        """What a yes that lasts is for, as it is told before it is given; empty where none can be."""
        return _LASTING[self.kind] if self.may_always else ""


_LASTING: dict[AccessKind, str] = {
    "read": "every read of this path",
    "write": "every later change of this file, whatever is written",
    "run": "exactly these words, this program and this folder",
    "fetch": "every address of this host",
    "call": "exactly this call",
    "rounds": "",
}


class Decision(StrEnum):
    """What the user decides of a tool call."""

    DENY = "deny"
    ONCE = "once"
    CONVERSATION = "conversation"
    ALWAYS = "always"


class ToolOutcome(StrEnum):
    """What became of a tool call."""

    OK = "ok"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    DENIED = "denied"
    INVALID = "invalid"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolRun:
    """One tool call of a turn and what became of it.

    `round` counts the responses with tool calls from 0. `began` and `seconds` are when it began, in seconds after
    its round did, and how long it took, without the wait for consent; None for one that never ran. `bytes` is the
    size of its result before it was cut for the model, `file` where all of it can be read, if it was cut.
    `same_as` is the call whose result this one took over; `is_cached` whether that was one of an earlier round.
    `source` is whose tool it is, as in `ToolRequested`.
    """

    call_id: str
    name: str
    round: int
    outcome: ToolOutcome
    began: float | None = None
    seconds: float | None = None
    bytes: int = 0
    file: str = ""
    same_as: str = ""
    is_cached: bool = False
    source: str = ""


def round_seconds(runs: tuple[ToolRun, ...]) -> tuple[float, float]:
    """How long at least one call of a round ran, and how much longer one after the other would have taken.

    The wait for consent is neither: nothing ran then.
    """
    ran = sorted(
        (run.began, run.began + run.seconds)
        for run in runs
        if run.began is not None and run.seconds is not None
    )
    took, until = 0.0, float("-inf")
    for began, ended in ran:
        took += max(0.0, ended - max(began, until))
        until = max(until, ended)
    return took, max(0.0, sum(ended - began for began, ended in ran) - took)
