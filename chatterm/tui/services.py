"""What the front end is given: the object graph below it, and how it was asked to start."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from chatterm.backend.models import ModelLists
from chatterm.backend.session import Session
from chatterm.backend.targets import Targets
from chatterm.config.model import Settings
from chatterm.config.themes import Palette
from chatterm.core.turn import Options, Turn
from chatterm.store.history import History
from chatterm.store.state import StateStore
from chatterm.tui.commands import Command


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
class Services:
    """Everything the screens reach.

    `prepare` opens the store, once, and returns notices for the user; `close` ends connections and writes
    within half a second. `notices` are told at the start. `theme_is_asked_for`: by an option or the environment.
    """

    settings: Settings
    start: Start
    commands: tuple[Command, ...]
    palettes: Mapping[str, Palette]
    theme: str
    theme_is_asked_for: bool = False
    history: History
    state: StateStore
    targets: Targets
    models: ModelLists
    new_session: Callable[[str | None, tuple[Turn, ...], str | None], Session]
    prepare: Callable[[], Awaitable[tuple[str, ...]]]
    close: Callable[[], Awaitable[None]]
    notices: tuple[str, ...] = ()
