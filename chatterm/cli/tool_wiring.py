"""Builds what models may call: tools, consent to them, servers, and the programs that they start."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from chatterm.backend.endpoint_states import EndpointStates
from chatterm.backend.tools.approval import Approvals
from chatterm.backend.tools.builtin_tools import Surroundings, builtin_tools
from chatterm.backend.tools.programs.processes import Processes
from chatterm.backend.tools.registry import LoadedFunctions, ToolRegistry
from chatterm.backend.tools.results import KeptResults
from chatterm.backend.tools.toolbox import Toolbox
from chatterm.config.load import Loaded
from chatterm.config.model import Settings
from chatterm.config.paths import Paths
from chatterm.store.state import StateStore

if TYPE_CHECKING:
    from chatterm.backend.tools.builtin.fetch_url import Fetcher
    from chatterm.backend.tools.mcp.server import MayStart
    from chatterm.backend.tools.mcp.servers import McpServers
    from chatterm.backend.tools.mcp.values import McpStartRequest

RULES, TURNED, SERVERS = "tool_rules", "tools_turned", "mcp_servers"
"""Under which names the state store keeps lasting consents, the tools that were turned on or off, and what is known of
servers."""


class StartGate:
    """Asks whether a server may be started for the first time. A front end that can ask sets `ask`; else it is a no."""

    ask: Callable[[McpStartRequest], Awaitable[bool]] | None = None

    async def may_start(self, request: McpStartRequest) -> bool:
        """What the user says to exactly this."""
        return self.ask is not None and await self.ask(request)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolService:
    """Everything about tools that one program has. `around` is where built-in ones work.

    `kept` has what was too long for a model; None where nothing of a conversation is to be stored.
    """

    around: Surroundings
    registry: ToolRegistry
    approvals: Approvals
    kept: KeptResults | None
    states: EndpointStates
    gate: StartGate
    servers: McpServers | None = None

    def toolbox(self, conversation_id: str) -> Toolbox:
        """The tools of one conversation."""
        return Toolbox(
            conversation_id,
            self.registry.enabled,
            warm=self.registry.warm,
            settings=self.around.settings,
            approvals=self.approvals,
            breaker=self.states,
            clock=time.monotonic,
            keep=self.kept.keep if self.kept is not None else None,
        )

    async def aclose(self) -> None:
        """End everything that tools started, within a second."""
        if self.servers is None:
            await self.around.processes.aclose()
        else:
            await asyncio.gather(self.servers.aclose(), self.around.processes.aclose())

    def kill(self) -> None:
        """The same at once, for an exit that cannot wait."""
        self.around.processes.kill_all()
        if self.servers is not None:
            self.servers.kill()


def build_tools(
    paths: Paths, loaded: Loaded, environ: Mapping[str, str], state: StateStore, states: EndpointStates
) -> ToolService:
    """The tools for these settings. Nothing is imported or started that is not used."""
    settings = loaded.settings.tools
    around = Surroundings(
        settings=settings,
        paths=paths,
        environ=environ,
        processes=Processes(),
        new_fetcher=_new_fetcher,
    )

    async def load(key: str) -> object:
        return await state.get(key)

    builtins = builtin_tools(around)
    has_functions = bool(settings.modules) or not set(settings.enabled) <= set(builtins)
    gate = StartGate()
    servers = _servers(loaded.settings, around, state, gate.may_start)
    registry = ToolRegistry(
        settings.enabled,
        builtins,
        functions=partial(_functions, settings.modules, paths.settings) if has_functions else None,
        servers=servers,
        load=partial(load, TURNED),
        save=partial(state.put, TURNED),
    )
    return ToolService(
        around=around,
        registry=registry,
        approvals=Approvals(partial(load, RULES), partial(state.put, RULES)),
        kept=KeptResults(paths.state / "tool-results") if loaded.settings.save else None,
        states=states,
        gate=gate,
        servers=servers,
    )


def _new_fetcher() -> Fetcher:
    from chatterm.backend.net.fetch import PageFetcher

    return PageFetcher()


def _functions(modules: tuple[str, ...], folder: Path) -> LoadedFunctions:
    from chatterm.backend.tools.functions.files import load_functions

    tools, problems = load_functions(modules, folder)
    return LoadedFunctions(tools=tools, problems=problems)


def _servers(
    settings: Settings, around: Surroundings, state: StateStore, may_start: MayStart
) -> McpServers | None:
    """The servers that the settings name and do not turn off; None where there is none, and nothing is imported."""
    wanted = {name: server for name, server in settings.mcp.items() if server.enabled}
    if not wanted:
        return None
    from chatterm.backend.tools.mcp.memory import McpMemory
    from chatterm.backend.tools.mcp.servers import McpServers
    from chatterm.backend.tools.mcp.specs import server_spec

    async def load() -> Mapping[str, object]:
        empty: dict[str, object] = {}
        return await state.get(SERVERS, empty)

    root = str(around.folder)
    specs = [server_spec(name, server, root, around.environ) for name, server in wanted.items()]
    return McpServers(
        specs, McpMemory(load, partial(state.put, SERVERS)), may_start, processes=around.processes
    )
