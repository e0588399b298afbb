"""What the front end is given: what its first paint needs, and later the object graph below it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from chatterm.backend.budget import ChatBudget
    from chatterm.backend.exchanges import Exchanges
    from chatterm.backend.models import ModelLists
    from chatterm.backend.performance import Performance
    from chatterm.backend.session import Session
    from chatterm.backend.targets import Targets
    from chatterm.backend.tools.approval import Approvals
    from chatterm.backend.tools.builtin_tools import Surroundings
    from chatterm.backend.tools.mcp.servers import McpServers
    from chatterm.backend.tools.mcp.values import McpStartRequest
    from chatterm.backend.tools.registry import ToolRegistry
    from chatterm.config.model import Settings
    from chatterm.config.themes import Palette
    from chatterm.core.turn import Options, Turn
    from chatterm.store.history import History
    from chatterm.store.performance import PerformanceStore
    from chatterm.store.state import StateStore
    from chatterm.tui.commands import Command
    from chatterm.tui.started import Started


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """How the user asked to start; None and False are 'not said'."""

    provider: str | None = None
    model: str | None = None
    system: str | None = None
    resume: str | None = None
    continue_last: bool = False
    options: Options = field(default_factory=dict[str, object])


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """All that the first paint needs, and `build`, which makes the rest.

    `build` imports and makes the engine: called once, after the first paint, on a thread of its own. `notices`
    are told at the start. `theme_is_asked_for`: by an option or the environment.
    """

    settings: Settings
    start: Start
    commands: tuple[Command, ...]
    palette: Palette
    theme_is_asked_for: bool = False
    notices: tuple[str, ...] = ()
    build: Callable[[], Services]

    def load(self) -> tuple[type[Started], Services]:
        """Import and make all that the first paint did without; takes much longer than a frame."""
        from chatterm.tui.started import Started

        services = self.build()
        # For the first text that is shown; imported then, it would hold up the event loop for several frames.
        import_module("chatterm.tui.transcript.markdown_grammar")
        return Started, services


class StartGate(Protocol):
    """Asks by `ask`, once it is set, whether a server may be started."""

    ask: Callable[[McpStartRequest], Awaitable[bool]] | None


class ToolFace(Protocol):
    """What the screens reach of tools."""

    @property
    def registry(self) -> ToolRegistry: ...
    @property
    def approvals(self) -> Approvals: ...
    @property
    def around(self) -> Surroundings: ...
    @property
    def gate(self) -> StartGate: ...
    @property
    def servers(self) -> McpServers | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything of the engine that the screens reach.

    `prepare` opens the store, once, and returns notices for the user; `close` ends connections and writes
    within half a second. `palettes` are all that can be chosen; `notices` are told when the engine is there.
    """

    palettes: Mapping[str, Palette]
    history: History
    state: StateStore
    targets: Targets
    models: ModelLists
    exchanges: Exchanges
    budget: ChatBudget
    performance: Performance
    records: PerformanceStore
    new_session: Callable[[str | None, tuple[Turn, ...], str | None], Session]
    tools: ToolFace | None = None
    prepare: Callable[[], Awaitable[tuple[str, ...]]]
    close: Callable[[], Awaitable[None]]
    notices: tuple[str, ...] = ()
