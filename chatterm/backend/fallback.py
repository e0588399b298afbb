"""Who answers in the place of a model that fails: the chain of a conversation, and how each in it does now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from chatterm.backend.first_model import named_model
from chatterm.backend.models import ModelLists
from chatterm.backend.targets import Targets
from chatterm.config.model import ProviderSettings
from chatterm.core.clean import clean_line
from chatterm.core.errors import ConfigError, ModelNotFoundError

MOST_LINKS = 3
"""As many as the settings take: who waits for a reply does not wait for a fifth model."""

State = Literal["ready", "cooling down", "unknown model", "cannot be asked", "passed over"]


@dataclass(frozen=True, slots=True)
class Link:
    """One model of a chain. `why` says more of its state; `rest_seconds` is how long it cools down yet."""

    provider: str
    model: str
    state: State
    why: str = ""
    rest_seconds: float = 0.0
    last_failure: str = ""


def with_chain(targets: Targets, provider: str, model: str, names: Sequence[str] | None) -> Targets:
    """The targets, with these asked in the model's place in order, nobody for (); None changes nothing."""
    if names is None:
        return targets
    own = targets.settings.providers.get(provider) or ProviderSettings()
    special = replace(targets.model_settings(provider, model), fallback=tuple(names))
    own = replace(own, fallback=(), models={**own.models, model: special})
    providers = {**targets.settings.providers, provider: own}
    return replace(targets, settings=replace(targets.settings, providers=providers))


def missing(targets: Targets, provider: str) -> str:
    """Why the provider cannot be asked, as far as is known without asking; "" where it can."""
    try:
        service = targets.service(provider)
        targets.address(provider)
    except ConfigError as error:
        return error.message
    own = targets.settings.providers.get(provider)
    is_gateway = own is not None and own.base_url not in (None, service.base_url)
    has_key = targets.keys.is_set(provider) or (own is not None and bool(own.key_cmd))
    return "" if has_key or is_gateway or not service.needs_key else f"there is no key for {service.title}"


async def chain_of(words: Sequence[str], targets: Targets, lists: ModelLists, asked: str) -> tuple[str, ...]:
    """What the user typed as a chain, each as PROVIDER/MODEL. `asked` is the model, so written, that it is for.

    Raises `ConfigError` for what can be no chain.
    """
    present, names = asked.partition("/")[0], list[str]()
    for word in words:
        shown = clean_line(word, 80)
        provider, model = await named_model(word, targets, lists, present)
        name = f"{provider}/{model}"
        targets.address(provider)
        if name == asked:
            raise ConfigError(f"{shown} is the model that is asked first.", "Name another one.")
        if name in names:
            raise ConfigError(f"{shown} is named twice.", "Each is asked once.")
        names.append(name)
    if len(names) > MOST_LINKS:
        raise ConfigError(f"{len(names)} models are too many.", f"A chain has {MOST_LINKS} at most.")
    return tuple(names)


async def links(targets: Targets, lists: ModelLists, provider: str, model: str) -> list[Link]:
    """The model, then each of its chain, in the order in which they are asked. Nobody is asked for this."""
    found, seen = [await _link(targets, lists, provider, model)], {(provider, model)}
    for name in targets.chain(provider, model):
        place = targets.place(name, provider)
        if place in seen:
            itself = place == (provider, model)
            found.append(Link(*place, "passed over", "the model itself" if itself else "named before"))
        else:
            seen.add(place)
            found.append(await _link(targets, lists, *place))
    return found


async def _link(targets: Targets, lists: ModelLists, provider: str, model: str) -> Link:
    failure, why = targets.states.last_failure(provider, model), missing(targets, provider)
    link = Link(provider, model, "ready", last_failure=failure.message if failure is not None else "")
    if why:
        return replace(link, state="cannot be asked", why=why)
    rest = targets.states.rest_seconds(targets.addresses(provider))
    if rest > 0:
        return replace(link, state="cooling down", rest_seconds=rest)
    if isinstance(failure, ModelNotFoundError):
        return replace(link, state="unknown model")
    doubt = await lists.doubt(provider, model)
    return replace(link, state="unknown model", why=doubt) if doubt else link
