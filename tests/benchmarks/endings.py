"""The end of the program at every stage of a turn: how long it takes, in what order, and what is kept."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from chatterm.backend.net.client import HttpClients
from chatterm.backend.turn_handle import TurnHandle
from chatterm.core.errors import StoreError
from chatterm.store.database import Database
from chatterm.tui.app import LEAVE_SECONDS
from tests.backend.tools.programs.process_watch import all_gone
from tests.benchmarks.figures import Figure
from tests.benchmarks.processes import SYN_SENT, tcp_states
from tests.benchmarks.stop_rig import MODEL, Places, Rig, places, until
from tests.benchmarks.stop_stages import STAGES, StopStage
from tests.doubles.dialects import DIALECTS, OPENAI_CHAT
from tests.doubles.terminal import CTRL_Q, ENTER, below
from tests.journeys.program import CHATTERM, Home

END_GOAL_MS = 1000.0
ORPHAN_SECONDS = 2.0
"""How long the programs of tools may take to be gone."""
CHAT, ASK = "chat, Ctrl+Q", "ask, SIGTERM"
OF_PROGRAM = [
    (how, stage)
    for stage in STAGES
    if stage.name in ("connecting", "waiting for headers", "text, flowing")
    for how in (CHAT, ASK)
]
"""How and at which stages the real program is ended."""

IN_ORDER = ["turn saved", "history open", "pool closed", "history closed"]


@dataclass(slots=True)
class Ending:
    """One end and what came of it. `lost` says what of it was not as it must be."""

    stage: StopStage
    how: str
    seconds: float = 0.0
    lost: list[str] = field(default_factory=list[str])


class WatchedClients(HttpClients):
    """Connections that tell what is over and what is not in the moment when they are closed."""

    handle: TurnHandle | None = None
    database: Database | None = None
    order: tuple[str, ...] = ()

    async def aclose(self) -> None:
        """Close all; only the first time is told of."""
        if self.order or self.handle is None or self.database is None:
            await super().aclose()
            return
        saved = "turn saved" if self.handle.done else "turn not saved"
        await super().aclose()
        self.order = (saved, await _state(self.database), "pool closed")


async def _state(database: Database) -> str:
    """Whether the history takes work; it may be held up and do none."""
    try:
        async with asyncio.timeout(0.05):
            await database.read(lambda _: None)
    except StoreError:
        return "history closed"
    except TimeoutError:
        pass
    return "history open"


def endings_in_process(folder: Path, chosen: Sequence[tuple[StopStage, str]]) -> list[Ending]:
    """The end of the engine at these stages with these adapters, as the chat screen brings it about."""
    with places() as found:
        return [
            asyncio.run(_end(folder / f"end{number}", found, stage, adapter))
            for number, (stage, adapter) in enumerate(chosen)
        ]


async def _end(folder: Path, found: Places, stage: StopStage, adapter: str) -> Ending:
    ending, marker = Ending(stage, adapter), "marker"
    threads = set(threading.enumerate())
    async with Rig(folder, found, WatchedClients) as rig:
        clients, database = rig.clients, rig.engine.database
        assert isinstance(clients, WatchedClients)
        held = await rig.hold(stage, DIALECTS[adapter], marker)
        clients.handle, clients.database = held.handle, database
        ended_at = time.monotonic()
        await held.session.aclose(LEAVE_SECONDS / 2)
        await rig.engine.aclose()
        closed = database.close(0)
        ending.seconds = time.monotonic() - ended_at
        order = [*clients.order, "history closed" if closed else "history held"]
        wanted = ["turn not saved", "history open", "pool closed", "history held"]
        if order != (wanted if stage.holds_store else IN_ORDER):
            ending.lost.append(f"the order was {', '.join(order)}")
        rig.let_store_go()
        found.give_up()
        await asyncio.to_thread(until, lambda: database.close(0))
        await held.finish()
        if stage.closes:
            await rig.closed_at(held)
        if left := await held.tasks_left():
            ending.lost.append(f"{left} tasks are left")
        if not await asyncio.to_thread(all_gone, held.mark, ORPHAN_SECONDS):
            ending.lost.append("programs are left")
    found.server.wait_until(lambda: all(seen.closed_at for seen in found.server.connections))
    named = [thread for thread in set(threading.enumerate()) - threads if thread.name.startswith("chatterm")]
    for thread in named:
        thread.join(1)
        if thread.is_alive():
            ending.lost.append(f"the thread {thread.name} is left")
    outcome = "complete" if stage.is_complete else "interrupted"
    _check_stored(ending, rig.home, outcome, held.text, held.thinking)
    return ending


def _check_stored(ending: Ending, home: Home, state: str, text: str, thinking: str = "") -> None:
    found = [(turn.state, turn.text, turn.thinking) for turn in home.stored()]
    if found != [(state, text, thinking)]:
        ending.lost.append(f"stored is {found}")


# ---- the real program ----------------------------------------------------------------------------


def endings_of_program(folder: Path, chosen: Iterable[tuple[str, StopStage]] = OF_PROGRAM) -> list[Ending]:
    """The chat screen ended with its key, and `ask` with a signal."""
    endings: list[Ending] = []
    for number, (how, stage) in enumerate(chosen):
        end = _end_chat if how is CHAT else _end_ask
        with places() as found:
            endings.append(end(folder / f"program{number}", found, stage))
    return endings


def _end_chat(folder: Path, found: Places, stage: StopStage) -> Ending:
    home, ending = Home(folder), Ending(stage, CHAT)
    with home.start(*_arguments(found, stage)) as terminal:
        terminal.wait_for(f"/ {MODEL}")
        terminal.send(b"question" + ENTER)
        if stage.shows:
            terminal.wait_for("marker")
        else:
            terminal.wait_until(
                lambda screen: (
                    "connecting to" in below(screen, "▌ question")
                    or "waiting for" in below(screen, "▌ question")
                )
            )
        sent_at = terminal.send(CTRL_Q)
        status = terminal.wait_exit()
        assert terminal.exited_at is not None
        ending.seconds = terminal.exited_at - sent_at
        if status or terminal.left_on:
            ending.lost.append(f"the status is {status}, and left on are {terminal.left_on}")
    _check_kept(ending, found, home)
    return ending


def _end_ask(folder: Path, found: Places, stage: StopStage) -> Ending:
    home, ending = Home(folder), Ending(stage, ASK)
    command = [*CHATTERM, "ask", *_arguments(found, stage), "question"]
    with subprocess.Popen(
        command,
        bufsize=0,  # what is read early must not be kept from `communicate`
        env=home.environ(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as program:
        try:
            assert program.stdout is not None
            if stage.place == "full":
                until(lambda: SYN_SENT in tcp_states(program.pid))
            else:
                found.server.wait_until(lambda: found.server.chats)
            printed = program.stdout.read(len("marker")) if stage.shows else b""
            sent_at = time.monotonic()
            program.send_signal(signal.SIGTERM)
            printed += program.communicate(timeout=10)[0]
            ending.seconds = time.monotonic() - sent_at
        finally:
            program.kill()
    if program.returncode != 128 + signal.SIGTERM:
        ending.lost.append(f"the status is {program.returncode}")
    kept = _check_kept(ending, found, home)
    if not kept.startswith(printed.decode().rstrip("\n")):
        ending.lost.append(f"printed is {printed!r}, and kept {kept!r}")
    return ending


def _arguments(found: Places, stage: StopStage) -> tuple[str, ...]:
    for script in stage.scripts(OPENAI_CHAT, "marker"):
        found.server.reply_script(script)
    return ("--base-url", found.address(stage.place, OPENAI_CHAT.base), "-m", MODEL)


def _check_kept(ending: Ending, found: Places, home: Home) -> str:
    """The text that is stored."""
    turns = home.stored()
    if [turn.state for turn in turns] != ["interrupted"]:
        ending.lost.append(f"stored is {turns}")
        return ""
    if ending.stage.shows and not turns[0].text.startswith("marker "):
        ending.lost.append("the text is not kept")
    with suppress(TimeoutError):
        found.server.wait_until(lambda: all(seen.closed_at for seen in found.server.connections), 2)
        return turns[0].text
    ending.lost.append("a connection is left")
    return turns[0].text


def ending_figures(endings: Iterable[Ending]) -> list[Figure]:
    """In process over all adapters by stage, and the real program by how it was ended."""
    groups: dict[str, list[float]] = {}
    for ending in endings:
        name = f"  end, {ending.how}" if ending.how in (CHAT, ASK) else f"  end while {ending.stage.name}"
        groups.setdefault(name, []).append(ending.seconds * 1000)
    return [Figure(name, "ms", samples, goal=END_GOAL_MS, goal_at=1.0) for name, samples in groups.items()]
