"""Which tools there are, and which of them are on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, cast

from chatterm.backend.daemon_thread import in_daemon_thread
from chatterm.backend.tools.base import Tool
from chatterm.core.clean import clean_line
from chatterm.core.errors import StoreError, ToolError

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownTool:
    """A tool as a list shows it. `problem` says why it cannot be used though it is on."""

    name: str
    source: str
    description: str = ""
    is_on: bool = False
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedFunctions:
    """The user's own functions as tools, and a line for each that cannot be one."""

    tools: tuple[Tool, ...] = ()
    problems: tuple[str, ...] = ()


class Servers(Protocol):
    """Servers that offer tools: see `McpServers`."""

    def start(self) -> None: ...
    async def settled(self, seconds: float) -> None: ...
    def tools(self) -> Iterable[Tool]: ...


class ToolRegistry:
    """All tools of this program. Built-in ones win where names clash, then the user's functions, then servers.

    `builtins` makes a built-in tool by its name when it is first needed; it raises `ToolError` for one that cannot be
    used here. `enabled` names those that are on by the settings; `load` and `save` keep what the user turned on or off
    since. A server's tools are on, as the user named the server. `server_seconds` is how long `enabled` waits for
    servers that are still starting.
    """

    def __init__(
        self,
        enabled: Iterable[str],
        builtins: Mapping[str, Callable[[], Tool]],
        *,
        functions: Callable[[], LoadedFunctions] | None = None,
        servers: Servers | None = None,
        server_seconds: float = 0.0,
        load: Callable[[], Awaitable[object]] | None = None,
        save: Callable[[object], Awaitable[None]] | None = None,
    ) -> None:
        self._settings = frozenset(enabled)
        self._builtins, self._functions, self._servers = builtins, functions, servers
        self._server_seconds = server_seconds
        self._load, self._save = load, save
        self._made: dict[str, Tool] = {}
        self._failed: dict[str, str] = {}
        self._loaded = LoadedFunctions()
        self._turned: dict[str, bool] = {}  # as it was read last
        self._changes: dict[str, bool] = {}  # to that, and not stored yet
        self._is_prepared = False
        self._warming: asyncio.Task[Mapping[str, Tool]] | None = None
        self._preparing = asyncio.Lock()

    async def enabled(self) -> Mapping[str, Tool]:
        """The tools that are on and can be used, by name."""
        await self._prepare()
        await self._make(name for name in self._builtins if self._is_on(name, name in self._settings))
        if self._servers is not None:
            self._servers.start()
            if self._server_seconds:
                await self._servers.settled(self._server_seconds)
        found: dict[str, Tool] = {}
        for name, tool in self._made.items():
            if self._is_on(name, name in self._settings):
                found[name] = tool
        for tool in self._loaded.tools:
            # what a package brings is off until it is named: the user may not even know that it has tools
            if self._is_on(
                tool.spec.name, not tool.source.startswith("package:") or tool.spec.name in self._settings
            ):
                found.setdefault(tool.spec.name, tool)
        for tool in self._servers.tools() if self._servers is not None else ():
            if self._is_on(tool.spec.name, True) and tool.spec.name not in self._builtins:
                found.setdefault(tool.spec.name, tool)
        return found

    def warm(self) -> None:
        """Read, load and start what a turn needs, before it is needed; returns at once."""
        if self._warming is None:
            self._warming = asyncio.ensure_future(self.enabled())
        if self._servers is not None:
            self._servers.start()

    async def known(self) -> tuple[KnownTool, ...]:
        """Every tool, also those that are off; built-in ones first."""
        on = await self.enabled()
        await self._make(self._builtins)
        rows = [self._builtin_row(name, on) for name in self._builtins]
        others = (*self._loaded.tools, *(self._servers.tools() if self._servers is not None else ()))
        seen = set(self._builtins)
        for tool in others:
            name = tool.spec.name
            problem = "another tool has its name" if name in seen else ""
            seen.add(name)
            rows.append(
                KnownTool(
                    name=name,
                    source=tool.source,
                    description=_first_sentence(tool.spec.description),
                    is_on=on.get(name) is tool,
                    problem=problem,
                )
            )
        return tuple(rows)

    async def problems(self) -> tuple[str, ...]:
        """A line for each thing of the settings that is no tool: a name, a module, a function."""
        await self._prepare()
        known = {*self._builtins, *(tool.spec.name for tool in self._loaded.tools)}
        unknown = sorted(self._settings - known)
        lines = [f"There is no tool {clean_line(name, 64)!r}; /tools lists all." for name in unknown]
        return (*lines, *self._loaded.problems)

    async def turn(self, name: str, on: bool) -> bool:
        """Turn a tool on or off, from the next turn on and in later programs. False for a name that means nothing."""
        if name not in {tool.name for tool in await self.known()}:
            return False
        self._changes[name] = on  # holds from now on, whatever becomes of the store
        async with self._preparing:
            if self._save is None or not await self._read():  # another program may have turned others
                return True
            turned = self._turned | self._changes
            try:
                await self._save(turned)
            except StoreError as error:
                logger.warning("which tools are on was not stored: %s", error)
                return True
            self._turned = turned
            self._changes = {each: yes for each, yes in self._changes.items() if turned.get(each) != yes}
        return True

    # ---- parts -------------------------------------------------------------------------------

    def _builtin_row(self, name: str, on: Mapping[str, Tool]) -> KnownTool:
        tool = self._made.get(name)
        description = _first_sentence(tool.spec.description) if tool is not None else ""
        return KnownTool(
            name=name,
            source="built-in",
            description=description,
            is_on=name in on,
            problem=self._failed.get(name, ""),
        )

    def _is_on(self, name: str, otherwise: bool) -> bool:
        return self._changes.get(name, self._turned.get(name, otherwise))

    async def _prepare(self) -> None:
        """Read what the user turned on or off, and load functions, once."""
        async with self._preparing:
            if not self._is_prepared:
                await self._read()
                if self._functions is not None:
                    self._loaded = await in_daemon_thread(self._functions, "chatterm-tools")
                self._is_prepared = True

    async def _make(self, names: Iterable[str]) -> None:
        """Make those that are not made yet, each once: it imports, and may look at the disk."""
        async with self._preparing:
            missing = [name for name in names if name not in self._made and name not in self._failed]
            if not missing:
                return
            made, failed = await in_daemon_thread(lambda: self._tried(missing), "chatterm-tools")
            made |= self._made
            self._made = {name: made[name] for name in self._builtins if name in made}
            self._failed |= failed

    def _tried(self, names: Iterable[str]) -> tuple[dict[str, Tool], dict[str, str]]:
        made: dict[str, Tool] = {}
        failed: dict[str, str] = {}
        for name in names:
            try:
                made[name] = self._builtins[name]()
            except (ToolError, OSError) as error:
                failed[name] = str(error)
        return made, failed

    async def _read(self) -> bool:
        """Whether it is known now what was turned on or off."""
        if self._load is not None:
            try:
                stored = await self._load()
            except StoreError as error:
                logger.warning("which tools are on was not read: %s", error)
                return False
            pairs = cast("dict[object, object]", stored) if isinstance(stored, dict) else {}
            self._turned = {str(name): on for name, on in pairs.items() if isinstance(on, bool)}
        return True


def _first_sentence(description: str) -> str:
    words = " ".join(description.split())
    sentence, dot, _ = words.partition(". ")
    return clean_line(sentence + dot.rstrip())
