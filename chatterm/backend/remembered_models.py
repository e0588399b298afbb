"""The models that answered last, kept between starts: the default of the next one, and the recent ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from chatterm.backend.targets import GUIDE
from chatterm.core.turn import Outcome, Turn

LAST_MODEL = "last_model"
RECENT_MODELS = "recent_models"
FAVOURITE_MODELS = "favourite_models"
MOST_RECENT = 12


class RememberedValues(Protocol):
    """What is needed of the store's state."""

    async def get(self, key: str, default: list[object]) -> list[object]: ...
    async def put(self, key: str, value: object) -> None: ...


@dataclass(frozen=True, slots=True)
class RememberedModel:
    """A model that was used. `base_url` is set where it was asked for at an address of its own."""

    provider: str
    model: str
    base_url: str | None = None


async def last_model(state: RememberedValues) -> RememberedModel | None:
    """The model that answered last. Raises `StoreError`.

    Never the guide, which an earlier version kept: a key or a server that came since goes before it.
    """
    return _remembered(await state.get(LAST_MODEL, []))


async def recent_models(state: RememberedValues) -> list[tuple[str, str]]:
    """Provider and model of the last ones that answered, the newest first. Raises `StoreError`."""
    models = map(_remembered, await state.get(RECENT_MODELS, []))
    return [(model.provider, model.model) for model in models if model is not None]


async def favourite_models(state: RememberedValues) -> list[tuple[str, str]]:
    """Provider and model of those that the user marked, in the order of marking. Raises `StoreError`."""
    models = map(_remembered, await state.get(FAVOURITE_MODELS, []))
    return [(model.provider, model.model) for model in models if model is not None]


async def keep_favourites(models: Sequence[tuple[str, str]], state: RememberedValues) -> None:
    """Keep these, as provider and model, in place of the favourites until now. Raises `StoreError`."""
    await state.put(FAVOURITE_MODELS, [list(model) for model in models])


async def remember_model(turn: Turn, state: RememberedValues) -> None:
    """Keep the model of a turn that is over, if it answered and is none of ours. Raises `StoreError`."""
    if turn.outcome is not Outcome.COMPLETE or turn.provider == GUIDE or turn.asked:
        return  # one that stood in for another was not chosen
    pair = (turn.provider, turn.model)
    await state.put(LAST_MODEL, [*pair, *([turn.base_url] if turn.base_url else [])])
    # The list has no place for addresses: chosen from it, a model would be asked for elsewhere.
    if turn.base_url is None:
        recent = [other for other in await recent_models(state) if other != pair]
        await state.put(RECENT_MODELS, [pair, *recent][:MOST_RECENT])


def _remembered(value: object) -> RememberedModel | None:
    match value:
        case [str(provider), str(model)] if provider != GUIDE:
            return RememberedModel(provider, model)
        case [str(provider), str(model), str(base_url)] if provider != GUIDE:
            return RememberedModel(provider, model, base_url)
        case _:
            return None
