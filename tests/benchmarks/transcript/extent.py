"""How much of everything is measured."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.transcript.program import Program
from tests.benchmarks.transcript.texts import HOSTILE, SHAPES


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """Counts of a whole run, lengths in tokens. The `stock_...` counts are for Textual's own widgets, which
    are given so many seconds for each thing asked of them, and are left out where a count is 0."""

    shapes: tuple[str, ...]
    lengths: tuple[int, ...]
    windows: int
    window_tokens: int
    stock_shapes: tuple[str, ...]
    stock_lengths: tuple[int, ...]
    stock_windows: int
    stock_seconds: float
    rate_shapes: tuple[str, ...]
    rate_seconds: float
    rate_samples: int
    stock_rates: tuple[int, ...]
    burst_shapes: tuple[str, ...]
    keys: int
    echo_messages: int
    stock_messages: int
    stock_opens_all: bool
    opened: tuple[tuple[int, int], ...]
    """Messages, and how often they are opened."""
    moves: int
    resizes: int
    scrolled_messages: int
    remembered_messages: int
    hostile: tuple[str, ...]
    hostile_scale: float
    hostile_seconds: float
    stock_hostile: bool
    first_bytes: int


FULL = Extent(
    shapes=tuple(SHAPES),
    lengths=(500, 2_000, 8_000, 32_000),
    windows=4,
    window_tokens=100,
    stock_shapes=tuple(SHAPES),
    stock_lengths=(500, 2_000, 8_000, 32_000),
    stock_windows=1,
    stock_seconds=6.0,
    rate_shapes=tuple(SHAPES),
    rate_seconds=2.0,
    rate_samples=2,
    stock_rates=(2_000, 10_000),
    burst_shapes=tuple(SHAPES),
    keys=200,
    echo_messages=10_000,
    stock_messages=50,
    stock_opens_all=True,
    opened=((10_000, 5), (100_000, 2)),
    moves=20,
    resizes=6,
    scrolled_messages=10_000,
    remembered_messages=10_000,
    hostile=tuple(HOSTILE),
    hostile_scale=1.0,
    hostile_seconds=20.0,
    stock_hostile=True,
    first_bytes=60,
)

QUICK = Extent(
    shapes=("mixed", "one fence"),
    lengths=(500, 8_000),
    windows=1,
    window_tokens=50,
    stock_shapes=("mixed",),
    stock_lengths=(500,),
    stock_windows=1,
    stock_seconds=3.0,
    rate_shapes=("mixed",),
    rate_seconds=0.5,
    rate_samples=1,
    stock_rates=(),
    burst_shapes=("mixed",),
    keys=25,
    echo_messages=10_000,
    stock_messages=0,
    stock_opens_all=False,
    opened=((10_000, 2),),
    moves=5,
    resizes=2,
    scrolled_messages=10_000,
    remembered_messages=300,
    hostile=tuple(HOSTILE),
    hostile_scale=0.05,
    hostile_seconds=3.0,
    stock_hostile=False,
    first_bytes=8,
)

TINY = Extent(
    shapes=("mixed",),
    lengths=(20, 40),
    windows=1,
    window_tokens=5,
    stock_shapes=("mixed",),
    stock_lengths=(20,),
    stock_windows=1,
    stock_seconds=10.0,
    rate_shapes=("mixed",),
    rate_seconds=0.02,
    rate_samples=1,
    stock_rates=(2_000,),
    burst_shapes=("mixed",),
    keys=4,
    echo_messages=50,
    stock_messages=2,
    stock_opens_all=False,
    opened=((50, 2),),
    moves=2,
    resizes=2,
    scrolled_messages=50,
    remembered_messages=20,
    hostile=("5,000 bullets", "flags, 30,000"),
    hostile_scale=0.001,
    hostile_seconds=10.0,
    stock_hostile=True,
    first_bytes=2,
)


@dataclass(frozen=True, slots=True)
class Run:
    """One run: how much, from which seed, and a folder for sockets and homes.

    `policies` tells of each program how it runs, as it said itself.
    """

    extent: Extent
    seed: int
    folder: Path
    policies: dict[str, str] = field(default_factory=dict[str, str])

    def start(self, pane: str) -> Program:
        """Start a program with this pane; to be used as a context."""
        program = Program(pane, self.folder)
        self.policies[pane] = program.policy
        return program
