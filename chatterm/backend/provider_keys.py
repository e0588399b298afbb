"""The key of each provider, found when it is needed, and everything that must never be shown."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from functools import partial

from chatterm.backend.daemon_thread import in_daemon_thread
from chatterm.backend.providers import registry
from chatterm.config.key_store import KeyStore
from chatterm.config.keys import KeyCommands, ProviderKey, find_key, key_variables
from chatterm.config.model import ProviderSettings, Settings
from chatterm.config.schema import is_secret
from chatterm.core.errors import ConfigError
from chatterm.core.redact import secrets_in

COMMAND_KEY_SECONDS = 600.0
"""How long a key that a command gave is used before the command is asked again."""


class ProviderKeys:
    """Keys by the environment, the settings and what the user gave to chatterm to keep, in this order.

    A `key_cmd` or a keyring is asked once for all who want the key, and what it says is used for a while. Making
    one reads which keys are kept, a small file.
    """

    def __init__(self, settings: Settings, environ: Mapping[str, str], kept: KeyStore | None = None) -> None:
        self._settings = settings
        self._environ = environ
        self._kept = kept
        self.problem = ""
        """Why kept keys cannot be read, where that is so."""
        self._origins = self._read_origins()
        self._asked: dict[tuple[str, str], tuple[float, asyncio.Task[ProviderKey | None]]] = {}
        self._told: set[str] = set()
        self._commands = KeyCommands()

    def variables(self, provider: str) -> tuple[str, ...]:
        """The variables that may hold the provider's key.

        Those of a service are for the provider of that name alone: they must not reach another one's host.
        """
        return key_variables(provider, self._of(provider), registry.key_variables_of(provider))

    def is_set(self, provider: str) -> bool:
        """Whether a variable that holds the provider's key is set, or a key of it is kept."""
        return any(self._environ.get(name) for name in self.variables(provider)) or bool(
            self._origins.get(provider)
        )

    async def find(self, provider: str, origin: str) -> ProviderKey | None:
        """The key, or None where there is none. Raises `ConfigError` as `find_key` and `KeyStore.find` do.

        `origin` is where it will be sent: a kept key is for one alone. What blocks is asked at most once in
        `COMMAND_KEY_SECONDS`, on a thread: no turn should wait for it again.
        """
        if any(self._environ.get(name) for name in self.variables(provider)):
            return self._find_now(provider, origin)
        if not self._of(provider).key_cmd and provider not in self._origins:
            return None
        asked_at, task = self._asked.get((provider, origin), (0.0, None))
        if task is None or time.monotonic() - asked_at >= COMMAND_KEY_SECONDS:
            find = partial(self._find_now, provider, origin)
            task = asyncio.ensure_future(in_daemon_thread(find, "chatterm-key"))
            task.add_done_callback(partial(self._answered, provider, origin))
            self._asked[provider, origin] = (time.monotonic(), task)
        # Shielded: who stops waiting must not take the key from the others.
        return await asyncio.shield(task)

    def forget(self, provider: str) -> None:
        """Ask for the provider's key anew next time, after it was refused; it may be kept by then."""
        for asked in [asked for asked in self._asked if asked[0] == provider]:
            del self._asked[asked]
        if self._kept is not None:
            self._origins.setdefault(provider, "")

    def close(self) -> None:
        """End the commands that still look for a key."""
        self._commands.end()

    def secrets(self) -> list[str]:
        """All that is known to be secret by now: never shown, logged or reported."""
        own = self._settings.providers
        known = (row.name for row in registry.services())
        names = {variable for name in (*known, *own) for variable in self.variables(name)}
        headers = [
            value
            for settings in own.values()
            for header, value in settings.headers.items()
            if is_secret((header,))
        ]
        return [*secrets_in(self._environ, names), *self._told, *headers]

    def _read_origins(self) -> dict[str, str]:
        try:
            return self._kept.origins() if self._kept is not None else {}
        except ConfigError as error:
            self.problem = error.message
            return {}

    def _find_now(self, provider: str, origin: str) -> ProviderKey | None:
        usual = registry.key_variables_of(provider)
        found = find_key(provider, self._of(provider), self._environ, usual, self._commands)
        return found if found is not None or self._kept is None else self._kept.find(provider, origin)

    def _answered(self, provider: str, origin: str, task: asyncio.Task[ProviderKey | None]) -> None:
        if task.cancelled() or task.exception() is not None or task.result() is None:
            if self._asked.get((provider, origin), (0.0, None))[1] is task:
                self.forget(provider)
        elif (key := task.result()) is not None:
            self._told.add(key.value)

    def _of(self, provider: str) -> ProviderSettings:
        return self._settings.providers.get(provider) or ProviderSettings()
