"""When the steps of one attempt happened, and what the server says of its own work."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerTimings:
    """What the server measured itself (Ollama, llama.cpp), in seconds; `None` is 'not reported'."""

    load_seconds: float | None = None
    prompt_eval_seconds: float | None = None
    eval_seconds: float | None = None
    total_seconds: float | None = None
    prompt_eval_count: int | None = None
    eval_count: int | None = None

    @property
    def eval_tokens_per_second(self) -> float | None:
        """Generation rate measured by the server itself."""
        if not self.eval_count or not self.eval_seconds:
            return None
        return self.eval_count / self.eval_seconds

    @property
    def prompt_tokens_per_second(self) -> float | None:
        """Rate at which the server read the prompt."""
        if not self.prompt_eval_count or not self.prompt_eval_seconds:
            return None
        return self.prompt_eval_count / self.prompt_eval_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """Stamps of one attempt in monotonic seconds; `None` where the step did not happen.

    `begun` is when its turn began, with the attempts and waits before this one. `resolving`, `resolved`, `connected`
    and `secured` are `None` on a reused connection. `reused_connection` is `None` where there was no connection at
    all. `loop_lag`: seconds by which the other figures may be off.
    """

    begun: float | None = None
    started: float | None = None
    resolving: float | None = None
    resolved: float | None = None
    connected: float | None = None
    secured: float | None = None
    sent: float | None = None
    headers: float | None = None
    first_delta: float | None = None
    first_text: float | None = None
    last_delta: float | None = None
    finished: float | None = None
    reused_connection: bool | None = None
    loop_lag: float | None = None
    server: ServerTimings | None = None

    @property
    def was_at_hand(self) -> bool:
        """Whether there was a reply without a request being sent: one that was kept from before."""
        return self.headers is not None and self.sent is None and self.first_delta is not None

    @property
    def ttft(self) -> float | None:
        """Seconds from the request sent to the first delta of whatever kind."""
        return _span(self.sent, self.first_delta)

    @property
    def thinking_seconds(self) -> float | None:
        """Seconds from the first delta to the first visible text; 0 where text came first."""
        return _span(self.first_delta, self.first_text)

    @property
    def time_to_first_text(self) -> float | None:
        """Seconds from the request sent to the first visible text; thinking may come before it."""
        return _span(self.sent, self.first_text)

    @property
    def generation_seconds(self) -> float | None:
        """Seconds between the first and the last delta."""
        return _span(self.first_delta, self.last_delta)

    @property
    def total_seconds(self) -> float | None:
        """Seconds from the start of the turn to the end of the attempt: all that was waited for."""
        return _span(self.started if self.begun is None else self.begun, self.finished)

    @property
    def attempt_seconds(self) -> float | None:
        """Seconds from the start of the attempt to its end.

        With a new connection they begin as it does: what the program loads for the first one is no provider's time.
        """
        first = self.resolved if self.resolving is None else self.resolving
        return _span(self.started if first is None else first, self.finished)

    @property
    def resolve_seconds(self) -> float | None:
        """Seconds that finding the host took."""
        return _span(self.resolving, self.resolved)

    @property
    def connect_seconds(self) -> float | None:
        """Seconds that connecting took, without TLS."""
        return _span(self.resolved, self.connected)

    @property
    def secure_seconds(self) -> float | None:
        """Seconds that the TLS handshake took."""
        return _span(self.connected, self.secured)


def _span(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else max(0.0, end - start)
