"""How each endpoint does: how many requests it has at hand, and whether it rests after failing again and again.

The rest is a circuit breaker (M. Nygard, "Release It!"): after so many failures in a row nothing is asked for a
while; then one request goes through, and its success or failure decides.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from chatterm.core.errors import ChattermError

FAILURES = 3
REST_SECONDS = 30.0


@dataclass(slots=True)
class _State:
    at_hand: int = 0
    failures: int = 0
    rests_until: float = 0.0
    is_on_trial: bool = False


class EndpointStates:
    """The states of all addresses that were asked; one per program."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._states: dict[str, _State] = {}
        self._failures: dict[tuple[str, str], ChattermError] = {}

    def rests(self, address: str) -> bool:
        """Whether the address should not be asked now."""
        state = self._states.get(address)
        if state is None or state.failures < FAILURES:
            return False
        return self._clock() < state.rests_until or state.is_on_trial

    def rest_seconds(self, addresses: Sequence[str]) -> float:
        """How long until one of the addresses may be asked again; 0 where one may be now."""
        if not addresses or not all(self.rests(address) for address in addresses):
            return 0.0
        return max(0.0, min(self._states[address].rests_until for address in addresses) - self._clock())

    def note(self, provider: str, model: str, why: ChattermError | None) -> None:
        """Remember how the model last failed; None: it answered, and what was before does not matter any more."""
        if why is None:
            self._failures.pop((provider, model), None)
        else:
            self._failures[provider, model] = why

    def last_failure(self, provider: str, model: str) -> ChattermError | None:
        """How the model failed when it was asked the last time; None where it answered, or was not asked."""
        return self._failures.get((provider, model))

    def pick(self, addresses: Sequence[str]) -> str:
        """The one with the fewest requests at hand, of those that do not rest; of all, where all rest.

        Among equals the one that failed less lately, so that a retry goes elsewhere.
        """
        awake = [address for address in addresses if not self.rests(address)]
        states = {address: self._of(address) for address in awake or addresses}
        return min(states, key=lambda address: (states[address].at_hand, states[address].failures))

    @contextmanager
    def asking(self, address: str) -> Generator[None]:
        """While a request is under way there."""
        state = self._of(address)
        state.at_hand += 1
        state.is_on_trial = state.failures >= FAILURES
        try:
            yield
        finally:
            state.at_hand -= 1
            state.is_on_trial = False

    def succeeded(self, address: str) -> None:
        """It answered: what failed before is forgotten."""
        self._of(address).failures = 0

    def failed(self, address: str) -> None:
        """It failed in a way that it may get over."""
        state = self._of(address)
        state.failures += 1
        if state.failures >= FAILURES:
            state.rests_until = self._clock() + REST_SECONDS

    def _of(self, address: str) -> _State:
        return self._states.setdefault(address, _State())
