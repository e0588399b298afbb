"""The key of each provider, found when it is needed, and everything that must never be shown."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from functools import partial

from chatterm.backend.daemon_thread import in_daemon_thread
from chatterm.backend.providers import registry
from chatterm.config.keys import ProviderKey, find_key, key_variables
from chatterm.config.model import ProviderSettings, Settings
from chatterm.config.schema import is_secret
from chatterm.core.redact import secrets_in

COMMAND_KEY_SECONDS = 600.0
"""How long a key that a command gave is used before the command is asked again."""


class ProviderKeys:
    """Keys by the settings and the environment. A `key_cmd` runs once for all who ask, and its key is kept."""

    def __init__(self, settings: Settings, environ: Mapping[str, str]) -> None:
        self._settings = settings
        self._environ = environ
        self._asked: dict[str, tuple[float, asyncio.Task[ProviderKey | None]]] = {}
        self._commanded: set[str] = set()

    def variables(self, provider: str) -> tuple[str, ...]:
        """The variables that may hold the provider's key.

        Those of a service are for the provider of that name alone: they must not reach another one's host.
        """
        return key_variables(provider, self._of(provider), registry.key_variables_of(provider))

    def is_set(self, provider: str) -> bool:
        """Whether a variable that holds the provider's key is set."""
        return any(self._environ.get(name) for name in self.variables(provider))

    async def find(self, provider: str) -> ProviderKey | None:
        """The key, or None where there is none. Raises `ConfigError` as `find_key` does.

        From a command at most once in `COMMAND_KEY_SECONDS`: no turn should wait for it again.
        """
        if not self._of(provider).key_cmd:
            return self._find_now(provider)
        asked_at, task = self._asked.get(provider, (0.0, None))
        if task is None or time.monotonic() - asked_at >= COMMAND_KEY_SECONDS:
            task = asyncio.ensure_future(in_daemon_thread(partial(self._find_now, provider), "chatterm-key"))
            task.add_done_callback(partial(self._answered, provider))
            self._asked[provider] = (time.monotonic(), task)
        # Shielded: who stops waiting must not take the key from the others.
        return await asyncio.shield(task)

    def forget(self, provider: str) -> None:
        """Ask the provider's command again next time, after its key was refused."""
        self._asked.pop(provider, None)

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
        return [*secrets_in(self._environ, names), *self._commanded, *headers]

    def _find_now(self, provider: str) -> ProviderKey | None:
        return find_key(provider, self._of(provider), self._environ, registry.key_variables_of(provider))

    def _answered(self, provider: str, task: asyncio.Task[ProviderKey | None]) -> None:
        if task.cancelled() or task.exception() is not None:
            if self._asked.get(provider, (0.0, None))[1] is task:
                self.forget(provider)
        elif (key := task.result()) is not None:
            self._commanded.add(key.value)

    def _of(self, provider: str) -> ProviderSettings:
        return self._settings.providers.get(provider) or ProviderSettings()
