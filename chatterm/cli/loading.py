"""What the settings mean beyond their values: providers, keys, and names that exist or not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from chatterm.backend.providers.registry import service, service_at, services, wire_format
from chatterm.config.keys import ProviderKey, find_key
from chatterm.config.load import Loaded
from chatterm.config.model import ProviderSettings, Settings
from chatterm.config.paths import Paths
from chatterm.config.themes import load_themes
from chatterm.core.clean import clean_line
from chatterm.core.errors import ConfigError
from chatterm.tui.bindings import COMMANDS, apply_keymap


def provider_names(settings: Settings) -> set[str]:
    """Every provider that can be named: the services that chatterm knows, and those of the settings."""
    return {row.name for row in services()} | set(settings.providers)


def found_keys(
    settings: Settings, environ: Mapping[str, str]
) -> Iterator[tuple[str, ProviderKey | ConfigError]]:
    """For each provider the key that the environment holds, or why it cannot be used. Runs no `key_cmd`."""
    usual = {row.name: row.key_env for row in services()}
    for name in sorted(provider_names(settings)):
        variable = settings.providers.get(name, ProviderSettings()).api_key_env
        try:
            key = find_key(name, ProviderSettings(api_key_env=variable), environ, usual.get(name, ()))
        except ConfigError as error:
            yield name, error
        else:
            if key is not None:
                yield name, key


def provider_address(loaded: Loaded, provider: str) -> str:
    """Where the provider is. Raises ConfigError for an unknown one, and for one without a usable address."""
    if provider in loaded.refused:
        raise loaded.refused[provider]
    own = loaded.settings.providers.get(provider) or ProviderSettings()
    row = service_at(provider, own.adapter, own.base_url)
    if address := own.base_url or row.base_url:
        return address
    hint = f"Give it with: chatterm config set providers.{provider}.base_url URL"
    raise ConfigError(f"The provider {clean_line(provider, 60)} has no address.", hint)


def unknown_names(loaded: Loaded, paths: Paths) -> Iterator[ConfigError]:
    """Names in the settings that mean nothing: of a theme, a provider, a wire format, a command, a key."""
    settings = loaded.settings
    themes = load_themes(paths.themes)
    yield from themes.problems
    yield from _raised(lambda: themes.find(settings.interface.theme))
    if settings.provider is not None and settings.provider not in settings.providers:
        yield from _raised(lambda: service(str(settings.provider)))
    for name, provider in settings.providers.items():
        if provider.base_url is None:
            yield from _raised(lambda name=name: service(name))
        if provider.adapter is not None:
            yield from _raised(lambda name=name, adapter=provider.adapter: wire_format(adapter, name))
    yield from apply_keymap(COMMANDS, settings.keys)[1]


def _raised(call: Callable[[], object]) -> Iterator[ConfigError]:
    try:
        call()
    except ConfigError as error:
        yield error
