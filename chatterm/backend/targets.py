"""Finds targets: from provider and model names to an adapter, an endpoint and the way to it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from chatterm.backend.context_limits import loaded_context, told_limit
from chatterm.backend.endpoint_states import EndpointStates
from chatterm.backend.load_times import LoadTimes
from chatterm.backend.model_facts import KnownModels, ModelFacts, names_of
from chatterm.backend.parameters import read_parameters
from chatterm.backend.provider_keys import ProviderKeys
from chatterm.backend.providers import registry
from chatterm.backend.providers.base import Endpoint, Limits, OpenStream
from chatterm.backend.providers.catalog import Service
from chatterm.backend.retry import RetryPolicy
from chatterm.backend.target import Target, read_whole
from chatterm.config.key_store import origin_of
from chatterm.config.model import ModelSettings, ProviderSettings, Settings
from chatterm.config.urls import address_fault, is_local
from chatterm.core.clean import clean_line
from chatterm.core.errors import AuthenticationError, ChattermError, ConfigError
from chatterm.core.turn import Options, TurnRequest

Connect = Callable[[Endpoint, float], Awaitable[None]]
"""Has a connection to the endpoint ready for the next request, within so many seconds."""

GUIDE = "guide"
OLLAMA = "ollama"
ALWAYS_OFFERED = (OLLAMA, GUIDE)
"""Providers that the picker lists without any configuration: they need no key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """Resolves names by the settings. `refused` are providers whose address must not be used, and why.

    `asked` are addresses, by provider, that the user asked for in place of those of the settings file; `settings`
    has them too. `known` is what was learnt of models so far.
    """

    settings: Settings
    keys: ProviderKeys
    http_stream: OpenStream
    guide_stream: OpenStream
    refused: Mapping[str, ConfigError] = field(default_factory=dict[str, ConfigError])
    asked: Mapping[str, str] = field(default_factory=dict[str, str])
    known: KnownModels = field(default_factory=KnownModels)
    connect: Connect | None = None
    load_times: LoadTimes | None = None
    states: EndpointStates = field(default_factory=lambda: EndpointStates(time.monotonic))

    def configured(self) -> tuple[str, ...]:
        """Providers worth listing: named in the settings, or with a key in the environment, then the free ones."""
        return tuple(dict.fromkeys([*self.settings.providers, *self._keyed(), *ALWAYS_OFFERED]))

    def first_with_key(self) -> str | None:
        """The first known service whose key is in the environment."""
        return next(iter(self._keyed()), None)

    def at(self, provider: str, base_url: str | None) -> Targets:
        """These targets, with this address for the provider unless one was asked for; None changes nothing."""
        if base_url is None or provider in self.asked:
            return self
        own = self._of(provider)
        refused = {name: error for name, error in self.refused.items() if name != provider}
        key = f"providers.{clean_line(provider, 60)}.base_url"
        reason, hint = address_fault(base_url, own.allow_insecure, key)
        if reason:
            told = f"The address of {clean_line(provider, 60)} cannot be used: {reason}."
            refused[provider] = ConfigError(told, hint)
        providers = {**self.settings.providers, provider: replace(own, base_url=base_url)}
        return replace(
            self,
            settings=replace(self.settings, providers=providers),
            refused=refused,
            asked={**self.asked, provider: base_url},
        )

    def place(self, name: str, provider: str) -> tuple[str, str]:
        """Provider and model of a name in the chain of a model of this provider."""
        other, model = registry.split_model(self.settings.aliases.get(name, name), self.knows)
        return other or provider, model

    def chain(self, provider: str, model: str) -> tuple[str, ...]:
        """Who is asked in the model's place when it fails, as the settings name them."""
        return self.model_settings(provider, model).fallback or self._of(provider).fallback

    def resolve(self, provider: str, model: str) -> Target:
        """The target for a model. Raises `ConfigError` for an unknown or refused provider. Finds no key yet."""
        service = self.service(provider)
        adapter = registry.adapter_of(service)
        address, own = self.address(provider), self.model_settings(provider, model)
        section, facts = self._of(provider), self._facts(provider, model)
        chain = self.chain(provider, model)
        stream = self.guide_stream if service.name == GUIDE else self.http_stream
        target = Target(
            provider=provider,
            model=model,
            adapter=adapter,
            endpoint=lambda: self.endpoint(provider, model),
            open_stream=stream,
            host=Endpoint(provider=provider, base_url=address).host or provider,
            base_url=self.asked.get(provider),
            limits=self.limits(provider, model),
            options={**section.options, **own.options},
            streams=section.stream if own.stream is None else own.stream,
            retries=self.retries(provider),
            fallbacks=partial(_others, self, provider, model, chain) if chain else None,
            ttft_budget_seconds=(own.ttft_budget_seconds or section.ttft_budget_seconds) if chain else None,
            addresses=self.addresses(provider),
            continues_once=(
                self.settings.network.continue_once
                if section.continue_once is None
                else section.continue_once
            ),
            facts=lambda: facts().info,
            output_limit=lambda: facts().info.output_tokens,
            context_limit=lambda: told_limit(facts()),
            forget_key=partial(self.keys.forget, provider),
        )
        if adapter.name == OLLAMA:
            return self._with_loading(target)
        if self.connect is None or service.name == GUIDE:
            return target
        return replace(target, warm=partial(self._connect, target, self.connect))

    def address(self, provider: str) -> str:
        """Where the provider is. Raises `ConfigError` when nothing says where, or the address is refused."""
        if provider in self.refused:
            raise self.refused[provider]
        address = self._of(provider).base_url or self.service(provider).base_url
        if not address and self.service(provider).name != GUIDE:
            form = self.service(provider).address_form or "http://host:port/v1"
            raise ConfigError(
                f"The provider {clean_line(provider, 60)} has no address.",
                f"Give it with --base-url {form} or as base_url in its section of the settings.",
            )
        return address

    async def endpoint(self, provider: str, model: str = "") -> Endpoint:
        """The endpoint with its key, as this model is asked.

        Raises `AuthenticationError` where a key is needed and there is none.
        """
        service, settings = self.service(provider), self._of(provider)
        address = self.states.pick(self.addresses(provider))
        key = await self.keys.find(provider, origin_of(address))
        # An address of the user's own may be a gateway that wants no key; the service's own address does.
        if key is None and service.needs_key and settings.base_url in (None, service.base_url):
            self.keys.forget(provider)  # one may be set in another terminal before the next turn
            name = self.keys.variables(provider)[0]
            raise AuthenticationError(
                f"There is no API key for {service.title}. {self.keys.problem}".strip(),
                f"Set {name}, or run: chatterm config set-key {provider}; /model chooses another model.",
                provider=provider,
            )
        return Endpoint(
            provider=provider,
            base_url=address,
            api_key=key.value if key else None,
            key_source=key.source if key else "",
            headers={**settings.headers, **self.model_settings(provider, model).headers},
            ca_file=settings.ca_file,
            is_local=service.name == GUIDE or is_local(address),
        )

    def addresses(self, provider: str) -> tuple[str, ...]:
        """All addresses at which the provider may be asked. Raises `ConfigError` as `address` does."""
        first = self.address(provider)
        more = () if provider in self.asked else self._of(provider).more_base_urls
        return (first, *more)

    def retries(self, provider: str) -> RetryPolicy:
        """How often the provider is asked again."""
        network, own = self.settings.network, self._of(provider)

        def given(name: str) -> float:
            value: float | None = getattr(own, name)
            return getattr(network, name) if value is None else value

        return RetryPolicy(
            retries=int(given("retries")),
            first_seconds=given("retry_first_seconds"),
            longest_seconds=given("retry_longest_seconds"),
            longest_asked_seconds=given("retry_asked_seconds"),
        )

    def limits(self, provider: str, model: str) -> Limits:
        """The limits of time for requests to this provider."""
        network, own = self.settings.network, self._of(provider)
        special = self.model_settings(provider, model)
        first = network.first_event_seconds
        if (
            is_local(self.address(provider))
            or "deep-research" in model
            or self.facts_of(provider, model).info.thinking
        ):
            first = network.first_event_seconds_local
        elif special.fallback or own.fallback:
            first = network.first_event_seconds_with_fallback
        budget = special.ttft_budget_seconds or own.ttft_budget_seconds
        if budget is not None and (special.fallback or own.fallback):
            first = min(first, budget)
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

    def model_settings(self, provider: str, model: str) -> ModelSettings:
        """What the settings say of this model of the provider."""
        return self._of(provider).models.get(model) or ModelSettings()

    def facts_of(self, provider: str, model: str) -> ModelFacts:
        """All that is known of the model by now, without waiting. Raises nothing."""
        return self._facts(provider, model)()

    def _facts(self, provider: str, model: str) -> Callable[[], ModelFacts]:
        """What tells all that is known of the model; where to look for it is found out once."""
        own, service = self.model_settings(provider, model), None
        try:
            address = self.address(provider)
            row = self.service(provider)
            # At another address it may be another model, at another price.
            if not row.base_url or origin_of(address) == origin_of(row.base_url):
                service = row.name
        except ConfigError:
            address = ""
        return partial(self.known.facts_of, provider, address, model, own, service)

    def service(self, provider: str) -> Service:
        """What is known of the service. Raises `ConfigError` for an unknown provider or wire format.

        At an address that is not a hosted service's own it goes by its host: that is who answers there.
        """
        own = self._of(provider)
        row = registry.service_at(provider, own.adapter, own.base_url)
        is_elsewhere = own.base_url is not None and own.base_url.rstrip("/") != row.base_url
        if own.base_url is not None and is_elsewhere and (row.needs_key or row.name == registry.CUSTOM):
            return replace(row, title=Endpoint(provider=provider, base_url=own.base_url).host)
        return row

    def knows(self, provider: str) -> bool:
        """Whether there is a provider of this name, usable or not."""
        try:
            self.service(provider)
        except ConfigError:
            return provider in self.settings.providers
        return True

    def _with_loading(self, target: Target) -> Target:
        """The target of a server that has to load its models first."""
        target = replace(
            target, is_loaded=lambda: _is_loaded(target), loaded_context=lambda: loaded_context(target)
        )
        if (times := self.load_times) is not None:
            of = target.provider, target.model
            target = replace(target, load_seconds=partial(times.of, *of), note_load=partial(times.note, *of))
        return replace(target, warm=partial(_load, target))

    async def _connect(self, target: Target, connect: Connect, _options: Options) -> None:
        await connect(await target.endpoint(), target.limits.connect_seconds)

    def _keyed(self) -> list[str]:
        """The known services that need a key and have one in the environment, and an address."""
        return [
            row.name
            for row in registry.services()
            if row.needs_key and (row.base_url or self._of(row.name).base_url) and self.keys.is_set(row.name)
        ]

    def _of(self, provider: str) -> ProviderSettings:
        return self.settings.providers.get(provider) or ProviderSettings()


def _others(targets: Targets, provider: str, model: str, names: Sequence[str]) -> list[Target]:
    """Who is asked after this model, each once and never the model itself.

    Who cannot be asked at all is left out; raises `ConfigError` where that leaves nobody.
    """
    places = dict.fromkeys(targets.place(name, provider) for name in names)
    others, broken = list[Target](), list[ConfigError]()
    for place in places:
        if place == (provider, model):
            continue
        try:  # whoever comes in the place of another has nobody in its own
            others.append(replace(targets.resolve(*place), fallbacks=None, ttft_budget_seconds=None))
        except ConfigError as error:
            broken.append(error)
    if broken and not others:
        raise broken[0]
    return others


async def _load(target: Target, options: Options) -> None:
    """Have the model in memory, with the options that the next turn will have: with others it loads again."""
    if await _is_loaded(target) is not False:
        return
    parameters, rest = read_parameters(options)
    # A chat without messages loads the model and says nothing (Ollama's API, "Load a model").
    request = TurnRequest(model=target.model, messages=(), parameters=parameters, options=rest, streams=False)
    wire = target.adapter.build_request(request, [], await target.endpoint(), target.limits)
    began = time.monotonic()
    await read_whole(target, wire)
    if target.note_load is not None:
        await target.note_load(time.monotonic() - began)


async def _is_loaded(target: Target) -> bool | None:
    from chatterm.backend.providers.ollama import loaded_models, loaded_request

    try:
        request = loaded_request(await target.endpoint(), target.limits)
        names = loaded_models(await read_whole(target, request))
    except ChattermError:
        return None
    return not names.isdisjoint(names_of(target.model))
