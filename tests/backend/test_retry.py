"""When a failed request is made again, and how soon; and endpoints that rest."""

from __future__ import annotations

import pytest

from chatterm.backend.endpoint_states import FAILURES, REST_SECONDS, EndpointStates
from chatterm.backend.retry import RetryPolicy, falls_back, tires
from chatterm.core.errors import (
    AuthenticationError,
    BadRequestError,
    ConnectionFailedError,
    ContextTooLongError,
    ModelNotFoundError,
    OverloadedError,
    ProtocolError,
    ProviderError,
    QuotaExceededError,
    RateLimitedError,
    RequestTimeoutError,
    ServerError,
)

USUAL = RetryPolicy()


def busy(retry_after: float | None = None) -> ProviderError:
    return RateLimitedError("busy", retryable=True, retry_after=retry_after)


def test_delays_double_up_to_the_longest_and_end() -> None:
    assert [USUAL.delay(failed, busy(), 0.0) for failed in (1, 2, 3)] == [1.0, 2.0, None]
    many = RetryPolicy(retries=10)
    assert [many.delay(failed, busy(), 0.0) for failed in range(1, 12)] == [
        1,
        2,
        4,
        8,
        8,
        8,
        8,
        8,
        8,
        8,
        None,
    ]
    assert USUAL.delay(1, busy(), 1.0) == pytest.approx(1.2)  # chance adds a fifth at most
    assert RetryPolicy(retries=0).delay(1, busy(), 0.0) is None


@pytest.mark.parametrize(
    ("asked", "delay"), [(0.0, 0.0), (0.25, 0.25), (2.0, 2.0), (120.0, 120.0), (120.1, None), (1e12, None)]
)
def test_what_the_provider_asks_for_is_waited_but_not_for_ever(asked: float, delay: float | None) -> None:
    assert USUAL.delay(1, busy(asked), 0.5) == delay
    assert USUAL.delay(3, busy(asked), 0.5) is None


def test_what_cannot_pass_is_not_asked_again_and_what_may_be_billed_only_once() -> None:
    assert USUAL.delay(1, RateLimitedError("x"), 0.0) is None
    for kind in (RequestTimeoutError, ProtocolError):
        assert [USUAL.delay(failed, kind("x", retryable=True), 0.0) for failed in (1, 2)] == [1.0, None]


def test_another_model_is_asked_where_the_request_is_not_at_fault() -> None:
    kinds = (
        *(RateLimitedError, QuotaExceededError, OverloadedError, ServerError, ConnectionFailedError),
        *(RequestTimeoutError, ModelNotFoundError),
    )
    assert all(falls_back(kind("x")) for kind in kinds)
    assert not any(
        falls_back(kind("x"))
        for kind in (BadRequestError, AuthenticationError, ContextTooLongError, ProtocolError)
    )
    assert not any(tires(kind("x")) for kind in (ModelNotFoundError, BadRequestError, QuotaExceededError))


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_an_endpoint_rests_after_failing_again_and_again_and_is_tried_once() -> None:
    clock = Clock()
    states = EndpointStates(clock)
    for _ in range(FAILURES - 1):
        states.failed("a")
    states.succeeded("a")
    for _ in range(FAILURES):
        assert not states.rests("a")
        states.failed("a")
    assert states.rests("a") and not states.rests("b")
    clock.now += REST_SECONDS
    assert not states.rests("a")
    with states.asking("a"):
        assert states.rests("a")  # one request on trial is enough
        states.failed("a")
    assert states.rests("a")
    clock.now += REST_SECONDS
    with states.asking("a"):
        states.succeeded("a")
    assert not states.rests("a")


def test_requests_go_where_the_fewest_are_at_hand_and_nobody_rests() -> None:
    clock = Clock()
    states = EndpointStates(clock)
    with states.asking("a"), states.asking("a"), states.asking("b"):
        assert states.pick(["a", "b"]) == "b"
        assert states.pick(["a", "b", "c"]) == "c"
        for _ in range(FAILURES):
            states.failed("b")
        assert states.pick(["a", "b"]) == "a"
        for _ in range(FAILURES):
            states.failed("a")
        assert states.pick(["a", "b"]) == "b"
    assert states.pick(["b", "a"]) == "b"


def test_it_is_known_how_long_all_addresses_rest_and_how_a_model_failed_last() -> None:
    clock = Clock()
    states = EndpointStates(clock)
    assert states.rest_seconds([]) == states.rest_seconds(["a"]) == 0
    for _ in range(FAILURES):
        states.failed("a")
    assert states.rest_seconds(["a", "b"]) == 0
    clock.now += 10
    for _ in range(FAILURES):
        states.failed("b")
    assert states.rest_seconds(["a", "b"]) == REST_SECONDS - 10
    states.note("p", "m", failure := busy())
    assert (states.last_failure("p", "m"), states.last_failure("p", "other")) == (failure, None)
    states.note("p", "m", None)
    assert states.last_failure("p", "m") is None
