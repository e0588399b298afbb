"""Finds targets: from provider and model names to an adapter, an endpoint and the way to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from chatterm.backend.daemon_thread import in_daemon_thread
from chatterm.backend.providers import registry
from chatterm.backend.providers.base import Endpoint, Limits, OpenStream, ProviderAdapter
from chatterm.backend.providers.catalog import Service
from chatterm.backend.target import Target
from chatterm.config.keys import ProviderKey, find_key, key_variables
from chatterm.config.model import ProviderSettings, Settings
from chatterm.config.urls import is_loopback
from chatterm.core.clean import clean_line
from chatterm.core.errors import AuthenticationError, ChattermError, ConfigError
from chatterm.core.turn import Stage

GUIDE = "guide"
OLLAMA = "ollama"
ALWAYS_OFFERED = (OLLAMA, GUIDE)
"""Providers that the picker lists without any configuration: they need no key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """Resolves names by the settings. `refused` are providers whose address must not be used, and why."""

    settings: Settings
    environ: Mapping[str, str] = field(repr=False)
    http_stream: OpenStream
    guide_stream: OpenStream
    refused: Mapping[str, ConfigError] = field(default_factory=dict[str, ConfigError])

    def configured(self) -> tuple[str, ...]:
        """Providers worth listing: named in the settings, or with a key in the environment, then the free ones."""
        named = list(self.settings.providers)
        keyed = [row.name for row in registry.services() if row.needs_key and self.has_key(row.name)]
        return tuple(dict.fromkeys([*named, *keyed, *ALWAYS_OFFERED]))

    def first_with_key(self) -> str | None:
        """The first known service whose key is in the environment."""
        return next(
            (row.name for row in registry.services() if row.needs_key and self.has_key(row.name)), None
        )

    def has_key(self, provider: str) -> bool:
        """Whether a variable that holds the provider's key is set."""
        names = key_variables(provider, self._of(provider), self._service(provider).key_env)
        return any(self.environ.get(name) for name in names)

    def resolve(self, provider: str, model: str) -> Target:
        """The target for a model. Raises `ConfigError` for an unknown or refused provider. Finds no key yet."""
        service, adapter = self._service(provider), self._adapter(provider)
        address = self.address(provider)
        local = is_loopback(_host(address))
        stream = self.guide_stream if service.name == GUIDE else self.http_stream
        target = Target(
            provider=provider,
            model=model,
            adapter=adapter,
            endpoint=lambda: self.endpoint(provider),
            open_stream=stream,
            host=Endpoint(provider=provider, base_url=address).host or provider,
            limits=self.limits(provider, local=local),
            options=dict(self._of(provider).options),
        )
        if adapter.name != OLLAMA:
            return target
        return replace(target, is_loaded=lambda: self._is_loaded(target))

    def address(self, provider: str) -> str:
        """Where the provider is. Raises `ConfigError` when nothing says where, or the address is refused."""
        if provider in self.refused:
            raise self.refused[provider]
        address = self._of(provider).base_url or self._service(provider).base_url
        if not address and self._service(provider).name != GUIDE:
            raise ConfigError(
                f"The provider {clean_line(provider, 60)} has no address.",
                "Give it with --base-url http://host:port/v1 or as base_url in its section of the settings.",
            )
        return address

    async def endpoint(self, provider: str) -> Endpoint:
        """The endpoint with its key. Raises `AuthenticationError` where a key is needed and there is none."""
        service, settings = self._service(provider), self._of(provider)
        address = self.address(provider)
        key: ProviderKey | None
        if settings.key_cmd:
            key = await in_daemon_thread(
                lambda: find_key(provider, settings, self.environ, service.key_env), "chatterm-key"
            )
        else:
            key = find_key(provider, settings, self.environ, service.key_env)
        # An address of the user's own may be a gateway that wants no key; the service's own address does.
        if key is None and service.needs_key and settings.base_url in (None, service.base_url):
            name = key_variables(provider, settings, service.key_env)[0]
            raise AuthenticationError(
                f"There is no API key for {service.title}.",
                f"Set {name}, or key_cmd in [providers.{provider}]; Ctrl+L chooses another model.",
                provider=provider,
            )
        return Endpoint(
            provider=provider,
            base_url=address,
            api_key=key.value if key else None,
            key_source=key.source if key else "",
            headers=settings.headers,
            ca_file=settings.ca_file,
            is_local=is_loopback(_host(address)),
        )

    def limits(self, provider: str, *, local: bool) -> Limits:
        """The limits of time for requests to this provider."""
        network, own = self.settings.network, self._of(provider)
        first = network.first_event_seconds_local if local else network.first_event_seconds
        return Limits(
            connect_seconds=own.connect_seconds or network.connect_seconds,
            write_seconds=network.write_seconds,
            first_event_seconds=own.first_event_seconds or first,
            event_gap_seconds=own.event_gap_seconds or network.event_gap_seconds,
            comments_only_seconds=network.comments_only_seconds,
        )

    def default_model(self, provider: str) -> str | None:
        """The model that the settings name for this provider."""
        return self._of(provider).model

    def service(self, provider: str) -> Service:
        """What is known of the service. Raises `ConfigError` for an unknown provider."""
        return self._service(provider)

    def adapter(self, provider: str) -> ProviderAdapter:
        """The adapter that speaks to this provider. Raises `ConfigError` for an unknown one."""
        return self._adapter(provider)

    async def _is_loaded(self, target: Target) -> bool | None:
        from chatterm.backend.providers.ollama import loaded_models, loaded_request

        try:
            request = loaded_request(await target.endpoint(), target.limits)
            async with target.open_stream(request, _ignore_stage) as stream:
                names = loaded_models(await stream.body()) if stream.status == 200 else None
        except ChattermError:
            return None
        return None if names is None else target.model in names or f"{target.model}:latest" in names

    def _of(self, provider: str) -> ProviderSettings:
        return self.settings.providers.get(provider) or ProviderSettings()

    def _service(self, provider: str) -> Service:
        own = self.settings.providers.get(provider)
        if own is None or (own.adapter is None and own.base_url is None):
            return registry.service(provider)
        try:
            return registry.service(provider) if own.adapter is None else registry.service(own.adapter)
        except ConfigError:
            if own.adapter is not None:
                raise
            return registry.service("custom")

    def _adapter(self, provider: str) -> ProviderAdapter:
        return registry.adapter(self._service(provider).name)


def _host(address: str) -> str:
    authority = address.partition("://")[2].partition("/")[0].rpartition("@")[2]
    return authority.rpartition(":")[0] if authority.rpartition(":")[2].isdigit() else authority


def _ignore_stage(stage: Stage, at: float) -> None:
    """For requests whose stages nobody watches."""
