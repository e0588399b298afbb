"""Which model a conversation starts with, when the user did not say."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from chatterm.backend.models import ModelLists
from chatterm.backend.providers import registry
from chatterm.backend.targets import GUIDE, OLLAMA, Targets
from chatterm.core.clean import clean_line
from chatterm.core.errors import ChattermError, ConfigError

PROBE_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class Choice:
    """A provider, and a model or None where the user has to pick one. `reason` says why, as a notice.

    `base_url` is the address that belongs to the choice, where that is not the settings'.
    """

    provider: str
    model: str | None
    reason: str = ""
    base_url: str | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for by flag or settings, and what was used last; None where nothing was said."""

    provider: str | None = None
    model: str | None = None
    last_provider: str | None = None
    last_model: str | None = None
    last_base_url: str | None = None


def split_model(name: str, targets: Targets) -> tuple[str | None, str]:
    """`P/M` as provider and model where P is a provider; else the whole is the model's name.

    An alias of the settings stands for what it says.
    """
    return registry.split_model(targets.settings.aliases.get(name, name), targets.knows)


async def named_model(name: str, targets: Targets, lists: ModelLists, present: str) -> tuple[str, str]:
    """Provider and model of a name as the user types it: PROVIDER/MODEL, or a model of the `present` provider.

    Raises `ConfigError` for `X/Y` where there is no provider X, unless the present one has names with a slash.
    """
    provider, model = split_model(name, targets)
    if provider is None and "/" in model:
        known = (await lists.prepare(present)).models
        if not any("/" in info.id for info in known):
            wrong = clean_line(model.partition("/")[0], 60)
            raise ConfigError(f"There is no provider {wrong!r}.", "PROVIDER/MODEL names a model.")
    return provider or present, model


async def first_model(wanted: Wanted, targets: Targets, lists: ModelLists) -> Choice:
    """The flag or setting, else the last used, else the first key found, else a local Ollama, else the guide.

    Raises `ConfigError` for a provider that is asked for and unknown, and what went wrong where its models
    had to be asked for and it did not answer.
    """
    if wanted.model is not None and wanted.model in targets.settings.aliases:
        provider, model = split_model(wanted.model, targets)
        wanted = replace(wanted, provider=provider or wanted.provider, model=model)
    if wanted.provider is not None:
        return await _model_of(wanted.provider, wanted, targets, lists)
    if wanted.last_provider is not None and not (wanted.last_provider == GUIDE and wanted.model is not None):
        try:
            there = targets.at(wanted.last_provider, wanted.last_base_url)
            there.address(wanted.last_provider)
            choice = await _model_of(wanted.last_provider, wanted, there, lists)
            return replace(choice, base_url=wanted.last_base_url)
        except ChattermError:
            pass  # the provider used last is gone from the settings, or does not answer: look on
    if (keyed := targets.first_with_key()) is not None:
        return await _model_of(keyed, wanted, targets, lists)
    if await _answers(targets):
        return await _model_of(OLLAMA, wanted, targets, lists)
    if wanted.model is not None:
        raise ConfigError(
            f"There is no provider for the model {wanted.model!r}.",
            "Name one with --provider, or write the model as PROVIDER/MODEL.",
        )
    return Choice(GUIDE, "manual")


async def _model_of(provider: str, wanted: Wanted, targets: Targets, lists: ModelLists) -> Choice:
    service = targets.service(provider)
    named = wanted.model or targets.default_model(provider)
    if named is None and provider == wanted.last_provider:
        named = wanted.last_model
    if named is not None:
        return Choice(provider, named)
    if service.name == GUIDE:
        return Choice(provider, "manual")
    if service.needs_key:  # a hosted service lists dozens, of very different prices: the user decides
        return Choice(provider, None, f"Choose a model of {service.title}.")
    known = await lists.fetch(provider, details=False)
    if known.models:
        return Choice(provider, known.models[0].id)
    if known.error is not None:
        raise known.error
    hint = "ollama pull llama3 gets one" if service.name == OLLAMA else "/model lists the others"
    return Choice(provider, None, f"{service.title} has no models; {hint}.")


async def _answers(targets: Targets) -> bool:
    """Whether an Ollama listens on this machine."""
    try:
        host, _, port = targets.resolve(OLLAMA, "").host.rpartition(":")
        if not (await targets.endpoint(OLLAMA)).is_local:
            return False
        async with asyncio.timeout(PROBE_SECONDS):
            _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    except (ChattermError, OSError, TimeoutError, ValueError):
        return False
    writer.close()
    return True
