"""When a request that failed is made again, and when another model is asked in its place."""

from __future__ import annotations

from dataclasses import dataclass

from chatterm.core.errors import (
    ConnectionFailedError,
    ModelNotFoundError,
    OverloadedError,
    ProtocolError,
    ProviderError,
    QuotaExceededError,
    RateLimitedError,
    RequestTimeoutError,
    ServerError,
)

_ONCE = (RequestTimeoutError, ProtocolError)
"""Failures after which one more request is enough: it may be billed each time, or fail for ever."""

_FALLS_BACK = (
    RateLimitedError,
    QuotaExceededError,
    OverloadedError,
    ServerError,
    ConnectionFailedError,
    RequestTimeoutError,
    ModelNotFoundError,
)

_TIRES = (RateLimitedError, OverloadedError, ServerError, ConnectionFailedError, RequestTimeoutError)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often and how soon, in seconds.

    The n-th delay is `first_seconds` times 2^(n-1), at most `longest_seconds`, plus up to `jitter` of it by
    chance, so that many programs do not come back in the same moment. What the provider asks for is waited up to
    `longest_asked_seconds`.
    """

    retries: int = 2
    first_seconds: float = 1.0
    longest_seconds: float = 8.0
    jitter: float = 0.2
    longest_asked_seconds: float = 120.0

    def delay(self, failed: int, error: ProviderError, chance: float) -> float | None:
        """The seconds to wait after this many failed requests; None where none is made again.

        `chance` is a random number from 0 to 1.
        """
        most = min(1, self.retries) if isinstance(error, _ONCE) else self.retries
        if not error.retryable or failed > most:
            return None
        if error.retry_after is not None:
            return error.retry_after if error.retry_after <= self.longest_asked_seconds else None
        usual = min(self.longest_seconds, self.first_seconds * 2.0 ** min(failed - 1, 30))
        return usual * (1 + self.jitter * chance)


def falls_back(error: ProviderError) -> bool:
    """Whether another model may do what this one could not: not where the request itself is at fault."""
    return isinstance(error, _FALLS_BACK)


def tires(error: ProviderError) -> bool:
    """Whether an endpoint that fails like this several times in a row should be left in peace for a while."""
    return isinstance(error, _TIRES)
