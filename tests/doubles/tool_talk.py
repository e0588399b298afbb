"""Conversations with tools as the program holds them: its engine, its history on disk, real connections to a server."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from chatterm.backend.past import read_end
from chatterm.backend.session import Prompt, Session
from chatterm.backend.target import Target
from chatterm.backend.tools.base import Tool
from chatterm.backend.turn_handle import TurnHandle
from chatterm.cli.start_options import StartOptions
from chatterm.cli.start_settings import read_settings
from chatterm.cli.wiring import Engine, build_engine
from chatterm.config.model import ToolSettings
from chatterm.core.events import ConsentAsked, TurnEvent
from chatterm.core.tools import Decision
from chatterm.core.turn import Turn
from tests.doubles.patience import soon
from tests.doubles.server import ScriptedServer, SeenRequest
from tests.doubles.tool_replies import Item, Reply, Speaker, prefix
from tests.doubles.tools import toolbox_of
from tests.journeys.program import Home

SETTINGS = "[network]\nretries = 0\n"


class Talk:
    """A conversation with whom `speaker` speaks for; `tools` are what it may call, or those of the settings if none.

    `decide` says yes or no to what is asked; a no where there is nobody.
    """

    def __init__(
        self, place: Place, speaker: Speaker, tools: tuple[Tool, ...], settings: ToolSettings | None
    ) -> None:
        self._place, self._tools, self._settings = place, tools, settings
        self.speaker = speaker
        self.events: list[TurnEvent] = []
        self.decide: Callable[[ConsentAsked], Decision] = lambda asked: Decision.DENY
        self.session = self._dressed(place.engine.new_session(None, (), None))

    @property
    def bodies(self) -> list[bytes]:
        """The bodies of all requests so far, in order."""
        return [request.body for request in self._place.server.chats]

    def items(self, number: int = -1) -> list[Item]:
        """What this request says; see `Speaker.items`."""
        return self.speaker.items(self.bodies[number])

    async def use(self, speaker: Speaker, *following: Speaker) -> None:
        """Speak with another one from now on, and with these where it fails."""
        self.speaker = speaker
        target, rest = self._place.target(speaker), [self._place.target(each) for each in following]
        await self.session.use(replace(target, fallbacks=(lambda: list(rest)) if rest else None))

    def start(self, text: str, *replies: Reply) -> TurnHandle:
        """Send a prompt that is answered with these responses."""
        for reply in replies:
            self._place.server.reply_script(self.speaker.script(reply))
        return self.session.start_turn(Prompt(text))

    async def until(self, handle: TurnHandle, is_there: Callable[[TurnEvent], object]) -> None:
        """Take events up to the first of this kind."""

        async def take() -> None:
            async for event in handle.events():
                self._take(handle, event)
                if is_there(event):
                    return
            raise AssertionError("the turn ended before")

        await soon(take(), "was waited for")

    async def end(self, handle: TurnHandle) -> Turn:
        """Take the events to the end of the turn."""

        async def take() -> Turn:
            async for event in handle.events():
                self._take(handle, event)
            return await handle.result()

        return await soon(take(), "did not end the turn", 30)

    async def ask(self, text: str, *replies: Reply) -> Turn:
        """A whole turn."""
        return await self.end(self.start(text, *replies))

    async def reopen(self) -> None:
        """Go on in another program with what is in the history."""
        await self._place.restart()
        history = self._place.engine.history
        row = await history.find(self.session.conversation_id)
        turns, past = await read_end(history, row)
        self.session = self._dressed(self._place.engine.new_session(row.id, turns, row.system))
        self.session.past = past
        await self.use(self.speaker)

    def _take(self, handle: TurnHandle, event: TurnEvent) -> None:
        self.events.append(event)
        if isinstance(event, ConsentAsked):
            assert handle.decide(event.call.call_id, self.decide(event))

    def _dressed(self, session: Session) -> Session:
        session.router = None
        session.options = {"cache_control": False} if self.speaker.provider == "anthropic" else {}
        if self._tools:
            session.toolbox = toolbox_of(*self._tools, settings=self._settings)
        return session


class Place:
    """A user's home with the engine in it, and the server that all requests go to."""

    def __init__(self, home: Home, server: ScriptedServer, settings: str) -> None:
        self.home, self.server = home, server
        self.home.write_settings(SETTINGS + settings)
        self.engine = self._new_engine()

    def target(self, speaker: Speaker) -> Target:
        """Who is asked: the server, in this format."""
        targets = self.engine.targets.at(speaker.provider, f"{self.server.url}{speaker.base}")
        return targets.resolve(speaker.provider, speaker.model)

    async def talk(self, speaker: Speaker, *tools: Tool, settings: ToolSettings | None = None) -> Talk:
        """A new conversation."""
        talk = Talk(self, speaker, tools, settings)
        await talk.use(speaker)
        return talk

    async def restart(self) -> None:
        """End the engine and build it anew on the same files."""
        await self.aclose()
        self.engine = self._new_engine()
        await self.engine.prepare()

    async def aclose(self) -> None:
        """End the engine."""
        await self.engine.aclose()
        assert self.engine.database.close(5)

    def _new_engine(self) -> Engine:
        environ = self.home.environ()
        return build_engine(*read_settings(StartOptions(), environ), environ)


@asynccontextmanager
async def place_in(folder: Path, settings: str = "") -> AsyncGenerator[Place]:
    """The place for a test; nothing of it is left after it."""
    logger = logging.getLogger("chatterm")
    handlers, propagate = list(logger.handlers), logger.propagate
    try:
        async with ScriptedServer() as server:
            place = Place(Home(folder), server, settings)
            await place.engine.prepare()
            try:
                yield place
            finally:
                await place.aclose()
    finally:
        logger.handlers, logger.propagate = handlers, propagate


def is_prefix(before: bytes, after: bytes, speaker: Speaker) -> bool:
    """Whether the messages of the one request begin with the bytes of the other's, and all else is the same."""
    first, second = prefix(before, speaker.field), prefix(after, speaker.field)
    rest = [body.replace(messages, b"", 1) for body, messages in ((before, first), (after, second))]
    is_in_last = speaker.merges and second.startswith(first.removesuffix(b"]}") + b",")
    return (second.startswith(first) or is_in_last) and rest[0] == rest[1]


def requests_to(server: ScriptedServer, path: str) -> list[SeenRequest]:
    """The chat requests to paths that end in this."""
    return [request for request in server.chats if request.path.partition("?")[0].endswith(path)]
