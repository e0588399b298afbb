"""Fetching and deleting the models of a server that keeps them itself: an Ollama."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from chatterm.backend.providers.ollama_models import (
    PullProgress,
    delete_request,
    pull_request,
    read_progress,
)
from chatterm.backend.target import Target, read_whole, unwatched
from chatterm.backend.targets import OLLAMA, Targets
from chatterm.core.clean import clean_line
from chatterm.core.errors import (
    ConfigError,
    ConnectionFailedError,
    ModelNotFoundError,
    TruncatedStreamError,
)


class LocalModels:
    """Both raise `ConfigError` for a provider that is no Ollama, and `ProviderError`s with the next step."""

    def __init__(self, targets: Targets) -> None:
        self._targets = targets

    def keeps_models(self, provider: str) -> bool:
        """Whether models of this provider can be fetched and deleted."""
        try:
            return self._targets.service(provider).adapter == OLLAMA
        except ConfigError:
            return False

    async def pull(self, provider: str, model: str) -> AsyncGenerator[PullProgress, None]:
        """Have the server fetch the model, telling how far it is. Closed early, what was fetched stays there."""
        target = self._target(provider, model)
        request = pull_request(model, await target.endpoint(), target.limits)
        is_done = False
        try:
            async with target.open_stream(request, unwatched) as stream:
                if stream.status >= 400:
                    raise target.adapter.parse_error(stream.status, stream.headers, await stream.body())
                async for frame in stream.frames():
                    progress = read_progress(frame.data, model)
                    is_done = is_done or progress.is_done
                    yield progress
        except ConnectionFailedError as error:
            raise _not_running(error, target) from None
        if not is_done:
            raise TruncatedStreamError(
                f"{target.host} broke off while it fetched {clean_line(model, 80)!r}.",
                "What is there already is kept; pulling again goes on from there.",
            )

    async def remove(self, provider: str, model: str) -> None:
        """Have the server delete the model."""
        target = self._target(provider, model)
        try:
            await read_whole(target, delete_request(model, await target.endpoint(), target.limits))
        except ConnectionFailedError as error:
            raise _not_running(error, target) from None
        except ModelNotFoundError as error:
            raise ModelNotFoundError(
                f"{target.host} has no model {clean_line(model, 80)!r}.",
                "chatterm models lists those it has.",
                provider=provider,
                model=model,
                status=error.status,
            ) from None

    def _target(self, provider: str, model: str) -> Target:
        if not self.keeps_models(provider):
            self._targets.service(provider)
            raise ConfigError(
                f"Models of {clean_line(provider, 60)} cannot be fetched or deleted.",
                "Only an Ollama keeps its models itself; --provider names another one.",
            )
        return self._targets.resolve(provider, model)


def _not_running(error: ConnectionFailedError, target: Target) -> ConnectionFailedError:
    hint = "Start it with: ollama serve; OLLAMA_HOST says where it is, if not on this machine."
    return ConnectionFailedError(error.message, hint, provider=target.provider, model=target.model)
