"""The whole front end on a real object graph: a store of its own, the guide without pace, a gated provider."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from chatterm.backend.budget import ChatBudget
from chatterm.backend.exchanges import Exchanges
from chatterm.backend.guide.provider import GuideService
from chatterm.backend.models import ModelLists
from chatterm.backend.payload_cache import PayloadCache
from chatterm.backend.performance import Performance
from chatterm.backend.provider_keys import ProviderKeys
from chatterm.backend.providers.base import ModelInfo, OnStage, WireRequest
from chatterm.backend.routing.router import Router
from chatterm.backend.session import Session
from chatterm.backend.target import Target
from chatterm.backend.targets import Targets
from chatterm.backend.worker import Worker
from chatterm.config.model import ProviderSettings, Settings
from chatterm.config.themes import load_themes
from chatterm.core.errors import ConnectionFailedError
from chatterm.core.turn import Turn
from chatterm.store.database import Database
from chatterm.store.history import History
from chatterm.store.performance import PerformanceStore
from chatterm.store.state import StateStore
from chatterm.tui.app import ChattermApp
from chatterm.tui.bindings import apply_keymap
from chatterm.tui.commands import COMMANDS
from chatterm.tui.services import Services, Setup, Start
from tests.doubles.provider import GatedProvider, GatedStream, PlainAdapter
from tests.tui.widgets.host import screen_text

PLAIN = "plain"
UNREACHABLE = "http://127.0.0.1:1"


class ListingAdapter(PlainAdapter):
    """The gated provider's wire format, with models to choose from."""

    def __init__(self, models: list[str]) -> None:
        self._models = models

    def parse_models(self, body: bytes, provider: str) -> list[ModelInfo]:
        return [ModelInfo(id=name, provider=provider) for name in self._models]


@dataclass(frozen=True, slots=True, kw_only=True)
class GatedTargets(Targets):
    """Real targets, and one provider more, which the test holds."""

    gated: GatedProvider
    model_names: list[str]
    exchanges: Exchanges

    def configured(self) -> tuple[str, ...]:
        return (PLAIN, *Targets.configured(self))

    def address(self, provider: str) -> str:
        return "plain://model" if provider == PLAIN else Targets.address(self, provider)

    def default_model(self, provider: str) -> str | None:
        return (
            "test-model"
            if provider == PLAIN == self.settings.provider
            else Targets.default_model(self, provider)
        )

    def service(self, provider: str):
        return Targets.service(self, "custom" if provider == PLAIN else provider)

    def resolve(self, provider: str, model: str) -> Target:
        if provider != PLAIN:
            return Targets.resolve(self, provider, model)
        target = replace(self.gated.target(model), adapter=ListingAdapter(self.model_names))
        if chain := self.chain(provider, model):
            others = [self.place(name, provider) for name in chain]
            target = replace(
                target, fallbacks=lambda: [replace(self.resolve(*each), fallbacks=None) for each in others]
            )
        return self.exchanges.around(target, "PLAIN_API_KEY")


@dataclass
class Network:
    """Where requests to real providers go: nowhere, once the test lets them."""

    open: asyncio.Event = field(default_factory=asyncio.Event)
    requests: list[WireRequest] = field(default_factory=list)

    @asynccontextmanager
    async def open_stream(self, request: WireRequest, on_stage: OnStage) -> AsyncGenerator[GatedStream]:
        self.requests.append(request)
        await self.open.wait()
        raise ConnectionFailedError(
            f"Cannot connect to {request.endpoint.host}.",
            "Is it running?",
            provider=request.endpoint.provider,
        )
        yield GatedStream(200, {}, 0.0)


@dataclass
class Program:
    """The running application and what the test holds of it."""

    app: ChattermApp
    pilot: Pilot[int]
    provider: GatedProvider
    network: Network
    history: History
    state: StateStore
    database: Database
    models: list[str]

    @property
    def pane(self):
        return self.app.chat.pane

    @property
    def composer(self):
        return self.pane.composer

    @property
    def session(self) -> Session:
        return self.pane.session

    @property
    def text(self) -> str:
        """The characters on screen."""
        return screen_text(self.app)

    @property
    def notices(self) -> str:
        return "\n".join(self.pane.notices.texts)

    async def until(self, condition: Callable[[], object], seconds: float = 20.0) -> None:
        """Let the application go on until something is so; what the screen showed if it never is."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"never came true; on screen:\n{self.text}\nnotices: {self.notices}")
            await self.pilot.pause()

    async def shown(self, words: str) -> None:
        """Wait until these words are on screen."""
        await self.until(lambda: words in self.text)

    async def gone(self, words: str) -> None:
        """Wait until these words are on screen no more."""
        await self.until(lambda: words not in self.text)

    async def type(self, text: str) -> None:
        """Put text into the prompt as if it was pasted."""
        self.composer.insert_text(text)
        await self.pilot.pause()

    async def send(self, text: str) -> None:
        """Type a line and press Enter."""
        await self.type(text)
        self.pane.widgets.query_one("CompletionList").close()
        await self.pilot.press("enter")

    async def ask(self, text: str) -> GatedStream:
        """Send a prompt; the stream that its reply comes by."""
        await self.send(text)
        return await self.provider.opened()

    async def begun(self, prompt: str, text: str) -> GatedStream:
        """Send a prompt whose reply begins with this text, and is on screen so far; the stream it comes by."""
        stream = await self.ask(prompt)
        stream.send(text=text)
        await self.shown(text.strip())
        return stream

    async def turn(self, prompt: str, reply: str, usage: tuple[int, int] | None = None) -> None:
        """A whole turn."""
        (await self.ask(prompt)).reply(reply, usage=usage)
        await self.until(lambda: self.session.running is None)
        await self.pilot.pause()


Launch = Callable[..., AbstractAsyncContextManager[Program]]


@pytest.fixture
def launch(new_user: Path) -> Launch:
    """Starts the program; each start with the same store, as a later start of the same user."""

    @asynccontextmanager
    async def start(
        *,
        size: tuple[int, int] = (80, 24),
        settings: Settings | None = None,
        begin: Start | None = None,
        environ: Mapping[str, str] | None = None,
        ready: bool = True,
        database: Database | None = None,
        clock: Callable[[], float] = time.monotonic,
        gate: threading.Event | None = None,
        **changes: object,
    ) -> AsyncIterator[Program]:
        settings = settings or Settings(provider=PLAIN)
        providers = {"ollama": ProviderSettings(base_url=UNREACHABLE), **settings.providers}
        settings = replace(settings, providers=providers)
        database = database or Database(new_user / "chatterm.db")
        history, state = History(database), StateStore(database)
        gated, network, names = GatedProvider(patience_seconds=60.0), Network(), ["test-model", "other-model"]
        exchanges = Exchanges()
        targets = GatedTargets(
            settings=settings,
            keys=ProviderKeys(settings, environ or {}),
            http_stream=network.open_stream,
            guide_stream=GuideService(0, clock=clock).open_stream,
            gated=gated,
            model_names=names,
            exchanges=exchanges,
        )

        async def load_blobs(digests: frozenset[str]) -> dict[str, bytes]:
            return {digest: await history.blob(digest) for digest in digests}

        records = PerformanceStore(database)
        budget = ChatBudget(settings.budget, records)
        performance = Performance(records.add, budget.take)
        budget.tell = lambda text: performance.tell(text)
        worker = Worker(PayloadCache(), load_blobs, clock, targets.states, performance=performance)

        def new_session(conversation_id: str | None, turns: tuple[Turn, ...], system: str | None) -> Session:
            session = Session(
                history, worker, conversation_id=conversation_id, turns=turns, system=system, clock=clock
            )
            rules = settings.routing
            session.budget = budget
            session.router = Router(targets, has_rules=bool(rules.rules), enabled=rules.enabled)
            return session

        async def prepare() -> tuple[str, ...]:
            await database.ready()
            recovered = await history.recover()
            return (*database.notices, *((f"{len(recovered)} recovered",) if recovered else ()))

        async def close() -> None:
            database.close(1)

        def changed(given: Setup | Services) -> dict[str, Any]:
            return {name: value for name, value in changes.items() if hasattr(given, name)}

        def build() -> Services:
            if gate is not None:
                gate.wait(10)
            return replace(services, **changed(services))

        palettes = load_themes().palettes
        services = Services(
            palettes=palettes,
            history=history,
            state=state,
            targets=targets,
            models=ModelLists(targets, state),
            exchanges=exchanges,
            budget=budget,
            performance=performance,
            records=records,
            new_session=new_session,
            prepare=prepare,
            close=close,
        )
        setup = Setup(
            settings=settings,
            start=begin or Start(),
            commands=apply_keymap(COMMANDS, settings.keys)[0],
            palette=palettes[settings.interface.theme],
            build=build,
        )
        app = ChattermApp(replace(setup, **changed(setup)))
        try:
            async with app.run_test(size=size) as pilot:
                program = Program(app, pilot, gated, network, history, state, database, names)
                if ready:
                    await program.until(lambda: app.chat.started.is_there and app.chat.opening.is_open)
                    await pilot.pause()
                yield program
                network.open.set()
                if app.chat.started.is_there:
                    await program.session.aclose()
                await pilot.pause()
        finally:
            database.close(2)

    return start
