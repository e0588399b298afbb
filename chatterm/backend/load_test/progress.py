"""How far a load test is, as lines of text."""

from __future__ import annotations

from chatterm.backend.load_test.lane import LaneProgress
from chatterm.backend.load_test.plan import LoadPlan
from chatterm.backend.load_test.table import seconds_text
from chatterm.core.clean import clean_line

BAR_COLUMNS = 20


def progress_lines(
    lanes: tuple[LaneProgress, ...], seconds: float, plan: LoadPlan, columns: int, stop_key: str
) -> list[str]:
    """The lines, none wider than so many columns. `seconds` is how long it is measured, 0 for a warm-up.

    `stop_key` is what ends it.
    """
    if not seconds:
        return [f"warming up: {', '.join(clean_line(lane.name, 60) for lane in lanes)}"[:columns]]
    share = 0.0
    if plan.duration_seconds is not None:
        share = seconds / plan.duration_seconds
    if plan.requests is not None:
        share = max(share, sum(lane.complete + lane.failed for lane in lanes) / (plan.requests * len(lanes)))
    bar = "█" * min(BAR_COLUMNS, int(BAR_COLUMNS * share))
    lines = [f"{bar:░<{BAR_COLUMNS}} {min(100, int(100 * share)):3} %  {seconds:.0f} s · {stop_key} stops"]
    for lane in lanes:
        parts = [f"{lane.complete:,} complete", f"{lane.running} running"]
        if lane.failed:
            parts.append(f"{lane.failed:,} failed")
        if lane.ttft_p50_seconds is not None:
            parts.append(f"TTFT {seconds_text(lane.ttft_p50_seconds)}")
        if lane.held_seconds > 0:
            parts.append(f"held back for {lane.held_seconds:.0f} s")
        lines.append(f"{clean_line(lane.name, 40)}: {' · '.join(parts)}")
    return [line[:columns] for line in lines]
