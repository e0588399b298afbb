"""Builds the object graph: the only place that knows every part. Nothing here waits for disk or network."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from chatterm.backend.attachments import HeldBlobs
from chatterm.backend.budget import ChatBudget
from chatterm.backend.endpoint_states import EndpointStates
from chatterm.backend.exchanges import Exchanges
from chatterm.backend.guide.provider import GuideService
from chatterm.backend.load_times import LoadTimes
from chatterm.backend.models import ModelLists
from chatterm.backend.net.client import HttpClients
from chatterm.backend.payload_cache import PayloadCache
from chatterm.backend.provider_keys import ProviderKeys
from chatterm.backend.routing.router import Router
from chatterm.backend.session import Session
from chatterm.backend.targets import Targets
from chatterm.backend.token_meter import TokenMeter
from chatterm.backend.worker import Worker
from chatterm.cli.crash import CrashLog
from chatterm.cli.performance_wiring import PerformanceService, build_performance
from chatterm.cli.tool_wiring import ToolService, build_tools
from chatterm.config.key_store import KeyStore
from chatterm.config.load import COMMAND_LINE, Loaded
from chatterm.config.paths import Paths
from chatterm.config.schema import dotted
from chatterm.core.clean import clean_line
from chatterm.core.errors import StoreError
from chatterm.core.turn import Turn
from chatterm.store.database import Database
from chatterm.store.history import History
from chatterm.store.state import StateStore

DATABASE_NAME = "chatterm.db"
CLOSE_SECONDS = 0.4
"""What closing may take: together with what the chat screen saves before it, less than a second."""

ON_SCREEN = "What is on screen stays until you quit; /export writes it to another place."


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """The application without a face. One per process; used inside one event loop."""

    paths: Paths
    loaded: Loaded
    database: Database
    history: History
    held: HeldBlobs
    state: StateStore
    clients: HttpClients
    targets: Targets
    models: ModelLists
    worker: Worker
    exchanges: Exchanges = field(default_factory=Exchanges)
    meter: TokenMeter
    tools: ToolService
    performance: PerformanceService
    offers_tools: bool = True

    @property
    def budget(self) -> ChatBudget:
        """What may be spent, by all its conversations."""
        return self.performance.budget

    def new_session(
        self, conversation_id: str | None, turns: tuple[Turn, ...], system: str | None
    ) -> Session:
        """A session on this engine; without an id, of a new conversation, to which the settings' prompt goes."""
        if conversation_id is None and system is None:
            system = self.loaded.settings.system
        session = Session(
            self.history,
            self.worker,
            conversation_id=conversation_id,
            turns=turns,
            system=system,
            clock=time.monotonic,
        )
        session.router, session.budget = self.router(), self.budget
        session.toolbox = self.tools.toolbox(session.conversation_id) if self.offers_tools else None
        return session

    def router(self) -> Router:
        """The routing of one conversation. Rules that cannot be used are rules all the same: none are made up."""
        routing = self.loaded.settings.routing
        has_rules = bool(routing.rules) or any(
            (error.key or "").startswith("routing.rules") for error in self.loaded.problems
        )
        return Router(self.targets, has_rules=has_rules, enabled=routing.enabled)

    async def prepare(self) -> tuple[str, ...]:
        """Open the store and end what a killed process left behind; returns what the user should be told."""
        await self.database.ready()
        if self.targets.load_times is not None:
            await self.targets.load_times.read()
        await self.meter.read()
        notices = [*self.performance.notices, *self.database.notices]
        try:
            recovered = await self.history.recover()
            await self.history.purge_deleted()
        except StoreError as error:
            return (*notices, str(error))
        if recovered:
            replies = "A reply was" if len(recovered) == 1 else f"{len(recovered)} replies were"
            where = ", ".join(f"{clean_line(title, 60)!r}" for title in dict.fromkeys(recovered))
            notices.append(
                f"{replies} cut off when chatterm ended, in {where}; the text is kept, marked interrupted."
            )
        return tuple(notices)

    async def aclose(self) -> None:
        """End commands, close connections and finish what the store was asked for, in bounded time."""
        until = time.monotonic() + CLOSE_SECONDS
        self.performance.end()
        await self.tools.aclose()
        self.targets.keys.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS / 2):
                await self.clients.aclose()
        # Tools that were slow to end have used up the time, but what is not stored by now would be lost.
        until = max(until, time.monotonic() + CLOSE_SECONDS / 2)
        self.performance.close((until - time.monotonic()) / 2)
        self.database.close(until - time.monotonic())


def _asked_addresses(loaded: Loaded) -> dict[str, str]:
    """The addresses that the command line gives, by provider."""
    return {
        name: own.base_url
        for name, own in loaded.settings.providers.items()
        if own.base_url and loaded.sources.get(dotted(("providers", name, "base_url"))) == COMMAND_LINE
    }


def build_engine(
    paths: Paths,
    loaded: Loaded,
    environ: Mapping[str, str] = os.environ,
    *,
    busy_seconds: float | None = None,
    if_unsaved: str = ON_SCREEN,
) -> Engine:
    """The engine for these settings; the last two are for the `Database`."""
    settings = loaded.settings
    keys = ProviderKeys(settings, environ, KeyStore(paths.key_file))
    CrashLog(paths.state, keys.secrets).install()
    file = paths.data / DATABASE_NAME if settings.save else None
    database = Database(file, busy_seconds=busy_seconds, if_unsaved=if_unsaved)
    history, state, held = History(database), StateStore(database), HeldBlobs()
    clients, states = HttpClients(settings.network), EndpointStates(time.monotonic)
    targets = Targets(
        settings=settings,
        keys=keys,
        http_stream=clients.open_stream,
        guide_stream=GuideService(settings.guide.words_per_second).open_stream,
        refused=loaded.refused,
        asked=_asked_addresses(loaded),
        connect=clients.warm,
        load_times=LoadTimes(state),
        states=states,
    )

    async def load_blobs(digests: frozenset[str]) -> dict[str, bytes]:
        return {digest: held.get(digest) or await history.blob(digest) for digest in digests}

    meter, records = TokenMeter(state, load_blobs), build_performance(paths, database, loaded)
    payload_cache = PayloadCache(settings.network.payload_cache_megabytes * 1024 * 1024)
    return Engine(
        paths=paths,
        loaded=loaded,
        database=database,
        history=history,
        held=held,
        state=state,
        clients=clients,
        targets=targets,
        models=ModelLists(targets, state),
        worker=Worker(
            payload_cache, load_blobs, time.monotonic, states, meter, performance=records.performance
        ),
        meter=meter,
        performance=records,
        tools=build_tools(paths, loaded, environ, state, states),
    )
