"""The limits of time on a reply. They count whole events: a trickle of bytes does not pass for progress."""

from __future__ import annotations

from chatterm.backend.providers.base import Endpoint, Limits
from chatterm.core.errors import RequestTimeoutError


class Progress:
    """How long the next event may take. All times are monotonic seconds; `since` is when the request was out.

    Until the first event the limit is `first_event_seconds`, then `event_gap_seconds`. A keep-alive starts
    that limit afresh, but keep-alives alone hold a reply no longer than `comments_only_seconds`.
    """

    def __init__(self, limits: Limits, since: float) -> None:
        self._limits = limits
        self._began = False
        self._last_event = self._last_sign = since
        self.deadline = since + limits.first_event_seconds
        """When patience ends."""

    def saw_event(self, at: float) -> None:
        """A whole event came."""
        self._began = True
        self._last_event = self._last_sign = at
        self.deadline = at + self._limits.event_gap_seconds

    def saw_keep_alive(self, at: float) -> None:
        """The server showed life, and nothing else."""
        self._last_sign = at
        until = at + self._silence_seconds
        self.deadline = min(until, self._keep_alive_end) if self._kept_alive else until

    def error(self, endpoint: Endpoint) -> RequestTimeoutError:
        """What to say once the deadline has passed."""
        host, section = endpoint.host, f"[providers.{endpoint.provider}]"
        if self._kept_alive and self._keep_alive_end <= self._last_sign + self._silence_seconds:
            seconds, key = self._limits.comments_only_seconds, "comments_only_seconds in [network]"
            message = f"{host} sent nothing but keep-alive comments for {seconds:g} s"
        elif self._began:
            seconds, key = self._limits.event_gap_seconds, f"event_gap_seconds in {section}"
            message = f"{host} fell silent in the middle of the reply: no whole event for {seconds:g} s"
        else:
            return late_first_event(endpoint, self._limits)
        return RequestTimeoutError(message, f"Try again, or raise {key}.", retryable=True)

    @property
    def _silence_seconds(self) -> float:
        return self._limits.event_gap_seconds if self._began else self._limits.first_event_seconds

    @property
    def _kept_alive(self) -> bool:
        return self._last_sign > self._last_event

    @property
    def _keep_alive_end(self) -> float:
        return self._last_event + self._limits.comments_only_seconds


def late_first_event(endpoint: Endpoint, limits: Limits) -> RequestTimeoutError:
    """The request was sent, and no event came within `first_event_seconds`."""
    return RequestTimeoutError(
        f"{endpoint.host} sent no event within {limits.first_event_seconds:g} s of the request",
        f"The model may still be loading. Try again, or raise first_event_seconds in "
        f"[providers.{endpoint.provider}].",
        retryable=True,
    )
