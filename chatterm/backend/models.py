"""The models of each provider: fetched live, kept on disk with their age, so that they are there offline too."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Literal, Protocol

import msgspec

from chatterm.backend.providers.base import ModelInfo
from chatterm.backend.target import read_whole
from chatterm.backend.targets import Targets
from chatterm.core.clean import well_formed
from chatterm.core.errors import AuthenticationError, ChattermError

MODELS_LIMIT = 50_000
ID_LIMIT_CHARACTERS = 512
FETCH_SECONDS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelList:
    """The models of one provider as far as they are known. `error` is why the newest could not be had."""

    provider: str
    models: tuple[ModelInfo, ...] = ()
    source: Literal["live", "cached", "none"] = "none"
    fetched_at: datetime | None = None
    error: ChattermError | None = None


class ListCache(Protocol):
    """Where lists are kept between starts."""

    async def model_list(self, provider: str, base_url: str) -> tuple[datetime, bytes] | None: ...
    async def put_model_list(
        self, provider: str, base_url: str, fetched_at: datetime, data: bytes
    ) -> None: ...


class ModelLists:
    """Lists models; never raises for what a provider or the network does."""

    def __init__(self, targets: Targets, cache: ListCache) -> None:
        self._targets = targets
        self._cache = cache

    async def cached(self, provider: str) -> ModelList:
        """What was known when the provider last answered."""
        try:
            kept = await self._cache.model_list(provider, self._targets.address(provider))
            if kept is None:
                return ModelList(provider=provider)
            models = msgspec.json.decode(kept[1], type=tuple[ModelInfo, ...])
        except (ChattermError, msgspec.MsgspecError) as error:
            return ModelList(provider=provider, error=error if isinstance(error, ChattermError) else None)
        return ModelList(provider=provider, models=models, source="cached", fetched_at=kept[0])

    async def fetch(self, provider: str) -> ModelList:
        """Ask the provider now; what it says is kept. Where it does not answer: what is kept, and the error."""
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                models = await self._ask(provider)
        except (ChattermError, TimeoutError) as error:
            known = await self.cached(provider)
            told = error if isinstance(error, ChattermError) else _too_slow(provider)
            return ModelList(
                provider=provider,
                models=known.models,
                source=known.source,
                fetched_at=known.fetched_at,
                error=told,
            )
        now = datetime.now(UTC)
        data = msgspec.json.encode([asdict(model) for model in models])
        with contextlib.suppress(ChattermError):  # a list that is not kept is fetched again
            await self._cache.put_model_list(provider, self._targets.address(provider), now, data)
        return ModelList(provider=provider, models=models, source="live", fetched_at=now)

    async def fetch_all(self) -> AsyncIterator[ModelList]:
        """The lists of all configured providers: what is kept first, then each live one as it arrives."""
        providers = self._targets.configured()
        for provider in providers:
            known = await self.cached(provider)
            if known.models:
                yield known
        tasks = [asyncio.ensure_future(self.fetch(provider)) for provider in providers]
        try:
            for done in asyncio.as_completed(tasks):
                yield await done
        finally:
            for task in tasks:
                task.cancel()

    async def _ask(self, provider: str) -> tuple[ModelInfo, ...]:
        target = self._targets.resolve(provider, "")
        endpoint = await target.endpoint()
        request = target.adapter.models_request(endpoint, target.limits)
        if request is None:
            return tuple(target.adapter.parse_models(b"", provider))
        try:
            models = target.adapter.parse_models(await read_whole(target, request), provider)[:MODELS_LIMIT]
        except ChattermError as error:
            endpoint.hide_secrets(error)
            if isinstance(error, AuthenticationError) and target.forget_key is not None:
                target.forget_key()
            raise
        return tuple(model for model in models if _can_be_asked_for(model.id))


def _can_be_asked_for(model: str) -> bool:
    """Whether a name is of a sensible length, and can be encoded for a request."""
    return len(model) <= ID_LIMIT_CHARACTERS and well_formed(model) == model


def _too_slow(provider: str) -> ChattermError:
    return ChattermError(f"{provider} did not list its models within {FETCH_SECONDS:.0f} s.")
