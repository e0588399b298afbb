"""Builds what models may call: tools, consent to them, servers, and the programs that they start."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from chatterm.backend.endpoint_states import EndpointStates
from chatterm.backend.tools.approval import Approvals
from chatterm.backend.tools.builtin_tools import Surroundings, builtin_tools
from chatterm.backend.tools.processes import Processes
from chatterm.backend.tools.registry import LoadedFunctions, ToolRegistry
from chatterm.backend.tools.results import KeptResults
from chatterm.backend.tools.toolbox import Toolbox
from chatterm.config.load import Loaded
from chatterm.config.paths import Paths
from chatterm.store.state import StateStore

if TYPE_CHECKING:
    from chatterm.backend.tools.builtin.fetch_url import Fetcher

RULES, TURNED = "tool_rules", "tools_turned"
"""Under which names the state store keeps lasting consents, and the tools that were turned on or off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolService:
    """Everything about tools that one program has. `around` is where built-in ones work."""

    around: Surroundings
    registry: ToolRegistry
    approvals: Approvals
    kept: KeptResults
    states: EndpointStates

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
            keep=self.kept.keep,
        )

    async def aclose(self) -> None:
        """End everything that tools started, within a second."""
        await self.around.processes.aclose()


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

    registry = ToolRegistry(
        settings.enabled,
        builtin_tools(around),
        functions=partial(_functions, settings.modules) if settings.modules else None,
        load=partial(load, TURNED),
        save=partial(state.put, TURNED),
    )
    return ToolService(
        around=around,
        registry=registry,
        approvals=Approvals(partial(load, RULES), partial(state.put, RULES)),
        kept=KeptResults(paths.state / "tool-results"),
        states=states,
    )


def _new_fetcher() -> Fetcher:
    from chatterm.backend.net.fetch import PageFetcher

    return PageFetcher()


def _functions(modules: tuple[str, ...]) -> LoadedFunctions:
    return LoadedFunctions()
