"""Starting: until the first screen is there, and until typed keys are taken, against a bare Textual application;
and the cost of `--version`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from chatterm.tui.skeleton import PLACEHOLDER
from tests.benchmarks.figures import Figure
from tests.benchmarks.processes import cpu_seconds
from tests.doubles.terminal import CTRL_Q, ScreenTimeoutError, Terminal
from tests.journeys.program import CHATTERM, Home

VERSION_GOAL_MS = 80.0
RATIO_GOAL = 1.3
SKELETON_GOAL_MS = 40.0
KEY_EVERY_SECONDS = 0.02

BARE_APP = """
from textual.app import App
from textual.widgets import TextArea

class Bare(App):
    def compose(self):
        yield TextArea()

Bare().run()
"""


def version_cost(home: Home, runs: int) -> list[Figure]:
    """Processor time of `chatterm --version`, and of an interpreter that does nothing."""
    script = Path(sys.executable).with_name("chatterm")
    program = [str(script)] if script.exists() else list(CHATTERM)
    return [
        Figure(
            "chatterm --version, CPU",
            "ms",
            [_cpu_of([*program, "--version"], home) * 1000 for _ in range(runs)],
            goal=VERSION_GOAL_MS,
        ),
        Figure(
            "  python -c pass, CPU",
            "ms",
            [_cpu_of([sys.executable, "-c", "pass"], home) * 1000 for _ in range(runs)],
        ),
    ]


def keys_accepted(folder: Path, pairs: int) -> list[Figure]:
    """From the start of the process until a typed key is on screen: chatterm and the bare application in turn.

    The first start of each, which fills caches, does not count. The ratio is of the medians.
    """
    home = Home(folder / "starts")
    programs = {"chatterm": CHATTERM, "bare": (sys.executable, "-c", BARE_APP)}
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in programs}
    for number in range(pairs + 1):
        for name, argv in programs.items():
            with home.start(program=argv, CHATTERM_PROVIDER="guide") as terminal:
                measured = _first_echo(terminal)
                terminal.send(CTRL_Q)
                terminal.wait_exit()
            if number:
                times[name].append(measured)
    figures: list[Figure] = [_skeleton(home, pairs)]
    for which, what in enumerate(("time", "CPU")):
        ours, bare = (
            Figure(f"keys accepted, {name}, {what}", "ms", [pair[which] * 1000 for pair in times[name]])
            for name in programs
        )
        ratio = Figure(f"keys accepted, ratio of {what}", "x", goal=RATIO_GOAL)
        ratio.samples.append(ours.quantile(0.5) / bare.quantile(0.5))
        figures += [ours, bare, ratio]
    return figures


def _skeleton(home: Home, runs: int) -> Figure:
    """From the start of the process until the empty screen with its prompt is on the terminal."""
    figure = Figure("skeleton on screen", "ms", goal=SKELETON_GOAL_MS)
    for _ in range(runs):
        with home.start(CHATTERM_PROVIDER="guide") as terminal:
            figure.samples.append((terminal.wait_for(PLACEHOLDER) - terminal.started_at) * 1000)
            terminal.send(CTRL_Q)
            terminal.wait_exit()
    return figure


def _first_echo(terminal: Terminal) -> tuple[float, float]:
    """Type until it shows: seconds since the start, and processor seconds."""
    # Focus reports are asked for once the line settings are: before that the system itself echoes keys.
    terminal.wait_until(lambda _: b"\x1b[?1004h" in terminal.output)
    while True:
        terminal.send(b"Z")
        try:
            at = terminal.wait_for("Z", KEY_EVERY_SECONDS)
        except ScreenTimeoutError:
            continue
        return at - terminal.started_at, cpu_seconds(terminal.pid)


def _cpu_of(argv: list[str], home: Home) -> float:
    process = subprocess.Popen(argv, env=home.environ(), stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, argv
    return usage.ru_utime + usage.ru_stime
