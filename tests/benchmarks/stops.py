"""The stop key at every stage of a turn: how soon the server sees the close, and that nothing shown is lost."""

from __future__ import annotations

import random
import re
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks import stop_stages
from tests.benchmarks.figures import Figure
from tests.benchmarks.processes import SYN_SENT, tcp_states
from tests.benchmarks.stop_stages import StopStage, full_listener
from tests.doubles.dialects import OPENAI_CHAT
from tests.doubles.server import ScriptedServer
from tests.doubles.terminal import CTRL_C, CTRL_N, CTRL_Q, ENTER, ESC, UP, Terminal, below
from tests.journeys.program import Home

KEYS = {"Esc": ESC, "Ctrl+C": CTRL_C}
MODEL = "scripted-model"
MOST_JITTER_SECONDS = 0.03
TURNS_PER_CONVERSATION = 10
CLOSE_GOAL_MS = 50.0


READY = {
    "connecting": "connecting to",
    "TLS handshake": "securing the connection",
    "waiting for headers": "waiting for",
    "waiting for the first event": "waiting for",
    "thinking": "",
    "text, flowing": "",
    "text, at rest": "",
    "tool arguments": "",
    "a prompt queued behind": "",
}
"""The stages that can be told on screen, and what is there then where the marker is not."""

STAGES = tuple(stage for stage in stop_stages.STAGES if stage.name in READY)


@dataclass(slots=True)
class StopRun:
    """One run and what came of it; times in seconds."""

    stage: StopStage
    key: str
    marker: str
    close_seconds: float = 0.0
    is_kept: bool = False
    left_open: int = 0


@dataclass(slots=True)
class Place:
    """One running program and the server it talks to; `server` is None where no connection comes about."""

    home: Home
    terminal: Terminal
    server: ScriptedServer | None
    turns: int = 0


class Stops:
    """Runs stops on three programs: one per kind of server."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder = folder
        self._random = random.Random(seed)
        self._stack = ExitStack()
        self._places: dict[str, Place] = {}
        self.runs: list[StopRun] = []

    def __enter__(self) -> Stops:
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def run(self, count: int) -> list[StopRun]:
        """So many stops, spread evenly over stages and keys, in an order drawn by the seed."""
        pairs = [(STAGES[number % len(STAGES)], (number // len(STAGES)) % 2) for number in range(count)]
        self._random.shuffle(pairs)
        for number, (stage, key) in enumerate(pairs):
            self.runs.append(self._stop(stage, list(KEYS)[key], number))
        for place in self._places.values():
            place.terminal.send(CTRL_Q)
            assert place.terminal.wait_exit() == 0, place.terminal.text
            assert place.terminal.left_on == []
        self._check_kept()
        return self.runs

    # ---- one run -------------------------------------------------------------------------------

    def _stop(self, stage: StopStage, key: str, number: int) -> StopRun:
        place = self._place(stage.place)
        run = StopRun(stage, key, f"mark{number:04}")
        prompt = f"ask{number:04}"
        self._send_prompt(place, stage, run.marker, prompt)
        time.sleep(self._random.uniform(0, MOST_JITTER_SECONDS))  # keys come at any moment of a frame
        if place.server is None:
            run.close_seconds = _until_given_up(place.terminal, KEYS[key])
        else:
            connection = place.server.connections[-1]
            pressed_at = place.terminal.send(KEYS[key])
            place.server.wait_until(lambda: connection.closed_at is not None)
            assert connection.closed_at is not None
            run.close_seconds = connection.closed_at - pressed_at
        self._settle(place, stage, prompt)
        # What the program still holds, by the system's own account.
        run.left_open = len(tcp_states(place.terminal.pid))
        run.is_kept = not stage.shows and prompt in place.terminal.text
        if not stage.shows or stage.is_queued_behind:
            place.terminal.send(CTRL_C)  # clears the prompt
            place.terminal.wait_for("Ask anything")
        return run

    def _send_prompt(self, place: Place, stage: StopStage, marker: str, prompt: str) -> None:
        terminal = place.terminal
        if place.turns and place.turns % TURNS_PER_CONVERSATION == 0:
            terminal.send(CTRL_N)
            terminal.wait_for("Type a message")
        place.turns += 1
        seen = len(place.server.connections) if place.server is not None else 0
        if place.server is not None:
            for script in stage.scripts(OPENAI_CHAT, marker):
                place.server.reply_script(script)
        terminal.send(prompt.encode() + ENTER)
        if stage.shows == "thinking":
            terminal.wait_until(lambda screen: re.search("thinking|thought", below(screen, f"▌ {prompt}")))
        elif stage.shows:
            terminal.wait_for(marker)
        else:
            terminal.wait_until(lambda screen: READY[stage.name] in below(screen, f"▌ {prompt}"))
        if place.server is not None:
            server = place.server
            server.wait_until(lambda: len(server.connections) > seen)
        if stage.is_queued_behind:
            terminal.send(f"next-{prompt}".encode() + ENTER)
            terminal.wait_for("queued")

    def _settle(self, place: Place, stage: StopStage, prompt: str) -> None:
        """Wait for what the user sees of the stop; Raises `ScreenTimeoutError` where it does not come."""
        terminal = place.terminal
        if not stage.shows:
            terminal.wait_until(lambda screen: f"▌ {prompt}" not in screen and prompt in screen)
            return
        terminal.wait_until(lambda screen: "stopped" in below(screen, f"▌ {prompt}"))
        if stage.is_queued_behind:
            terminal.send(UP)
            terminal.wait_until(
                lambda screen: f"▌ next-{prompt}" not in screen and f"next-{prompt}" in screen
            )

    # ---- all of them ---------------------------------------------------------------------------

    def _check_kept(self) -> None:
        kept = {name: place.home.stored() for name, place in self._places.items()}
        for run in self.runs:
            if run.stage.shows:
                prompt = run.marker.replace("mark", "ask")
                [turn] = [turn for turn in kept[run.stage.place] if turn.prompt == prompt]
                text = turn.thinking if run.stage.shows == "thinking" else turn.text
                run.is_kept = text.startswith(f"{run.marker} ") and turn.state == "cancelled"

    def _place(self, name: str) -> Place:
        if name not in self._places:
            home = Home(self._folder / name)
            if name == "full":
                server, base_url = None, f"http://127.0.0.1:{self._stack.enter_context(full_listener())}/v1"
            else:
                server = self._stack.enter_context(ScriptedServer.in_thread())
                scheme = "https" if name == "silent" else "http"
                base_url = f"{scheme}://127.0.0.1:{server.port}/v1"
            terminal = self._stack.enter_context(home.start("--base-url", base_url, "-m", MODEL))
            terminal.wait_for(f"/ {MODEL}")
            self._places[name] = Place(home, terminal, server)
        return self._places[name]


def _until_given_up(terminal: Terminal, key: bytes) -> float:
    """Press the key while a connection is being made; how long until the system no longer tries.

    Nobody is told of that but the system, which has to be asked, every half a millisecond.
    """
    assert SYN_SENT in tcp_states(terminal.pid)
    pressed_at = terminal.send(key)
    while SYN_SENT in tcp_states(terminal.pid):
        if time.monotonic() - pressed_at > 5:
            raise TimeoutError("the connection attempt goes on")
        time.sleep(0.0005)
    return time.monotonic() - pressed_at


def figures_of(runs: list[StopRun]) -> list[Figure]:
    """Key to close: by key over all stages, then by stage over both keys."""
    by_key = [
        Figure(
            f"{key} to close, all stages",
            "ms",
            [run.close_seconds * 1000 for run in runs if run.key == key],
            goal=CLOSE_GOAL_MS,
            goal_at=0.99,
        )
        for key in KEYS
    ]
    by_stage = [
        Figure(
            f"  stop while {stage.name}",
            "ms",
            [run.close_seconds * 1000 for run in runs if run.stage is stage],
        )
        for stage in STAGES
    ]
    return [*by_key, *by_stage]
