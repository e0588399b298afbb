"""The program's engine in this process, its history on disk, and servers that hold a turn at a stage of it."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from chatterm.backend.net.client import HttpClients
from chatterm.backend.session import Prompt, Session
from chatterm.backend.tools.builtin_tools import builtin_tools
from chatterm.backend.turn_handle import TurnHandle
from chatterm.cli.start_options import StartOptions
from chatterm.cli.start_settings import read_settings
from chatterm.cli.wiring import Engine, build_engine
from chatterm.core.events import (
    ConsentAsked,
    FellBack,
    Streamed,
    TextDelta,
    ThinkingDelta,
    TurnEvent,
    TurnFinished,
)
from chatterm.core.tools import Decision
from tests.benchmarks.processes import SYN_SENT, sockets, tcp_sockets
from tests.benchmarks.stop_stages import END, Place, StopStage, full_listener
from tests.benchmarks.stop_tools import stop_tool
from tests.doubles.dialects import Dialect
from tests.doubles.server import ScriptedServer, SeenConnection
from tests.doubles.tools import toolbox_of
from tests.journeys.program import Home

MODEL, NEXT_MODEL = "scripted-model", "next-model"
SETTINGS = "[network]\nretry_first_seconds = 60\nretry_longest_seconds = 60\n"
NOWHERE_PORT = 1
NEVER_SECONDS = 60.0


@dataclass(slots=True)
class Places:
    """Where turns go: see `StopStage.place`. One for all engines; the server is on a thread of its own."""

    server: ScriptedServer
    full_port: int
    _found: threading.Event = field(default_factory=threading.Event)

    def address(self, place: Place, base: str) -> str:
        """The base URL of this place, with what a wire format wants behind it."""
        match place:
            case "server":
                return f"{self.server.url}{base}"
            case "busy":
                return f"{self.server.url}/busy{base}"
            case "silent":
                return f"https://127.0.0.1:{self.server.port}{base}"
            case "full":
                return f"http://127.0.0.1:{self.full_port}{base}"
            case "nowhere":
                return f"http://127.0.0.1:{NOWHERE_PORT}{base}"

    def look_up(self, host: str, port: int) -> list[str]:
        """A look-up that finds everybody but who is nowhere; it gives those up with `give_up`."""
        if port == NOWHERE_PORT:
            self._found.wait(NEVER_SECONDS)
            raise OSError("given up")
        return [host]

    def give_up(self) -> None:
        """End all look-ups that wait."""
        found, self._found = self._found, threading.Event()
        found.set()


@contextmanager
def places() -> Generator[Places]:
    """The places, while the program under test runs beside them."""
    with ScriptedServer.in_thread() as server, full_listener() as full_port:
        found = Places(server, full_port)
        try:
            yield found
        finally:
            found.give_up()


@dataclass(slots=True)
class HeldTurn:
    """A turn that is held at a stage, what was shown of it, and the connection it holds, if a server sees one.

    `mark` is among the arguments of all programs that it starts.
    """

    stage: StopStage
    session: Session
    handle: TurnHandle
    tasks_before: set[asyncio.Task[object]]
    requests: int
    mark: str
    connection: SeenConnection | None = None
    given_up: asyncio.Future[float] | None = None
    text: str = ""
    thinking: str = ""
    last: TurnFinished | None = None

    def take(self, event: TurnEvent) -> None:
        """Note what the event shows."""
        match event:
            case Streamed(event=TextDelta(text)):
                self.text += text
            case Streamed(event=ThinkingDelta(text=text)):
                self.thinking += text
            case ConsentAsked(call) if self.stage.tool == "child":
                self.handle.decide(call.call_id, Decision.ONCE)
            case TurnFinished():
                self.last = event
            case _:
                pass

    async def finish(self) -> TurnFinished:
        """Take all events to the last one."""
        async for event in self.handle.events():
            self.take(event)
        assert self.last is not None
        return self.last

    async def tasks_left(self) -> int:
        """How many tasks that began with the turn are there after it."""
        await asyncio.sleep(0)
        current = asyncio.current_task()
        left = {task for task in asyncio.all_tasks() if task not in self.tasks_before and task is not current}
        if not left:
            return 0
        _, pending = await asyncio.wait(left, timeout=0.2)
        return len(pending)


class Rig:
    """An engine with its history in the home folder `folder`. Within one loop, like the program."""

    def __init__(self, folder: Path, places: Places, clients: type[HttpClients] = HttpClients) -> None:
        self.home = Home(folder)
        self.home.write_settings(SETTINGS)
        environ = self.home.environ()
        logger = logging.getLogger("chatterm")
        self._logging = (list(logger.handlers), logger.propagate)
        engine = build_engine(*read_settings(StartOptions(), environ), environ)
        self.clients = clients(engine.loaded.settings.network, look_up=places.look_up)
        targets = replace(engine.targets, http_stream=self.clients.open_stream, connect=self.clients.warm)
        self.engine: Engine = replace(engine, clients=self.clients, targets=targets)
        self._places = places
        self._store_gate: threading.Event | None = None

    async def __aenter__(self) -> Self:
        await self.engine.prepare()
        return self

    async def __aexit__(self, *exception: object) -> None:
        self.let_store_go()
        self._places.give_up()
        await self.engine.aclose()
        self.engine.database.close(5)
        logger = logging.getLogger("chatterm")
        logger.handlers, logger.propagate = self._logging

    async def hold(self, stage: StopStage, dialect: Dialect, marker: str) -> HeldTurn:
        """A turn of a new conversation, held at this stage; its prompt is `ask MARKER`."""
        server, scripts = self._places.server, stage.scripts(dialect, marker)
        server.requests.clear()
        for script in scripts:
            server.reply_script(script)
        connections, waiting = len(server.connections), _connecting()
        tasks_before, mark = asyncio.all_tasks(), f"0.{time.monotonic_ns()}"
        session = await self._session(stage, dialect, mark)
        handle = session.start_turn(Prompt(f"ask {marker}"))
        if stage.is_queued_behind:
            session.queue(Prompt(f"next {marker}"))
        held = HeldTurn(stage, session, handle, tasks_before, len(scripts), mark)
        await self._reach(held, marker)
        if stage.place == "full":
            await asyncio.to_thread(until, lambda: _connecting() - waiting)
            mine = _connecting() - waiting
            held.given_up = asyncio.get_running_loop().run_in_executor(None, _until_given_up, mine)
        elif stage.place == "silent":
            await self._seen(lambda: len(server.connections) > connections)
            held.connection = server.connections[-1]
        elif stage.closes:
            await self._seen(lambda: len(server.chats) >= len(scripts))
            held.connection = server.connections[server.chats[-1].connection]
        return held

    async def closed_at(self, held: HeldTurn) -> float:
        """When the server saw the close. Raises `TimeoutError`."""
        if held.given_up is not None:
            return await held.given_up
        connection = held.connection
        assert connection is not None
        await self._seen(lambda: connection.closed_at is not None)
        assert connection.closed_at is not None
        return connection.closed_at

    def let_store_go(self) -> None:
        """Have the history take everything again, where a stage held it."""
        if self._store_gate is not None:
            self._store_gate.set()
            self._store_gate = None

    async def _session(self, stage: StopStage, dialect: Dialect, mark: str) -> Session:
        address = self._places.address(stage.place, dialect.base)
        targets = self.engine.targets.at(dialect.provider, address)
        target = targets.resolve(dialect.provider, MODEL)
        if FellBack in stage.after:
            following = targets.resolve(dialect.provider, NEXT_MODEL)
            target = replace(target, fallbacks=lambda: [following])
        session = self.engine.new_session(None, (), None)
        session.router = None
        if stage.tool:
            command = builtin_tools(self.engine.tools.around)["run_command"]()
            session.toolbox = toolbox_of(stop_tool(stage.tool, command, mark))
        await session.use(target)
        return session

    async def _reach(self, held: HeldTurn, marker: str) -> None:
        passed, stage = 0, held.stage
        async with asyncio.timeout(10):
            while passed < len(stage.after):
                for event in await held.handle.batch():
                    held.take(event)
                    if passed < len(stage.after) and stage.is_next(passed, event):
                        passed += 1
                assert held.last is None, f"{stage.name}: over before it could be stopped: {held.last}"
                if passed and stage.holds_store and self._store_gate is None:
                    self._hold_store()
                    self._places.server.release(f"{END}-{marker}")

    def _hold_store(self) -> None:
        gate = self._store_gate = threading.Event()
        self.engine.database.read(lambda _: gate.wait(NEVER_SECONDS))

    async def _seen(self, condition: Callable[[], object]) -> None:
        await asyncio.to_thread(self._places.server.wait_until, condition)


def _connecting() -> set[str]:
    """The sockets of this process that try to connect."""
    return {inode for inode, state in tcp_sockets(os.getpid()).items() if state == SYN_SENT}


def _until_given_up(mine: set[str]) -> float:
    """When these sockets are closed. Nobody is told of that but the system: it is asked."""
    until(lambda: not mine & sockets(os.getpid()))
    return time.monotonic()


def until(condition: Callable[[], object]) -> None:
    """Wait, without a loop, for what nobody tells of. Raises `TimeoutError`."""
    limit = time.monotonic() + NEVER_SECONDS
    while not condition():
        if time.monotonic() > limit:
            raise TimeoutError("what is waited for does not come")
        time.sleep(0.0005)
