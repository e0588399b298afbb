"""The models of each provider: fetched live, kept on disk with their age, so that they are there offline too."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, Protocol

import msgspec

from chatterm.backend.model_words import age_text, is_listed, nearest
from chatterm.backend.providers.base import Endpoint, ModelInfo, WireRequest
from chatterm.backend.providers.model_details import (
    details_request,
    show_requests,
    with_details,
    with_shown,
)
from chatterm.backend.target import Target, read_whole
from chatterm.backend.targets import GUIDE, Targets
from chatterm.core.clean import clean_line, well_formed
from chatterm.core.errors import AuthenticationError, ChattermError

MODELS_LIMIT = 50_000
ID_LIMIT_CHARACTERS = 512
FETCH_SECONDS = 20.0
DETAILS_SECONDS = 3.0
"""How long a local server is asked what its list leaves out; the list does not depend on it."""

SHOWN_AT_ONCE = 4
STALE_DAYS = 1
"""From this age on a kept list is named with its age."""


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
            models = await asyncio.to_thread(_decoded, kept[1])
        except (ChattermError, msgspec.MsgspecError) as error:
            return ModelList(provider=provider, error=error if isinstance(error, ChattermError) else None)
        self._targets.known.learn(provider, self._targets.address(provider), models)
        return ModelList(provider=provider, models=models, source="cached", fetched_at=kept[0])

    async def prepare(self, provider: str) -> ModelList:
        """Have at hand what is known of the provider's models, without asking it; gives the kept list."""
        await self._targets.known.load()
        return await self.cached(provider)

    async def doubt(self, provider: str, model: str) -> str | None:
        """That the provider's kept list does not have this model, and the names most like it; else None.

        Never for a list that is empty or unknown. Lists are not complete, so that this is only told.
        """
        known = await self.prepare(provider)
        ids = [each.id for each in known.models]
        if provider == GUIDE or not ids or is_listed(model, ids):
            return None
        now = datetime.now(UTC)
        is_stale = known.fetched_at is not None and now - known.fetched_at >= timedelta(days=STALE_DAYS)
        aged = f" (asked {age_text(known.fetched_at, now)})" if is_stale and known.fetched_at else ""
        near = ", ".join(clean_line(name, 80) for name in await asyncio.to_thread(nearest, model, ids))
        told = f"{clean_line(model, 80)!r} is not in {provider}'s list of {len(ids):,} models{aged}."
        return f"{told} Nearest: {near}." if near else told

    async def fetch(self, provider: str, *, details: bool = True) -> ModelList:
        """Ask the provider now; what it says is kept. Where it does not answer: what is kept, and the error.

        Without `details` a local server is asked for the list alone, and nothing is kept: it is there sooner.
        """
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                models = await self._ask(provider, details)
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
        now, address = datetime.now(UTC), self._targets.address(provider)
        self._targets.known.learn(provider, address, models)
        if not details:
            return ModelList(provider=provider, models=models, source="live", fetched_at=now)
        data = await asyncio.to_thread(_encoded, models)
        with contextlib.suppress(ChattermError):  # a list that is not kept is fetched again
            await self._cache.put_model_list(provider, address, now, data)
        return ModelList(provider=provider, models=models, source="live", fetched_at=now)

    async def fetch_all(self) -> AsyncIterator[ModelList]:
        """The lists of all configured providers: what is kept first, then each live one as it arrives."""
        providers = self._targets.configured()
        await self._targets.known.load()
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

    async def _ask(self, provider: str, details: bool) -> tuple[ModelInfo, ...]:
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
        models = [model for model in models if _can_be_asked_for(model.id)]
        if details and models:
            models = await _detailed(self._targets.service(provider).name, target, endpoint, models)
        return tuple(models)


async def _detailed(
    service: str, target: Target, endpoint: Endpoint, models: list[ModelInfo]
) -> list[ModelInfo]:
    """The models with what the server tells besides the list, as far as it answers in time."""
    with contextlib.suppress(ChattermError, TimeoutError):
        async with asyncio.timeout(DETAILS_SECONDS):
            request = details_request(service, endpoint, target.limits)
            if request is not None:
                models = with_details(service, models, await read_whole(target, request))
    shown: dict[str, bytes] = {}
    at_once = asyncio.Semaphore(SHOWN_AT_ONCE)

    async def show(model: str, request: WireRequest) -> None:
        async with at_once:
            with contextlib.suppress(ChattermError):
                shown[model] = await read_whole(target, request)

    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DETAILS_SECONDS):
            asked = show_requests(service, models, endpoint, target.limits)
            await asyncio.gather(*(show(model, request) for model, request in asked))
    return [with_shown(model, shown[model.id]) if model.id in shown else model for model in models]


def _encoded(models: Sequence[ModelInfo]) -> bytes:
    """What is known of the models, to be kept. What is loaded now says nothing about later."""
    names = [name for name in ModelInfo.__slots__ if name not in ("loaded", "memory_bytes", "gpu_bytes")]
    return msgspec.json.encode(
        [{name: value for name in names if (value := getattr(each, name)) is not None} for each in models]
    )


def _decoded(data: bytes) -> tuple[ModelInfo, ...]:
    return msgspec.json.decode(data, type=tuple[ModelInfo, ...])


def _can_be_asked_for(model: str) -> bool:
    """Whether a name is of a sensible length, and can be encoded for a request."""
    return len(model) <= ID_LIMIT_CHARACTERS and well_formed(model) == model


def _too_slow(provider: str) -> ChattermError:
    return ChattermError(f"{provider} did not list its models within {FETCH_SECONDS:.0f} s.")
