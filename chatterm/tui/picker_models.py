"""What the model picker is given: facts, favourites and aliases, and fetching and deleting of models."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from chatterm.backend.first_model import split_model
from chatterm.backend.local_models import LocalModels
from chatterm.backend.model_facts import ModelFacts
from chatterm.backend.models import ModelList, ModelLists
from chatterm.backend.providers.ollama_models import PullProgress
from chatterm.backend.remembered_models import favourite_models, keep_favourites
from chatterm.backend.targets import Targets
from chatterm.core.errors import StoreError

if TYPE_CHECKING:
    from chatterm.store.state import StateStore

Choice = tuple[str, str]


class PickerModels:
    """The models of these targets; favourites are kept in the state store."""

    def __init__(self, targets: Targets, state: StateStore) -> None:
        self._targets = targets
        self._state = state
        self._lists = ModelLists(targets, state)
        self._local = LocalModels(targets)

    def aliases(self, present: str | None) -> dict[str, Choice]:
        """What the aliases of the settings stand for; without a provider, one of the present one."""
        found: dict[str, Choice] = {}
        for alias in self._targets.settings.aliases:
            provider, model = split_model(alias, self._targets)
            provider = provider or present
            if provider is not None:
                found[alias] = (provider, model)
        return found

    async def favourites(self) -> list[Choice]:
        """Those that the user marked; none where they cannot be read."""
        with suppress(StoreError):
            return await favourite_models(self._state)
        return []

    async def keep_favourites(self, favourites: Sequence[Choice]) -> None:
        """Keep these in place of those until now. Raises `StoreError`."""
        await keep_favourites(favourites, self._state)

    def facts_of(self, choice: Choice) -> ModelFacts:
        """All that is known of the model, without waiting."""
        return self._targets.facts_of(*choice)

    def keeps_models(self, provider: str) -> bool:
        """Whether models of this provider can be fetched and deleted."""
        return self._local.keeps_models(provider)

    def pull(self, provider: str, model: str) -> AsyncGenerator[PullProgress, None]:
        """Have the server fetch the model. Raises `ChattermError`."""
        return self._local.pull(provider, model)

    async def remove(self, provider: str, model: str) -> None:
        """Have the server delete the model. Raises `ChattermError`."""
        await self._local.remove(provider, model)

    async def fetch(self, provider: str) -> ModelList:
        """The provider's list as it is now."""
        return await self._lists.fetch(provider)
